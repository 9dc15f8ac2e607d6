//! What each part of a model needs, estimated before it is loaded.

use crate::{
    engine::{Demand, Device},
    models::{Model, PartKind, WeightBytes},
    story::Size,
};

use super::{Error, Geometry};

/// The demand of each part that draws a picture of `size`, `rows` in one call of the denoiser
/// (2 under guidance, 1 without).
///
/// Weights are counted in the files. Activations are what dominates a plain export: attention
/// scores, twice (before and after the softmax), or four feature maps of the widest level.
/// An estimate: within 30 % of what was measured, not a promise.
pub fn demands(
    model: &Model,
    geometry: &Geometry,
    device: Device,
    size: Size,
    rows: u64,
) -> Result<Vec<Demand>, Error> {
    let [_, _, height, width] = geometry.latent_shape(size).map(|length| length as u64);
    let demand = |kind: PartKind, name: &str, values: u64| {
        let part = model.part(kind)?;
        let float = float_bytes(part.header.weights, device);
        Ok::<_, Error>(Demand {
            part: name.to_owned(),
            weights: loaded_weights(part.header.weights, device),
            activations: values * float,
        })
    };
    let text = demand(PartKind::TextEncoder, "text encoder", 4 << 20)?;
    Ok(vec![
        text,
        demand(PartKind::Denoiser, "denoiser", rows * denoiser_values(geometry, height, width))?,
        demand(PartKind::VaeDecoder, "VAE decoder", vae_values(geometry, height, width))?,
    ])
}

/// Bytes of a loaded part. The processor computes in 32 bits: 16-bit weights are unfolded to
/// twice their size beside the originals. A tenth goes to prepacking and the graph.
fn loaded_weights(weights: WeightBytes, device: Device) -> u64 {
    let unfolded = if device == Device::Cpu { 3 * weights.f16 } else { weights.f16 };
    (weights.f32 + weights.other + unfolded) * 11 / 10
}

fn float_bytes(weights: WeightBytes, device: Device) -> u64 {
    if device != Device::Cpu && weights.f16 > weights.f32 { 2 } else { 4 }
}

/// Values that one row of the denoiser holds at its fullest.
fn denoiser_values(geometry: &Geometry, height: u64, width: u64) -> u64 {
    let at = |(halvings, level): (usize, &super::geometry::Level)| {
        let positions = (height * width) >> (2 * halvings);
        2 * level.heads * positions * positions + 8 * level.channels * positions
    };
    geometry.denoiser_levels.iter().enumerate().map(at).max().unwrap_or(0)
}

/// Values that the VAE decoder holds at its fullest: the attention in its middle, or the last
/// levels, where wide feature maps are already large.
fn vae_values(geometry: &Geometry, height: u64, width: u64) -> u64 {
    let positions = height * width;
    let channels = &geometry.vae_channels;
    let level = |i: usize| {
        let entering = channels.get(i + 1).or(channels.last()).copied().unwrap_or(0);
        let scale = u64::from(geometry.factor) >> i;
        4 * entering * positions * scale * scale
    };
    (0..channels.len()).map(level).max().unwrap_or(0).max(2 * positions * positions)
}
