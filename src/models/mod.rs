//! Model folders: where they lie, how they get there, and what is in them.
//!
//! [`Catalog`] finds a model by name or path, and pulls, adds, verifies and removes models; [`Model`] is one
//! folder in the diffusers layout, read and checked: its [`Family`], its [`Part`]s, its digest; an [`Upscaler`] is one ONNX file; an [`Adapter`] lets a model look at a picture. [`Hub`] is
//! where models are fetched from, [`Offer`] one that somebody publishes there, [`Lock`] the list of exactly
//! what is installed:
//!
//! ```text
//! <models>/NAME/...          one model
//!          models.lock       its source, commit and licence; each file's size and SHA-256 digest
//!          .staging/NAME/    what is being fetched or copied; becomes NAME when it is whole
//! ```

mod adapter;
mod add;
mod catalog;
mod content;
mod describe;
mod embedded;
mod error;
mod external;
mod family;
mod hub;
mod lock;
mod model;
mod norm;
mod offers;
mod onnx;
mod progress;
mod protobuf;
mod pull;
mod remove;
mod select;
mod space;
mod staging;
mod trial;
mod upscaler;
mod verify;

pub use adapter::Adapter;
pub use add::Taking;
pub use catalog::{Catalog, Installed, Origin};
pub use describe::Description;
pub use error::Error;
pub use external::External;
pub use family::Family;
pub use hub::{Hub, HubError, Listed, Repository, Revision, Settings, Token};
pub use lock::{Lock, Locked, LockedFile, Provenance};
pub use model::{Model, Part, PartKind};
pub use norm::{LayerNorm, last_norm};
pub use offers::{Offer, Seen};
pub use onnx::{Header, WeightBytes};
pub use progress::{Event, Watch};
pub use pull::Pulled;
pub use upscaler::Upscaler;
