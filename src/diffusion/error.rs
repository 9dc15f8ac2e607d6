//! What can go wrong between a prompt and a picture, and what to do about it.

use std::path::PathBuf;

use crate::{engine, graph, models, story::Size};

use super::{Blank, Progress};

/// An error of the diffusion room.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] engine::Error),
    /// An ONNX file cannot be read.
    #[error(transparent)]
    Graph(#[from] graph::Error),
    /// The model folder is wrong.
    #[error(transparent)]
    Model(#[from] models::Error),
    /// A file of the model that says something this room does not understand.
    #[error("`{}`: {reason}", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// What is wrong and what would be right.
        reason: String,
    },
    /// A network whose inputs or outputs are not what its part should have.
    #[error("`{}` cannot serve as {part}: {reason}", path.display())]
    Contract {
        /// Its ONNX file.
        path: PathBuf,
        /// What it should be.
        part: &'static str,
        /// What does not fit.
        reason: String,
    },
    /// A size the networks cannot do.
    #[error(
        "model `{model}` cannot draw {wanted}: both sides must be multiples of {multiple}; the nearest size is {nearest}"
    )]
    Size {
        /// The model.
        model: String,
        /// What was asked for.
        wanted: Size,
        /// What both sides must divide by.
        multiple: u32,
        /// What can be had.
        nearest: Size,
    },
    /// A number of a request that makes no sense.
    #[error("{0}")]
    Request(String),
    /// Latents of another shape than the size asks for.
    #[error("the given latents have shape {found:?}, but this model at this size needs {expected:?}")]
    Latents {
        /// Their shape.
        found: Vec<usize>,
        /// The right one.
        expected: [usize; 4],
    },
    /// The model drew nothing.
    #[error(transparent)]
    Blank(#[from] Blank),
    /// Weights that could not be kept smaller.
    #[error(
        "cannot keep the weights of `{}` {} in `{}`: {reason}{}",
        path.display(),
        storage.map_or("beside it".to_owned(), |storage| format!("as {storage}")),
        folder.display(),
        if storage.is_some() { "; `memory.storage: none` does without" } else { "" },
    )]
    Storing {
        /// The part's ONNX file.
        path: PathBuf,
        /// How they should be kept; none as they are.
        storage: Option<graph::Storage>,
        /// Where.
        folder: PathBuf,
        /// What went wrong.
        reason: String,
    },
    /// A disk without room for a picture that memory has no room for.
    #[error(
        "cannot keep {} in `{}` while a picture is decoded band by band: {source}; make room there, name another folder in `TMPDIR`, or take tiles (`memory.vae_tiling: on`)",
        engine::Bytes(*wanted), folder.display()
    )]
    Scratch {
        /// Where.
        folder: PathBuf,
        /// Bytes.
        wanted: u64,
        /// What the system said.
        source: std::io::Error,
    },
    /// Stopped by the caller while weights were packed.
    #[error("cancelled while weights were packed")]
    PackingCancelled,
    /// Stopped by the caller between two steps, or between two bands or tiles of the decoder.
    #[error("cancelled after {} of {} {}", .0.done, .0.total, .0.unit)]
    Cancelled(Progress),
}
