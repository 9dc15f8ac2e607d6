//! The recordings joined with their pauses, at the platform's loudness.

use super::{
    super::{Context, Error, Kind},
    VERSION,
    cue::Cue,
    recording::Recording,
    stage::Spoken,
};
use crate::{
    audio::{self, Leveled, SampleFormat, concatenate, decode_wav, encode_wav, level},
    digest::Digest,
    pipeline::{Narration as Settings, Pipeline},
    store::{Key, KeyBuilder},
    story::{Narration, Pause, SAMPLE_RATE, Samples, Span, SpokenBeat, Time, WordTiming},
};

/// AAC rebuilds peaks a little higher than they were (dB).
const CODEC_MARGIN_DB: f64 = 0.5;

/// Where the joined track lies in the store.
pub(super) fn key(pipeline: &Pipeline, cues: &[Cue<'_>]) -> Result<Key, Error> {
    let settings = &pipeline.narration;
    let recordings: Vec<Digest> = cues.iter().map(|cue| cue.key.digest()).collect();
    let shown: Vec<&str> =
        cues.iter().flat_map(|cue| &cue.said.tokens).map(|token| token.text.as_str()).collect();
    let pauses: Vec<u64> = cues.iter().map(|cue| pause(cue.beat.pause, settings).0).collect();
    let loudness = &pipeline.platform.loudness;
    Ok(KeyBuilder::new("narration track", VERSION)
        .field("recordings", &recordings)
        .field("shown", &shown)
        .field("language", &settings.language)
        .field("pauses", &pauses)
        .field("lead", &settings.lead)
        .field("tail", &settings.tail)
        .field("loudness", &(loudness.integrated.value, loudness.true_peak.value))
        .finish()?)
}

/// Joins the recordings of all beats, which lie in the store.
pub(super) fn join(
    pipeline: &Pipeline,
    cues: &[Cue<'_>],
    recordings: &[Recording],
    ctx: &Context<'_>,
) -> Result<Spoken, Error> {
    let settings = &pipeline.narration;
    let lead = Samples::silence(SAMPLE_RATE, 1, time(settings.lead).0 as usize);
    let tail = Samples::silence(SAMPLE_RATE, 1, time(settings.tail).0 as usize);
    let mut beats: Vec<SpokenBeat> = Vec::with_capacity(cues.len());
    let mut sounds = Vec::with_capacity(cues.len());
    let mut at = Time(lead.len() as u64);
    for (index, (cue, recording)) in cues.iter().zip(recordings).enumerate() {
        let sound = sound(recording, cue, ctx)?;
        let end = at + Time(sound.len() as u64);
        let last = index + 1 == cues.len();
        let pause = if last { Time::ZERO } else { pause(cue.beat.pause, settings) };
        let start = if index == 0 { Time::ZERO } else { at };
        beats.push(SpokenBeat {
            beat: index,
            span: Span::new(start, end + if last { time(settings.tail) } else { pause }),
            voiced: Span::new(at, end),
            words: words(cue, recording, at),
        });
        sounds.push((sound, pause.0 as usize));
        at = end + pause;
    }
    let parts: Vec<(&Samples, usize)> = std::iter::once((&lead, 0))
        .chain(sounds.iter().map(|(sound, pause)| (sound, *pause)))
        .chain([(&tail, 0)])
        .collect();
    let track = concatenate(&parts).map_err(failed)?;
    let duration = Time(track.len() as u64);
    let (sound, leveled) = master(pipeline, track, ctx)?;
    let narration = Narration { language: settings.language.clone(), beats, duration };
    Ok(Spoken { narration, sound, leveled })
}

/// Brings a whole track to the platform's loudness and puts it into the store.
pub(super) fn master(
    pipeline: &Pipeline,
    mut track: Samples,
    ctx: &Context<'_>,
) -> Result<(Digest, Leveled), Error> {
    let loudness = &pipeline.platform.loudness;
    let leveled = level(&mut track, loudness.integrated.value, loudness.true_peak.value - CODEC_MARGIN_DB)
        .map_err(failed)?;
    let sound = ctx.store.put(&encode_wav(&track, SampleFormat::Float).map_err(failed)?)?;
    Ok((sound, leveled))
}

fn failed(error: audio::Error) -> Error {
    match error {
        audio::Error::Silent => Error::new(Kind::Invalid, "", "the script has nothing that can be spoken"),
        error => Error::new(Kind::Failed, "", error),
    }
}

fn sound(recording: &Recording, cue: &Cue<'_>, ctx: &Context<'_>) -> Result<Samples, Error> {
    let Some(digest) = recording.sound else { return Ok(Samples::silence(SAMPLE_RATE, 1, 0)) };
    let lost = || Error::new(Kind::Failed, cue.place(), "its sound has gone from the cache: run again");
    let bytes = ctx.store.get(digest)?.ok_or_else(lost)?;
    decode_wav(&bytes).map_err(|error| Error::new(Kind::Failed, cue.place(), error))
}

/// The words as written, at the times at which they are heard; `at` is where the recording begins.
fn words(cue: &Cue<'_>, recording: &Recording, at: Time) -> Vec<WordTiming> {
    let timing = |word: &crate::speech::SpokenWord| {
        let token = cue.said.tokens.get(word.token)?;
        Some(WordTiming {
            text: token.text.clone(),
            spoken: token.words().to_owned(),
            span: Span::new(at + Time(word.start as u64), at + Time(word.end as u64)),
            space_before: token.space_before,
            quality: word.quality,
        })
    };
    recording.words.iter().filter_map(timing).collect()
}

fn pause(pause: Pause, settings: &Settings) -> Time {
    time(match pause {
        Pause::Sentence => settings.sentence_pause,
        Pause::Paragraph => settings.paragraph_pause,
        Pause::Exactly(pause) => pause,
    })
}

fn time(duration: std::time::Duration) -> Time {
    Time::from_seconds(duration.as_secs_f64())
}
