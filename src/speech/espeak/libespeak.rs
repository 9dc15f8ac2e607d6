//! libespeak-ng, loaded at run time: the only unsafe code of this room.
//!
//! The declarations follow `espeak-ng/speak_lib.h` of 1.50 and 1.51.
//!
//! Synthesis depends on what the library spoke before (its wave generator keeps
//! static state) and on the C library's `rand`. [`Libespeak::load`] therefore
//! loads it afresh and seeds `rand`: about 5 ms, and the same text always gives
//! the same samples.
#![expect(unsafe_code, reason = "a C library loaded at run time")]

use std::{
    cell::RefCell,
    ffi::{CStr, CString, c_char, c_int, c_short, c_uint, c_void},
    sync::{Mutex, MutexGuard, PoisonError},
};

use libloading::Library;

use super::super::Error;

#[cfg(target_os = "macos")]
const NAMES: &[&str] = &[
    "libespeak-ng.1.dylib",
    "libespeak-ng.dylib",
    "/opt/homebrew/lib/libespeak-ng.dylib",
    "/usr/local/lib/libespeak-ng.dylib",
];
#[cfg(windows)]
const NAMES: &[&str] = &["libespeak-ng.dll", "C:\\Program Files\\eSpeak NG\\libespeak-ng.dll"];
#[cfg(not(any(target_os = "macos", windows)))]
const NAMES: &[&str] = &["libespeak-ng.so.1", "libespeak-ng.so"];

const OUTPUT_SYNCHRONOUS: c_int = 2;
const INITIALIZE_DONT_EXIT: c_int = 0x8000;
const POSITION_CHARACTER: c_int = 1;
const TEXT_UTF8: c_int = 0x1;
/// UTF-8, SSML, and mnemonics between `[[` and `]]`.
const TEXT_UTF8_SSML: c_uint = 0x1 | 0x10 | 0x100;
const PHONEMES_IPA: c_int = 0x2;
const EVENT_LIST_END: c_int = 0;
const EVENT_MARK: c_int = 3;

/// What can be set of the voice, by its number in `espeak_PARAMETER`.
#[derive(Debug, Clone, Copy)]
pub(super) enum Parameter {
    /// Words a minute.
    Rate = 1,
    /// 0 ..= 99.
    Pitch = 3,
    /// 0 ..= 99.
    Range = 4,
}

#[repr(C)]
struct RawEvent {
    kind: c_int,
    unique_identifier: c_uint,
    text_position: c_int,
    length: c_int,
    audio_position: c_int,
    sample: c_int,
    user_data: *mut c_void,
    id: RawEventId,
}

#[repr(C)]
union RawEventId {
    number: c_int,
    name: *const c_char,
    string: [c_char; 8],
}

#[repr(C)]
struct RawVoice {
    name: *const c_char,
    languages: *const c_char,
    identifier: *const c_char,
    gender: u8,
    age: u8,
    variant: u8,
    unused: u8,
    score: c_int,
    spare: *mut c_void,
}

type SynthCallback = extern "C" fn(*mut c_short, c_int, *mut RawEvent) -> c_int;

/// What came out of one synthesis.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// Mono samples.
    pub(super) samples: Vec<i16>,
    /// Each mark's number with the sample at which it lies.
    pub(super) marks: Vec<(usize, usize)>,
}

/// A voice file as listed.
#[derive(Debug, Clone)]
pub(super) struct ListedVoice {
    /// `English (America)`.
    pub(super) name: String,
    /// `en-us`, `en`: the best first.
    pub(super) languages: Vec<String>,
    /// Its file below `voices` or `lang`.
    pub(super) identifier: String,
}

thread_local! {
    // In synchronous mode the callback runs inside `espeak_Synth`, on its thread.
    static HEARD: RefCell<Heard> = RefCell::default();
}

/// Keeps what arrives. `extern "C"` turns a panic into an abort, so nothing ever unwinds into C.
extern "C" fn keep(samples: *mut c_short, count: c_int, events: *mut RawEvent) -> c_int {
    HEARD.with_borrow_mut(|heard| {
        if let (false, Ok(count)) = (samples.is_null(), usize::try_from(count)) {
            // SAFETY: espeak passes `count` samples that stay valid during the call.
            heard.samples.extend_from_slice(unsafe { std::slice::from_raw_parts(samples, count) });
        }
        let mut next = events;
        // SAFETY: the list ends with an event of kind `EVENT_LIST_END`; a mark's id is a
        // NUL-terminated name that stays valid during the call.
        while let Some(event) = unsafe { next.as_ref() }.filter(|event| event.kind != EVENT_LIST_END) {
            if event.kind == EVENT_MARK
                && let Some(name) = unsafe { text(event.id.name) }
                && let (Ok(number), Ok(sample)) = (name.parse(), usize::try_from(event.sample))
            {
                heard.marks.push((number, sample));
            }
            next = unsafe { next.add(1) };
        }
    });
    0
}

