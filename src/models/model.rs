//! One model folder in the diffusers layout, read and checked.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::digest::Digest;

use super::{Error, Family, Header, content};

/// What a part does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PartKind {
    /// Token ids to hidden states.
    TextEncoder,
    /// The second of such, for example OpenCLIP's in Stable Diffusion XL, T5 in FLUX.
    TextEncoder2,
    /// The third: T5 in Stable Diffusion 3.
    TextEncoder3,
    /// Noisy latents to predicted noise.
    Denoiser,
    /// Latents to a picture.
    VaeDecoder,
    /// A picture to latents.
    VaeEncoder,
}

impl PartKind {
    const ALL: [Self; 6] = [
        Self::TextEncoder,
        Self::TextEncoder2,
        Self::TextEncoder3,
        Self::Denoiser,
        Self::VaeDecoder,
        Self::VaeEncoder,
    ];

    /// The folders it may lie in.
    fn folders(self) -> &'static [&'static str] {
        match self {
            Self::TextEncoder => &["text_encoder"],
            Self::TextEncoder2 => &["text_encoder_2"],
            Self::TextEncoder3 => &["text_encoder_3"],
            Self::Denoiser => &["unet", "transformer"],
            Self::VaeDecoder => &["vae_decoder"],
            Self::VaeEncoder => &["vae_encoder"],
        }
    }
}

impl fmt::Display for PartKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TextEncoder => "text encoder",
            Self::TextEncoder2 => "second text encoder",
            Self::TextEncoder3 => "third text encoder",
            Self::Denoiser => "denoiser",
            Self::VaeDecoder => "VAE decoder",
            Self::VaeEncoder => "VAE encoder",
        })
    }
}

/// One network of a model.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// What it does.
    pub kind: PartKind,
    /// Its ONNX file.
    pub file: PathBuf,
    /// Its `config.json`, where it has one.
    pub config: Option<Value>,
    /// What its file says of itself.
    pub header: Header,
}

impl Part {
    /// The name of the folder it lies in: `unet`, `text_encoder`, ...
    pub fn folder(&self) -> &str {
        let folder = self.file.parent().and_then(Path::file_name).and_then(std::ffi::OsStr::to_str);
        folder.unwrap_or_default()
    }
}

/// A model folder.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// The name it was asked for by.
    pub name: String,
    /// Its folder.
    pub path: PathBuf,
    /// How it draws.
    pub family: Family,
    /// Its networks.
    pub parts: Vec<Part>,
}

impl Model {
    /// Reads the folder at `path`. The family comes from what the denoiser takes, never from a
    /// folder's name.
    pub fn open(name: &str, path: &Path) -> Result<Self, Error> {
        let unusable = |reason: String| Error::Unusable { path: path.to_owned(), reason };
        if !path.is_dir() {
            return Err(unusable("it is not a folder".into()));
        }
        let index = read_json(&path.join("model_index.json"))?;
        let mut parts = Vec::new();
        for kind in PartKind::ALL {
            parts.extend(part(path, kind)?);
        }
        let Some(denoiser) = parts.iter().find(|part| part.kind == PartKind::Denoiser) else {
            return Err(unusable(match index {
                Some(_) => "it has no unet/model.onnx; PyTorch weights must be exported to ONNX first".into(),
                None => {
                    "it has neither model_index.json nor unet/model.onnx (the diffusers ONNX layout)".into()
                }
            }));
        };
        let Some(family) = Family::of(&denoiser.header.inputs) else {
            let inputs = denoiser.header.inputs.join(", ");
            return Err(unusable(format!("no known family has a denoiser that takes {inputs}")));
        };
        Ok(Self { name: name.to_owned(), path: path.to_owned(), family, parts })
    }

    /// The part that does `kind`.
    pub fn part(&self, kind: PartKind) -> Result<&Part, Error> {
        self.find(kind).ok_or_else(|| Error::Unusable {
            path: self.path.clone(),
            reason: format!("it has no {}/model.onnx", kind.folders()[0]),
        })
    }

    /// The part that does `kind`, where the model has it.
    pub fn find(&self, kind: PartKind) -> Option<&Part> {
        self.parts.iter().find(|part| part.kind == kind)
    }

    /// The JSON file at `name` below the folder, `None` if there is none.
    pub fn json(&self, name: &str) -> Result<Option<Value>, Error> {
        read_json(&self.path.join(name))
    }

    /// The digest over all its files, hidden ones aside: equal digests draw equal pictures.
    pub fn digest(&self) -> Result<Digest, Error> {
        content::digest_of_folder(&self.path)
    }
}

fn part(model: &Path, kind: PartKind) -> Result<Option<Part>, Error> {
    let found = kind
        .folders()
        .iter()
        .map(|folder| model.join(folder))
        .find(|folder| folder.join("model.onnx").is_file());
    let Some(folder) = found else { return Ok(None) };
    let file = folder.join("model.onnx");
    Ok(Some(Part {
        kind,
        config: read_json(&folder.join("config.json"))?,
        header: Header::read(&file)?,
        file,
    }))
}

/// The JSON file at `path`, `None` if there is none.
pub(super) fn read_json(path: &Path) -> Result<Option<Value>, Error> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(Error::Io { action: "read", path: path.to_owned(), source }),
    };
    let json = serde_json::from_str(&text);
    json.map(Some).map_err(|e| Error::Json { path: path.to_owned(), reason: e.to_string() })
}
