//! What a request means to a model: what its denoiser is told, its scheduler, and the latents to begin with.

use ndarray::{Array1, Array2, Array4, ArrayView2, Axis, concatenate};

use crate::models::Family;

use super::{
    super::{
        Error, Kept, Noise, Random, Request, Source, Start,
        conditioning::{Conditioning, Manner},
        denoiser::Told,
        guidance, packing,
        profile::scheduler_error,
        schedulers::{self, Schedule, Scheduler, scheduler},
    },
    TextToImage,
};

impl TextToImage {
    pub(super) fn check(&self, request: &Request) -> Result<(), Error> {
        if !self.geometry.fits(request.size) {
            return Err(Error::Size {
                model: self.model.name.clone(),
                wanted: request.size,
                multiple: self.geometry.multiple,
                nearest: self.nearest_size(request.size),
            });
        }
        let wrong = |text: String| Err(Error::Request(text));
        if request.count == 0 {
            return wrong("no picture is asked for".into());
        }
        if !request.guidance_scale.is_finite() {
            return wrong(format!("a guidance scale of {} makes no picture", request.guidance_scale));
        }
        if !(0.0..=1.0).contains(&request.guidance_rescale) {
            return wrong(format!("guidance rescale is {}, expected 0 to 1", request.guidance_rescale));
        }
        if request.likeness.is_some() && self.adapter.is_none() {
            return wrong("a picture of a character is given, and no IP-Adapter to look at it".into());
        }
        match &request.start {
            Start::Given(_, Kept::Strength(strength)) if !(0.0..=1.0).contains(strength) => {
                wrong(format!("strength is {strength}, expected 0 to 1"))
            }
            Start::Given(Source::Picture(picture), _)
                if (picture.width(), picture.height()) != (request.size.width, request.size.height) =>
            {
                let (width, height) = picture.dimensions();
                wrong(format!("the picture to start from is {width}x{height}, expected {}", request.size))
            }
            _ => Ok(()),
        }
    }

    /// What the denoiser is told beside latents and timestep, the same at each step.
    pub(super) fn told(&mut self, request: &Request, guided: bool) -> Result<Told, Error> {
        let manner = Manner { reading: request.reading, clip_skip: request.clip_skip };
        let negative = request.negative_prompt.as_deref();
        let zeros = negative.is_none()
            && self.model.family == Family::StableDiffusionXl
            && self.profile.zeros_for_no_prompt;
        let text = (guided && !zeros).then_some(negative.unwrap_or_default());
        let (positive, encoded) = self.encoders.encode(&request.prompt, text, manner)?;
        let negative = if guided { Some(encoded.unwrap_or_else(|| positive.zeros())) } else { None };
        let rows: Vec<Conditioning> = negative.into_iter().chain([positive]).collect();
        let mut told = Told::rows(rows.len());
        let hidden: Vec<_> = rows.iter().map(|row| row.hidden.view()).collect();
        told.each("encoder_hidden_states", stack(&hidden)?.into_dyn());
        let pooled: Vec<ArrayView2<f32>> =
            rows.iter().filter_map(|row| Some(row.pooled.as_ref()?.view())).collect();
        if !pooled.is_empty() {
            let name = match self.model.family {
                Family::StableDiffusionXl => "text_embeds",
                _ => "pooled_projections",
            };
            told.each(name, stack(&pooled)?.into_dyn());
        }
        let count = rows.len();
        if let Some(adapter) = &mut self.adapter {
            let likeness = request.likeness.as_ref().map(|likeness| (&likeness.picture, likeness.scale));
            for (name, values) in adapter.told(likeness, guided, &self.options)? {
                told.each(name, values);
            }
        }
        if self.model.family == Family::StableDiffusionXl {
            told.each("time_ids", self.time_ids(request, guided).into_dyn());
        }
        if let Some(width) = self.profile.guidance_width {
            told.each("timestep_cond", guidance::embedding(request.guidance_scale, width).into_dyn());
        }
        if self.model.family == Family::Flux {
            let [_, _, height, width] = self.geometry.latent_shape(request.size);
            told.all("img_ids", packing::places(height, width).into_dyn());
            told.all("txt_ids", Array2::zeros((rows[0].hidden.dim().1, 3)).into_dyn());
            told.each("guidance", Array1::from_elem(count, request.guidance_scale).into_dyn());
        }
        Ok(told)
    }

