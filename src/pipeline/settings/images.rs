//! The `images` stage.

use serde::Serialize;

use crate::{
    pipeline::{
        fields::Fields,
        kind::{count, name, number, size, variant, whole},
    },
    story::{Rng, SchedulerKind, Size},
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
    /// How far guided predictions are drawn back to a natural contrast, 0 to 1.
    pub guidance_rescale: f32,
    /// How many of the text encoder's last layers are left out; none leaves it to the model.
    pub clip_skip: Option<u32>,
    /// The noise scheduler.
    pub scheduler: SchedulerKind,
    /// How much noise DDIM adds on its way, 0 to 1.
    pub eta: f64,
    /// Whose numbers seeds stand for.
    pub rng: Rng,
    /// The size to draw at.
    pub size: ImageSize,
    /// Pictures drawn for each scene, of which one is kept.
    pub candidates: u32,
    /// The name or the folder of the IP-Adapter that looks at pictures of characters.
    pub ip_adapter: Option<String>,
}

impl Images {
    pub(crate) fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let model = fields.get("model", &name("the name or the folder of a model"));
        let inference_steps = fields.get("inference_steps", &count(1..=150));
        let guidance_scale = fields.get("guidance_scale", &number(1.0..=30.0));
        let guidance_rescale = fields.get("guidance_rescale", &number(0.0..=1.0));
        let clip_skip = whole(0..=11).map(|layers| Some(layers as u32)).or_auto(None);
        let clip_skip = fields.get("clip_skip", &clip_skip);
        let scheduler = fields.get("scheduler", &variant());
        let eta = fields.get("eta", &number(0.0..=1.0));
        let rng = fields.get("rng", &variant());
        // The VAE makes 8 pixels a side of each latent; a model may ask for more, and says so itself.
        let size = size(64..=4096, 8).map(ImageSize::Exactly).or_auto(ImageSize::Auto);
        let size = fields.get("size", &size);
        let candidates = fields.get("candidates", &count(1..=16));
        let ip_adapter = fields.get("ip_adapter", &name("the name or the folder of an IP-Adapter").or_off());
        Some(Self {
            model: model?,
            inference_steps: inference_steps?,
            guidance_scale: guidance_scale? as f32,
            guidance_rescale: guidance_rescale? as f32,
            clip_skip: clip_skip?,
            scheduler: scheduler?,
            eta: eta?,
            rng: rng?,
            size: size?,
            candidates: candidates?,
            ip_adapter: ip_adapter?,
        })
    }
}
