//! The letters: one heavy font in the program, others from the system when it lacks some.

mod choice;
mod installed;

pub use choice::Fonts;
pub(super) use choice::{Face, what_to_install};
