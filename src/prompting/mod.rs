//! From beats to scenes: when each picture is seen, and what it is of.
//!
//! [`Rules`] needs no model: it groups the narration into stretches of a few seconds
//! (`stretch`), looks each stretch's words up in the lists under `assets/` (`lexicon`,
//! `reading`), chooses subject, light and weather (`choice`), and writes the prompt (`prompt`).
//! A [`Storyboard`] is a direction as a file; [`Llm`] has a language model write one.

mod choice;
mod director;
mod error;
mod lexicon;
mod llm;
mod named;
mod prompt;
mod reading;
mod rules;
mod storyboard;
mod stretch;
mod words;

pub use director::{Brief, Direction, Director, Note};
pub use error::Error;
pub use llm::{Llm, instructions, question};
pub use rules::Rules;
pub use storyboard::{BoardScene, LONGEST_STORYBOARD, Storyboard};
