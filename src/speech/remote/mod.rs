//! A speech server: OpenAI's `/v1/audio/speech` and all that speak like it.
//!
//! The sound is asked for as WAV (or as bare samples), so that nothing is lost and nothing shifted. Servers that
//! also tell when each word is heard (`/dev/captioned_speech`) are believed as far as their words are ours;
//! otherwise the words are found in the sound.

mod captions;
mod speaker;
mod wav;

pub use speaker::{Remote, RemoteVoice};
