//! One beat spoken, cleaned, and at the common rate and loudness.

use std::{collections::BTreeMap, ops::Range, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use super::{
    super::{Context, Error, Kind},
    cue::Cue,
    source::Source,
};
use crate::{
    audio::{
        self, Change, SampleFormat, encode_wav, fade, high_pass, level, resample, reshape, trim, voiced,
    },
    digest::Digest,
    pipeline::Narration as Settings,
    service,
    speech::{
        self, Draft, Espeak, Kokoro, Piper, Remote, RemoteVoice, Said, SpokenWord, Utterance, Voice,
        voice_of_language,
    },
    story::{EspeakVoice, Prosody, SAMPLE_RATE, VoicePreset},
};

/// Every beat is brought here before they are joined, so that no sentence or voice sticks out.
const LUFS: f64 = -23.0;
/// How far peaks may stand above that: no more than platforms allow, so that the limiter of the whole takes no
/// loudness from the voice whose peaks are highest.
const HEADROOM_DB: f64 = 12.0;
/// Below any voice.
const HIGH_PASS_HERTZ: f64 = 70.0;
const FADE_SECONDS: f64 = 0.005;
/// What is kept of the silence around the sound, so that soft beginnings keep their edge.
const MARGIN: usize = SAMPLE_RATE as usize / 100;

/// One beat as spoken, kept in the store.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Recording {
    /// Which voice of which engine spoke it.
    pub(super) voice: String,
    /// The words, in samples of `sound`.
    pub(super) words: Vec<SpokenWord>,
    /// A WAV file, 48 kHz mono; none where nothing can be heard.
    pub(super) sound: Option<Digest>,
}

/// Speaks a beat; where memory runs out, once more with no other voice loaded.
pub(super) fn record(
    cue: &Cue<'_>,
    rate: f32,
    voices: &mut Voices<'_>,
    ctx: &mut Context<'_>,
) -> Result<Recording, Error> {
    match record_now(cue, rate, voices, ctx) {
        Err(error) if error.kind == Kind::OutOfMemory => {
            voices.open.clear();
            ctx.fall_back(format!("{error}; once more with no other voice loaded"));
            record_now(cue, rate, voices, ctx)
        }
        done => done,
    }
}

fn record_now(
    cue: &Cue<'_>,
    rate: f32,
    voices: &mut Voices<'_>,
    ctx: &mut Context<'_>,
) -> Result<Recording, Error> {
    let voice = voices.get(cue, ctx)?;
    let speech = voice
        .speak(&Utterance { tokens: &cue.said.tokens, rate })
        .map_err(|error| failed(error, cue.place()))?;
    let broken = |error: audio::Error| Error::new(Kind::Failed, cue.place(), error);
    let voice = voice.identity();
    let own_rate = u64::from(speech.samples.rate.max(1));
    let mut samples = resample(&speech.samples, SAMPLE_RATE).map_err(broken)?;
    high_pass(&mut samples, HIGH_PASS_HERTZ);
    let Some(range) = voiced(&samples) else {
        return Ok(Recording { voice, words: Vec::new(), sound: None });
    };
    let start = range.start.saturating_sub(MARGIN);
    let mut samples = trim(&samples, start..range.end + MARGIN);
    fade(&mut samples, FADE_SECONDS);
    level(&mut samples, LUFS, LUFS + HEADROOM_DB).map_err(broken)?;
    let place = |sample: usize| {
        let sample = (sample as u64 * u64::from(SAMPLE_RATE) + own_rate / 2) / own_rate;
        (sample as usize).saturating_sub(start).min(samples.len())
    };
    let mut words: Vec<SpokenWord> = speech
        .words
        .into_iter()
        .map(|word| SpokenWord { start: place(word.start), end: place(word.end), ..word })
        .collect();
    // What SSML asks for is heard beside the loudness that every sentence is brought to.
    let changes = changes(&cue.said, &words);
    if !changes.is_empty() {
        let (shaped, moved) = reshape(&samples, &changes);
        samples = shaped;
        for word in &mut words {
            (word.start, word.end) = (moved.place(word.start), moved.place(word.end));
        }
    }
    let sound = ctx.store.put(&encode_wav(&samples, SampleFormat::Float).map_err(broken)?)?;
    Ok(Recording { voice, words, sound: Some(sound) })
}

