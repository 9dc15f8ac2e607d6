//! The images: a picture drawn for each scene.
//!
//! Each picture is one entry of the store, so changing a sentence draws one picture. What may be
//! drawn is a list of sizes, the best first; a picture of any of them counts as found, so a
//! machine that had less memory free that day does not draw everything anew.

mod card;
mod painter;
mod plan;
mod shared;
mod stage;

pub(super) use painter::png;
pub(crate) use plan::failed;
pub(super) use plan::unusable;
pub(super) use stage::latents;
pub use stage::{Decided, cached, decide, run};

/// What is raised when the same scene and settings give another picture than before.
const VERSION: u32 = 1;
