//! What can go wrong when a picture is enlarged.

use std::path::PathBuf;

use crate::{
    engine::{self, Bytes},
    graph, models,
    story::Size,
};

/// An error of the upscale room.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A size or factor nothing can be made of.
    #[error(
        "cannot fit a picture of {from} into {to} times {oversize}: both must have pixels, and the factor lie in 1 ..= 4"
    )]
    Impossible {
        /// The picture's size.
        from: Size,
        /// The size asked for.
        to: Size,
        /// The factor asked for.
        oversize: f64,
    },
    /// The resampler refuses.
    #[error("cannot resize a picture: {0}")]
    Resize(#[from] fast_image_resize::ResizeError),
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] engine::Error),
    /// The model is not there, or its folder is wrong.
    #[error(transparent)]
    Model(#[from] models::Error),
    /// The file cannot be read as an ONNX graph.
    #[error(transparent)]
    Graph(#[from] graph::Error),
    /// A network that is no upscaler.
    #[error("`{}` cannot enlarge pictures: {reason}", path.display())]
    Contract {
        /// Its ONNX file.
        path: PathBuf,
        /// What it lacks.
        reason: String,
    },
    /// A network that answers with no numbers.
    #[error(
        "`{}` answers NaN or infinity at {place}: its weights are broken, or overflow in 16 bits; use its 32-bit file, or `engine: lanczos`",
        path.display()
    )]
    NotFinite {
        /// Its ONNX file.
        path: PathBuf,
        /// Which tile, or what it was asked.
        place: String,
    },
    /// Not even the smallest tile fits into memory.
    #[error(
        "upscaling with `{name}` needs {} in its smallest tiles, and {} are free for models: raise `--memory-budget`, or use `engine: lanczos`",
        Bytes(*needed), Bytes(*budget)
    )]
    TooSmall {
        /// The model.
        name: String,
        /// Bytes that the smallest tiles take.
        needed: u64,
        /// Bytes that may be used.
        budget: u64,
    },
    /// Stopped by the caller between two tiles.
    #[error("cancelled after {done} of {total} tiles")]
    Cancelled {
        /// Tiles done.
        done: usize,
        /// Tiles in all.
        total: usize,
    },
}
