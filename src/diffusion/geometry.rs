//! The measures of a model: what its latents and pictures look like, read without loading it.

use ndarray::Array4;
use serde_json::Value;

use crate::{
    graph::Document,
    models::{Family, Model, Part, PartKind},
    story::Size,
};

use super::{Error, footprint, published};

/// The measures of a model.
#[derive(Debug, Clone, PartialEq)]
pub struct Geometry {
    /// Channels of its latents.
    pub channels: usize,
    /// Pixels to a latent, each way.
    pub factor: u32,
    /// What both sides of a picture must divide by: the factor, times what a transformer joins to a token, or
    /// times 2 for each time a UNet halves, if its graph cannot be made to
    /// [follow what it kept](crate::graph::Document::resize_to_skip).
    pub multiple: u32,
    /// The size it was trained at.
    pub native: Size,
    /// The only size it can do, where its networks are exported for one.
    pub fixed: Option<Size>,
    /// Between the VAE's latents and the denoiser's.
    pub scale: LatentScale,
    pub(super) denoiser_levels: Vec<Level>,
    /// Latents to a token of the denoiser, each way.
    pub(super) patch: u64,
    pub(super) vae_channels: Vec<u64>,
}

/// Between the VAE's latents and the denoiser's: `(latents - shift) * factor`, or each channel
/// normalized by its mean and deviation first.
#[derive(Debug, Clone, PartialEq)]
pub struct LatentScale {
    factor: f32,
    shift: f32,
    /// Mean and deviation of each channel.
    channels: Option<(Vec<f32>, Vec<f32>)>,
}

impl LatentScale {
    #[cfg(test)]
    pub(super) fn plain(factor: f32) -> Self {
        Self { factor, shift: 0.0, channels: None }
    }

    /// What the decoder takes: (1, channels, height, width).
    pub(super) fn for_vae(&self, latents: &Array4<f32>) -> Array4<f32> {
        match &self.channels {
            None => latents / self.factor + self.shift,
            Some((mean, deviation)) => latents * &channelwise(deviation) / self.factor + &channelwise(mean),
        }
    }

    /// What the denoiser takes: (1, channels, height, width).
    pub(super) fn for_denoiser(&self, latents: &Array4<f32>) -> Array4<f32> {
        match &self.channels {
            None => (latents - self.shift) * self.factor,
            Some((mean, deviation)) => (latents - &channelwise(mean)) * self.factor / &channelwise(deviation),
        }
    }
}

fn channelwise(values: &[f32]) -> Array4<f32> {
    Array4::from_shape_fn((1, values.len(), 1, 1), |(_, channel, ..)| values[channel])
}

/// One resolution of the denoiser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Level {
    /// Channels.
    pub(super) channels: u64,
    /// Attention heads; 0 where it has no attention.
    pub(super) heads: u64,
}

impl Geometry {
    /// Reads the `config.json` of denoiser and VAE.
    pub fn of(model: &Model) -> Result<Self, Error> {
        let denoiser = Config::of(model, PartKind::Denoiser)?;
        let vae = Config::of(model, PartKind::VaeDecoder)?;
        let vae_channels = match vae.json["decoder_block_out_channels"].is_null() {
            true => vae.numbers("block_out_channels")?,
            false => vae.numbers("decoder_block_out_channels")?,
        };
        let factor = 1u32 << (vae_channels.len() - 1);
        let (denoiser_levels, multiple, patch) = match model.family {
            Family::StableDiffusion | Family::StableDiffusionXl => {
                let levels = levels(&denoiser)?;
                let multiple = factor << (levels.len() - 1);
                (levels, multiple, 1)
            }
            Family::StableDiffusion3 => {
                let patch = denoiser.numbers("patch_size")?[0];
                (vec![transformer(&denoiser)?], factor * patch as u32, patch)
            }
            Family::Flux => (vec![transformer(&denoiser)?], factor * 2, 2),
        };
        let native = match denoiser.numbers("sample_size") {
            Ok(sides) => match sides[..] {
                [side] => Size::new(side as u32 * factor, side as u32 * factor),
                [height, width] => Size::new(width as u32 * factor, height as u32 * factor),
                _ => return Err(denoiser.wrong("sample_size", "is neither one number nor height and width")),
            },
            // FLUX does not say; it was trained at a megapixel.
            Err(_) if model.family == Family::Flux => Size::new(1024, 1024),
            Err(error) => return Err(error),
        };
        let channels = vae.numbers("latent_channels")?[0] as usize;
        let mut geometry = Self {
            channels,
            factor,
            multiple,
            native,
            fixed: fixed(model, factor),
            scale: scale(&vae, channels)?,
            denoiser_levels,
            patch,
            vae_channels,
        };
        // A traced UNet doubles blindly, and so asks for more, unless its graph can be changed.
        let halvings = geometry.denoiser_levels.len() - 1;
        let part = model.part(PartKind::Denoiser)?;
        if halvings > 0 && fixed_to_skip(part, model, &geometry)? == halvings {
            geometry.multiple = factor;
        }
        Ok(geometry)
    }

