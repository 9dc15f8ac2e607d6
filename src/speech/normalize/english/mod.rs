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

pub(super) use reader::read;
