//! What each part of a model needs, known before it is loaded: a walk over its graph with its shapes bound.

use crate::{
    engine::{Demand, Device},
    graph::{Bindings, Document},
    models::{Family, Model, Part, PartKind},
    story::Size,
};

use super::{Error, Geometry, network};

/// Tokens of a prompt that one run of CLIP's text encoder takes.
const CLIP_TOKENS: u64 = 77;
/// Tokens that T5 takes at most: in Stable Diffusion 3, and in FLUX.
const T5_TOKENS: [u64; 2] = [256, 512];

/// The demand of each part that draws a picture of `size`, `rows` in one call of the denoiser (2 under
/// guidance, 1 without).
///
/// Weights are counted as they lie in memory, activations by the liveness of the rewritten graph. Where its
/// shapes cannot be known, activations are taken for as large as the weights.
pub fn demands(
    model: &Model,
    geometry: &Geometry,
    device: Device,
    size: Size,
    rows: u64,
) -> Result<Vec<Demand>, Error> {
    use PartKind::{Denoiser, TextEncoder, TextEncoder2, TextEncoder3, VaeDecoder};
    model.part(Denoiser)?;
    model.part(VaeDecoder)?;
    let mut demands = Vec::new();
    for kind in [TextEncoder, TextEncoder2, TextEncoder3, Denoiser, VaeDecoder] {
        let Some(part) = model.find(kind) else { continue };
        let bound = bindings(part, model, geometry, size, rows)?;
        let footprint = network::footprint(&part.file, device, &bound)?;
        let footprint = footprint.unwrap_or_else(|| {
            let weights = part.header.weights.total();
            network::Footprint { weights, activations: weights, least: 2 * weights }
        });
        let tiled = match kind {
            VaeDecoder => network::least_in_tiles(&part.file, device, &bound)?,
            _ => None,
        };
        let least = tiled.map_or(footprint.least, |tiled| tiled.min(footprint.least));
        demands.push(Demand {
            part: kind.to_string(),
            weights: footprint.weights,
            activations: network::taken(footprint.activations),
            least: network::taken(least),
        });
    }
    Ok(demands)
}

/// The lengths of a part's inputs when it draws a picture of `size`.
pub(super) fn bindings(
    part: &Part,
    model: &Model,
    geometry: &Geometry,
    size: Size,
    rows: u64,
) -> Result<Bindings, Error> {
    let document = Document::read(&part.file)?;
    let [_, channels, height, width] = geometry.latent_shape(size).map(|length| length as u64);
    let clip_then_t5 = match model.family {
        Family::StableDiffusion3 if model.find(PartKind::TextEncoder3).is_some() => {
            CLIP_TOKENS + T5_TOKENS[0]
        }
        Family::Flux => T5_TOKENS[1],
        _ => CLIP_TOKENS,
    };
    let patches = (height / 2) * (width / 2);
    let bind = |port: crate::graph::Port| {
        let wanted: Vec<u64> = match (part.kind, port.name.as_str()) {
            (PartKind::TextEncoder | PartKind::TextEncoder2 | PartKind::TextEncoder3, _) => {
                let is_t5 = part.config.as_ref().is_some_and(|config| config["d_model"].is_u64());
                let tokens = match (is_t5, model.family) {
                    (false, _) => CLIP_TOKENS,
                    (true, Family::StableDiffusion3) => T5_TOKENS[0],
                    (true, _) => T5_TOKENS[1],
                };
                vec![1, tokens]
            }
            (PartKind::VaeDecoder, _) => vec![1, channels, height, width],
            (PartKind::VaeEncoder, _) => vec![1, 3, u64::from(size.height), u64::from(size.width)],
            (_, "sample") => vec![rows, channels, height, width],
            (_, "hidden_states") if model.family == Family::Flux => vec![rows, patches, channels * 4],
            (_, "hidden_states") => vec![rows, channels, height, width],
            (_, "encoder_hidden_states") => vec![rows, clip_then_t5],
            (_, "img_ids") => vec![patches, 3],
            (_, "txt_ids") => vec![clip_then_t5, 3],
            _ => vec![rows],
        };
        let length = |(at, own): (usize, &Option<u64>)| own.or_else(|| wanted.get(at).copied()).unwrap_or(1);
        (port.name.clone(), port.dims.iter().enumerate().map(length).collect())
    };
    Ok(document.graph().inputs.into_iter().map(bind).collect())
}
