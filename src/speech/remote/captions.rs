//! The words that a server says it spoke, laid over those that it was given.

use serde::Deserialize;

use super::super::{SpokenWord, Token, phonemes::owners};
use crate::story::TimingQuality;

/// A server's sound and its words.
#[derive(Deserialize)]
pub(super) struct Captioned {
    pub(super) audio: String,
    #[serde(default)]
    pub(super) timestamps: Option<Vec<Stamp>>,
}

/// A word as the server heard itself speak it, in seconds.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Stamp {
    pub(super) word: String,
    pub(super) start_time: f64,
    pub(super) end_time: f64,
}

/// The words of `tokens` by the server's `stamps`; none where its words are not ours.
///
/// Servers rewrite what they read (`5 million dollars` for `$5M`), repeat words and list punctuation: letters are
/// laid over letters, and a word lasts from its first letter to its last.
pub(super) fn words(tokens: &[Token], stamps: &[Stamp], rate: u32, length: usize) -> Option<Vec<SpokenWord>> {
    let mut heard: Vec<(char, f64, f64)> = Vec::new();
    for stamp in stamps {
        let letters: Vec<char> = letters(&stamp.word);
        let (start, end) = (stamp.start_time, stamp.end_time.max(stamp.start_time));
        if !(start.is_finite() && end.is_finite() && start >= 0.0) {
            return None;
        }
        let each = (end - start) / letters.len().max(1) as f64;
        heard.extend(
            letters
                .into_iter()
                .enumerate()
                .map(|(at, letter)| (letter, start + each * at as f64, start + each * (at + 1) as f64)),
        );
    }
    let given: Vec<(char, usize)> = tokens
        .iter()
        .enumerate()
        .filter(|(_, token)| !token.spoken.is_empty())
        .flat_map(|(index, token)| letters(&token.spoken).into_iter().map(move |letter| (letter, index)))
        .collect();
    let spelled: Vec<char> = heard.iter().map(|(letter, ..)| *letter).collect();
    let same = strsim::normalized_levenshtein(
        &spelled.iter().collect::<String>(),
        &given.iter().map(|(letter, _)| *letter).collect::<String>(),
    );
    if same < 0.6 {
        return None;
    }
    let owners = owners(&spelled, &given);
    let sample = |seconds: f64| ((seconds * f64::from(rate)).round() as usize).min(length);
    let mut words = Vec::new();
    let mut latest = 0;
    for (index, _) in tokens.iter().enumerate().filter(|(_, token)| !letters(&token.spoken).is_empty()) {
        let first = owners.iter().position(|owner| *owner == index)?;
        let last = owners.iter().rposition(|owner| *owner == index)?;
        let start = sample(heard[first].1).max(latest);
        latest = sample(heard[last].2).max(start);
        words.push(SpokenWord { token: index, start, end: latest, quality: TimingQuality::Exact });
    }
    Some(words)
}

fn letters(text: &str) -> Vec<char> {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Bytes written as text (base 64, with or without padding).
pub(super) fn bytes_of(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut held, mut bits) = (0u32, 0);
    for c in text.bytes().filter(|c| !c.is_ascii_whitespace() && *c != b'=') {
        let value = match c {
            b'A'..=b'Z' => c - b'A',
            b'a'..=b'z' => c - b'a' + 26,
            b'0'..=b'9' => c - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        held = held << 6 | u32::from(value);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((held >> bits) as u8);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::super::super::tokens;
    use super::*;

    fn stamp(word: &str, start_time: f64, end_time: f64) -> Stamp {
        Stamp { word: word.to_owned(), start_time, end_time }
    }

    #[test]
    fn rewritten_and_divided_words_find_their_tokens() {
        let tokens = tokens("It cost $5M, really.", "en-US");
        let stamps = [
            stamp("It", 0.1, 0.2),
            stamp("cost", 0.2, 0.5),
            stamp("five", 0.5, 0.8),
            stamp("million", 0.8, 1.2),
            stamp("dollars", 1.2, 1.6),
            stamp(",", 1.6, 1.7),
            stamp("really", 2.0, 2.4),
            stamp(".", 2.4, 2.5),
        ];
        let words = words(&tokens, &stamps, 1_000, 3_000).unwrap();
        let times: Vec<(usize, usize)> = words.iter().map(|word| (word.start, word.end)).collect();
        assert_eq!(times, [(100, 200), (200, 500), (500, 1_600), (2_000, 2_400)]);
        assert!(super::words(&tokens, &[stamp("nonsense", 0.0, 1.0)], 1_000, 3_000).is_none());
        assert!(super::words(&tokens, &[stamp("It", f64::NAN, 1.0)], 1_000, 3_000).is_none());
    }

    #[test]
    fn bytes_written_as_text_are_read() {
        assert_eq!(bytes_of("aGVsbG8gd29ybGQ=").unwrap(), b"hello world");
        assert_eq!(bytes_of("aGVs\nbG8").unwrap(), b"hello");
        assert!(bytes_of("not base 64!").is_none());
    }
}
