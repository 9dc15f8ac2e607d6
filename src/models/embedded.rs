//! The models that come inside the program: `pocket` and its upscaler.

use std::{
    fs,
    path::{Path, PathBuf},
};

use include_dir::{Dir, DirEntry, include_dir};

use crate::{digest::Digest, engine};

use super::{Error, content};

static POCKET_FILES: Dir = include_dir!("$CARGO_MANIFEST_DIR/assets/models/pocket");
static POCKET_UPSCALER_FILES: Dir = include_dir!("$CARGO_MANIFEST_DIR/assets/models/pocket-upscaler");

/// Draws.
pub(super) static POCKET: Embedded = Embedded { name: "pocket", files: &POCKET_FILES };
/// Enlarges what `pocket` draws.
pub(super) static POCKET_UPSCALER: Embedded =
    Embedded { name: "pocket-upscaler", files: &POCKET_UPSCALER_FILES };

/// A model inside the program.
pub(super) struct Embedded {
    pub(super) name: &'static str,
    files: &'static Dir<'static>,
}

impl Embedded {
    /// Whether this build has it.
    pub(super) fn is_built_in(&self) -> bool {
        files(self.files).iter().any(|(name, _)| name.ends_with(".onnx"))
    }

    /// Unpacks it into `folder`, once: ONNX Runtime wants files. What lies there is trusted only
    /// if its digest is the embedded one's; a broken copy is replaced.
    pub(super) fn unpack(&self, folder: &Path) -> Result<PathBuf, Error> {
        if !self.is_built_in() {
            return Err(Error::NotBuiltIn(self.name.into()));
        }
        let files = files(self.files);
        let unpacked = unpack_files(self.name, &files, folder);
        // Read to the last byte, they would stay in memory beside what is unpacked.
        #[expect(unsafe_code, reason = "constants alone may be taken out of memory")]
        for (_, bytes) in files {
            // SAFETY: `include_dir!` makes constants of them.
            unsafe { engine::leave_in_file(bytes) };
        }
        unpacked
    }
}

fn unpack_files(name: &str, files: &[(String, &[u8])], folder: &Path) -> Result<PathBuf, Error> {
    let digest =
        content::digest_of(files.iter().map(|(name, bytes)| (name.clone(), Digest::of(bytes))).collect());
    let target = folder.join(format!("{name}-{}", digest.short()));
    let is_whole = || content::digest_of_folder(&target).is_ok_and(|found| found == digest);
    if target.is_dir() {
        if is_whole() {
            return Ok(target);
        }
        // Moved away first: another process may be reading it or repairing it too.
        let away = tempfile::tempdir_in(folder).map_err(Error::io("write", folder))?;
        let _ = fs::rename(&target, away.path().join("broken"));
    }
    fs::create_dir_all(folder).map_err(Error::io("write", folder))?;
    let fresh = tempfile::tempdir_in(folder).map_err(Error::io("write", folder))?;
    for (name, bytes) in files {
        let path = fresh.path().join(name);
        let parent = path.parent().unwrap_or(folder);
        fs::create_dir_all(parent).map_err(Error::io("write", parent))?;
        fs::write(&path, bytes).map_err(Error::io("write", &path))?;
    }
    match fs::rename(fresh.path(), &target) {
        Ok(()) => {
            // Nothing is left at the temporary name to be removed.
            let _ = fresh.keep();
            Ok(target)
        }
        // Another process was faster.
        Err(_) if is_whole() => Ok(target),
        Err(source) => Err(Error::Io { action: "write", path: target, source }),
    }
}

/// Name with `/`, and bytes; hidden files aside.
fn files(dir: &Dir<'static>) -> Vec<(String, &'static [u8])> {
    let mut found = Vec::new();
    for entry in dir.entries() {
        let hidden = entry.path().file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        match entry {
            _ if hidden => {}
            DirEntry::Dir(dir) => found.extend(files(dir)),
            DirEntry::File(file) => {
                let parts = file.path().components().map(|part| part.as_os_str().to_string_lossy());
                found.push((parts.collect::<Vec<_>>().join("/"), file.contents()));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_unpacked_once_and_repaired_when_broken() {
        let folder = tempfile::tempdir().unwrap();
        let files =
            [("model_index.json".to_owned(), &b"{}"[..]), ("unet/model.onnx".to_owned(), &b"weights"[..])];
        let target = unpack_files("pocket", &files, folder.path()).unwrap();
        assert_eq!(fs::read(target.join("unet/model.onnx")).unwrap(), b"weights");
        let first = fs::metadata(target.join("unet/model.onnx")).unwrap().modified().unwrap();
        assert_eq!(unpack_files("pocket", &files, folder.path()).unwrap(), target);
        assert_eq!(fs::metadata(target.join("unet/model.onnx")).unwrap().modified().unwrap(), first);
        fs::write(target.join("unet/model.onnx"), b"weightz").unwrap();
        assert_eq!(unpack_files("pocket", &files, folder.path()).unwrap(), target);
        assert_eq!(fs::read(target.join("unet/model.onnx")).unwrap(), b"weights");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "temporary folders are left behind");
    }
}
