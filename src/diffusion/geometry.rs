//! The measures of a model: what its latents and pictures look like, read without loading it.

use serde_json::Value;

use crate::{
    models::{Family, Model, Part, PartKind},
    story::Size,
};

use super::Error;

/// The measures of a model.
#[derive(Debug, Clone, PartialEq)]
pub struct Geometry {
    /// Channels of its latents.
    pub channels: usize,
    /// Pixels to a latent, each way.
    pub factor: u32,
    /// What both sides of a picture must divide by: the factor times 2 for each time the
    /// denoiser halves.
    pub multiple: u32,
    /// The size it was trained at.
    pub native: Size,
    /// What the VAE's latents are multiplied by.
    pub scaling_factor: f32,
    /// What is added to them.
    pub shift_factor: f32,
    pub(super) denoiser_levels: Vec<Level>,
    pub(super) vae_channels: Vec<u64>,
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
        if model.family != Family::StableDiffusion {
            return Err(Error::Family { model: model.name.clone(), family: model.family });
        }
        let unet = Config::of(model, PartKind::Denoiser)?;
        let vae = Config::of(model, PartKind::VaeDecoder)?;
        let vae_channels = vae.numbers("block_out_channels")?;
        let denoiser_levels = levels(&unet)?;
        let factor = 1u32 << (vae_channels.len() - 1);
        let multiple = factor << (denoiser_levels.len() - 1);
        let native = match unet.numbers("sample_size")?[..] {
            [side] => Size::new(side as u32 * factor, side as u32 * factor),
            [height, width] => Size::new(width as u32 * factor, height as u32 * factor),
            _ => return Err(unet.wrong("sample_size", "is neither one number nor height and width")),
        };
        if let Some(key) = ["latents_mean", "latents_std"].into_iter().find(|key| !vae.json[key].is_null()) {
            return Err(vae.wrong(key, "is not supported by this family"));
        }
        Ok(Self {
            channels: vae.numbers("latent_channels")?[0] as usize,
            factor,
            multiple,
            native,
            scaling_factor: vae
                .float("scaling_factor")?
                .ok_or_else(|| vae.wrong("scaling_factor", "is missing"))?,
            shift_factor: vae.float("shift_factor")?.unwrap_or(0.0),
            denoiser_levels,
            vae_channels,
        })
    }

    /// Whether the networks can do `size`.
    pub fn fits(&self, size: Size) -> bool {
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

/// A part's `config.json`.
struct Config<'a> {
    part: &'a Part,
    json: &'a Value,
}

impl<'a> Config<'a> {
    fn of(model: &'a Model, kind: PartKind) -> Result<Self, Error> {
        let part = model.part(kind)?;
        let json = part.config.as_ref().ok_or_else(|| Error::Config {
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
            scaling_factor: 0.18215,
            shift_factor: 0.0,
            denoiser_levels: vec![Level { channels: 320, heads: 8 }],
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
