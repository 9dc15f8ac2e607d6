//! libav: the encoder, the muxer, the decoder, and the check of the finished file.
//!
//! [`encode`] writes a video in one pass; [`Video`] and [`sound`] read one again;
//! [`probe`] says what a file claims to be and [`verify`] whether it keeps a platform's rules.

mod cards;
mod codecs;
mod decoder;
mod encode;
mod encoder;
mod encoding;
mod error;
mod ffi;
mod library;
mod muxer;
mod probe;
mod sound;
mod source;
mod verify;

pub use decoder::Video;
pub use encode::{Encoded, encode};
pub use encoding::Encoding;
pub use error::{Error, Result};
pub use library::{hush, library};
pub use probe::{AudioStream, Probe, VideoStream, probe};
pub use sound::{beginning, coded, sound};
pub use verify::{Check, Measured, Options, Outcome, Report, in_time, verify};
