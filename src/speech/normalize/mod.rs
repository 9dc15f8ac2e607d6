//! Written words into spoken ones.
//!
//! English is normalized here in full; other languages read their own numbers
//! well in espeak-ng, and get what it reads wrong: money, percent and signs.

mod word;

pub(super) use word::{is_cadence, speakable};
