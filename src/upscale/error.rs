//! What can go wrong when a picture is resized.

use crate::story::Size;

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
}
