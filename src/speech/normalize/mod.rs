//! Written words into spoken ones.
//!
//! English is normalized here in full; other languages read their own numbers
//! well, and get by tables what voices read wrong.

mod emoji;
mod english;
mod said_as;
mod tabled;
mod word;

pub(super) use said_as::said_as;
pub(super) use word::is_cadence;

use super::segment::Piece;
use word::Word;

/// How each of `pieces` is spoken in `language`; emoji by their names, or not at all.
pub(super) fn speakable(pieces: &[Piece], language: &str, emoji: bool) -> Vec<String> {
    let words: Vec<Word> = pieces.iter().map(|piece| Word::of(&piece.text)).collect();
    let primary = primary(language);
    let read = if primary == "en" { english::read(&words, language) } else { tabled::read(&words, &primary) };
    let last = words.len().saturating_sub(1);
    let speak = |(index, (word, spoken)): (usize, (&Word, Reading))| {
        let said = match emoji::names(&primary).filter(|_| emoji) {
            Some(names) => emoji::spoken(&pieces[index].text, &spoken.words, names),
            None => spoken.words,
        };
        if said.is_empty() { said } else { said + &word.cadence(index == last, spoken.takes_sign) }
    };
    words.iter().zip(read).enumerate().map(speak).collect()
}

/// Whether the emoji of `language` have names here.
pub fn names_emoji(language: &str) -> bool {
    emoji::names(&primary(language)).is_some()
}

/// The language itself, without region: `de` of `de-AT`.
fn primary(language: &str) -> String {
    language.split(['-', '_']).next().unwrap_or_default().to_lowercase()
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
