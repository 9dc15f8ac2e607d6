//! The digest of a folder's files.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::SystemTime,
};

use crate::digest::Digest;

use super::Error;

/// The digest over named contents: names sorted, each with the digest of its bytes.
pub(super) fn digest_of(mut files: Vec<(String, Digest)>) -> Digest {
    files.sort();
    let mut hasher = blake3::Hasher::new_derive_key("shortform model files v1");
    for (name, digest) in files {
        hasher.update(&(name.len() as u64).to_le_bytes());
        hasher.update(name.as_bytes());
        hasher.update(digest.to_string().as_bytes());
    }
    Digest::from_hash(hasher.finalize())
}

/// The digest over all files below `folder`, hidden ones aside.
pub(super) fn digest_of_folder(folder: &Path) -> Result<Digest, Error> {
    digest_over(folder, files_below(folder)?)
}

/// The digest over those files right in `folder` whose names `belong`.
pub(super) fn digest_of_files(folder: &Path, belong: &dyn Fn(&str) -> bool) -> Result<Digest, Error> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(Error::io("read", folder))? {
        let entry = entry.map_err(Error::io("read", folder))?;
        if belong(&entry.file_name().to_string_lossy()) && entry.path().is_file() {
            files.push(entry.path());
        }
    }
    digest_over(folder, files)
}

fn digest_over(folder: &Path, files: Vec<PathBuf>) -> Result<Digest, Error> {
    let named = files.into_iter().map(|path| {
        let name = path.strip_prefix(folder).unwrap_or(&path);
        let name = name.components().map(|c| c.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/");
        Ok((name, digest_of_file(&path)?))
    });
    Ok(digest_of(named.collect::<Result<_, Error>>()?))
}

/// Every file below `folder` whose name and folders do not start with a dot, in no order.
pub(super) fn files_below(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(Error::io("read", &folder))? {
            let entry = entry.map_err(Error::io("read", &folder))?;
            let path = entry.path();
            if entry.file_name().to_string_lossy().starts_with('.') {
                continue;
            }
            // Follows links: the hub's cache is made of them.
            match fs::metadata(&path).map_err(Error::io("read", &path))?.is_dir() {
                true => folders.push(path),
                false => found.push(path),
            }
        }
    }
    Ok(found)
}

type Stamp = (PathBuf, u64, SystemTime);

/// A file's digest; gigabytes are read once a process as long as size and time stay.
fn digest_of_file(path: &Path) -> Result<Digest, Error> {
    static KNOWN: Mutex<Option<HashMap<Stamp, Digest>>> = Mutex::new(None);
    let metadata = fs::metadata(path).map_err(Error::io("read", path))?;
    let modified = metadata.modified().map_err(Error::io("read", path))?;
    let stamp = (path.to_owned(), metadata.len(), modified);
    let known = || KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(digest) = known().as_ref().and_then(|known| known.get(&stamp)) {
        return Ok(*digest);
    }
    let digest = Digest::of_file(path).map_err(Error::io("read", path))?;
    known().get_or_insert_default().insert(stamp, digest);
    Ok(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_bytes_both_count_and_hidden_files_do_not() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        };
        write("unet/model.onnx", b"one");
        write("model_index.json", b"{}");
        let first = digest_of_folder(folder.path()).unwrap();
        write(".git/HEAD", b"x");
        assert_eq!(digest_of_folder(folder.path()).unwrap(), first);
        write("unet/model.onnx", b"other");
        let second = digest_of_folder(folder.path()).unwrap();
        assert_ne!(second, first);
        fs::rename(folder.path().join("unet"), folder.path().join("denoiser")).unwrap();
        assert_ne!(digest_of_folder(folder.path()).unwrap(), second);
    }
}
