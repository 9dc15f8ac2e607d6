use serde::{Deserialize, Serialize};

/// A stretch of a beat's text that is to be said in a way of its own: what an element of SSML holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Saying {
    /// The bytes of the beat's text that it is about.
    pub range: (usize, usize),
    /// How.
    pub how: How,
    /// The line on which the element begins, from 1.
    pub line: u32,
}

/// How a stretch of text is said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum How {
    /// Faster, higher, louder: `<prosody>`, `<emphasis>`.
    Prosody(Prosody),
    /// Read as a thing of this kind: `<say-as>`.
    As(Kind),
    /// With these sounds, in the International Phonetic Alphabet: `<phoneme>`.
    Ipa(String),
    /// As if this were written: `<sub>`.
    Alias(String),
}

/// How speech differs from the voice's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prosody {
    /// Speed in thousandths: 1000 is the voice's own, 2000 twice as fast.
    pub rate: u16,
    /// Higher by so many hundredths of a semitone.
    pub pitch: i16,
    /// Louder by so many hundredths of a decibel.
    pub volume: i16,
}

impl Prosody {
    /// The voice's own.
    pub const PLAIN: Self = Self { rate: 1_000, pitch: 0, volume: 0 };
}

/// What a text is, where its letters alone do not tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Letter by letter.
    Characters,
    /// Digit by digit.
    Digits,
    /// Digit by digit, in groups.
    Telephone,
    /// A number that counts.
    Cardinal,
    /// A place in an order.
    Ordinal,
    /// A day; the letters `d`, `m` and `y` in the order in which its parts are written, or none for the
    /// language's own order.
    Date(Option<DateOrder>),
    /// A time of day.
    Time,
    /// An amount of money.
    Currency,
    /// A number with its unit, a fraction, an address: read as usual.
    Usual,
}

/// The order in which the parts of a date are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DateOrder {
    /// Day, month, year.
    Dmy,
    /// Month, day, year.
    Mdy,
    /// Year, month, day.
    Ymd,
    /// Day, month.
    Dm,
    /// Month, day.
    Md,
    /// Month, year.
    My,
    /// Year, month.
    Ym,
    /// Year.
    Y,
}