    /// Whether the networks can do `size`.
    pub fn fits(&self, size: Size) -> bool {
        if let Some(fixed) = self.fixed {
            return size == fixed;
        }
        size.width > 0
            && size.height > 0
            && size.width.is_multiple_of(self.multiple)
            && size.height.is_multiple_of(self.multiple)
    }

    /// The size the model can do that is nearest to `wanted`: of those whose aspect is off by
    /// least, weighed against how far the area is off, neither side 0.
    ///
    /// 720x1280 becomes 704x1280 where 64 divides, 1080x1920 becomes 1088x1920.
    pub fn nearest_size(&self, wanted: Size) -> Size {
        if let Some(fixed) = self.fixed {
            return fixed;
        }
        let around = |side: u32| {
            let down = side / self.multiple * self.multiple;
            [down, down + self.multiple].into_iter().filter(|&side| side > 0)
        };
        let candidates = around(wanted.width)
            .flat_map(|width| around(wanted.height).map(move |height| Size::new(width, height)));
        let off = |size: &Size| {
            let aspect = (size.aspect() / wanted.aspect()).ln().abs();
            let area = (size.area() as f64 / wanted.area().max(1) as f64).ln().abs();
            aspect + 0.25 * area
        };
        candidates.min_by(|a, b| off(a).total_cmp(&off(b))).unwrap_or(Size::new(self.multiple, self.multiple))
    }

    /// The size of about `pixels` in all whose aspect (width over height) is nearest to `aspect`.
    pub fn size_of(&self, aspect: f64, pixels: u64) -> Size {
        let width = (pixels as f64 * aspect).sqrt();
        self.nearest_size(Size::new(width.round() as u32, (width / aspect).round() as u32))
    }

    /// The shape of the latents of one picture of `size`.
    pub fn latent_shape(&self, size: Size) -> [usize; 4] {
        [1, self.channels, (size.height / self.factor) as usize, (size.width / self.factor) as usize]
    }
}

/// How many of a UNet's enlarging operators can take the size of what was kept on its way down.
fn fixed_to_skip(part: &Part, model: &Model, geometry: &Geometry) -> Result<usize, Error> {
    let size = Size::new(2 * geometry.multiple, 2 * geometry.multiple);
    let mut document = Document::read(&part.file)?;
    let bound = footprint::bindings(&document, part, model, geometry, size, 1);
    Ok(document.shapes(&bound).map_or(0, |shapes| document.resize_to_skip(&shapes)))
}

/// The one resolution of a transformer.
fn transformer(config: &Config) -> Result<Level, Error> {
    let heads = config.numbers("num_attention_heads")?[0];
    Ok(Level { channels: heads * config.numbers("attention_head_dim")?[0], heads })
}

/// The size the denoiser is exported for, if it is for one.
fn fixed(model: &Model, factor: u32) -> Option<Size> {
    let header = &model.find(PartKind::Denoiser)?.header;
    let at = header.inputs.iter().position(|name| name == "sample" || name == "hidden_states")?;
    match header.shapes.get(at)?[..] {
        [_, _, Some(height), Some(width)] => {
            Some(Size::new(u32::try_from(width).ok()? * factor, u32::try_from(height).ok()? * factor))
        }
        _ => None,
    }
}

