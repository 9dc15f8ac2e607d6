//! Written words into spoken ones.
//!
//! English is normalized here in full; other languages read their own numbers
//! well, and get by tables what voices read wrong.

mod english;
mod tabled;
mod word;

pub(super) use word::is_cadence;

use super::segment::Piece;
use word::Word;

/// How each of `pieces` is spoken in `language`.
pub(super) fn speakable(pieces: &[Piece], language: &str) -> Vec<String> {
    let words: Vec<Word> = pieces.iter().map(|piece| Word::of(&piece.text)).collect();
    let primary = language.split(['-', '_']).next().unwrap_or_default().to_lowercase();
    let read = if primary == "en" { english::read(&words, language) } else { tabled::read(&words, &primary) };
    let last = words.len().saturating_sub(1);
    let speak = |(index, (word, spoken)): (usize, (&Word, Reading))| match spoken.words.is_empty() {
        true => String::new(),
        false => spoken.words + &word.cadence(index == last, spoken.takes_sign),
    };
    words.iter().zip(read).enumerate().map(speak).collect()
}

/// How a word is spoken.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Reading {
    /// The words, without the punctuation behind them.
    words: String,
    /// Whether the sign right behind the word belongs to it and makes no pause: the stop of
    /// `Dr.`, the dash of `10 - 20`.
    takes_sign: bool,
}

impl From<String> for Reading {
    fn from(words: String) -> Self {
        Self { words, takes_sign: false }
    }
}
