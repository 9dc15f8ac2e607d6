//! The words of a text, each as shown and as spoken.

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

/// Splits `text` into words and normalizes them by the rules of `language` (BCP 47).
///
/// Joining the tokens' `text`, with a space where `space_before` says so, gives
/// the text again except for the kind and amount of its white space.
pub fn tokens(text: &str, language: &str) -> Vec<Token> {
    let pieces = segment::words(text);
    let spoken = normalize::speakable(&pieces, language);
    pieces
        .into_iter()
        .zip(spoken)
        .map(|(piece, spoken)| Token { text: piece.text, spoken, space_before: piece.space_before })
        .collect()
}

/// [`tokens`], spoken as the user's own `lexicon` says where it has their words.
pub fn spoken_tokens(text: &str, language: &str, lexicon: &Lexicon) -> Vec<Token> {
    let mut tokens = tokens(text, language);
    lexicon.apply(&mut tokens);
    tokens
}
