//! What is shown while a part of the narration is heard.

use serde::{Deserialize, Serialize};
use std::ops::Range;

use super::{Seed, Size, Span};
use crate::digest::Digest;

/// A span of narration with one picture idea.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scene {
    /// Its place in the video, from 0.
    pub index: usize,
    /// The narration it covers; the spans of all scenes tile the narration.
    pub span: Span,
    /// The beats it covers.
    pub beats: Range<usize>,
    /// The words spoken meanwhile, as written.
    pub text: String,
    /// What the picture is of, in a few words.
    pub subject: String,
    /// The whole prompt: subject, style and characters merged, within the text encoder's limit.
    pub prompt: String,
    /// What the picture must not show.
    pub negative_prompt: String,
    /// The characters in it, by name, whom the text names first foremost.
    #[serde(default)]
    pub characters: Vec<String>,
    /// How much the picture of a character counts in it, 0 to 1; the character's own where nothing is said.
    #[serde(default)]
    pub likeness: Option<Likeness>,
    /// Fixes its initial latents.
    pub seed: Seed,
    /// The script's line where it begins, from 1.
    pub line: u32,
}

/// How much a character's picture counts beside the prompt, in thousandths: 1000 as much as that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Likeness(pub u32);

impl Likeness {
    /// From 0, not at all, to 1, as much as the prompt.
    pub fn of(scale: f64) -> Self {
        Self((scale.clamp(0.0, 1.0) * 1000.0).round() as u32)
    }

    /// 0 to 1.
    pub fn scale(self) -> f32 {
        self.0 as f32 / 1000.0
    }
}

/// The stored picture of a scene.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Still {
    /// The scene it belongs to.
    pub scene: usize,
    /// Its size in pixels.
    pub size: Size,
    /// The PNG in the store.
    pub image: Digest,
}
