//! Voices: text becomes samples with exact word timings.
//!
//! [`tokens`] splits a text into the words that captions show and says how each
//! of them is spoken; a [`Voice`] speaks them and tells when each is heard: [`Espeak`], [`Piper`],
//! [`Kokoro`], [`Remote`]. [`Align`] finds words in any sound.
//!
//! ```no_run
//! use shortform::speech::{Espeak, Utterance, Voice, tokens};
//! # fn voice() -> shortform::story::EspeakVoice { unimplemented!() }
//!
//! let mut voice = Espeak::open(&voice())?;
//! let tokens = tokens("It cost $5M in 2007.", "en-US");
//! let speech = voice.speak(&Utterance { tokens: &tokens, rate: 1.0 })?;
//! for word in &speech.words {
//!     println!("{} starts at sample {}", tokens[word.token].text, word.start);
//! }
//! # Ok::<(), shortform::speech::Error>(())
//! ```

mod align;
mod draft;
mod error;
mod espeak;
mod ipa;
mod kokoro;
mod lexicon;
mod normalize;
mod onnx;
mod phonemes;
mod piper;
mod remote;
mod said;
mod segment;
mod timing;
mod token;
mod voice;

pub use align::Align;
pub use draft::Draft;
pub use error::Error;
pub use espeak::{Clause, Espeak, Language, Reader, languages, version, voice_of_language};
pub use kokoro::Kokoro;
pub use lexicon::Lexicon;
pub use normalize::names_emoji;
pub use piper::{Piper, PiperConfig};
pub use remote::{Remote, RemoteVoice};
pub use said::{Said, said};
pub use token::{Reading, Token, spoken_tokens, tokens};
pub use voice::{Speech, SpokenWord, Utterance, Voice};
