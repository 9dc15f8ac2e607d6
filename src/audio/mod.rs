//! Sound: WAV files, resampling, editing, mixing, loudness.
//!
//! All of it works on [`Samples`](crate::story::Samples); [`level`] brings a finished
//! track to a platform's loudness, and says what it reached.

mod edit;
mod error;
mod highpass;
mod limiter;
mod loudness;
mod mix;
mod resample;
mod wav;

pub use edit::{concatenate, fade, stereo, trim, voiced};
pub use error::Error;
pub use highpass::high_pass;
pub use limiter::limit;
pub use loudness::{Leveled, Measurement, Method, level, measure};
pub use mix::{Track, gain, mix};
pub use resample::resample;
pub use wav::{SampleFormat, decode_wav, encode_wav};
