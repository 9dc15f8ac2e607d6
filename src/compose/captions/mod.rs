//! Text on the picture: which words together, where, and how it is drawn.

mod cues;

pub use cues::{CueRules, cues};
