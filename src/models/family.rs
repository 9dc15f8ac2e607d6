//! Families: which models draw alike.

use std::fmt;

/// A family of models, told by what its denoiser takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    /// Stable Diffusion 1.x and 2.x and their like: one text encoder, a UNet.
    StableDiffusion,
    /// Stable Diffusion XL: two text encoders, a UNet that also takes sizes.
    StableDiffusionXl,
    /// Stable Diffusion 3: a transformer with pooled projections.
    StableDiffusion3,
    /// FLUX: a transformer with image and text positions.
    Flux,
}

impl Family {
    /// The family of a denoiser with these input names; the names of all three dialects of
    /// exporters agree in the ones that count.
    pub(super) fn of(inputs: &[String]) -> Option<Self> {
        let has = |name: &str| inputs.iter().any(|input| input == name);
        match () {
            () if has("img_ids") => Some(Self::Flux),
            () if has("pooled_projections") => Some(Self::StableDiffusion3),
            () if has("text_embeds") || has("time_ids") => Some(Self::StableDiffusionXl),
            () if has("encoder_hidden_states") && has("timestep") => Some(Self::StableDiffusion),
            () => None,
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::StableDiffusion => "Stable Diffusion",
            Self::StableDiffusionXl => "Stable Diffusion XL",
            Self::StableDiffusion3 => "Stable Diffusion 3",
            Self::Flux => "FLUX",
        })
    }
}
