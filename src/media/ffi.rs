//! The few calls into libav that its wrapper lacks: the only unsafe code of this room.
#![expect(unsafe_code, reason = "libav is a C library and its wrapper covers only part of it")]

use std::{
    cell::RefCell,
    collections::VecDeque,
    ffi::{CStr, CString, c_char, c_int, c_void},
    mem,
    sync::Once,
};

use ffmpeg_next::{self as ff, ffi};

/// Lines kept for an error message.
const KEPT: usize = 5;

thread_local! {
    static LOG: RefCell<VecDeque<String>> = const { RefCell::new(VecDeque::new()) };
}

/// Makes libav ready and takes over its log: errors are kept for our own
/// messages, the rest is dropped, nothing reaches the standard error output.
pub(super) fn start() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // It registers the texts of error codes and cannot fail since libav 5.
        let _ = ff::init();
        // SAFETY: `keep` has the C ABI and the signature of the callback; its last argument,
        // a `va_list`, is passed as one pointer by every ABI libav is built for (System V
        // x86-64 and AAPCS64 pass the address of the list, the others make it a `char *`),
        // while its Rust type differs from one target to the next.
        unsafe {
            ffi::av_log_set_level(ffi::AV_LOG_ERROR);
            let keep: unsafe extern "C" fn(*mut c_void, c_int, *const c_char, *mut c_void) = keep;
            #[expect(clippy::missing_transmute_annotations, reason = "the target's type names its va_list")]
            ffi::av_log_set_callback(Some(mem::transmute(keep)));
        }
    });
}

/// Keeps encoders that print by themselves from doing so, unless the user asked for it.
///
/// Must be called before any thread is started: it changes the environment.
pub(super) fn hush() {
    if std::env::var_os("SVT_LOG").is_none() {
        // SAFETY: no other thread runs yet that could read the environment meanwhile.
        unsafe { std::env::set_var("SVT_LOG", "1") }
    }
}

/// The log callback: may be called from any thread of libav and must not unwind.
unsafe extern "C" fn keep(context: *mut c_void, level: c_int, format: *const c_char, arguments: *mut c_void) {
    if level > ffi::AV_LOG_ERROR {
        return;
    }
    let mut line = [0 as c_char; 512];
    let mut prefix = 1;
    // SAFETY: the arguments come from libav unchanged; the line is terminated by the callee
    // within its given length. See `start` for the type of the list.
    let text = unsafe {
        type Print = unsafe extern "C" fn(
            *mut c_void,
            c_int,
            *const c_char,
            *mut c_void,
            *mut c_char,
            c_int,
            *mut c_int,
        ) -> c_int;
        let print: Print = mem::transmute(ffi::av_log_format_line2 as *const ());
        print(context, level, format, arguments, line.as_mut_ptr(), line.len() as c_int, &mut prefix);
        CStr::from_ptr(line.as_ptr()).to_string_lossy()
    };
    let text = text.trim();
    if text.is_empty() {
        return;
    }
    // During a thread's end its locals are gone: then the line is nobody's.
    let _ = LOG.try_with(|log| {
        if let Ok(mut log) = log.try_borrow_mut() {
            if log.len() == KEPT {
                log.pop_front();
            }
            log.push_back(without_address(text));
        }
    });
}

/// `[h264 @ 0x55d0c8a6] text` without the address, which differs from run to run.
fn without_address(line: &str) -> String {
    let mut parts = line.split(" @ 0x");
    let first = parts.next().unwrap_or_default();
    let rest = parts.map(|part| part.trim_start_matches(|c: char| c.is_ascii_hexdigit()));
    std::iter::once(first).chain(rest).collect()
}

/// Takes the lines libav has logged on this thread.
pub(super) fn take_log() -> Vec<String> {
    LOG.with_borrow_mut(|log| log.drain(..).collect())
}

/// Names the codec in the container by `tag` instead of the container's own choice.
pub(super) fn set_tag(context: &mut ff::codec::Context, tag: [u8; 4]) {
    // SAFETY: the context is live and not yet open.
    unsafe { (*context.as_mut_ptr()).codec_tag = u32::from_le_bytes(tag) }
}

/// Why a codec did not open.
pub(super) enum OpenError {
    /// It does not know this option.
    Option(String),
    /// It refused.
    Libav(ff::Error),
}

/// Opens `codec`, and fails where an option is not known; the wrapper's own way drops such options silently.
pub(super) fn open(
    context: &mut ff::codec::Context,
    codec: ff::Codec,
    options: &[(&str, String)],
) -> Result<(), OpenError> {
    let options: ff::Dictionary = options.iter().map(|(key, value)| (*key, value.as_str())).collect();
    // SAFETY: the context and codec are live, the dictionary's ownership goes to libav and
    // comes back, as `avcodec_open2` documents.
    let (code, rest) = unsafe {
        let mut options = options.disown();
        let code = ffi::avcodec_open2(context.as_mut_ptr(), codec.as_ptr(), &mut options);
        (code, ff::Dictionary::own(options))
    };
    if code < 0 {
        return Err(OpenError::Libav(ff::Error::from(code)));
    }
    match rest.iter().next() {
        Some((key, _)) => Err(OpenError::Option(key.to_owned())),
        None => Ok(()),
    }
}

