//! What can be wrong with an ONNX file.

use std::path::PathBuf;

/// An error of the graph room.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read.
    #[error("cannot read `{}`: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file holds no ONNX model.
    #[error("`{}` is not an ONNX model: {reason}; if it is a Git LFS pointer, fetch the real file", path.display())]
    NotOnnx {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The file holds no tensors as safetensors has them, or not all it lists.
    #[error("`{}` is not a safetensors file: {reason}; if it is a Git LFS pointer, fetch the real file", path.display())]
    NotSafetensors {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The shape of something cannot be known.
    #[error("{0}")]
    Shape(#[from] super::shapes::Unknown),
}
