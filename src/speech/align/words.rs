//! The words of a sound.

use super::{
    super::{Error, Espeak, Speech, SpokenWord, Token, Utterance, Voice, voice_of_language},
    edges::settle,
    features::{Frames, HOP},
    warp::warp,
};
use crate::story::{EspeakVoice, Samples, TimingQuality};

const WORDS_A_MINUTE: u16 = 165;
const SLOWEST: f64 = 85.0;
const FASTEST: f64 = 400.0;

/// Finds words in the sound of a language.
#[derive(Debug, Clone)]
pub struct Align {
    reference: EspeakVoice,
}

impl Align {
    /// An aligner for a language (BCP 47).
    ///
    /// # Errors
    /// When espeak-ng is not installed or does not speak it.
    pub fn new(language: &str) -> Result<Self, Error> {
        let voice = voice_of_language(language)?;
        Ok(Self {
            reference: EspeakVoice {
                voice,
                variant: None,
                pitch: 50,
                range: 50,
                words_per_minute: WORDS_A_MINUTE,
            },
        })
    }

    /// Where in `samples` each of the `tokens` lies that has something to speak.
    ///
    /// # Errors
    /// When espeak-ng cannot speak the tokens, or the sound is silent though there is something to be heard.
    pub fn words(&self, tokens: &[Token], samples: &Samples) -> Result<Vec<SpokenWord>, Error> {
        let mono = mono(samples);
        let sound = Frames::of(&mono, samples.rate);
        let Some((first, last)) = edges(&sound.silent) else { return Ok(Vec::new()) };
        let mut reference = self.speak(tokens, f64::from(WORDS_A_MINUTE))?;
        let Some(length) = voiced_seconds(&reference) else { return Ok(Vec::new()) };
        // The nearer the two are in speed, the less has to be guessed.
        let wanted = (last + 1 - first) as f64 * HOP;
        let speed = (f64::from(WORDS_A_MINUTE) * length / wanted).clamp(SLOWEST, FASTEST);
        if (speed / f64::from(WORDS_A_MINUTE) - 1.0).abs() > 0.06 {
            reference = self.speak(tokens, speed)?;
        }
        let (Some(from), Some(to)) = (reference.words.first(), reference.words.last()) else {
            return Ok(Vec::new());
        };
        let (from, to) = (from.start, to.end.max(from.start + 1));
        let rate = f64::from(reference.samples.rate);
        let spoken = Frames::of(&reference.samples.channels[0][from..to], reference.samples.rate);
        let heard =
            Frames { rows: sound.rows[first..=last].to_vec(), silent: sound.silent[first..=last].to_vec() };
        let laid = warp(&spoken, &heard);
        // The frame of the sound, with its part, in which a moment of the reference is heard.
        let frame = |sample: usize| {
            let row = ((sample.saturating_sub(from)) as f64 / rate / HOP - 0.5).max(0.0);
            let at = |row: usize| {
                let (first, last) = laid[row.min(laid.len() - 1)];
                (first + last) as f64 / 2.0 + 0.5
            };
            let (lower, share) = (row as usize, row.fract());
            first as f64 + at(lower) * (1.0 - share) + at(lower + 1) * share
        };
        let mut spans: Vec<(f64, f64)> = Vec::with_capacity(reference.words.len());
        let mut earliest = 0.0;
        for word in &reference.words {
            let start = frame(word.start).max(earliest);
            let end = frame(word.end.min(to)).max(start);
            earliest = end;
            spans.push((start, end));
        }
        if let Some(last_word) = spans.last_mut() {
            last_word.1 = last_word.1.max((last + 1) as f64);
        }
        settle(&mut spans, &sound.silent);
        let sample = |frame: f64| ((frame * HOP * f64::from(samples.rate)).round() as usize).min(mono.len());
        let words = reference.words.iter().zip(spans).map(|(word, (start, end))| SpokenWord {
            token: word.token,
            start: sample(start),
            end: sample(end.max(start)),
            quality: TimingQuality::Aligned,
        });
        let words: Vec<SpokenWord> = words.collect();
        Ok(words)
    }

    fn speak(&self, tokens: &[Token], words_per_minute: f64) -> Result<Speech, Error> {
        let voice =
            EspeakVoice { words_per_minute: words_per_minute.round() as u16, ..self.reference.clone() };
        Espeak::open(&voice)?.speak(&Utterance { tokens, rate: 1.0 })
    }
}

fn mono(samples: &Samples) -> Vec<f32> {
    let count = samples.channels.len().max(1) as f32;
    (0..samples.len())
        .map(|at| samples.channels.iter().map(|channel| channel[at]).sum::<f32>() / count)
        .collect()
}

/// The first and the last frame that sound.
fn edges(silent: &[bool]) -> Option<(usize, usize)> {
    Some((silent.iter().position(|silent| !silent)?, silent.iter().rposition(|silent| !silent)?))
}

fn voiced_seconds(speech: &Speech) -> Option<f64> {
    let (first, last) = (speech.words.first()?, speech.words.last()?);
    let length = last.end.saturating_sub(first.start) as f64 / f64::from(speech.samples.rate);
    (length > 0.0).then_some(length)
}
