//! Text drawn on the video, in time with the voice.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

use super::Span;

/// A colour as `#rrggbb` or `#rrggbbaa`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Color {
    /// Red.
    pub r: u8,
    /// Green.
    pub g: u8,
    /// Blue.
    pub b: u8,
    /// 255 is opaque.
    pub a: u8,
}

impl fmt::Display for Color {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{:02x}{:02x}{:02x}", self.r, self.g, self.b)?;
        if self.a == 255 { Ok(()) } else { write!(f, "{:02x}", self.a) }
    }
}

impl FromStr for Color {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a color: write #rrggbb or #rrggbbaa, for example #ffe500");
        let digits =
            text.strip_prefix('#').filter(|d| matches!(d.len(), 6 | 8) && d.is_ascii()).ok_or_else(wrong)?;
        let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).map_err(|_| wrong());
        let a = if digits.len() == 8 { byte(6)? } else { 255 };
        Ok(Self { r: byte(0)?, g: byte(2)?, b: byte(4)?, a })
    }
}

impl Serialize for Color {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Color {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// How captions are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CaptionStyle {
    /// A few words at a time; the one being spoken takes the highlight colour and comes a little nearer.
    Highlight,
    /// Words fill with the highlight colour from left to right as they are spoken.
    Karaoke,
    /// The word being spoken sits on a rounded box of the highlight colour.
    Box,
    /// One word or two, which pop up as they are spoken.
    Pop,
    /// White text with a soft shadow, nothing moves.
    Clean,
    /// Letters appear one after the other as they are spoken.
    Typewriter,
    /// None at all.
    Off,
}

impl CaptionStyle {
    /// Every style, in the order of `shortform presets captions`.
    pub const ALL: [Self; 7] =
        [Self::Highlight, Self::Karaoke, Self::Box, Self::Pop, Self::Clean, Self::Typewriter, Self::Off];

    /// Its name in pipelines.
    pub fn name(self) -> &'static str {
        match self {
            Self::Highlight => "highlight",
            Self::Karaoke => "karaoke",
            Self::Box => "box",
            Self::Pop => "pop",
            Self::Clean => "clean",
            Self::Typewriter => "typewriter",
            Self::Off => "off",
        }
    }

    /// What it looks like, in one line.
    pub fn summary(self) -> &'static str {
        match self {
            Self::Highlight => "the word being spoken takes the highlight colour and comes nearer",
            Self::Karaoke => "words fill with the highlight colour as they are spoken",
            Self::Box => "the word being spoken sits on a rounded box",
            Self::Pop => "one word or two, which pop up as they are spoken",
            Self::Clean => "quiet text with a soft shadow",
            Self::Typewriter => "letters appear one after the other as they are spoken",
            Self::Off => "none",
        }
    }
}

/// One word of a cue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CueWord {
    /// The word as drawn.
    pub text: String,
    /// When it is spoken.
    pub span: Span,
    /// Whether a space separates it from the word before.
    pub space_before: bool,
}

/// A few words that are on screen together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cue {
    /// How long they stay on screen; cues never overlap.
    pub span: Span,
    /// The words in order; never empty.
    pub words: Vec<CueWord>,
}
