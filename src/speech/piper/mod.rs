//! Piper: VITS networks in ONNX, one file a voice, beside it `<file>.onnx.json`.
//!
//! A network takes the ids of a sentence's phonemes with padding between them, how much noise and
//! how slow, and answers samples; most also know how many frames each id lasts, which gives the words' times.
//! Checked against the package `piper-tts` 1.8.

mod config;
mod speaker;

pub use config::PiperConfig;
pub use speaker::Piper;
