//! The networks of a model: opened when they are first needed, and kept as long as may be.

use image::RgbImage;
use ndarray::Array4;

use crate::{
    engine::{self, Residency},
    models::PartKind,
};

use super::{
    super::{Denoiser, Error, Random, VaeDecoder, VaeEncoder, footprint, request::Watch},
    TextToImage,
};

/// Which networks need 32 bits where their files have 16.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Overflows {
    denoiser: bool,
    decoder: bool,
}

impl TextToImage {
    /// The denoiser, and the one on a second device where the two `rows` of guidance have one each.
    pub(super) fn denoisers(&mut self, rows: usize) -> Result<(Denoiser, Option<Denoiser>), Error> {
        let denoiser = match self.denoiser.take() {
            Some(denoiser) => denoiser,
            None => self.open_denoiser(&self.options.session)?,
        };
        let beside = match (self.beside.take(), self.options.beside) {
            (None, Some(session)) if rows == 2 => Some(self.open_denoiser(&session)?),
            (open, _) => open,
        };
        Ok((denoiser, beside))
    }

    /// Takes them back, and tells if they overflowed.
    pub(super) fn put_back(&mut self, denoiser: Denoiser, beside: Option<Denoiser>) {
        let overflowed = denoiser.overflowed() || beside.as_ref().is_some_and(Denoiser::overflowed);
        if overflowed && !self.overflows.denoiser {
            self.overflows.denoiser = true;
            self.fallbacks
                .push("the denoiser answers numbers that are none in 16 bits; it goes on in 32".to_owned());
        }
        self.denoiser = self.keep(denoiser);
        self.beside = beside.and_then(|beside| self.keep(beside));
    }

    fn open_denoiser(&self, session: &engine::Options) -> Result<Denoiser, Error> {
        let part = self.model.part(PartKind::Denoiser)?;
        let adapter = self.adapter.as_ref();
        let document =
            footprint::denoiser(&self.model, part, &self.geometry, session.device, (adapter, None))?;
        let mut denoiser = Denoiser::of(document, part, self.model.family, session, self.options.way())?;
        if self.overflows.denoiser {
            denoiser.widen();
        }
        Ok(denoiser)
    }

    pub(super) fn encode(&mut self, picture: &RgbImage, random: &mut Random) -> Result<Array4<f32>, Error> {
        let mut encoder = match self.encoder.take() {
            Some(encoder) => encoder,
            None => {
                let part = self.model.part(PartKind::VaeEncoder)?;
                let session = self.options.around_the_denoiser();
                VaeEncoder::open(part, &self.geometry, &session, self.options.way())?
            }
        };
        let latents = encoder.encode(picture, random);
        self.encoder = self.keep(encoder);
        latents
    }

    pub(super) fn decode(
        &mut self,
        latents: &Array4<f32>,
        progress: &mut Watch<'_>,
    ) -> Result<RgbImage, Error> {
        let mut decoder = match self.decoder.take() {
            Some(decoder) => decoder,
            None => {
                let part = self.model.part(PartKind::VaeDecoder)?;
                let (session, way) = (self.options.around_the_denoiser(), self.options.way());
                let mut decoder = VaeDecoder::open(part, &self.geometry, &session, way)?;
                if self.overflows.decoder {
                    decoder.widen();
                }
                decoder
            }
        };
        let image = decoder.decode_watched(latents, progress);
        if let Some(why) = decoder.take_no_bands() {
            self.fallbacks
                .push(format!("{why}; the picture is decoded on tiles, whose tones differ a little"));
        }
        if decoder.overflowed() && !self.overflows.decoder {
            self.overflows.decoder = true;
            self.fallbacks.push(
                "the VAE decoder answers numbers that are none in 16 bits; it goes on in 32".to_owned(),
            );
        }
        self.decoder = self.keep(decoder);
        image
    }

    /// A part that has done its work: dropped at once where one part is loaded at a time.
    fn keep<T>(&self, part: T) -> Option<T> {
        (self.options.residency == Residency::Resident).then_some(part)
    }
}