/// Makes sure that writing into `frame` changes no copy that libav still holds.
pub(super) fn make_writable(frame: &mut ff::Frame) -> Result<(), ff::Error> {
    // SAFETY: the frame is live and owned by the caller.
    match unsafe { ffi::av_frame_make_writable(frame.as_mut_ptr()) } {
        code if code < 0 => Err(ff::Error::from(code)),
        _ => Ok(()),
    }
}

/// What a container says about a stream.
pub(super) struct Parameters {
    pub(super) codec: String,
    pub(super) profile: Option<String>,
    pub(super) level: i32,
    pub(super) bit_rate: i64,
    pub(super) format: Option<String>,
    pub(super) width: i32,
    pub(super) height: i32,
    pub(super) sample_aspect: (i32, i32),
    pub(super) progressive: Option<bool>,
    pub(super) range: Option<String>,
    pub(super) primaries: Option<String>,
    pub(super) transfer: Option<String>,
    pub(super) matrix: Option<String>,
    pub(super) reorder: i32,
    pub(super) channels: i32,
    pub(super) sample_rate: i32,
}

/// Reads the parameters of `stream` with the names libav prints.
pub(super) fn parameters(stream: &ff::Stream) -> Parameters {
    // SAFETY: the stream keeps its parameters alive while it is borrowed; every name function
    // takes any value and returns a static string or null.
    unsafe {
        let p = &*(*stream.as_ptr()).codecpar;
        let video = p.codec_type == ffi::AVMediaType::AVMEDIA_TYPE_VIDEO;
        let format = if video {
            // An unknown number must not become an enum: ask by number, as C does.
            let name: unsafe extern "C" fn(c_int) -> *const c_char =
                mem::transmute(ffi::av_get_pix_fmt_name as *const ());
            name(p.format)
        } else {
            let name: unsafe extern "C" fn(c_int) -> *const c_char =
                mem::transmute(ffi::av_get_sample_fmt_name as *const ());
            name(p.format)
        };
        let progressive = match p.field_order {
            ffi::AVFieldOrder::AV_FIELD_UNKNOWN => None,
            order => Some(order == ffi::AVFieldOrder::AV_FIELD_PROGRESSIVE),
        };
        Parameters {
            codec: text(ffi::avcodec_get_name(p.codec_id)).unwrap_or_default(),
            profile: text(ffi::avcodec_profile_name(p.codec_id, p.profile)),
            level: p.level,
            bit_rate: p.bit_rate,
            format: text(format),
            width: p.width,
            height: p.height,
            sample_aspect: (p.sample_aspect_ratio.num, p.sample_aspect_ratio.den),
            progressive,
            range: text(ffi::av_color_range_name(p.color_range)),
            primaries: text(ffi::av_color_primaries_name(p.color_primaries)),
            transfer: text(ffi::av_color_transfer_name(p.color_trc)),
            matrix: text(ffi::av_color_space_name(p.color_space)),
            reorder: p.video_delay,
            channels: p.ch_layout.nb_channels,
            sample_rate: p.sample_rate,
        }
    }
}

/// A static string of libav's; none for null and for `unknown`.
///
/// # Safety
/// `name` is null or points to a terminated string that lives for ever.
unsafe fn text(name: *const c_char) -> Option<String> {
    // SAFETY: as the caller promises.
    let name = (!name.is_null()).then(|| unsafe { CStr::from_ptr(name) })?;
    Some(name.to_string_lossy().into_owned()).filter(|name| name != "unknown")
}

/// Sets an option of a codec that is not open yet.
pub(super) fn set_option(context: &mut ff::codec::Context, name: &str, value: &str) -> Result<(), ff::Error> {
    let invalid = |_| ff::Error::Other { errno: ff::error::EINVAL };
    let (name, value) = (CString::new(name).map_err(invalid)?, CString::new(value).map_err(invalid)?);
    // SAFETY: a codec context starts with its class, as `av_opt_set` needs; both strings are terminated.
    let code = unsafe { ffi::av_opt_set(context.as_mut_ptr().cast(), name.as_ptr(), value.as_ptr(), 0) };
    if code < 0 { Err(ff::Error::from(code)) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_is_kept_for_the_message_without_addresses() {
        start();
        take_log();
        let mut context = ff::codec::Context::new();
        assert!(set_option(&mut context, "threads", "many").is_err());
        let log = take_log().join("\n");
        assert!(log.contains("many") && !log.contains("0x"), "{log}");
    }

    #[test]
    fn an_option_nobody_knows_is_an_error() {
        start();
        let codec = ff::encoder::find_by_name("aac").unwrap();
        let mut context = ff::codec::Context::new_with_codec(codec).encoder().audio().unwrap();
        context.set_rate(48_000);
        context.set_format(ff::format::Sample::F32(ff::format::sample::Type::Planar));
        context.set_channel_layout(ff::ChannelLayout::STEREO);
        let error = open(&mut context, codec, &[("aac_codr", "fast".into())]).err();
        assert!(matches!(error, Some(OpenError::Option(name)) if name == "aac_codr"));
    }
}
