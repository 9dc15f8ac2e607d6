//! The words of a text, each as shown and as spoken.

use std::ops::Range;

use super::{Lexicon, normalize, segment};

/// One word of a text: what captions show of it, and what is heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// As written, with the punctuation and emoji around it.
    pub text: String,
    /// As spoken, words only, with the punctuation that guides intonation: `five million dollars,`
    /// for `$5M,`. Empty where nothing can be spoken.
    pub spoken: String,
    /// Whether white space separates it from the token before.
    pub space_before: bool,
}

impl Token {
    /// What is spoken, without the punctuation that guides intonation.
    pub fn words(&self) -> &str {
        self.spoken.trim_end_matches(|c: char| normalize::is_cadence(c) || c.is_whitespace())
    }
}

/// How a text is read.
#[derive(Debug, Clone, Copy)]
pub struct Reading<'a> {
    /// The language (BCP 47).
    pub language: &'a str,
    /// How the user wants words pronounced.
    pub lexicon: &'a Lexicon,
    /// Whether emoji are spoken, by their names.
    pub emoji: bool,
}

/// Splits `text` into words and normalizes them by the rules of `language` (BCP 47); emoji are silent.
///
/// Joining the tokens' `text`, with a space where `space_before` says so, gives
/// the text again except for the kind and amount of its white space.
pub fn tokens(text: &str, language: &str) -> Vec<Token> {
    placed_tokens(text, &Reading { language, lexicon: &Lexicon::default(), emoji: false }).0
}

/// [`tokens`], spoken as the user's own lexicon says where it has their words.
pub fn spoken_tokens(text: &str, reading: &Reading<'_>) -> Vec<Token> {
    placed_tokens(text, reading).0
}

/// The tokens, and the bytes of `text` that each stands for.
pub(super) fn placed_tokens(text: &str, reading: &Reading<'_>) -> (Vec<Token>, Vec<Range<usize>>) {
    let pieces = segment::words(text);
    let spoken = normalize::speakable(&pieces, reading.language, reading.emoji);
    let places = pieces.iter().map(|piece| piece.range.clone()).collect();
    let token = |(piece, spoken): (segment::Piece, String)| Token {
        text: piece.text,
        spoken,
        space_before: piece.space_before,
    };
    let mut tokens: Vec<Token> = pieces.into_iter().zip(spoken).map(token).collect();
    reading.lexicon.apply(&mut tokens);
    (tokens, places)
}
