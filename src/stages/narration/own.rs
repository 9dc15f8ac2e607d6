//! The user's own recording as the narration: its words are found in it.

use std::path::{Path, PathBuf};

use super::{
    super::{Cached, Context, Error, Kind},
    VERSION,
    cue::{lexicon, read},
    notes,
    recording::failed,
    stage::Spoken,
    track::master,
};
use crate::{
    audio::{self, Change, fade, high_pass, measure, resample, reshape, trim, voiced},
    digest::Digest,
    pipeline::{Narration as Settings, Pipeline},
    speech::{Align, SpokenWord, Token},
    store::{Key, KeyBuilder},
    story::{Narration, SAMPLE_RATE, Samples, Script, Span, SpokenBeat, Time, WordTiming},
};

const HIGH_PASS_HERTZ: f64 = 70.0;
const FADE_SECONDS: f64 = 0.005;
/// What is kept of the silence around the sound.
const MARGIN: usize = SAMPLE_RATE as usize / 50;

/// Takes the recording for the narration.
pub(super) fn run(pipeline: &Pipeline, script: &Script, ctx: &mut Context<'_>) -> Result<Spoken, Error> {
    let settings = &pipeline.narration;
    let path = path(settings)?;
    let tokens = tokens(settings, script)?;
    let key = key(pipeline, path, &tokens)?;
    let store = ctx.store;
    let (spoken, origin) = store.obtain(&key, || {
        ctx.progress(0, 1, "recordings", path.display().to_string())?;
        let spoken = make(pipeline, path, &tokens, ctx)?;
        let sound = spoken.sound;
        Ok::<_, Error>((spoken, vec![sound]))
    })?;
    ctx.step(origin == crate::store::Origin::Hit);
    notes::of_recording(script, ctx);
    ctx.note(format!(
        "{} is the narration; its words were found in it, so read the captions through once",
        path.display()
    ));
    Ok(spoken)
}

/// Whether it was taken before.
pub(super) fn cached(pipeline: &Pipeline, script: &Script, ctx: &Context<'_>) -> Result<Cached, Error> {
    let settings = &pipeline.narration;
    let key = key(pipeline, path(settings)?, &tokens(settings, script)?)?;
    let hits = usize::from(ctx.store.lookup::<Spoken>(&key)?.is_some());
    Ok(Cached { steps: 1, hits })
}

fn path(settings: &Settings) -> Result<&PathBuf, Error> {
    settings.recording.as_ref().ok_or_else(|| {
        let message = "there is no recording: put a WAV, MP3 or M4A file of the script's name beside it, or name one as \
                       `narration.recording`";
        Error::new(Kind::Missing, "", message)
    })
}

/// The tokens of each beat.
fn tokens(settings: &Settings, script: &Script) -> Result<Vec<Vec<Token>>, Error> {
    let lexicon = lexicon(settings)?;
    let tokens = |beat| Ok(read(beat, &settings.language, &lexicon, settings)?.tokens);
    script.beats.iter().map(tokens).collect()
}

fn key(pipeline: &Pipeline, path: &Path, tokens: &[Vec<Token>]) -> Result<Key, Error> {
    let settings = &pipeline.narration;
    let digest = Digest::of_file(path).map_err(|error| {
        Error::new(Kind::Missing, "", format!("the recording {} cannot be read: {error}", path.display()))
    })?;
    let words: Vec<Vec<(&str, &str, bool)>> = tokens
        .iter()
        .map(|beat| beat.iter().map(|t| (t.text.as_str(), t.spoken.as_str(), t.space_before)).collect())
        .collect();
    let loudness = &pipeline.platform.loudness;
    Ok(KeyBuilder::new("narration recording", VERSION)
        .field("recording", &digest)
        .field("words", &words)
        .field("language", &settings.language)
        .field("lead", &settings.lead)
        .field("tail", &settings.tail)
        .field("loudness", &(loudness.integrated.value, loudness.true_peak.value))
        .finish()?)
}

fn make(
    pipeline: &Pipeline,
    path: &Path,
    beats: &[Vec<Token>],
    ctx: &mut Context<'_>,
) -> Result<Spoken, Error> {
    let settings = &pipeline.narration;
    let broken = |error: audio::Error| {
        Error::new(Kind::Invalid, "", format!("the recording {} cannot be used: {error}", path.display()))
    };
    let mut samples = mono(decode(path)?);
    samples = resample(&samples, SAMPLE_RATE).map_err(broken)?;
    high_pass(&mut samples, HIGH_PASS_HERTZ);
    let range = voiced(&samples).ok_or_else(|| broken(audio::Error::Silent))?;
    let mut samples = trim(&samples, range.start.saturating_sub(MARGIN)..range.end + MARGIN);
    fade(&mut samples, FADE_SECONDS);
    let seconds = |duration: std::time::Duration| (duration.as_secs_f64() * f64::from(SAMPLE_RATE)) as usize;
    let lead = seconds(settings.lead);
    let all: Vec<Token> = beats.concat();
    let aligner = Align::new(&settings.language).map_err(|error| failed(error, String::new()))?;
    let found = aligner.words(&all, &samples).map_err(|error| failed(error, String::new()))?;
    even_out(&mut samples, beats, &found)?;
    ctx.cancel.check()?;
    if let Some(channel) = samples.channels.first_mut() {
        channel.splice(0..0, std::iter::repeat_n(0.0, lead));
        channel.extend(std::iter::repeat_n(0.0, seconds(settings.tail)));
    }
    let length = samples.len();
    let (sound, leveled) = master(pipeline, samples, ctx)?;
    let narration = Narration {
        language: settings.language.clone(),
        beats: spoken_beats(beats, &found, lead, length),
        duration: Time(length as u64),
    };
    Ok(Spoken { narration, sound, leveled })
}

