//! Tones instead of a voice: for a quick look without any voice engine.

use std::f64::consts::TAU;

use super::{Error, Speech, SpokenWord, Utterance, Voice};
use crate::story::{Samples, TimingQuality};

const RATE: u32 = 24_000;
const SECONDS_A_LETTER: f64 = 0.06;
const GAP_SECONDS: f64 = 0.05;
const COMMA_SECONDS: f64 = 0.2;

/// One tone a word, as long as the word has letters, at a pitch that steps through a scale.
///
/// The timings are exact, so captions and cuts can be judged before any voice is installed.
#[derive(Debug, Clone, Copy, Default)]
pub struct Draft;

impl Voice for Draft {
    fn identity(&self) -> String {
        String::from("draft tones")
    }

    fn speak(&mut self, utterance: &Utterance<'_>) -> Result<Speech, Error> {
        let rate = f64::from(utterance.rate);
        let length = |seconds: f64| (seconds / rate * f64::from(RATE)) as usize;
        let mut samples = Vec::new();
        let mut words = Vec::new();
        let spoken = utterance.tokens.iter().enumerate().filter(|(_, token)| !token.spoken.is_empty());
        for (index, token) in spoken {
            let letters = token.words().chars().filter(|c| c.is_alphanumeric()).count().max(1);
            let start = samples.len();
            let end = start + length(letters as f64 * SECONDS_A_LETTER);
            let hertz = 220.0 * 2f64.powf([0.0, 4.0, 7.0, 12.0, 7.0, 4.0][words.len() % 6] / 12.0);
            let tone = |i: usize| {
                let edge = i.min(end - start - 1 - i) as f64 / (0.005 * f64::from(RATE));
                (0.2 * edge.min(1.0) * (TAU * hertz * i as f64 / f64::from(RATE)).sin()) as f32
            };
            samples.extend((0..end - start).map(tone));
            words.push(SpokenWord { token: index, start, end, quality: TimingQuality::Exact });
            let pause = if token.words() == token.spoken { GAP_SECONDS } else { COMMA_SECONDS };
            samples.resize(samples.len() + length(pause), 0.0);
        }
        Ok(Speech { samples: Samples::mono(RATE, samples), words })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tokens;
    use super::*;

    #[test]
    fn each_word_is_a_tone_of_its_own() {
        let tokens = tokens("One, two 🎉 three.", "en-US");
        let speech = Draft.speak(&Utterance { tokens: &tokens, rate: 2.0 }).unwrap();
        assert_eq!(speech.words.len(), 3);
        for pair in speech.words.windows(2) {
            let gap = &speech.samples.channels[0][pair[0].end..pair[1].start];
            assert!(!gap.is_empty() && gap.iter().all(|sample| *sample == 0.0));
        }
        assert_eq!(speech.words[0].end, 2_160);
    }
}
