//! Models whose weights are kept smaller: made once, beside the model.
//!
//! ```text
//! <model>/.stored/int8-DIGEST/unet/model.onnx       the denoiser, of the model whose files have that digest
//!                                  model.onnx_data  its weights
//!                                  whole.json       size and digest of both: written last
//! ```
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
const VERSION: u32 = 1;
const ONNX: &str = "model.onnx";
const DATA: &str = "model.onnx_data";
const WHOLE: &str = "whole.json";

/// How far the packing of weights is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packing {
    /// The part at work.
    pub part: PartKind,
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
/// is made, which reads and writes each weight once and tells `progress`.
///
/// # Errors
/// When a part cannot be read or its folder not written, or somebody wants to stop.
pub fn stored(
    model: &Model,
    storage: Storage,
    progress: &mut dyn FnMut(Packing) -> ControlFlow<()>,
) -> Result<Model, Error> {
    let digest = model.digest()?;
    let all = model.path.join(".stored");
    let name = format!("{storage}-{VERSION}-{}", digest.short());
    let folder = all.join(&name);
    let mut stored = model.clone();
    for part in stored.parts.iter_mut().filter(|part| is_stored(part.kind)) {
        let beside = part.file.parent().and_then(Path::file_name).map(PathBuf::from).unwrap_or_default();
        let place = Place { storage, folder: folder.join(beside), source: part.file.clone() };
        if let Some(file) = place.obtain(part, progress)? {
            part.file = file;
        }
    }
    forget(&all, &storage, &name);
    Ok(stored)
}

/// Removes what was made of other files that the model had before.
fn forget(all: &Path, storage: &Storage, name: &str) {
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
    storage: Storage,
    folder: PathBuf,
    source: PathBuf,
}

impl Place {
    /// The part's ONNX file, made if need be; none if it has no weight that would become smaller.
    fn obtain(
        &self,
        part: &Part,
        progress: &mut dyn FnMut(Packing) -> ControlFlow<()>,
    ) -> Result<Option<PathBuf>, Error> {
        let planned = Document::read(&part.file)?.store_weights(self.storage, &self.folder, DATA);
        if planned.count() == 0 {
            return Ok(None);
        }
        let file = self.folder.join(ONNX);
        let onnx = planned.document.to_bytes();
        let expected = (Digest::of(&onnx), planned.bytes());
        if self.folder.is_dir() && self.broken(expected).is_none() {
            return Ok(Some(file));
        }
        fs::create_dir_all(&self.folder).map_err(|error| self.failed(error))?;
        // Another process that makes it is waited for; then it is there.
        let lock = File::create(self.folder.join(".lock")).map_err(|error| self.failed(error))?;
        lock.lock().map_err(|error| self.failed(error))?;
        let was_there = self.folder.join(WHOLE).exists();
        let Some(broken) = self.broken(expected) else { return Ok(Some(file)) };
        let broken = was_there.then_some(broken);
        let total = planned.bytes();
        let mut tell = |done| progress(Packing { part: part.kind, done, total, broken: broken.clone() });
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
        Ok(Some(file))
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
