//! Files as memory: weights are looked at where they lie, and the system takes their pages back when it
//! needs them. The only unsafe code of this room.
#![expect(unsafe_code, reason = "a mapped file changes under its reader if somebody writes to it")]

use std::{fs::File, io, path::Path};

use bytes::Bytes;
use memmap2::Mmap;

/// The file at `path`, mapped.
///
/// A model's files are written under other names and renamed, never changed in place, so what is mapped
/// stays as it was; a file that somebody cuts short while it is mapped ends the process, as it would end
/// ONNX Runtime's, which maps them too.
pub(super) fn map(path: &Path) -> io::Result<Bytes> {
    let file = File::open(path)?;
    if file.metadata()?.len() == 0 {
        return Ok(Bytes::new());
    }
    // SAFETY: see above; the bytes are only read.
    let map = unsafe { Mmap::map(&file)? };
    Ok(Bytes::from_owner(map))
}
