//! What every voice does, whoever makes it.

use serde::{Deserialize, Serialize};

use super::{Error, Token};
use crate::story::{Samples, TimingQuality};

/// One speaker, opened and ready.
pub trait Voice: Send {
    /// Everything besides the tokens and the rate that the sound depends on:
    /// the engine, its version, the speaker. Belongs into cache keys.
    fn identity(&self) -> String;

    /// Speaks a text; the same utterance always gives the same samples.
    ///
    /// # Errors
    /// When the rate is out of the engine's range, or the engine fails.
    fn speak(&mut self, utterance: &Utterance<'_>) -> Result<Speech, Error>;
}

/// What is to be spoken in one breath: a sentence or so.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Utterance<'a> {
    /// The words in order.
    pub tokens: &'a [Token],
    /// Speed; 1.0 is the voice's own, 2.0 twice as fast.
    pub rate: f32,
}

/// What was spoken.
#[derive(Debug, Clone, PartialEq)]
pub struct Speech {
    /// The sound, mono, at the engine's own rate; silence around the words may be left.
    pub samples: Samples,
    /// The words heard, in order: one for each token that has something to speak.
    pub words: Vec<SpokenWord>,
}

/// Where one token is heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpokenWord {
    /// Which token of the utterance.
    pub token: usize,
    /// The sample with which its sound begins.
    pub start: usize,
    /// The sample after its last sound; a pause that follows is not part of it.
    pub end: usize,
    /// How these are known.
    pub quality: TimingQuality,
}
