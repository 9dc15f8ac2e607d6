//! Images become stills of exactly the delivered size.
//!
//! [`fit`] crops to the aspect and resamples with Lanczos. Upscaling by a model is not built in
//! yet.

mod error;
mod fit;

pub use error::Error;
pub use fit::{fit, fitted};
