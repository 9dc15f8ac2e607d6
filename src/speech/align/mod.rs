//! A forced aligner: where in a sound each word lies, when the sound and its words are known.
//!
//! espeak-ng speaks the same words and knows when; dynamic time warping lays its rendering over
//! the sound, frame by frame, and carries each word's edges across. No model, no download; how far
//! off it is is measured in `tests/speech.rs` on voices that know their own times.

mod edges;
mod features;
mod warp;
mod words;

pub use words::Align;
