//! The `narration` stage.

use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use super::Server;
use crate::{
    pipeline::{
        fields::Fields,
        kind::{duration, name, number, preset, text, variant},
    },
    story::{ServerTimings, SoundFormat, VoicePreset},
};

/// Who makes the voice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VoiceEngine {
    /// espeak-ng: no download, instant, robotic.
    Espeak,
    /// Piper: a network a voice.
    Piper,
    /// Kokoro: one network, many voices.
    Kokoro,
    /// A speech server.
    Remote,
    /// Nobody: the user's own recording is the narration.
    Recording,
}

/// What becomes of emoji in what is spoken; captions show them either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Emoji {
    /// They are silent.
    Skip,
    /// Their names are spoken.
    Speak,
}

/// The speech server, for when it speaks.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Remote {
    /// Which, and how it is asked.
    pub server: Server,
    /// How it is to be spoken, for models that take that.
    pub instructions: String,
    /// How it sends sound.
    pub format: SoundFormat,
    /// How words get their times.
    pub timings: ServerTimings,
    /// What a million characters cost; nothing where it is free.
    pub price: f64,
}

impl Remote {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let server = Server::read(fields);
        let instructions = fields.get("instructions", &text());
        let format = fields.get("format", &variant::<SoundFormat>());
        let timings = fields.get("timings", &variant::<ServerTimings>());
        let price = fields.get("price", &number(0.0..=1e6));
        Some(Self {
            server: server?,
            instructions: instructions?,
            format: format?,
            timings: timings?,
            price: price?,
        })
    }
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
    /// The network of the voice, by name or path, for Piper and Kokoro; none is the one the voice names.
    pub model: Option<String>,
    /// How much a Piper voice varies beside its own measure; 0 not at all.
    pub variation: f32,
    /// The user's own recording; none is the one beside the script.
    pub recording: Option<PathBuf>,
    /// How words are pronounced: a file; none is `lexicon.yaml` beside the script, if there is one.
    pub lexicon: Option<PathBuf>,
    /// Whether emoji are spoken.
    pub emoji: Emoji,
    /// The speech server.
    pub remote: Remote,
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
        let engine = fields.get("engine", &variant::<VoiceEngine>());
        let voice = fields.get("voice", &preset("voice", voices.keys().cloned().collect()));
        let voice = voice.and_then(|name| voices.get(&name).cloned());
        let model = fields.get("model", &name("a name or a path").map(Some).or_auto(None));
        let variation = fields.get("variation", &number(0.0..=2.0));
        let path = || name("the path of a file").map(|path| Some(PathBuf::from(path))).or_auto(None);
        let recording = fields.get("recording", &path());
        let lexicon = fields.get("lexicon", &path());
        let emoji = fields.get("emoji", &variant::<Emoji>());
        let remote = fields.group("remote", Remote::read);
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
            model: model?,
            variation: variation? as f32,
            recording: recording?,
            lexicon: lexicon?,
            emoji: emoji?,
            remote: remote?,
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
