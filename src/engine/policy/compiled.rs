//! Where a device keeps what it compiles of a model.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use crate::digest::Digest;

/// The folder for what is compiled of a graph, in our cache folder; none where the system has none.
///
/// By itself the provider tells models that have no file apart by their graphs alone: two with other weights would be
/// taken for one another. So each has a folder, named by its bytes and by what lies beside it: `weights` is
/// the folder of files it may read, told apart by name, length and time.
pub(in super::super) fn folder(onnx: &[u8], weights: &Path) -> Option<PathBuf> {
    let caches = directories::ProjectDirs::from("", "", "shortform")?.cache_dir().join("coreml");
    Some(caches.join(name(onnx, weights).ok()?))
}

fn name(onnx: &[u8], weights: &Path) -> io::Result<String> {
    let mut files = Vec::new();
    for entry in fs::read_dir(weights)? {
        let entry = entry?;
        let about = entry.metadata()?;
        let since = about.modified()?.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
        files.push(format!("{:?} {} {since}", entry.file_name(), about.len()));
    }
    files.sort();
    let known = format!("{} {} {}", Digest::of(onnx), weights.display(), files.join(" "));
    Ok(Digest::of(known.as_bytes()).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_bytes_or_other_weights_have_a_folder_of_their_own() {
        let weights = tempfile::tempdir().unwrap();
        fs::write(weights.path().join("model.data"), [1; 8]).unwrap();
        let first = name(b"graph", weights.path()).unwrap();
        assert_eq!(name(b"graph", weights.path()).unwrap(), first);
        assert_ne!(name(b"other", weights.path()).unwrap(), first);
        fs::write(weights.path().join("model.data"), [1; 9]).unwrap();
        assert_ne!(name(b"graph", weights.path()).unwrap(), first);
        assert!(name(b"graph", &weights.path().join("missing")).is_err());
    }
}
