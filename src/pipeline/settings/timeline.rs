//! The `timeline` stage.

use serde::Serialize;

use crate::story::{CameraKind, CaptionStyle, Color, Grade, TransitionKind};

/// Settings of the `timeline` stage.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Timeline {
    /// How the camera moves over a still.
    pub camera: CameraKind,
    /// How far a move goes: the zoom at its near end, where 1 shows the whole still.
    pub zoom: f64,
    /// How one scene gives way to the next.
    pub transition: TransitionKind,
    /// How long that takes, in seconds.
    pub transition_seconds: f64,
    /// The text on the picture.
    pub captions: Captions,
    /// The colour look.
    pub grade: Grade,
}

/// How captions look.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Captions {
    /// How they are drawn.
    pub style: CaptionStyle,
    /// The font family.
    pub font: String,
    /// The largest size in pixels for a frame 1080 wide.
    pub font_size: f32,
    /// The text's colour.
    pub color: Color,
    /// The colour of the word being spoken.
    pub highlight: Color,
    /// All capitals.
    pub uppercase: bool,
    /// The most words on screen at once.
    pub max_words: u32,
    /// Where their middle sits in the platform's safe box: 0 is its top, 1 its bottom.
    pub position: f64,
}
