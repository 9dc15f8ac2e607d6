//! The measures of published models, for older exports that come without `config.json`.

use serde_json::{Value, json};

use crate::models::{Family, Model, PartKind};

/// What the `config.json` of `kind` would say if `model` is one of the published ones: Stable Diffusion 1.x
/// (hidden states 768 wide), 2.x (1024) or XL (2048), as in the repositories of their makers.
pub(super) fn config(model: &Model, kind: PartKind) -> Option<Value> {
    let header = &model.find(PartKind::Denoiser)?.header;
    let dimension = |input: &str, axis: usize| {
        let at = header.inputs.iter().position(|name| name == input)?;
        *header.shapes.get(at)?.get(axis)?
    };
    // Other channels are another VAE's.
    if dimension("sample", 1) != Some(4) {
        return None;
    }
    let xl = match (model.family, dimension("encoder_hidden_states", 2)?) {
        (Family::StableDiffusion, 768 | 1024) => false,
        (Family::StableDiffusionXl, 2048) => true,
        _ => return None,
    };
    match kind {
        PartKind::Denoiser if xl => Some(json!({
            "block_out_channels": [320, 640, 1280],
            "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
            "attention_head_dim": [5, 10, 20],
            "sample_size": 128,
        })),
        PartKind::Denoiser => Some(json!({
            "block_out_channels": [320, 640, 1280, 1280],
            "down_block_types":
                ["CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"],
            "attention_head_dim": 8,
            "sample_size": 64,
        })),
        PartKind::VaeDecoder => Some(json!({
            "block_out_channels": [128, 256, 512, 512],
            "latent_channels": 4,
            "scaling_factor": if xl { 0.13025 } else { 0.18215 },
        })),
        _ => None,
    }
}

/// In a plain line, what was assumed for want of a `config.json`; `None` if nothing was.
pub(super) fn note(model: &Model) -> Option<String> {
    let lacks = |kind: PartKind| model.find(kind).is_some_and(|part| part.config.is_none());
    let assumed = [PartKind::Denoiser, PartKind::VaeDecoder].into_iter().any(lacks);
    let note = "model: a part has no config.json; measures are those of the published model (512 pixels for \
                Stable Diffusion 1 and 2, 1024 for XL)";
    assumed.then(|| note.to_owned())
}
