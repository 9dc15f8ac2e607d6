//! Models whose weights are kept smaller, or beside a graph they were inside of: made once, beside the model.
//!
//! ```text
//! <model>/.stored/int8-2-DIGEST/unet/model.onnx       the denoiser, of the model whose files have that digest
//!                                    model.onnx_data  its weights
//!                                    whole.json       size and digest of both: written last
//!                 none-2-DIGEST/                      the same with weights as they are
//! ```
//!
//! Weights inside of a graph are held as often as the graph is: by whoever rewrites it, by ONNX Runtime while it loads
//! it, and by every piece it is cut into. Beside it they are mapped, and only what runs is in memory.
//!
//! The folder is hidden, so it is no part of the model's own digest.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{
    digest::Digest,
    graph::{Document, Stopped, Storage},
    models::{Model, Part, PartKind},
};

use super::Error;

/// What is raised when the same weights are stored otherwise than before.
const VERSION: u32 = 2;
/// A graph with fewer bytes of weights inside stays as it is.
const WITHIN: u64 = 1 << 20;
const ONNX: &str = "model.onnx";
const DATA: &str = "model.onnx_data";
const WHOLE: &str = "whole.json";

/// How far the packing of weights is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packing {
    /// The part at work.
    pub part: PartKind,
    /// How its weights are kept; none as they are.
    pub storage: Option<Storage>,
    /// Bytes written of its weights.
    pub done: u64,
    /// Bytes in all.
    pub total: u64,
    /// Why it is made again, where it was there and broken.
    pub broken: Option<String>,
}

/// Whether weights of such a part may be kept smaller. A VAE's error goes into the picture itself, and it is
/// small.
pub(super) fn is_stored(kind: PartKind) -> bool {
    !matches!(kind, PartKind::VaeDecoder | PartKind::VaeEncoder)
}

/// The same model with its text encoders and its denoiser kept as `storage`: what is not there yet, or broken,
/// is made, which reads and writes each weight once and tells `progress`. Weights inside of other graphs are
/// [laid beside](laid_beside) them.
///
/// # Errors
/// When a part cannot be read or its folder not written, or somebody wants to stop.
pub fn stored(
    model: &Model,
    storage: Storage,
    progress: &mut dyn FnMut(Packing) -> ControlFlow<()>,
) -> Result<Model, Error> {
    made(model, Some(storage), progress)
}

/// The same model with the weights that lie inside of its graphs beside them, as they are.
///
/// # Errors
/// As [`stored`] has them.
pub fn laid_beside(
    model: &Model,
    progress: &mut dyn FnMut(Packing) -> ControlFlow<()>,
) -> Result<Model, Error> {
    made(model, None, progress)
}

fn made(
    model: &Model,
    storage: Option<Storage>,
    progress: &mut dyn FnMut(Packing) -> ControlFlow<()>,
) -> Result<Model, Error> {
    let mut made = model.clone();
    let mut planned = Vec::new();
    for (at, part) in model.parts.iter().enumerate() {
        let storage = storage.filter(|_| is_stored(part.kind));
        planned.extend(plan(part, storage)?.map(|(storage, document)| (at, storage, document)));
    }
    // To know a model by its files, all of them are read.
    if planned.is_empty() {
        return Ok(made);
    }
    let all = model.path.join(".stored");
    let name = storage.map_or("none", Storage::name);
    let folder = format!("{name}-{VERSION}-{}", model.digest()?.short());
    for (at, storage, document) in planned {
        let part = &mut made.parts[at];
        let beside = part.file.parent().and_then(Path::file_name).map(PathBuf::from).unwrap_or_default();
        let place = Place { storage, folder: all.join(&folder).join(beside), source: part.file.clone() };
        part.file = place.obtain(part.kind, &document, progress)?;
    }
    forget(&all, name, &folder);
    Ok(made)
}

/// How the part's weights are to be kept, and its graph, if something is to be made of it.
fn plan(part: &Part, storage: Option<Storage>) -> Result<Option<(Option<Storage>, Document)>, Error> {
    let document = Document::read(&part.file)?;
    let is_smaller = |storage: &Storage| document.store_weights(*storage, Path::new(""), DATA).count() > 0;
    let storage = storage.filter(is_smaller);
    let is_made = storage.is_some() || document.bytes_within() > WITHIN;
    Ok(is_made.then_some((storage, document)))
}