/// # Safety
/// `pointer` is null or a NUL-terminated string.
unsafe fn text(pointer: *const c_char) -> Option<String> {
    // SAFETY: as the caller promises.
    (!pointer.is_null()).then(|| unsafe { CStr::from_ptr(pointer) }.to_string_lossy().into_owned())
}

unsafe extern "C" {
    fn srand(seed: c_uint);
}

/// The library has one global state: who holds this has it alone.
static ALONE: Mutex<()> = Mutex::new(());

/// The loaded library; unloaded when dropped.
pub(super) struct Libespeak {
    sample_rate: u32,
    set_voice_by_name: unsafe extern "C" fn(*const c_char) -> c_int,
    set_parameter: unsafe extern "C" fn(c_int, c_int, c_int) -> c_int,
    synth: unsafe extern "C" fn(
        *const c_void,
        usize,
        c_uint,
        c_int,
        c_uint,
        c_uint,
        *mut c_uint,
        *mut c_void,
    ) -> c_int,
    text_to_phonemes: unsafe extern "C" fn(*mut *const c_void, c_int, c_int) -> *const c_char,
    list_voices: unsafe extern "C" fn(*mut RawVoice) -> *const *const RawVoice,
    info: unsafe extern "C" fn(*mut *const c_char) -> *const c_char,
    terminate: unsafe extern "C" fn() -> c_int,
    // Fields drop in this order: the lock goes last.
    _library: Library,
    _alone: MutexGuard<'static, ()>,
}

impl Libespeak {
    /// Loads and initializes the library, in the same state every time; waits while another thread has it.
    pub(super) fn load() -> Result<Self, Error> {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: libespeak-ng runs no code of consequence when it is loaded.
        let library = NAMES
            .iter()
            .find_map(|name| unsafe { Library::new(*name) }.ok())
            .ok_or_else(|| Error::NotInstalled { looked_for: NAMES.join(", ") })?;
        let missing = |e: libloading::Error| Error::Unusable { reason: e.to_string() };
        // SAFETY: the types are those of speak_lib.h, and the pointers live no longer than the library.
        unsafe {
            let initialize: unsafe extern "C" fn(c_int, c_int, *const c_char, c_int) -> c_int =
                *library.get(b"espeak_Initialize\0").map_err(missing)?;
            let set_synth_callback: unsafe extern "C" fn(SynthCallback) =
                *library.get(b"espeak_SetSynthCallback\0").map_err(missing)?;
            let mut loaded = Self {
                sample_rate: 0,
                set_voice_by_name: *library.get(b"espeak_SetVoiceByName\0").map_err(missing)?,
                set_parameter: *library.get(b"espeak_SetParameter\0").map_err(missing)?,
                synth: *library.get(b"espeak_Synth\0").map_err(missing)?,
                text_to_phonemes: *library.get(b"espeak_TextToPhonemes\0").map_err(missing)?,
                list_voices: *library.get(b"espeak_ListVoices\0").map_err(missing)?,
                info: *library.get(b"espeak_Info\0").map_err(missing)?,
                terminate: *library.get(b"espeak_Terminate\0").map_err(missing)?,
                _library: library,
                _alone: alone,
            };
            let rate = initialize(OUTPUT_SYNCHRONOUS, 0, std::ptr::null(), INITIALIZE_DONT_EXIT);
            loaded.sample_rate = u32::try_from(rate)
                .map_err(|_| Error::Unusable { reason: String::from("its data files are missing") })?;
            set_synth_callback(keep);
            srand(1);
            Ok(loaded)
        }
    }

    /// Samples a second of everything it speaks.
    pub(super) fn sample_rate(&self) -> u32 {
        self.sample_rate
    }

    /// `1.51`.
    pub(super) fn version(&self) -> String {
        // SAFETY: returns a static string; the path argument may be null or is set to one.
        let mut path = std::ptr::null();
        unsafe { text((self.info)(&mut path)) }.unwrap_or_default()
    }

