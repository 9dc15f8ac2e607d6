//! Latents to a picture.

use std::{ops::ControlFlow, path::Path};

use image::RgbImage;
use ndarray::{Array4, Axis, Ix4, s};

use crate::{
    engine::{self, Element, Runs, Tensor, Tiling},
    graph::{Bindings, Document, Inseparable},
    models::Part,
};

use super::{
    Error, Geometry, Progress, Random, Unit, Way,
    geometry::LatentScale,
    network::{Network, Split},
    request::Watch,
    rewritten,
    tiles::{self, Mosaic},
};

/// The decoder of a variational autoencoder.
#[derive(Debug)]
pub struct VaeDecoder {
    network: Network,
    input: String,
    element: Element,
    factor: usize,
    scale: LatentScale,
    tiling: Tiling,
    overflowed: bool,
    /// Why the last picture was decoded on tiles and not on bands.
    no_bands: Option<String>,
}

impl VaeDecoder {
    /// Loads the decoder; its one input may have any name (`latent_sample`, `latent`).
    pub fn open(
        part: &Part,
        geometry: &Geometry,
        options: &engine::Options,
        way: Way,
    ) -> Result<Self, Error> {
        Self::of(rewritten::read(&part.file, options.device)?, part, geometry, options, way)
    }

    /// A decoder of a graph that was read from the part's file.
    pub fn of(
        document: Document,
        part: &Part,
        geometry: &Geometry,
        options: &engine::Options,
        way: Way,
    ) -> Result<Self, Error> {
        let options = engine::Options { runs: Runs::Large, ..*options };
        let network = Network::of(document, &part.file, &options, way);
        let wrong = |reason: String| Error::Contract { path: part.file.clone(), part: "VAE decoder", reason };
        let [input] = network.inputs() else {
            return Err(wrong(format!("it takes {} inputs, expected one", network.inputs().len())));
        };
        let element = input
            .element
            .ok_or_else(|| wrong("its input has an element type that is not supported".into()))?;
        Ok(Self {
            input: input.name.clone(),
            element,
            factor: geometry.factor as usize,
            scale: geometry.scale.clone(),
            tiling: options.policy.tiling,
            overflowed: false,
            no_bands: None,
            network,
        })
    }

    /// The picture of latents (1, channels, height, width), factor times as large each way.
    pub fn decode(&mut self, latents: &Array4<f32>) -> Result<RgbImage, Error> {
        self.decode_watched(latents, &mut unwatched)
    }