/// Removes what was made of other files that the model had before.
fn forget(all: &Path, storage: &str, name: &str) {
    for entry in fs::read_dir(all).into_iter().flatten().flatten() {
        let other = entry.file_name().to_string_lossy().into_owned();
        // It is only room that is lost if this fails.
        if other.starts_with(&format!("{storage}-")) && other != name {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// Sizes and digests of the files of a part.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Whole {
    onnx: Digest,
    data: Digest,
    bytes: u64,
}

/// Where one part is kept.
struct Place {
    storage: Option<Storage>,
    folder: PathBuf,
    source: PathBuf,
}

impl Place {
    /// The ONNX file of `document`, made if need be.
    fn obtain(
        &self,
        part: PartKind,
        document: &Document,
        progress: &mut dyn FnMut(Packing) -> ControlFlow<()>,
    ) -> Result<PathBuf, Error> {
        let planned = match self.storage {
            Some(storage) => document.store_weights(storage, &self.folder, DATA),
            None => document.lay_beside(&self.folder, DATA),
        };
        let file = self.folder.join(ONNX);
        let onnx = planned.document.to_bytes();
        let expected = (Digest::of(&onnx), planned.bytes());
        if self.folder.is_dir() && self.broken(expected).is_none() {
            return Ok(file);
        }
        fs::create_dir_all(&self.folder).map_err(|error| self.failed(error))?;
        // Another process that makes it is waited for; then it is there.
        let lock = File::create(self.folder.join(".lock")).map_err(|error| self.failed(error))?;
        lock.lock().map_err(|error| self.failed(error))?;
        let was_there = self.folder.join(WHOLE).exists();
        let Some(broken) = self.broken(expected) else { return Ok(file) };
        let broken = was_there.then_some(broken);
        let total = planned.bytes();
        let storage = self.storage;
        let mut tell = |done| progress(Packing { part, storage, done, total, broken: broken.clone() });
        if tell(0).is_break() {
            return Err(Error::PackingCancelled);
        }
        let unfinished = self.folder.join(".data.part");
        let written = self.write(&unfinished, &mut |out| planned.write(out, &mut tell));
        if let Err(error) = written {
            let _ = fs::remove_file(&unfinished);
            return Err(error);
        }
        let whole = Whole {
            onnx: expected.0,
            data: Digest::of_file(&unfinished).map_err(|error| self.failed(error))?,
            bytes: total,
        };
        // What says that all is whole goes first when something is replaced, and comes last.
        let _ = fs::remove_file(self.folder.join(WHOLE));
        fs::rename(&unfinished, self.folder.join(DATA)).map_err(|error| self.failed(error))?;
        self.name(ONNX, &onnx)?;
        self.name(WHOLE, &serde_json::to_vec(&whole).map_err(|error| self.failed(error))?)?;
        if cfg!(unix) {
            let synced = File::open(&self.folder).and_then(|folder| folder.sync_all());
            synced.map_err(|error| self.failed(error))?;
        }
        Ok(file)
    }

    /// What is wrong with what lies there, if anything is.
    fn broken(&self, (onnx, bytes): (Digest, u64)) -> Option<String> {
        let read = || -> io::Result<Option<String>> {
            let whole: Whole = serde_json::from_slice(&fs::read(self.folder.join(WHOLE))?)?;
            let data = self.folder.join(DATA);
            let found = fs::metadata(&data)?.len();
            if (found, whole.bytes) != (bytes, bytes) {
                return Ok(Some(format!("`{}` has {found} bytes instead of {bytes}", data.display())));
            }
            for (name, expected) in [(ONNX, onnx), (DATA, whole.data)] {
                let path = self.folder.join(name);
                if Digest::of_file(&path)? != expected {
                    return Ok(Some(format!("`{}` is not what was written", path.display())));
                }
            }
            Ok(None)
        };
        read().unwrap_or_else(|error| Some(format!("`{}`: {error}", self.folder.display())))
    }

    fn write(
        &self,
        path: &Path,
        write: &mut dyn FnMut(&mut dyn Write) -> Result<(), Stopped>,
    ) -> Result<(), Error> {
        let mut file = BufWriter::with_capacity(1 << 20, File::create(path).map_err(|e| self.failed(e))?);
        match write(&mut file) {
            Err(Stopped::Cancelled) => return Err(Error::PackingCancelled),
            Err(Stopped::Read(error)) => return Err(error.into()),
            written => written.map_err(|error| self.failed(error))?,
        }
        let file = file.into_inner().map_err(|error| self.failed(error))?;
        file.sync_all().map_err(|error| self.failed(error))
    }

    /// Writes a small file, whole or not at all.
    fn name(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        let part = self.folder.join(format!(".{name}.part"));
        self.write(&part, &mut |out| Ok(out.write_all(bytes)?))?;
        fs::rename(&part, self.folder.join(name)).map_err(|error| self.failed(error))
    }

    fn failed(&self, error: impl std::fmt::Display) -> Error {
        Error::Storing {
            path: self.source.clone(),
            storage: self.storage,
            folder: self.folder.clone(),
            reason: error.to_string(),
        }
    }
}