    /// Chooses a voice, `en-us` or `en-us+f2`; false when there is none of that name.
    pub(super) fn set_voice(&mut self, name: &str) -> bool {
        // SAFETY: a NUL-terminated string that outlives the call.
        CString::new(name).is_ok_and(|name| unsafe { (self.set_voice_by_name)(name.as_ptr()) } == 0)
    }

    /// Sets a parameter; false when the value is refused.
    pub(super) fn set(&mut self, parameter: Parameter, value: u16) -> bool {
        // SAFETY: plain numbers.
        unsafe { (self.set_parameter)(parameter as c_int, c_int::from(value), 0) == 0 }
    }

    /// Speaks SSML whose marks are named by numbers; the error is espeak's own code.
    pub(super) fn speak(&mut self, ssml: &str) -> Result<Heard, c_int> {
        HEARD.take();
        let ssml: Vec<u8> = ssml.bytes().filter(|byte| *byte != 0).chain([0]).collect();
        // SAFETY: `ssml` is NUL-terminated, its length is given, and it outlives the
        // synchronous call; the optional pointers may be null.
        let code = unsafe {
            (self.synth)(
                ssml.as_ptr().cast(),
                ssml.len(),
                0,
                POSITION_CHARACTER,
                0,
                TEXT_UTF8_SSML,
                std::ptr::null_mut(),
                std::ptr::null_mut(),
            )
        };
        let heard = HEARD.take();
        if code == 0 { Ok(heard) } else { Err(code) }
    }

    /// The clauses of a text in IPA, each with the part of the text that the library read for it;
    /// that part may hold the first letters of the next clause.
    pub(super) fn phonemes<'t>(&mut self, text: &'t str) -> Vec<(String, &'t str)> {
        let bytes: Vec<u8> =
            text.bytes().map(|byte| if byte == 0 { b' ' } else { byte }).chain([0]).collect();
        let first = bytes.as_ptr();
        let mut at: *const c_void = first.cast();
        let mut clauses = Vec::new();
        let mut from = 0;
        while !at.is_null() {
            // SAFETY: `at` points into the NUL-terminated `bytes`, which outlive the calls; the answer
            // is a NUL-terminated string that stays valid until the next call.
            let ipa = unsafe {
                self::text((self.text_to_phonemes)(&mut at, TEXT_UTF8, PHONEMES_IPA)).unwrap_or_default()
            };
            let mut end = if at.is_null() { text.len() } else { at.addr() - first.addr() }.min(text.len());
            while !text.is_char_boundary(end) {
                end += 1;
            }
            clauses.push((ipa, &text[from.min(end)..end]));
            if !at.is_null() && end <= from {
                // It reads nothing and does not say that it is done.
                break;
            }
            from = end;
        }
        clauses
    }

    /// The installed voices, or the variants that go with any of them.
    pub(super) fn voices(&mut self, variants: bool) -> Vec<ListedVoice> {
        let wanted = RawVoice {
            name: std::ptr::null(),
            languages: c"variant".as_ptr(),
            identifier: std::ptr::null(),
            gender: 0,
            age: 0,
            variant: 0,
            unused: 0,
            score: 0,
            spare: std::ptr::null_mut(),
        };
        let mut wanted = variants.then_some(wanted);
        let mut found = Vec::new();
        // SAFETY: the result is a list of pointers that ends with null and stays valid until the
        // next call; each record's languages are a priority byte with a string, the last a zero byte.
        unsafe {
            let spec = wanted.as_mut().map_or(std::ptr::null_mut(), std::ptr::from_mut);
            let mut entry = (self.list_voices)(spec);
            while let Some(voice) = entry.as_ref().and_then(|voice| voice.as_ref()) {
                let mut languages = Vec::new();
                let mut at = voice.languages;
                while !at.is_null() && *at != 0 {
                    let language = CStr::from_ptr(at.add(1));
                    languages.push(language.to_string_lossy().into_owned());
                    at = at.add(1 + language.to_bytes_with_nul().len());
                }
                found.push(ListedVoice {
                    name: text(voice.name).unwrap_or_default(),
                    languages,
                    identifier: text(voice.identifier).unwrap_or_default(),
                });
                entry = entry.add(1);
            }
        }
        found
    }
}

impl Drop for Libespeak {
    fn drop(&mut self) {
        // SAFETY: nothing of the library is in use any more; it joins its threads here, so the
        // code may be unloaded afterwards.
        unsafe { (self.terminate)() };
    }
}
