//! The folder of an IP-Adapter.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::digest::Digest;

use super::{Error, content, model::read_json};

/// What lets a model look at a picture of a character: weights as they are published, and the image encoder
/// they were trained with, as ONNX.
///
/// ```text
/// NAME/ip-adapter_sd15.safetensors              any name; the only one of its kind
///      image_encoder/model.onnx                 pixel_values to image_embeds and hidden_states.N
///      feature_extractor/preprocessor_config.json   how pictures are prepared; CLIP's way if it is not there
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Adapter {
    /// The name it was asked for by.
    pub name: String,
    /// Its folder.
    pub path: PathBuf,
    /// The projections: a safetensors file.
    pub weights: PathBuf,
    /// The image encoder's ONNX file.
    pub image_encoder: PathBuf,
    /// How pictures are prepared, where the folder says so.
    pub preprocessor: Option<Value>,
}

impl Adapter {
    /// Reads the folder at `path`.
    pub fn open(name: &str, path: &Path) -> Result<Self, Error> {
        let unusable = |reason: String| Error::Unusable { path: path.to_owned(), reason };
        if !path.is_dir() {
            return Err(unusable("it is not a folder".into()));
        }
        let weights = match &files(path, "safetensors")[..] {
            [only] => only.clone(),
            [] if !files(path, "bin").is_empty() => {
                return Err(unusable(
                    "its weights are a pickled `.bin`, which can run code when it is read; take the `.safetensors` of the same adapter".into(),
                ));
            }
            [] => {
                return Err(unusable(
                    "an IP-Adapter is a `.safetensors` file, and there is none in it".into(),
                ));
            }
            several => {
                let count = several.len();
                return Err(unusable(format!(
                    "it has {count} `.safetensors` files: keep the one that is wanted"
                )));
            }
        };
        let image_encoder = path.join("image_encoder/model.onnx");
        if !image_encoder.is_file() {
            return Err(unusable(
                "it has no image_encoder/model.onnx; `python/export/adapter.py` makes it from the encoder the adapter was trained with".into(),
            ));
        }
        let file = "preprocessor_config.json";
        let preprocessor = match read_json(&path.join("feature_extractor").join(file))? {
            Some(found) => Some(found),
            None => read_json(&path.join("image_encoder").join(file))?,
        };
        Ok(Self { name: name.to_owned(), path: path.to_owned(), weights, image_encoder, preprocessor })
    }

    /// The digest over all its files, hidden ones aside.
    pub fn digest(&self) -> Result<Digest, Error> {
        content::digest_of_folder(&self.path)
    }
}

/// The files of that ending right in `folder`, by name.
fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<_> = entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|own| own == ending) && path.is_file())
        .collect();
    files.sort();
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let error = || Adapter::open("x", folder.path()).unwrap_err().to_string();
        assert!(error().contains("there is none in it"), "{}", error());
        fs::write(folder.path().join("a.bin"), b"").unwrap();
        assert!(error().contains("can run code"), "{}", error());
        fs::write(folder.path().join("a.safetensors"), b"").unwrap();
        assert!(error().contains("image_encoder/model.onnx"), "{}", error());
        fs::create_dir(folder.path().join("image_encoder")).unwrap();
        fs::write(folder.path().join("image_encoder/model.onnx"), b"").unwrap();
        assert!(Adapter::open("x", folder.path()).is_ok());
        fs::write(folder.path().join("b.safetensors"), b"").unwrap();
        assert!(error().contains("2 `.safetensors` files"), "{}", error());
    }
}
