//! What lies over the picture besides captions: part of the `timeline` stage.

use std::path::PathBuf;

use serde::Serialize;

use crate::{
    pipeline::{
        fields::Fields,
        kind::{file, number, share, text, variant},
    },
    story::Corner,
};

/// A few words on plates, for so long.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Card {
    /// What it says; empty where there is none.
    pub text: String,
    /// How long it is seen, in seconds.
    pub seconds: f64,
}

impl Card {
    pub(crate) fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let words = fields.optional("text", &text());
        let seconds = fields.get("seconds", &number(0.5..=20.0));
        Some(Self { text: words?.unwrap_or_default().trim().to_owned(), seconds: seconds? })
    }
}

/// Where the bar lies that shows how much has passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProgressBar {
    /// Nowhere.
    Off,
    /// Along the upper edge of the frame.
    Top,
    /// Along the lower edge of the platform's safe area.
    Bottom,
}

/// A name or a logo in a corner.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Watermark {
    /// The name; empty where there is none.
    pub text: String,
    /// A picture, transparent where it is.
    pub logo: Option<PathBuf>,
    /// Which corner of the platform's safe area.
    pub corner: Corner,
    /// How much of it is seen, 0 to 1.
    pub opacity: f64,
}

impl Watermark {
    pub(crate) fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let words = fields.optional("text", &text());
        let logo = fields.optional("logo", &file("the path of a PNG, JPEG or WebP file"));
        let corner = fields.get("corner", &variant());
        let opacity = fields.get("opacity", &share());
        Some(Self {
            text: words?.unwrap_or_default().trim().to_owned(),
            logo: logo?,
            corner: corner?,
            opacity: opacity?,
        })
    }
}
