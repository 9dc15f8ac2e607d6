//! Decides what fits where, before anything is loaded. Pure: it looks at numbers only.

mod demand;
mod exclude;
mod level;
mod place;
mod residency;
mod room;
#[cfg(test)]
mod sample;
mod shared;
mod told;
mod wishes;

pub use demand::{Candidate, Demand, InPieces};
pub use exclude::{Fact, go_together, rows_at_once};
pub use level::Level;
pub use place::{Placement, TooSmall, place};
pub use residency::Residency;
pub use room::{allowance, tight};
pub use shared::{Share, Sharing, place_on_two};
pub use wishes::Wishes;
