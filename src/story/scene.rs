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
    /// Fixes its initial latents.
    pub seed: Seed,
    /// The script's line where it begins, from 1.
    pub line: u32,
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