fn scale(vae: &Config, channels: usize) -> Result<LatentScale, Error> {
    let list = |key: &str| {
        let Some(list) = vae.json[key].as_array() else { return Ok(None) };
        let list: Option<Vec<f32>> =
            list.iter().map(|value| value.as_f64().map(|value| value as f32)).collect();
        let list = list.filter(|list| list.len() == channels);
        list.map(Some).ok_or_else(|| vae.wrong(key, &format!("is not a list of {channels} numbers")))
    };
    Ok(LatentScale {
        factor: vae.float("scaling_factor")?.ok_or_else(|| vae.wrong("scaling_factor", "is missing"))?,
        shift: vae.float("shift_factor")?.unwrap_or(0.0),
        channels: list("latents_mean")?.zip(list("latents_std")?),
    })
}

fn levels(unet: &Config) -> Result<Vec<Level>, Error> {
    let channels = unet.numbers("block_out_channels")?;
    let blocks = unet.json["down_block_types"].as_array().cloned().unwrap_or_default();
    // diffusers calls the number of heads `attention_head_dim` in models before 0.18.
    let heads = match unet.json["num_attention_heads"].is_null() {
        true => unet.numbers("attention_head_dim").unwrap_or_else(|_| vec![8]),
        false => unet.numbers("num_attention_heads")?,
    };
    let heads = |level: usize| heads.get(level).or(heads.last()).copied().unwrap_or(8);
    let attends =
        |level: usize| blocks.get(level).and_then(Value::as_str).is_none_or(|block| block.contains("Attn"));
    let level = |(level, channels)| Level { channels, heads: if attends(level) { heads(level) } else { 0 } };
    Ok(channels.into_iter().enumerate().map(level).collect())
}

/// A part's `config.json`, or what a published model's says.
struct Config<'a> {
    part: &'a Part,
    json: Value,
}

impl<'a> Config<'a> {
    fn of(model: &'a Model, kind: PartKind) -> Result<Self, Error> {
        let part = model.part(kind)?;
        let json =
            part.config.clone().or_else(|| published::config(model, kind)).ok_or_else(|| Error::Config {
                path: part.file.with_file_name("config.json"),
                reason: "is missing; copy it from the model that was exported".into(),
            })?;
        Ok(Self { part, json })
    }

    fn wrong(&self, key: &str, reason: &str) -> Error {
        Error::Config {
            path: self.part.file.with_file_name("config.json"),
            reason: format!("`{key}` {reason}"),
        }
    }

    /// One positive number or a list of them.
    fn numbers(&self, key: &str) -> Result<Vec<u64>, Error> {
        let value = &self.json[key];
        let numbers: Option<Vec<u64>> = match value.as_array() {
            Some(list) => list.iter().map(Value::as_u64).collect(),
            None => value.as_u64().map(|number| vec![number]),
        };
        let right = |numbers: &Vec<u64>| {
            !numbers.is_empty() && numbers.len() <= 8 && numbers.iter().all(|&n| n > 0 && n <= 65_536)
        };
        numbers
            .filter(right)
            .ok_or_else(|| self.wrong(key, "is neither a positive number nor a short list of them"))
    }

    fn float(&self, key: &str) -> Result<Option<f32>, Error> {
        match &self.json[key] {
            Value::Null => Ok(None),
            value => value
                .as_f64()
                .map(|number| Some(number as f32))
                .ok_or_else(|| self.wrong(key, "is not a number")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn geometry(multiple: u32) -> Geometry {
        Geometry {
            channels: 4,
            factor: 8,
            multiple,
            native: Size::new(512, 512),
            fixed: None,
            scale: LatentScale::plain(0.18215),
            denoiser_levels: vec![Level { channels: 320, heads: 8 }],
            patch: 1,
            vae_channels: vec![128],
        }
    }

    #[test]
    fn the_nearest_size_keeps_the_aspect() {
        let nearest = |multiple, width, height| {
            let size = geometry(multiple).nearest_size(Size::new(width, height));
            (size.width, size.height)
        };
        assert_eq!(nearest(64, 720, 1280), (704, 1280));
        assert_eq!(nearest(64, 1080, 1920), (1088, 1920));
        assert_eq!(nearest(64, 576, 1024), (576, 1024));
        assert_eq!(nearest(32, 288, 512), (288, 512));
        assert_eq!(nearest(64, 3, 5), (64, 64));
    }

    #[test]
    fn only_multiples_fit() {
        assert!(geometry(64).fits(Size::new(704, 1280)));
        assert!(!geometry(64).fits(Size::new(720, 1280)));
        assert!(!geometry(64).fits(Size::new(0, 64)));
    }
}
