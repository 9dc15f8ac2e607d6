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
/// scores, twice (before and after the softmax), beside eight feature maps; in the VAE four
/// feature maps of its widest level. For Stable Diffusion 1.5 this comes within a twentieth of
/// what a liveness walk over its graph gives and of what ONNX Runtime took (the tests hold both).
pub fn demands(
    model: &Model,
    geometry: &Geometry,
    device: Device,
    size: Size,
    rows: u64,
) -> Result<Vec<Demand>, Error> {
    let [_, _, height, width] = geometry.latent_shape(size).map(|length| length as u64);
    use PartKind::{Denoiser, TextEncoder, TextEncoder2, TextEncoder3, VaeDecoder};
    model.part(Denoiser)?;
    model.part(VaeDecoder)?;
    let values = |kind: PartKind| match kind {
        Denoiser => rows * denoiser_values(geometry, height, width),
        VaeDecoder => vae_values(geometry, height, width),
        _ => 4 << 20,
    };
    let parts = [TextEncoder, TextEncoder2, TextEncoder3, Denoiser, VaeDecoder];
    let demand = |kind: PartKind| {
        let part = model.find(kind)?;
        let weights = part.header.weights;
        Some(Demand {
            part: kind.to_string(),
            weights: loaded_weights(weights, device),
            activations: values(kind) * float_bytes(weights, device),
        })
    };
    Ok(parts.into_iter().filter_map(demand).collect())
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

/// Tokens of the prompt that a transformer attends to among the picture's own, at most.
const WORDS: u64 = 512;

/// Values that one row of the denoiser holds at its fullest.
fn denoiser_values(geometry: &Geometry, height: u64, width: u64) -> u64 {
    let at = |(halvings, level): (usize, &super::geometry::Level)| {
        let words = if geometry.patch > 1 { WORDS } else { 0 };
        let positions = ((height * width) >> (2 * halvings)) / geometry.patch.pow(2) + words;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diffusion::geometry::{LatentScale, Level};

    const MIB: f64 = (1u64 << 20) as f64;

    fn stable_diffusion_1_5() -> Geometry {
        let level = |(channels, heads)| Level { channels, heads };
        Geometry {
            channels: 4,
            factor: 8,
            multiple: 64,
            native: Size::new(512, 512),
            fixed: None,
            scale: LatentScale::plain(0.18215),
            patch: 1,
            denoiser_levels: [(320, 8), (640, 8), (1280, 8), (1280, 0)].map(level).to_vec(),
            vae_channels: vec![128, 256, 512, 512],
        }
    }

    fn near(estimate: f64, measured: f64) {
        assert!((estimate / measured - 1.0).abs() < 0.05, "{estimate:.0} MiB estimated, {measured} measured");
    }

    #[test]
    fn activations_are_what_a_liveness_walk_over_the_graph_gives() {
        // Two rows in 16 bits: latents 64x64, 72x128, 88x160, 96x168.
        let geometry = stable_diffusion_1_5();
        for ((height, width), walked) in
            [(64, 64), (72, 128), (88, 160), (96, 168)].into_iter().zip([1064.0, 5274.0, 12238.0, 16034.0])
        {
            near((2 * denoiser_values(&geometry, height, width) * 2) as f64 / MIB, walked);
        }
        near((vae_values(&geometry, 90, 160) * 2) as f64 / MIB, 1800.0);
    }

    #[test]
    fn weights_and_activations_are_what_onnx_runtime_took() {
        // One row of 512x512 in 32 bits on the processor: the process peaked at 4904 MiB.
        let geometry = stable_diffusion_1_5();
        let weights = WeightBytes { f32: 859_520_964 * 4, ..WeightBytes::default() };
        let bytes = loaded_weights(weights, Device::Cpu) + denoiser_values(&geometry, 64, 64) * 4;
        near(bytes as f64 / MIB, 4904.0);
    }
}
