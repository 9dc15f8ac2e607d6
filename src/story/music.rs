//! What is heard besides the voice.

use serde::{Deserialize, Serialize};

use super::{Span, Time};
use crate::digest::Digest;

/// What a music bed feels like; the program plays each by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mood {
    /// Slow chords and soft keys, no drums.
    #[default]
    Calm,
    /// Bright plucked strings over a light beat.
    Uplifting,
    /// Low and slow, single bells.
    Dark,
    /// A pulse that does not let go.
    Tense,
    /// Short plucked notes, snaps, a walking bass.
    Playful,
    /// Strings and big drums.
    Epic,
    /// Wide chords and far bells.
    Dreamy,
    /// Electric piano over a lazy beat.
    Lofi,
}

impl Mood {
    /// Every mood, in the order of `shortform presets moods`.
    pub const ALL: [Self; 8] = [
        Self::Calm,
        Self::Uplifting,
        Self::Dark,
        Self::Tense,
        Self::Playful,
        Self::Epic,
        Self::Dreamy,
        Self::Lofi,
    ];

    /// Its name in pipelines.
    pub fn name(self) -> &'static str {
        match self {
            Self::Calm => "calm",
            Self::Uplifting => "uplifting",
            Self::Dark => "dark",
            Self::Tense => "tense",
            Self::Playful => "playful",
            Self::Epic => "epic",
            Self::Dreamy => "dreamy",
            Self::Lofi => "lofi",
        }
    }

    /// What it feels like, in one line.
    pub fn summary(self) -> &'static str {
        match self {
            Self::Calm => "slow chords and soft keys, no drums",
            Self::Uplifting => "bright plucked strings over a light beat",
            Self::Dark => "low and slow, single bells",
            Self::Tense => "a pulse that does not let go",
            Self::Playful => "short plucked notes, snaps, a walking bass",
            Self::Epic => "strings and big drums",
            Self::Dreamy => "wide chords and far bells",
            Self::Lofi => "electric piano over a lazy beat",
        }
    }
}

/// Where music comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tune {
    /// A bed that the program plays, fixed by the video's seed.
    Bed(Mood),
    /// A file of the user's in the store, in any format that libav reads.
    File(Digest),
}

/// Music under a video: looped as long as it lasts, lowered while somebody speaks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Music {
    /// What is played.
    pub tune: Tune,
    /// How loud it is under the voice, in dB against the voice.
    pub gain_db: f64,
    /// How much louder it is where nobody speaks, in dB.
    pub ducking_db: f64,
    /// Where somebody speaks.
    pub spoken: Vec<Span>,
}

/// A short sound that goes with something seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EffectKind {
    /// Air rushing past from one side to the other.
    Whoosh,
    /// A soft breath, for pictures that melt into each other.
    Swell,
    /// A small bubble.
    Pop,
    /// A deep hit with a bright edge.
    Impact,
}

/// When a sound effect is heard.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Effect {
    /// What is heard.
    pub kind: EffectKind,
    /// The moment it is loudest.
    pub at: Time,
    /// How long what it goes with lasts.
    pub length: Time,
    /// Its peak in dB against full scale, before the mix is levelled.
    pub gain_db: f64,
}
