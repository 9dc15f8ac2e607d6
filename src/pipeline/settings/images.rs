//! The `images` stage.

use serde::Serialize;

use crate::{
    pipeline::{
        fields::Fields,
        kind::{count, name, number, size, variant},
    },
    story::{SchedulerKind, Size},
};

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

impl Images {
    pub(crate) fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let model = fields.get("model", &name("the name or the folder of a model"));
        let inference_steps = fields.get("inference_steps", &count(1..=150));
        let guidance_scale = fields.get("guidance_scale", &number(1.0..=30.0));
        let scheduler = fields.get("scheduler", &variant());
        // The VAE makes 8 pixels a side of each latent; a model may ask for more, and says so itself.
        let size = size(64..=4096, 8).map(ImageSize::Exactly).or_auto(ImageSize::Auto);
        let size = fields.get("size", &size);
        let candidates = fields.get("candidates", &count(1..=16));
        Some(Self {
            model: model?,
            inference_steps: inference_steps?,
            guidance_scale: guidance_scale? as f32,
            scheduler: scheduler?,
            size: size?,
            candidates: candidates?,
        })
    }
}
