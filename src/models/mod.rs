//! Model folders: where they lie and what is in them.
//!
//! [`Catalog`] finds a model by name or path; [`Model`] is one folder in the diffusers layout,
//! read and checked: its [`Family`], its [`Part`]s, its digest.

mod catalog;
mod content;
mod embedded;
mod error;
mod family;
mod model;
mod norm;
mod onnx;

pub use catalog::{Catalog, Installed, Origin};
pub use error::Error;
pub use family::Family;
pub use model::{Model, Part, PartKind};
pub use norm::{LayerNorm, last_norm};
pub use onnx::{Header, WeightBytes};