    /// SDXL is told how large the picture was that it imitates, where it was cropped, and how large
    /// it shall be; the refiner, how beautiful instead.
    fn time_ids(&self, request: &Request, guided: bool) -> Array2<f32> {
        let (width, height) = (request.size.width as f32, request.size.height as f32);
        let row = |score: f32| match self.profile.takes_aesthetic_score {
            true => vec![height, width, 0.0, 0.0, score],
            false => vec![height, width, 0.0, 0.0, height, width],
        };
        let (positive, negative) = (row(request.aesthetic_score.0), row(request.aesthetic_score.1));
        let rows = if guided { vec![negative, positive] } else { vec![positive] };
        Array2::from_shape_fn((rows.len(), rows[0].len()), |(y, x)| rows[y][x])
    }

    pub(super) fn scheduler(&self, request: &Request) -> Result<Box<dyn Scheduler>, Error> {
        let [_, _, height, width] = self.geometry.latent_shape(request.size);
        let patches = (height / 2) * (width / 2);
        let steps = request.inference_steps;
        let mut schedule = Schedule::new(steps);
        schedule.eta = request.eta;
        schedule.denoising_end = request.denoising_end;
        let flows = matches!(self.model.family, Family::StableDiffusion3 | Family::Flux);
        schedule.start = match request.start {
            Start::Noise => schedulers::Start::Noise,
            Start::Given(_, Kept::Strength(strength)) if flows => {
                schedulers::Start::StrengthRoundedUp(strength)
            }
            Start::Given(_, Kept::Strength(strength)) if self.profile.consistency => {
                schedulers::Start::StrengthOfDistilled(strength)
            }
            Start::Given(_, Kept::Strength(strength)) => schedulers::Start::Strength(strength),
            Start::Given(_, Kept::DenoisingStart(start)) => schedulers::Start::At(start),
        };
        match self.model.family {
            Family::Flux => {
                let last = 1.0 / steps as f64;
                let at = |i: usize| 1.0 + (last - 1.0) * i as f64 / (steps.max(2) - 1) as f64;
                schedule.sigmas = Some((0..steps).map(at).collect());
                schedule.mu = Some(self.scheduler.mu(patches));
            }
            Family::StableDiffusion3 if self.scheduler.flag("use_dynamic_shifting") == Some(true) => {
                schedule.mu = Some(self.scheduler.mu(patches));
            }
            _ => {}
        }
        scheduler(request.scheduler, &self.scheduler, &schedule).map_err(|e| scheduler_error(&self.model, e))
    }

    /// The latents before the first step: (count, channels, height / factor, width / factor).
    pub(super) fn start(
        &mut self,
        request: &Request,
        scheduler: &dyn Scheduler,
        random: &mut Random,
    ) -> Result<Array4<f32>, Error> {
        let mut expected = self.geometry.latent_shape(request.size);
        let one = expected;
        expected[0] = request.count;
        let fits = |latents: &Array4<f32>, expected: [usize; 4]| match latents.shape() == expected {
            true => Ok(()),
            false => Err(Error::Latents { found: latents.shape().to_vec(), expected }),
        };
        let given = match &request.start {
            Start::Noise => None,
            Start::Given(Source::Latents(latents), kept) => {
                fits(latents, one)?;
                Some((latents.clone(), kept))
            }
            Start::Given(Source::Picture(picture), kept) => Some((self.encode(picture, random)?, kept)),
        };
        let noise = |random: &mut Random| match &request.noise {
            Noise::Seed(_) => Ok(random.normal(expected)),
            Noise::Latents(latents, _) => fits(latents, expected).map(|()| latents.clone()),
        };
        let repeated = |latents: &Array4<f32>| {
            Array4::from_shape_fn(expected, |(_, channel, y, x)| latents[[0, channel, y, x]])
        };
        Ok(match given {
            None => noise(random)? * scheduler.init_noise_sigma(),
            Some((latents, Kept::DenoisingStart(_))) => repeated(&latents),
            Some((latents, Kept::Strength(_))) => scheduler.add_noise(&repeated(&latents), &noise(random)?),
        })
    }
}

fn stack<D: ndarray::RemoveAxis>(
    rows: &[ndarray::ArrayView<f32, D>],
) -> Result<ndarray::Array<f32, D>, Error> {
    concatenate(Axis(0), rows)
        .map_err(|error| Error::Request(format!("prompt and negative prompt do not fit together: {error}")))
}
