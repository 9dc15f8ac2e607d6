//! Images become stills of exactly the delivered size.
//!
//! [`fit`] crops to the aspect and resamples with Lanczos. Before it, an [`Upscaler`] may make the picture
//! two to sixteen times larger: any super-resolution network in ONNX, known by its nodes and not by its
//! name. [`Network`] is what its file says, [`Plan`] how it works within the memory there is.

mod enlarge;
mod error;
mod fit;
mod model;
mod network;
mod plan;
mod tiles;

pub use error::Error;
pub use fit::{MIDDLE, crops, fit, fitted};
pub use model::Upscaler;
pub use network::Network;
pub use plan::Plan;
