//! The `narration` stage.

use serde::Serialize;
use std::{collections::BTreeMap, time::Duration};

use crate::story::VoicePreset;

/// Who makes the voice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum VoiceEngine {
    /// espeak-ng: no download, instant, robotic.
    Espeak,
}

/// Settings of the `narration` stage.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Narration {
    /// Who makes the voice.
    pub engine: VoiceEngine,
    /// The voice that speaks unless the script says otherwise.
    pub voice: VoicePreset,
    /// Every voice by name, for `[voice: onyx]` in scripts.
    pub voices: BTreeMap<String, VoicePreset>,
    /// The language of the script, as BCP 47.
    pub language: String,
    /// Speed, 1.0 is the voice's own.
    pub rate: f32,
    /// Silence after a sentence.
    pub sentence_pause: Duration,
    /// Silence after a paragraph.
    pub paragraph_pause: Duration,
    /// Silence before the first word.
    pub lead: Duration,
    /// Silence after the last word.
    pub tail: Duration,
}
