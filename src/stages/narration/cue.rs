//! Who speaks a beat, in which language and in which words.

use std::collections::BTreeMap;

use super::{
    super::{Context, Error, Kind},
    VERSION,
    source::Source,
};
use crate::{
    pipeline::{Emoji, Narration as Settings},
    speech::{Error as SpeechError, Lexicon, Reading, Said, said},
    store::{Key, KeyBuilder},
    story::{Beat, Script, VoicePreset},
};

/// A beat with everything that its sound depends on.
pub(super) struct Cue<'a> {
    pub(super) beat: &'a Beat,
    pub(super) preset: &'a VoicePreset,
    pub(super) language: &'a str,
    pub(super) source: Source,
    pub(super) said: Said,
    /// Where its recording lies.
    pub(super) key: Key,
}

impl Cue<'_> {
    /// Where it stands in the script.
    pub(super) fn place(&self) -> String {
        format!("line {}", self.beat.line)
    }
}

/// One cue a beat.
pub(super) fn cues<'a>(
    settings: &'a Settings,
    script: &'a Script,
    ctx: &Context<'_>,
) -> Result<Vec<Cue<'a>>, Error> {
    let lexicon = lexicon(settings)?;
    // Networks are large, and many lines are spoken by one.
    let mut sources: BTreeMap<&str, Source> = BTreeMap::new();
    let cue = |beat: &'a Beat| {
        let preset = match &beat.voice {
            None => &settings.voice,
            Some(name) => settings.voices.get(name).ok_or_else(|| unknown_voice(name, beat, settings))?,
        };
        let language = language_of(preset, settings);
        let source = match sources.get(preset.name.as_str()) {
            Some(known) => known.clone(),
            None => Source::of(preset, settings, &format!("line {}", beat.line), ctx)?,
        };
        sources.insert(&preset.name, source.clone());
        let said = read(beat, language, &lexicon, settings)?;
        let spoken: Vec<(&str, bool)> =
            said.tokens.iter().map(|t| (t.spoken.as_str(), t.space_before)).collect();
        let key = KeyBuilder::new("narration", VERSION)
            .field("rate", &settings.rate)
            .field("words", &spoken)
            .field("prosody", &said.prosody);
        let key = source.describe(key, preset, settings, language).finish()?;
        Ok(Cue { beat, preset, language, source, said, key })
    };
    script.beats.iter().map(cue).collect()
}

/// A beat as it is to be said.
pub(super) fn read(
    beat: &Beat,
    language: &str,
    lexicon: &Lexicon,
    settings: &Settings,
) -> Result<Said, Error> {
    let emoji = settings.emoji == Emoji::Speak;
    said(beat, &Reading { language, lexicon, emoji }).map_err(|error| {
        let line = match &error {
            SpeechError::Saying { line, .. } => *line,
            _ => beat.line,
        };
        Error::new(Kind::Invalid, format!("line {line}"), error)
    })
}

/// The user's own pronunciations.
pub(super) fn lexicon(settings: &Settings) -> Result<Lexicon, Error> {
    match &settings.lexicon {
        Some(path) => Lexicon::read(path).map_err(|error| Error::new(Kind::Invalid, "", error)),
        None => Ok(Lexicon::default()),
    }
}

/// The language that a voice speaks here: the script's, in the voice's own accent where it is
/// its language; but `[voice: de]` in an English script speaks German.
fn language_of<'a>(preset: &'a VoicePreset, settings: &'a Settings) -> &'a str {
    let same = |a: &str, b: &str| primary(a).eq_ignore_ascii_case(primary(b));
    let named_after_it = same(&preset.name, &preset.language) && preset.name != settings.voice.name;
    if named_after_it || same(&preset.language, &settings.language) {
        &preset.language
    } else {
        &settings.language
    }
}

fn primary(tag: &str) -> &str {
    tag.split('-').next().unwrap_or(tag)
}

fn unknown_voice(name: &str, beat: &Beat, settings: &Settings) -> Error {
    let mut near: Vec<(f64, &String)> =
        settings.voices.keys().map(|known| (strsim::jaro_winkler(name, known), known)).collect();
    near.retain(|(score, _)| *score > 0.6);
    near.sort_by(|a, b| b.0.total_cmp(&a.0));
    let near: Vec<String> = near.iter().take(3).map(|(_, known)| format!("`{known}`")).collect();
    let help = match near.join(" or ") {
        none if none.is_empty() => String::from("`shortform presets voices` lists them"),
        names => format!("did you mean {names}?"),
    };
    let message = format!("there is no voice `{name}`: {help}");
    Error::new(Kind::Invalid, format!("line {}", beat.line), message)
}
