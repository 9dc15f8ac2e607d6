//! The spoken track with its timings.

use serde::{Deserialize, Serialize};

use super::{Span, Time};

/// How a word's times are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TimingQuality {
    /// The voice engine said where the word lies.
    Exact,
    /// Aligned to the sound afterwards.
    Aligned,
    /// Divided by length: the engine merged several words into one.
    Divided,
}

/// When one word is heard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WordTiming {
    /// The word as written, with its punctuation: what captions show.
    pub text: String,
    /// The word as spoken, for example `five million dollars` for `$5M`.
    pub spoken: String,
    /// From its first sound to its last.
    pub span: Span,
    /// Whether a space separates it from the word before (not so in Chinese or Japanese).
    pub space_before: bool,
    /// How the span is known.
    pub quality: TimingQuality,
}

/// One beat of the script as spoken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpokenBeat {
    /// Which beat of the script this is.
    pub beat: usize,
    /// From the first sound to the end of the pause after it; the first begins at zero, with the
    /// silence before it: the spans of all beats tile the narration.
    pub span: Span,
    /// From the first sound to the last, without the pause.
    pub voiced: Span,
    /// The words, in order.
    pub words: Vec<WordTiming>,
}

/// The spoken track's timings; its sound lies in the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Narration {
    /// The language spoken, as BCP 47 (`en-US`).
    pub language: String,
    /// The beats, in order.
    pub beats: Vec<SpokenBeat>,
    /// The length of the sound, leading and trailing silence included.
    pub duration: Time,
}

impl Narration {
    /// Every word in order.
    pub fn words(&self) -> impl Iterator<Item = &WordTiming> {
        self.beats.iter().flat_map(|beat| &beat.words)
    }
}
