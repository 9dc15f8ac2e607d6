//! One ONNX file that enlarges pictures.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::digest::Digest;

use super::{Error, Header, content, model::read_json};

/// A super-resolution network: an ONNX file, and what its folder says about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Upscaler {
    /// The name it was asked for by.
    pub name: String,
    /// Its ONNX file.
    pub file: PathBuf,
    /// The `config.json` beside it, where there is one.
    pub config: Option<Value>,
    /// What its file says of itself.
    pub header: Header,
}

impl Upscaler {
    /// Reads the one at `path`: an ONNX file, or a folder with `model.onnx` or with a single ONNX file.
    pub fn open(name: &str, path: &Path) -> Result<Self, Error> {
        let unusable = |reason: String| Error::Unusable { path: path.to_owned(), reason };
        if path.is_file() {
            let header = Header::read(path)?;
            return Ok(Self { name: name.to_owned(), file: path.to_owned(), config: None, header });
        }
        if !path.is_dir() {
            return Err(unusable("it is neither an ONNX file nor a folder with one".into()));
        }
        let file = match (path.join("model.onnx"), &onnx_files(path)[..]) {
            (named, _) if named.is_file() => named,
            (_, [only]) => only.clone(),
            (_, []) => return Err(unusable("an upscaler is one ONNX file, and there is none in it".into())),
            (_, several) => {
                let count = several.len();
                return Err(unusable(format!("it has {count} ONNX files: give the path of the right one")));
            }
        };
        let config = read_json(&path.join("config.json"))?;
        Ok(Self { name: name.to_owned(), header: Header::read(&file)?, config, file })
    }

    /// Whether the folder at `path` looks like one: an ONNX file lies in it, and not in folders as the
    /// parts of a diffusion model do.
    pub(super) fn is_one(path: &Path) -> bool {
        !path.join("model_index.json").exists() && onnx_files(path).len() == 1
    }

    /// The digest over its ONNX file, what lies beside it and its `config.json`: equal digests make
    /// equal stills.
    pub fn digest(&self) -> Result<Digest, Error> {
        let folder = self.file.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
        let stem = self.file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let belongs =
            |name: &str| name.starts_with(&stem) || (name == "config.json" && self.config.is_some());
        content::digest_of_files(folder, &belongs)
    }
}

/// The ONNX files right in `folder`, by name; none if it cannot be read.
fn onnx_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<_> = entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "onnx") && path.is_file())
        .collect();
    files.sort();
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An ONNX file that answers `y` and holds nothing.
    const LEAST: &[u8] = b"\x3a\x05\x62\x03\x0a\x01y";

    #[test]
    fn a_file_a_folder_with_one_and_a_folder_with_model_onnx_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x4.onnx");
        fs::write(&file, LEAST).unwrap();
        assert_eq!(Upscaler::open("x", &file).unwrap().file, file);
        assert_eq!(Upscaler::open("x", folder.path()).unwrap().file, file);
        assert!(Upscaler::is_one(folder.path()));
        fs::write(folder.path().join("x2.onnx"), LEAST).unwrap();
        let error = Upscaler::open("x", folder.path()).unwrap_err().to_string();
        assert!(error.contains("2 ONNX files"), "{error}");
        fs::write(folder.path().join("model.onnx"), LEAST).unwrap();
        assert!(Upscaler::open("x", folder.path()).unwrap().file.ends_with("model.onnx"));
    }

    #[test]
    fn what_lies_beside_it_counts_and_what_is_another_model_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).unwrap();
        write("x4.onnx", LEAST);
        let digest = || Upscaler::open("x", &folder.path().join("x4.onnx")).unwrap().digest().unwrap();
        let alone = digest();
        write("other.onnx", LEAST);
        assert_eq!(digest(), alone);
        write("x4.onnx.data", b"weights");
        assert_ne!(digest(), alone);
    }
}
