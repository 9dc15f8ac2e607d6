//! The whole pipeline.

use serde::Serialize;

use super::{Images, Memory, Narration, Scenes, Timeline, Upscale, Video};
use crate::story::{Platform, Seed, Style};

/// A pipeline as run: every setting of every stage for one video.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Pipeline {
    /// Its name, for example `story`.
    pub name: String,
    /// Where the video will be shown.
    pub platform: Platform,
    /// How it looks.
    pub style: Style,
    /// Fixes every random choice.
    pub seed: Seed,
    /// The video's title; `None` leaves it to the script's heading.
    pub title: Option<String>,
    /// Without `#`.
    pub hashtags: Vec<String>,
    /// Script to sound.
    pub narration: Narration,
    /// Sound to scenes.
    pub scenes: Scenes,
    /// Scenes to pictures.
    pub images: Images,
    /// Pictures to stills of the delivered size.
    pub upscale: Upscale,
    /// Stills and sound to the edit.
    pub timeline: Timeline,
    /// The edit to a file.
    pub video: Video,
    /// Where and in how much memory the models run.
    pub memory: Memory,
}
