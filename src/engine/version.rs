//! Asks a library that calls itself ONNX Runtime for its version, before `ort` takes it.
#![expect(unsafe_code, reason = "a foreign library can only be asked through its C symbols")]

use std::{
    ffi::{CStr, c_char, c_void},
    path::Path,
};

/// The first two members of `OrtApiBase`, which have not changed since ONNX Runtime 1.0
/// (`onnxruntime_c_api.h`).
#[repr(C)]
struct ApiBase {
    get_api: *const c_void,
    get_version_string: unsafe extern "C" fn() -> *const c_char,
}

/// Opens the library at `path` and answers its version, for example `1.31.1`.
///
/// The library stays loaded: `ort` opens the same file next, and closing ONNX Runtime
/// in between makes it start its threads twice.
pub(super) fn version_of(path: &Path) -> Result<String, String> {
    // SAFETY: the file's initialisers run; it is the user's or our own ONNX Runtime.
    let library = unsafe { libloading::Library::new(path) }.map_err(|e| e.to_string())?;
    // SAFETY: `OrtGetApiBase` has had this signature in every release.
    let base = unsafe { library.get::<unsafe extern "C" fn() -> *const ApiBase>(b"OrtGetApiBase\0") }
        .map_err(|_| "it has no `OrtGetApiBase`".to_owned())?;
    // SAFETY: takes no argument and answers a pointer to static data.
    let base = unsafe { base().as_ref() }.ok_or("`OrtGetApiBase` answers nothing")?;
    // SAFETY: a static, NUL-terminated string.
    let version = unsafe { CStr::from_ptr((base.get_version_string)()) };
    let version = version.to_string_lossy().into_owned();
    std::mem::forget(library);
    Ok(version)
}
