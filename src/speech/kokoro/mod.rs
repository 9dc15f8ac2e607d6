//! Kokoro: one network for many voices, each a table of style vectors.
//!
//! The network takes the ids of at most 510 phonemes, the style that suits so many, and a speed. Exports
//! differ in the names and types of their inputs and in whether they answer each phoneme's duration;
//! all that is read from the file. Checked against the package `kokoro-onnx` 0.6.

mod chunks;
mod phonemes;
mod speaker;
mod styles;
mod vocabulary;

pub use speaker::Kokoro;
