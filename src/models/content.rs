//! The digests of a folder's files: ours over all of them, and the ones the world knows a file by.

use std::{
    collections::HashMap,
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::SystemTime,
};

use sha1::Sha1;
use sha2::{Digest as _, Sha256};

use crate::digest::Digest;

use super::{Error, Listed};

/// What others know a file's content by.
pub(super) struct Checksums {
    /// How many bytes it has.
    pub(super) size: u64,
    /// SHA-256, as hubs list large files.
    pub(super) sha256: String,
    /// The name Git gives it, if that was asked for.
    pub(super) git: Option<String>,
}

impl Checksums {
    /// Reads the whole file at `path`; works out Git's name for it only if `git`.
    pub(super) fn of_file(path: &Path, git: bool) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let head = format!("blob {}\0", file.metadata()?.len());
        let (mut sha256, mut size) = (Sha256::new(), 0);
        let mut git = git.then(|| Sha1::new_with_prefix(head));
        let mut buffer = vec![0; 1 << 20];
        loop {
            let read = match file.read(&mut buffer)? {
                0 => break,
                read => read,
            };
            sha256.update(&buffer[..read]);
            if let Some(git) = &mut git {
                git.update(&buffer[..read]);
            }
            size += read as u64;
        }
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { size, sha256: hex(&sha256.finalize()), git: git.map(|git| hex(&git.finalize())) })
    }
}

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
    let named = files.into_iter().map(|path| Ok((name_below(folder, &path), digest_of_file(&path)?)));
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

/// Every file below `folder` as a hub would list it, digests aside.
pub(super) fn listed_below(folder: &Path) -> Result<Vec<Listed>, Error> {
    let mut listed = Vec::new();
    for path in files_below(folder)? {
        let size = fs::metadata(&path).map_err(Error::io("read", &path))?.len();
        listed.push(Listed { path: name_below(folder, &path), size, sha256: None, git: None });
    }
    listed.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(listed)
}

/// What the files below `folder` take, as far as it can be read.
pub(super) fn bytes_below(folder: &Path) -> u64 {
    let found = files_below(folder).unwrap_or_default();
    found.iter().filter_map(|path| fs::metadata(path).ok()).map(|metadata| metadata.len()).sum()
}

/// The path of `file` below `folder`, with `/`.
fn name_below(folder: &Path, file: &Path) -> String {
    let name = file.strip_prefix(folder).unwrap_or(file);
    name.components().map(|c| c.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
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
    fn files_have_the_digests_others_give_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hello");
        fs::write(&path, "hello\n").unwrap();
        // `sha256sum` and `git hash-object` of the same file.
        let sums = Checksums::of_file(&path, true).unwrap();
        assert_eq!(sums.size, 6);
        assert_eq!(sums.sha256, "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03");
        assert_eq!(sums.git.unwrap(), "ce013625030ba8dba906f756967f9e9ca394464a");
    }

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
