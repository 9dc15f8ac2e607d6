//! Model folders: where they lie and what is in them.
//!
//! [`Catalog`] finds a model by name or path; [`Model`] is one folder in the diffusers layout,
//! read and checked: its [`Family`], its [`Part`]s, its digest. An [`Upscaler`] is one ONNX file.

mod catalog;
mod content;
mod embedded;
mod error;
mod family;
mod model;
mod onnx;
mod upscaler;

pub use catalog::{Catalog, Installed, Origin};
pub use error::Error;
pub use family::Family;
pub use model::{Model, Part, PartKind};
pub use onnx::{Header, WeightBytes};
pub use upscaler::Upscaler;
