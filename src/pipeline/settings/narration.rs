//! The `narration` stage.

use serde::Serialize;
use std::{collections::BTreeMap, time::Duration};

use crate::{
    pipeline::{
        fields::Fields,
        kind::{duration, name, number, one_of, preset},
    },
    story::VoicePreset,
};

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

impl Narration {
    pub(crate) fn read(fields: &mut Fields<'_>, voices: &BTreeMap<String, VoicePreset>) -> Option<Self> {
        let engine = one_of(vec!["espeak".to_owned()])
            .map(|_| VoiceEngine::Espeak)
            .later(&["piper", "kokoro", "remote"]);
        let engine = fields.get("engine", &engine);
        let voice = fields.get("voice", &preset("voice", voices.keys().cloned().collect()));
        let voice = voice.and_then(|name| voices.get(&name).cloned());
        let language = fields.get("language", &name("a language as `en-US`").map(Some).or_auto(None));
        let rate = fields.get("rate", &number(0.5..=2.0));
        let seconds = |n| Duration::from_secs(n);
        let pauses = fields.group("pause", |fields| {
            let sentence = fields.get("sentence", &duration(Duration::ZERO..=seconds(5)));
            let paragraph = fields.get("paragraph", &duration(Duration::ZERO..=seconds(10)));
            Some((sentence?, paragraph?))
        });
        let lead = fields.get("lead", &duration(Duration::ZERO..=seconds(10)));
        let tail = fields.get("tail", &duration(Duration::ZERO..=seconds(30)));
        let voice = voice?;
        let (sentence_pause, paragraph_pause) = pauses?;
        Some(Self {
            engine: engine?,
            language: language?.unwrap_or_else(|| voice.language.clone()),
            voice,
            voices: voices.clone(),
            rate: rate? as f32,
            sentence_pause,
            paragraph_pause,
            lead: lead?,
            tail: tail?,
        })
    }
}
