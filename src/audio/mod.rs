//! Sound: WAV files, resampling, editing, mixing, loudness; music and effects made here.
//!
//! All of it works on [`Samples`](crate::story::Samples); [`level`] brings a finished
//! track to a platform's loudness, and says what it reached.

mod beats;
mod ducking;
mod edit;
mod effects;
mod error;
mod highpass;
mod limiter;
mod loudness;
mod mix;
mod music;
mod prosody;
mod resample;
mod wav;

pub use beats::{Beats, beats};
pub use ducking::{duck, looped, repeated_after};
pub use edit::{concatenate, fade, stereo, trim, voiced};
pub use effects::effect;
pub use error::Error;
pub use highpass::high_pass;
pub use limiter::limit;
pub use loudness::{Leveled, Measurement, Method, level, measure};
pub use mix::{Track, gain, mix};
pub use music::{bed, bed_beats};
pub use prosody::{Change, Moved, reshape};
pub use resample::resample;
pub use wav::{SampleFormat, decode_wav, encode_wav};
