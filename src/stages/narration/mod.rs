//! The narration: each beat of the script spoken, levelled and joined to one track.
//!
//! A beat is one entry of the store, so changing a sentence speaks one sentence; the joined
//! track is another. Captions show the script as written whatever was said, so words are
//! matched to their timings by token.

mod cost;
mod cue;
mod own;
mod recording;
mod source;
mod stage;
mod track;

pub(super) use recording::asked;
pub use stage::{Spoken, cached, network_bytes, run};

/// What is raised when the same script and settings sound different than before.
const VERSION: u32 = 1;
