//! The `images` stage.

use serde::Serialize;

use crate::story::{SchedulerKind, Size};

/// The size pictures are drawn at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ImageSize {
    /// What the platform asks for, the model can do and the memory holds.
    Auto,
    /// This size, or an error.
    Exactly(Size),
}

/// Settings of the `images` stage.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Images {
    /// The name of an installed model, or a folder.
    pub model: String,
    /// Times the denoiser runs.
    pub inference_steps: u32,
    /// How strongly the prompt pulls; 1 is not at all.
    pub guidance_scale: f32,
    /// The noise scheduler.
    pub scheduler: SchedulerKind,
    /// The size to draw at.
    pub size: ImageSize,
    /// Pictures drawn for each scene, of which one is kept.
    pub candidates: u32,
}
