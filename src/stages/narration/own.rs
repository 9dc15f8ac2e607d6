//! The user's own recording as the narration: its words are found in it.

use std::path::{Path, PathBuf};

use super::{
    super::{Cached, Context, Error, Kind},
    VERSION,
    cue::lexicon,
    recording::failed,
    stage::Spoken,
    track::master,
};
use crate::{
    audio::{self, fade, high_pass, resample, trim, voiced},
    digest::Digest,
    pipeline::{Narration as Settings, Pipeline},
    speech::{Align, SpokenWord, Token, spoken_tokens},
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
    Ok(script.beats.iter().map(|beat| spoken_tokens(&beat.text, &settings.language, &lexicon)).collect())
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