/// What the runs of words that SSML marks are to sound like.
fn changes(said: &Said, words: &[SpokenWord]) -> Vec<Change> {
    let change = |(tokens, how): &(Range<usize>, Prosody)| {
        let mut own = words.iter().filter(|word| tokens.contains(&word.token));
        let first = own.next()?;
        let end = own.next_back().map_or(first.end, |last| last.end);
        let silent = how.volume <= -10_000;
        Some(Change {
            range: first.start..end,
            rate: f64::from(how.rate) / 1e3,
            pitch: 2f64.powf(f64::from(how.pitch) / 1_200.0),
            gain: if silent { 0.0 } else { 10f64.powf(f64::from(how.volume) / 2_000.0) },
        })
    };
    said.prosody.iter().filter_map(change).collect()
}

/// The voices opened so far, by preset and language.
pub(super) struct Voices<'a> {
    settings: &'a Settings,
    open: BTreeMap<(String, String), Box<dyn Voice>>,
}

impl<'a> Voices<'a> {
    /// Opens none yet.
    pub(super) fn new(settings: &'a Settings) -> Self {
        Self { settings, open: BTreeMap::new() }
    }

    fn get(&mut self, cue: &Cue<'_>, ctx: &mut Context<'_>) -> Result<&mut dyn Voice, Error> {
        use std::collections::btree_map::Entry;
        let settings = self.settings;
        let voice = match self.open.entry((cue.preset.name.clone(), cue.language.to_owned())) {
            Entry::Occupied(open) => open.into_mut(),
            Entry::Vacant(vacant) => vacant.insert(open(cue, settings, ctx)?),
        };
        Ok(voice.as_mut())
    }
}

fn open(cue: &Cue<'_>, settings: &Settings, ctx: &mut Context<'_>) -> Result<Box<dyn Voice>, Error> {
    let place = |error| failed(error, cue.place());
    Ok(match &cue.source {
        Source::Draft => Box::new(Draft),
        Source::Espeak => Box::new(espeak(cue, ctx)?),
        Source::Piper { path, speaker, .. } => {
            Box::new(Piper::open(path, speaker.as_deref(), settings.variation, cue.language).map_err(place)?)
        }
        Source::Kokoro { path, voice, .. } => {
            Box::new(Kokoro::open(path, voice, cue.language).map_err(place)?)
        }
        Source::Remote { voice } => {
            let remote = &settings.remote;
            let server = &remote.server;
            let asked = service::Settings::new("narration.remote", &server.url, server.key.as_deref());
            let asked = asked.map_err(|error| place(error.into()))?;
            let cancel = ctx.cancel.clone();
            let asked = service::Settings {
                offline: server.offline,
                timeout: server.timeout,
                retries: server.retries as usize,
                patience: Duration::from_secs(300).max(server.timeout),
                stop: Arc::new(move || cancel.is_cancelled()),
                ..asked
            };
            let voice = RemoteVoice {
                model: server.model.clone(),
                voice: voice.clone(),
                instructions: remote.instructions.clone(),
                format: remote.format,
                timings: remote.timings,
                language: cue.language.to_owned(),
            };
            Box::new(Remote::open(asked, voice).map_err(place)?)
        }
    })
}

/// Opens the cue's voice in the language it is to speak.
fn espeak(cue: &Cue<'_>, ctx: &mut Context<'_>) -> Result<Espeak, Error> {
    let place = |error| failed(error, cue.place());
    let VoicePreset { name, language, espeak, .. } = cue.preset;
    if language == cue.language {
        return Espeak::open(espeak).map_err(place);
    }
    ctx.note(format!("voice `{name}` is made for {language} and speaks {} here", cue.language));
    let voice = voice_of_language(cue.language).map_err(place)?;
    Espeak::open(&EspeakVoice { voice, ..espeak.clone() }).map_err(place)
}

/// What a voice's trouble is to the user.
pub(super) fn failed(error: speech::Error, place: String) -> Error {
    use speech::Error as E;
    let kind = match &error {
        E::NotInstalled { .. } | E::Unusable { .. } | E::Model { .. } => Kind::Missing,
        E::UnknownLanguage { .. }
        | E::UnknownVariant { .. }
        | E::Rate { .. }
        | E::Setting { .. }
        | E::Saying { .. }
        | E::Lexicon { .. } => Kind::Invalid,
        E::Synthesis { .. } => Kind::Failed,
        E::OutOfMemory { .. } => Kind::OutOfMemory,
        E::Service(error) => return asked(error.clone(), place),
    };
    // A missing library is missing everywhere.
    let place = if kind == Kind::Missing { String::new() } else { place };
    Error::new(kind, place, error)
}

/// What a server's trouble is to the user.
pub(in super::super) fn asked(error: service::Error, place: String) -> Error {
    use service::Error as E;
    let kind = match &error {
        E::Cancelled => return Error::cancelled(),
        E::Address { .. } | E::OpenLine { .. } => Kind::Invalid,
        E::NoKey { .. } => Kind::Missing,
        _ => Kind::Network,
    };
    Error::new(kind, place, error)
}
