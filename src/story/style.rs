//! How a video looks: `assets/styles/*.yaml`.

use serde::{Deserialize, Serialize};

use super::{CameraKind, CaptionStyle, Mood, TransitionKind};

/// A style preset.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Style {
    /// `cinematic`, `noir`, ...
    pub name: String,
    /// One line for `shortform presets`.
    pub summary: String,
    /// Put before the subject of every prompt.
    pub prompt_prefix: String,
    /// Put after it.
    pub prompt_suffix: String,
    /// What no picture of this style shows.
    pub negative_prompt: String,
    /// The camera move of its scenes.
    pub camera: CameraKind,
    /// How scenes follow each other.
    pub transition: TransitionKind,
    /// How its captions are drawn.
    pub captions: CaptionStyle,
    /// The music that suits it.
    #[serde(default)]
    pub music: Mood,
    /// Its colour look.
    pub grade: Grade,
}

/// A colour look, applied once to each still: a bright one is exposed less, then per channel
/// `out = (in * gain + lift) ^ (1 / gamma)`, bent where it would go over white, then saturation, then a table of
/// colours, then the vignette. Grain and bars lie over each frame.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grade {
    /// Added to red, green and blue, -0.2 ..= 0.2.
    pub lift: [f32; 3],
    /// Exponent's inverse for each, 0.5 ..= 2.0.
    pub gamma: [f32; 3],
    /// Factor for each, 0.5 ..= 1.5.
    pub gain: [f32; 3],
    /// 0 is grey, 1 leaves colours as they are.
    pub saturation: f32,
    /// The mean light from which on a still is exposed less, 0.3 ..= 1; 1 leaves all as they are.
    #[serde(default = "one")]
    pub brightest: f32,
    /// How much the corners darken, 0 ..= 1.
    pub vignette: f32,
    /// How much film grain lies over each frame, 0 ..= 1.
    #[serde(default)]
    pub grain: f32,
    /// How high a black bar above and below is, as a share of the frame's height, 0 ..= 0.3.
    #[serde(default)]
    pub letterbox: f32,
}

impl Default for Grade {
    /// The look that changes nothing.
    fn default() -> Self {
        Self {
            lift: [0.0; 3],
            gamma: [1.0; 3],
            gain: [1.0; 3],
            saturation: 1.0,
            brightest: one(),
            vignette: 0.0,
            grain: 0.0,
            letterbox: 0.0,
        }
    }
}

fn one() -> f32 {
    1.0
}