/// How much louder or softer a sentence of a recording is made at most: beyond that, it was meant so.
const MOST_DB: f64 = 6.0;

/// Brings the sentences of a recording nearer to one loudness, from pause to pause; no sample moves.
fn even_out(samples: &mut Samples, beats: &[Vec<Token>], found: &[SpokenWord]) -> Result<(), Error> {
    let mut spans: Vec<(usize, usize)> = Vec::new();
    let mut first = 0;
    for tokens in beats {
        let own = || found.iter().filter(|word| (first..first + tokens.len()).contains(&word.token));
        if let (Some(from), Some(to)) = (own().map(|word| word.start).min(), own().map(|word| word.end).max())
        {
            spans.push((from, to));
        }
        first += tokens.len();
    }
    let loudness = |range: std::ops::Range<usize>| match measure(&trim(samples, range)) {
        Ok(measured) => Ok(Some(measured.integrated_lufs)),
        Err(audio::Error::Silent) => Ok(None),
        Err(error) => Err(Error::new(Kind::Failed, "", error)),
    };
    let Some(whole) = loudness(0..samples.len())? else { return Ok(()) };
    let mut changes = Vec::new();
    for (index, (from, to)) in spans.iter().enumerate() {
        let Some(own) = loudness(*from..*to)? else { continue };
        // The loudness changes in the middle of the pause.
        let start = if index == 0 { 0 } else { usize::midpoint(spans[index - 1].1, *from) };
        let end = spans.get(index + 1).map_or(samples.len(), |next| usize::midpoint(*to, next.0));
        let gain = 10f64.powf((whole - own).clamp(-MOST_DB, MOST_DB) / 20.0);
        changes.push(Change { range: start..end, rate: 1.0, pitch: 1.0, gain });
    }
    *samples = reshape(samples, &changes).0;
    Ok(())
}

/// The beats with their words; each lasts until the next one begins.
fn spoken_beats(beats: &[Vec<Token>], found: &[SpokenWord], lead: usize, length: usize) -> Vec<SpokenBeat> {
    let time = |sample: usize| Time((sample + lead) as u64);
    let mut spoken = Vec::with_capacity(beats.len());
    let mut first = 0;
    for (index, tokens) in beats.iter().enumerate() {
        let own = found.iter().filter(|word| (first..first + tokens.len()).contains(&word.token));
        let words: Vec<WordTiming> = own
            .map(|word| {
                let token = &tokens[word.token - first];
                WordTiming {
                    text: token.text.clone(),
                    spoken: token.words().to_owned(),
                    span: Span::new(time(word.start), time(word.end)),
                    space_before: token.space_before,
                    quality: word.quality,
                }
            })
            .collect();
        first += tokens.len();
        let voiced = match (words.first(), words.last()) {
            (Some(first), Some(last)) => Span::new(first.span.start, last.span.end),
            _ => Span::default(),
        };
        spoken.push(SpokenBeat { beat: index, span: Span::default(), voiced, words });
    }
    let mut end = Time(length as u64);
    for (index, beat) in spoken.iter_mut().enumerate().rev() {
        if beat.words.is_empty() {
            beat.voiced = Span::new(end, end);
        }
        let start = if index == 0 { Time::ZERO } else { beat.voiced.start.min(end) };
        beat.span = Span::new(start, end);
        end = start;
    }
    spoken
}

fn mono(samples: Samples) -> Samples {
    let count = samples.channels.len().max(1) as f32;
    let mean = |at: usize| samples.channels.iter().map(|channel| channel[at]).sum::<f32>() / count;
    Samples::mono(samples.rate, (0..samples.len()).map(mean).collect())
}

#[cfg(feature = "video")]
fn decode(path: &Path) -> Result<Samples, Error> {
    crate::media::sound(path).map_err(|error| Error::new(Kind::Invalid, "", error))
}

#[cfg(not(feature = "video"))]
fn decode(path: &Path) -> Result<Samples, Error> {
    let unreadable = |reason: String| {
        let message = format!(
            "the recording {} cannot be read: {reason}; this build has no libav (Cargo feature `video`) and reads WAV alone",
            path.display()
        );
        Error::new(Kind::Invalid, "", message)
    };
    let bytes = std::fs::read(path).map_err(|error| unreadable(error.to_string()))?;
    audio::decode_wav(&bytes).map_err(|error| unreadable(error.to_string()))
}
