//! The libav this program was linked with.

use ffmpeg_next::{codec, encoder, format};

use super::{Error, Result, ffi};

/// The encoders every finished video needs.
const NEEDED: [&str; 2] = ["libx264", "aac"];

/// Keeps encoders that print by themselves quiet; to be called before the program starts a thread.
pub fn hush() {
    ffi::hush();
}

/// Its versions and encoders in one line: `libavcodec 59.37.100, libavformat 59.27.100; libx264, aac`.
///
/// # Errors
/// When it was built without an encoder that is needed.
pub fn library() -> Result<String> {
    ffi::start();
    if let Some(missing) = NEEDED.into_iter().find(|name| encoder::find_by_name(name).is_none()) {
        return Err(Error::NoEncoder(missing));
    }
    let dotted = |version: u32| format!("{}.{}.{}", version >> 16, (version >> 8) & 255, version & 255);
    Ok(format!(
        "libavcodec {}, libavformat {}; {}",
        dotted(codec::version()),
        dotted(format::version()),
        NEEDED.join(", ")
    ))
}
