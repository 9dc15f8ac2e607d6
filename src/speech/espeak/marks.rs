//! From marks to words: where each token's own sound begins and ends.

use super::{
    super::{SpokenWord, Token},
    libespeak::Heard,
};
use crate::story::TimingQuality;

/// Sound this far below the loudest of the utterance is silence (dB).
const SILENCE_DB: f64 = -46.0;
/// The length of the windows whose level is looked at, in seconds.
const WINDOW_SECONDS: f64 = 0.004;

/// Finds the words of an utterance of which `heard` is the sound.
///
/// A word begins at its mark and ends where the next one's mark lies; silence on
/// either side is cut off. Words that share one mark, because the engine merged
/// them, divide its span by the number of their letters.
pub(super) fn words(tokens: &[Token], heard: &Heard, sample_rate: u32) -> Vec<SpokenWord> {
    let length = heard.samples.len();
    let voiced = Voiced::of(&heard.samples, sample_rate);
    let marks = in_order(tokens, &heard.marks, length);
    let mut words = Vec::with_capacity(marks.len());
    let mut first = 0;
    while first < marks.len() {
        let (_, start) = marks[first];
        let count = marks[first..].iter().take_while(|(_, sample)| *sample == start).count();
        let end = marks.get(first + count).map_or(length, |(_, sample)| *sample);
        let (start, end) = voiced.within(start, end);
        divide(tokens, &marks[first..first + count], start, end, &mut words);
        first += count;
    }
    words
}

/// One mark for each token that is spoken, never backwards; a token whose mark
/// got lost shares that of the token before.
fn in_order(tokens: &[Token], marks: &[(usize, usize)], length: usize) -> Vec<(usize, usize)> {
    let mut latest = 0;
    let spoken = tokens.iter().enumerate().filter(|(_, token)| !token.spoken.is_empty());
    spoken
        .map(|(index, _)| {
            let sample =
                marks.iter().find(|(token, _)| *token == index).map_or(latest, |(_, sample)| *sample);
            latest = sample.max(latest).min(length);
            (index, latest)
        })
        .collect()
}

/// Gives each of the tokens that share a span its part of it.
fn divide(
    tokens: &[Token],
    shared: &[(usize, usize)],
    start: usize,
    end: usize,
    words: &mut Vec<SpokenWord>,
) {
    let quality = if shared.len() == 1 { TimingQuality::Exact } else { TimingQuality::Divided };
    let letters = |token: usize| tokens[token].spoken.chars().filter(|c| c.is_alphanumeric()).count().max(1);
    let all: usize = shared.iter().map(|(token, _)| letters(*token)).sum();
    let mut before = 0;
    for (token, _) in shared {
        let at = |letters: usize| start + (end - start) * letters / all;
        let from = before;
        before += letters(*token);
        words.push(SpokenWord { token: *token, start: at(from), end: at(before), quality });
    }
}

/// A sound, and how loud silence may be in it.
struct Voiced<'a> {
    samples: &'a [i16],
    window: usize,
    threshold: f64,
}

impl<'a> Voiced<'a> {
    fn of(samples: &'a [i16], sample_rate: u32) -> Self {
        let window = ((f64::from(sample_rate) * WINDOW_SECONDS) as usize).max(1);
        let loudest = samples.chunks(window).map(power).fold(0.0, f64::max);
        Self { samples, window, threshold: loudest * 10f64.powf(SILENCE_DB / 10.0) }
    }

    /// `start..end` without the silence at its ends; unchanged where it is silent throughout.
    fn within(&self, start: usize, end: usize) -> (usize, usize) {
        let span = &self.samples[start..end];
        let loud = |window: &[i16]| power(window) > self.threshold;
        let first = span.chunks(self.window).position(loud);
        let last = span.rchunks(self.window).position(loud);
        match (first, last) {
            (Some(first), Some(last)) if (first + last) * self.window < span.len() => {
                (start + first * self.window, end - last * self.window)
            }
            _ => (start, end),
        }
    }
}

fn power(window: &[i16]) -> f64 {
    window.iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>() / window.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(spoken: &[&str]) -> Vec<Token> {
        let token = |s: &&str| Token { text: s.to_string(), spoken: s.to_string(), space_before: true };
        spoken.iter().map(token).collect()
    }

    /// Sound where `loud` says so, in blocks of 1000 samples.
    fn heard(loud: &[bool], marks: &[(usize, usize)]) -> Heard {
        let samples = loud.iter().flat_map(|loud| vec![if *loud { 9_000 } else { 0 }; 1_000]).collect();
        Heard { samples, marks: marks.to_vec() }
    }

    fn near(word: SpokenWord, start: usize, end: usize) -> bool {
        word.start.abs_diff(start) <= 88 && word.end.abs_diff(end) <= 88
    }

    #[test]
    fn a_pause_belongs_to_no_word() {
        let words = words(
            &tokens(&["One,", "two."]),
            &heard(&[false, true, true, false, false, true, false], &[(0, 0), (1, 3_500)]),
            22_050,
        );
        assert!(near(words[0], 1_000, 3_000), "{words:?}");
        assert!(near(words[1], 5_000, 6_000), "{words:?}");
        assert!(words.iter().all(|word| word.quality == TimingQuality::Exact));
    }

    #[test]
    fn merged_words_divide_their_span() {
        let words = words(
            &tokens(&["for", "a", "week"]),
            &heard(&[true, true, true, true, true], &[(0, 0), (1, 0), (2, 4_000)]),
            22_050,
        );
        assert_eq!((words[0].start, words[0].end), (0, 3_000));
        assert_eq!((words[1].start, words[1].end), (3_000, 4_000));
        assert_eq!(words[1].quality, TimingQuality::Divided);
        assert_eq!(words[2].quality, TimingQuality::Exact);
    }

    #[test]
    fn a_lost_mark_costs_no_word() {
        let words =
            words(&tokens(&["one", "two", "three"]), &heard(&[true; 4], &[(0, 0), (2, 2_000)]), 22_050);
        assert_eq!(words.iter().map(|word| word.token).collect::<Vec<_>>(), [0, 1, 2]);
        assert!(words.windows(2).all(|pair| pair[0].end <= pair[1].start));
    }
}