    /// The same; where it decodes on bands or tiles, `progress` is told before the first of them and after each, and
    /// may stop it there.
    pub fn decode_watched(
        &mut self,
        latents: &Array4<f32>,
        progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<RgbImage, Error> {
        let pixels = self.finite(latents, progress)?;
        let (_, _, height, width) = pixels.dim();
        Ok(RgbImage::from_fn(width as u32, height as u32, |x, y| {
            image::Rgb([0, 1, 2].map(|channel| byte(pixels[[0, channel, y as usize, x as usize]])))
        }))
    }

    /// The same before it is rounded to bytes: (1, 3, height, width), from -1.0 for black to 1.0 for white.
    ///
    /// What overflows in 16 bits is decoded once more in 32, and so is all that comes after it.
    pub fn pixels(&mut self, latents: &Array4<f32>) -> Result<Array4<f32>, Error> {
        self.finite(latents, &mut unwatched)
    }

    fn finite(&mut self, latents: &Array4<f32>, watch: &mut Watch<'_>) -> Result<Array4<f32>, Error> {
        let pixels = self.attempt(latents, watch)?;
        if pixels.iter().all(|number| number.is_finite()) || !self.widen() {
            return Ok(pixels);
        }
        self.attempt(latents, watch)
    }

    /// Whether it computes in 32 bits because it overflowed in the 16 of its file.
    pub fn overflowed(&self) -> bool {
        self.overflowed
    }

    /// Why a picture was decoded on tiles since this was last asked, where bands would have been right.
    pub fn take_no_bands(&mut self) -> Option<String> {
        self.no_bands.take()
    }

    /// Computes in 32 bits from now on; answers whether it did not before.
    pub(super) fn widen(&mut self) -> bool {
        let Some(wide) = self.network.widened() else { return false };
        (self.network, self.element, self.overflowed) = (wide, Element::F32, true);
        true
    }

    fn attempt(&mut self, latents: &Array4<f32>, watch: &mut Watch<'_>) -> Result<Array4<f32>, Error> {
        let scaled = self.scale.for_vae(latents).into_dyn();
        let bound = Bindings::from([(
            self.input.clone(),
            scaled.shape().iter().map(|&length| length as u64).collect(),
        )]);
        let input = vec![(self.input.clone(), Tensor::from_f32(scaled, self.element))];
        let bands = self.network.in_bands(&bound);
        let pixels = match bands.map_err(|reason| inseparable(self.network.path(), &reason))? {
            None => self.whole_or_in_tiles(&bound, input, watch)?,
            Some(bands) => match bands.run(input.clone(), watch) {
                Err(error @ Error::Scratch { .. }) if self.tiling == Tiling::Auto => {
                    self.no_bands = Some(error.to_string());
                    self.whole_or_in_tiles(&bound, input, watch)?
                }
                pixels => pixels?.into(),
            },
        };
        let (height, width) = (latents.dim().2 * self.factor, latents.dim().3 * self.factor);
        if pixels.shape() != [1, 3, height, width] {
            let reason = format!("it answers shape {:?}, expected [1, 3, {height}, {width}]", pixels.shape());
            return Err(self.wrong(reason));
        }
        pixels.into_f32().into_dimensionality::<Ix4>().map_err(|e| self.wrong(e.to_string()))
    }

    fn whole_or_in_tiles(
        &mut self,
        bound: &Bindings,
        input: Vec<(String, Tensor)>,
        watch: &mut Watch<'_>,
    ) -> Result<Tensor, Error> {
        match self.network.split(bound) {
            None if matches!(self.tiling, Tiling::Side(_)) => {
                let reason = "it cannot be split into a front and tiles, which `memory.vae_tiling` asks for: write `auto`";
                Err(self.wrong(reason.into()))
            }
            None => Ok(self.network.run(input)?.swap_remove(0).1),
            Some(split) => self.in_tiles(split, input, watch),
        }
    }

    /// Runs the front at once, and the back on as large tiles as fit: (1, 3, height, width).
    fn in_tiles(
        &self,
        mut split: Split,
        input: Vec<(String, Tensor)>,
        watch: &mut Watch<'_>,
    ) -> Result<Tensor, Error> {
        let (_, handed) = split.front.run(input)?.swap_remove(0);
        let element = handed.element();
        let handed = handed.into_f32().into_dimensionality::<Ix4>().map_err(|e| self.wrong(e.to_string()))?;
        let (_, _, height, width) = handed.dim();
        let side = split.side();
        let (side_down, side_across) = (side.min(height), side.min(width));
        let mut mosaic = Mosaic::new(height, width, self.factor, self.network.path())?;
        let (down, across) = (tiles::starts(height, side_down), tiles::starts(width, side_across));
        let total = down.len() * across.len();
        let mut done = 0;
        for &top in &down {
            for &left in &across {
                Progress { done, total, unit: Unit::Tiles }.tell(watch)?;
                let tile = handed.slice(s![.., .., top..top + side_down, left..left + side_across]);
                let tile = Tensor::from_f32(tile.to_owned().into_dyn(), element);
                let (_, pixels) = split.back.run(vec![(split.tensor.clone(), tile)])?.swap_remove(0);
                let pixels =
                    pixels.into_f32().into_dimensionality::<Ix4>().map_err(|e| self.wrong(e.to_string()))?;
                let expected = (1, 3, side_down * self.factor, side_across * self.factor);
                if pixels.dim() != expected {
                    let reason = format!("it answers {:?} to a tile, expected {expected:?}", pixels.dim());
                    return Err(self.wrong(reason));
                }
                mosaic.put(pixels.index_axis(Axis(0), 0), top, left);
                done += 1;
            }
        }
        Progress { done, total, unit: Unit::Tiles }.tell(watch)?;
        Ok(mosaic.finish().into())
    }

    fn wrong(&self, reason: String) -> Error {
        Error::Contract { path: self.network.path().to_owned(), part: "VAE decoder", reason }
    }
}

/// Where nobody wants to know how far it is, or to stop it.
fn unwatched(_: Progress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// A decoder that bands cannot be made of.
pub(super) fn inseparable(path: &Path, reason: &Inseparable) -> Error {
    let reason = format!(
        "it cannot be decoded in bands, which `memory.vae_tiling: exact` asks for: {reason}; write `auto`"
    );
    Error::Contract { path: path.to_owned(), part: "VAE decoder", reason }
}

/// The encoder of a variational autoencoder.
#[derive(Debug)]
pub struct VaeEncoder {
    network: Network,
    input: String,
    element: Element,
    channels: usize,
    factor: usize,
    scale: LatentScale,
}

impl VaeEncoder {
    /// Loads the encoder; its one input may have any name (`sample`).
    pub fn open(
        part: &Part,
        geometry: &Geometry,
        options: &engine::Options,
        way: Way,
    ) -> Result<Self, Error> {
        let options = engine::Options { runs: Runs::Large, ..*options };
        let network = Network::open(&part.file, &options, way)?;
        let wrong = |reason: String| Error::Contract { path: part.file.clone(), part: "VAE encoder", reason };
        let [input] = network.inputs() else {
            return Err(wrong(format!("it takes {} inputs, expected one", network.inputs().len())));
        };
        let element = input
            .element
            .ok_or_else(|| wrong("its input has an element type that is not supported".into()))?;
        Ok(Self {
            input: input.name.clone(),
            element,
            channels: geometry.channels,
            factor: geometry.factor as usize,
            scale: geometry.scale.clone(),
            network,
        })
    }

    /// The latents of a picture, (1, channels, height / factor, width / factor), as the denoiser has
    /// them. An encoder that answers mean and log variance is sampled with the next of `random`.
    pub fn encode(&mut self, picture: &RgbImage, random: &mut Random) -> Result<Array4<f32>, Error> {
        let (width, height) = (picture.width() as usize, picture.height() as usize);
        let pixels = Array4::from_shape_fn((1, 3, height, width), |(_, channel, y, x)| {
            f32::from(picture.get_pixel(x as u32, y as u32)[channel]) / 255.0 * 2.0 - 1.0
        });
        let input = Tensor::from_f32(pixels.into_dyn(), self.element);
        let (_, answer) = self.network.run(vec![(self.input.clone(), input)])?.swap_remove(0);
        let shape = [1, self.channels, height / self.factor, width / self.factor];
        let found = answer.shape().to_vec();
        let wrong = || Error::Contract {
            path: self.network.path().to_owned(),
            part: "VAE encoder",
            reason: format!("it answers shape {found:?}, expected {shape:?} or twice as many channels"),
        };
        let answer = answer.into_f32().into_dimensionality::<Ix4>().map_err(|_| wrong())?;
        let latents = if answer.shape() == shape {
            answer
        } else if answer.shape() == [1, 2 * self.channels, shape[2], shape[3]] {
            let (mean, log_variance) = answer.view().split_at(ndarray::Axis(1), self.channels);
            let deviation = log_variance.mapv(|x| (0.5 * x.clamp(-30.0, 20.0)).exp());
            &mean + &(deviation * random.normal(shape))
        } else {
            return Err(wrong());
        };
        Ok(self.scale.for_denoiser(&latents))
    }
}

/// -1.0 ..= 1.0 to 0 ..= 255, rounded as diffusers' image processor does (ties to even).
fn byte(value: f32) -> u8 {
    ((value / 2.0 + 0.5).clamp(0.0, 1.0) * 255.0).round_ties_even() as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_range_of_the_network_is_the_range_of_a_byte() {
        assert_eq!([-2.0, -1.0, 0.0, 1.0, 3.0].map(byte), [0, 0, 128, 255, 255]);
        assert_eq!(byte(f32::NAN), 0);
    }
}
