//! English as spoken.
//!
//! Each rule looks at one word and its neighbours and says how the word is read, or
//! passes; the first that knows wins. A reading stays with its own word, so that
//! `$5 million` is `five` and `million dollars`.

mod abbreviations;
mod amounts;
mod calendar;
mod names;
mod numbers;
mod reader;

pub(super) use calendar::{date_of as date, months};
pub(super) use names::{roman, sign};
pub(super) use numbers::{digits, ordinal};
pub(super) use reader::read;

/// A number in words: `-3.5`, `1,250`.
pub(super) fn number(text: &str) -> Option<String> {
    numbers::Number::parse(text).map(|number| number.words())
}
