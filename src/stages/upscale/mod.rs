//! Every picture as a still of the delivered size, or larger where the camera comes close.
//!
//! `choice` says what enlarges, `enlarger` does it within the memory there is, `stage` keeps the
//! stills in the store.

mod choice;
mod enlarger;
mod stage;

pub use stage::{cached, decide, run};
