//! From beats to scenes: when each picture is seen, and what it is of.
//!
//! [`Rules`] needs no model: it groups the narration into stretches of a few seconds
//! (`stretch`), looks each stretch's words up in the lists under `assets/` (`lexicon`,
//! `reading`), chooses subject, light and weather (`choice`), and writes the prompt (`prompt`).

mod choice;
mod director;
mod error;
mod lexicon;
mod prompt;
mod reading;
mod rules;
mod stretch;
mod words;

pub use director::{Brief, Direction, Director, Note};
pub use error::Error;
pub use rules::Rules;
