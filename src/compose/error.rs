//! What can go wrong while a frame is drawn.

use std::fmt;

use crate::{digest::Digest, story::Size};

/// Why a still could not be had, from whoever was asked for it.
pub type StillError = Box<dyn std::error::Error + Send + Sync>;

/// Why a video cannot be drawn.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The timeline has no clip, or a clip that lasts no time.
    #[error("the timeline cannot be drawn: {0}")]
    Timeline(String),
    /// The frame size cannot be drawn.
    #[error("a frame of {0} cannot be drawn: both sides must be even and at least 16")]
    FrameSize(Size),
    /// A still could not be had.
    #[error("the still of scene {scene} ({}) cannot be read: {source}", still.short())]
    Still {
        /// The scene it belongs to.
        scene: usize,
        /// Its digest in the store.
        still: Digest,
        /// Why.
        source: StillError,
    },
    /// The font family asked for is not installed.
    #[error("the font `{family}` is not installed{}", did_you_mean(.similar))]
    NoFont {
        /// The family asked for.
        family: String,
        /// Installed families with similar names.
        similar: Vec<String>,
    },
    /// Letters that no installed font can draw.
    #[error("no installed font can draw {}; {install}", Listed(.letters))]
    NoGlyphs {
        /// The letters, each once.
        letters: Vec<String>,
        /// What to install.
        install: String,
    },
    /// A caption that cannot be made to fit.
    #[error("the caption `{text}` does not fit its area of {area}: enlarge the area")]
    NoRoom {
        /// The caption.
        text: String,
        /// The area's size.
        area: Size,
    },
    /// A table of colours that cannot be read.
    #[error("the table of colours is no .cube file that can be read: {0}")]
    Lut(String),
    /// A font that lies in the program or on the disk and cannot be read.
    #[error("the font {0} cannot be read")]
    Font(String),
}

/// What was left out of the picture, in words for the user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning(pub String);

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Up to eight letters with their code points.
pub(super) struct Listed<'a>(pub(super) &'a [String]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, letter) in self.0.iter().take(8).enumerate() {
            let points: Vec<String> = letter.chars().map(|c| format!("U+{:04X}", c as u32)).collect();
            write!(f, "{}`{letter}` ({})", if i > 0 { ", " } else { "" }, points.join(" "))?;
        }
        if self.0.len() > 8 { write!(f, " and {} more", self.0.len() - 8) } else { Ok(()) }
    }
}

fn did_you_mean(similar: &[String]) -> String {
    match similar {
        [] => String::from(": install it, or leave `font` out for the built-in one"),
        names => format!(": did you mean `{}`?", names.join("`, `")),
    }
}
