//! The loop: a prompt and noise, or a picture, become a picture.

use std::ops::ControlFlow;

use image::RgbImage;
use ndarray::{Array1, Array2, Array4, ArrayView2, ArrayView4, Axis, concatenate, s};

use crate::{
    engine::{self, Residency},
    models::{Family, Model, PartKind},
    story::Size,
};

use super::{
    Denoiser, Error, Geometry, IpAdapter, Kept, Noise, Options, Picture, Progress, Random, Reading, Request,
    Source, Start, Tokenizer, VaeDecoder, VaeEncoder, blank,
    conditioning::{Conditioning, Encoders, Manner},
    denoiser::Told,
    footprint, guidance, packing,
    profile::{Profile, scheduler_config, scheduler_error},
    published,
    schedulers::{self, Config, Schedule, Scheduler, scheduler},
};

/// A text-to-image model, ready to draw.
#[derive(Debug)]
pub struct TextToImage {
    model: Model,
    options: Options,
    geometry: Geometry,
    encoders: Encoders,
    scheduler: Config,
    profile: Profile,
    notes: Vec<String>,
    fallbacks: Vec<String>,
    /// Whether the VAE decoder needs 32 bits where its file has 16.
    overflows: bool,
    adapter: Option<IpAdapter>,
    denoiser: Option<Denoiser>,
    /// On a second device.
    beside: Option<Denoiser>,
    decoder: Option<VaeDecoder>,
    encoder: Option<VaeEncoder>,
    undecoded: Option<Undecoded>,
}

/// Latents that were drawn and could not be decoded, with what was asked for.
#[derive(Debug)]
pub struct Undecoded {
    asked: Request,
    latents: Array4<f32>,
}

impl TextToImage {
    /// The same model, looking through `adapter` at the pictures that requests come with.
    pub fn with_adapter(mut self, adapter: IpAdapter) -> Result<Self, Error> {
        if !matches!(self.model.family, Family::StableDiffusion | Family::StableDiffusionXl) {
            return Err(Error::Request(format!(
                "`{}` has no cross-attention, which an IP-Adapter needs: take a Stable Diffusion 1, 2 or XL model, or characters without pictures",
                self.model.name
            )));
        }
        (self.denoiser, self.beside) = (None, None);
        self.adapter = Some(adapter);
        Ok(self)
    }

    /// Reads the model's settings; weights are loaded when they are first needed.
    pub fn open(model: &Model, options: Options) -> Result<Self, Error> {
        let geometry = Geometry::of(model)?;
        for kind in [PartKind::Denoiser, PartKind::VaeDecoder] {
            model.part(kind)?;
        }
        let mut notes: Vec<String> = published::note(model).into_iter().collect();
        let profile = Profile::of(model)?;
        let scheduler = scheduler_config(model, profile, &mut notes)?;
        if model.family == Family::StableDiffusion3 && model.find(PartKind::TextEncoder3).is_none() {
            notes.push("prompt: read without T5, which this model folder lacks".to_owned());
        }
        Ok(Self {
            encoders: Encoders::open(model, options)?,
            profile,
            model: model.clone(),
            options,
            geometry,
            scheduler,
            notes,
            fallbacks: Vec::new(),
            overflows: false,
            adapter: None,
            denoiser: None,
            beside: None,
            decoder: None,
            encoder: None,
            undecoded: None,
        })
    }

    /// The measures of the model.
    pub fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// CLIP's tokenizer, the first if there are two.
    pub fn tokenizer(&self) -> &Tokenizer {
        self.encoders.tokenizer()
    }

    /// How many tokens at the end of `prompt` the model will not see.
    pub fn dropped_tokens(&self, prompt: &str, reading: Reading) -> usize {
        self.encoders.dropped(prompt, reading)
    }

    /// What was done otherwise than the model's files say, in plain lines.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// What went on in another way than was decided since this was last asked, in plain lines.
    pub fn take_fallbacks(&mut self) -> Vec<String> {
        std::mem::take(&mut self.fallbacks)
    }

    /// The size nearest to `wanted` that the model can do: see [`Geometry::nearest_size`].
    pub fn nearest_size(&self, wanted: Size) -> Size {
        self.geometry.nearest_size(wanted)
    }

    /// Draws [`Request::count`] pictures. `progress` is called before the first step and after each;
    /// when it breaks, drawing stops with [`Error::Cancelled`].
    ///
    /// Latents that are no longer numbers are an error at once; whether a picture itself is
    /// empty, [`check`](super::check) tells.
    pub fn generate(
        &mut self,
        request: &Request,
        progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<Vec<Picture>, Error> {
        let latents = match self.undecoded.take() {
            Some(undecoded) if undecoded.asked == *request => undecoded.latents,
            _ => self.latents(request, progress)?,
        };
        let decode = |latents: ArrayView4<'_, f32>| {
            let latents = latents.to_owned();
            Ok(Picture { image: self.decode(&latents)?, latents })
        };
        let pictures: Result<_, Error> = latents.axis_chunks_iter(Axis(0), 1).map(decode).collect();
        if pictures.is_err() {
            self.undecoded = Some(Undecoded { asked: request.clone(), latents });
        }
        pictures
    }

    /// What the last picture left behind if its decoding failed, for a model that is opened in another way to
    /// [go on with](Self::go_on_with).
    pub fn take_undecoded(&mut self) -> Option<Undecoded> {
        self.undecoded.take()
    }

    /// Decodes these latents when the same picture is asked for next, instead of drawing it once more.
    pub fn go_on_with(&mut self, undecoded: Option<Undecoded>) {
        self.undecoded = undecoded;
    }

    /// The latents of [`Request::count`] pictures, (count, channels, height / factor, width / factor), for
    /// another model to go on with: see [`Kept::DenoisingStart`].
    pub fn latents(
        &mut self,
        request: &Request,
        progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<Array4<f32>, Error> {
        self.check(request)?;
        let guided = request.guidance_scale > 1.0
            && self.profile.guidance_width.is_none()
            && self.model.family != Family::Flux;
        let told = self.told(request, guided)?;
        let mut random = Random::new(request.rng, request.noise.seed());
        let mut scheduler = self.scheduler(request)?;
        let latents = self.start(request, scheduler.as_ref(), &mut random)?;
        let mut denoiser = match self.denoiser.take() {
            Some(denoiser) => denoiser,
            None => self.open_denoiser(&self.options.session)?,
        };
        let mut beside = match (self.beside.take(), self.options.beside) {
            (None, Some(session)) if told.len() == 2 => Some(self.open_denoiser(&session)?),
            (open, _) => open,
        };
        let drawn = denoise(
            (&mut denoiser, beside.as_mut()),
            scheduler.as_mut(),
            latents,
            (&told, self.options.rows),
            request,
            &mut random,
            progress,
        );
        self.denoiser = self.keep(denoiser);
        self.beside = beside.and_then(|beside| self.keep(beside));
        drawn
    }

    fn open_denoiser(&self, session: &engine::Options) -> Result<Denoiser, Error> {
        let part = self.model.part(PartKind::Denoiser)?;
        let adapter = self.adapter.as_ref();
        let document =
            footprint::denoiser(&self.model, part, &self.geometry, session.device, (adapter, None))?;
        Denoiser::of(document, part, self.model.family, session, self.options.way())
    }

    fn check(&self, request: &Request) -> Result<(), Error> {
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
    fn told(&mut self, request: &Request, guided: bool) -> Result<Told, Error> {
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

    fn scheduler(&self, request: &Request) -> Result<Box<dyn Scheduler>, Error> {
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
    fn start(
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

    fn encode(&mut self, picture: &RgbImage, random: &mut Random) -> Result<Array4<f32>, Error> {
        let mut encoder = match self.encoder.take() {
            Some(encoder) => encoder,
            None => {
                let part = self.model.part(PartKind::VaeEncoder)?;
                VaeEncoder::open(part, &self.geometry, &self.options.session, self.options.way())?
            }
        };
        let latents = encoder.encode(picture, random);
        self.encoder = self.keep(encoder);
        latents
    }

    fn decode(&mut self, latents: &Array4<f32>) -> Result<RgbImage, Error> {
        let mut decoder = match self.decoder.take() {
            Some(decoder) => decoder,
            None => {
                let part = self.model.part(PartKind::VaeDecoder)?;
                let way = self.options.decoder_way();
                let mut decoder = VaeDecoder::open(part, &self.geometry, &self.options.session, way)?;
                if self.overflows {
                    decoder.widen();
                }
                decoder
            }
        };
        let image = decoder.decode(latents);
        if decoder.overflowed() && !self.overflows {
            self.overflows = true;
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

fn denoise(
    (denoiser, mut beside): (&mut Denoiser, Option<&mut Denoiser>),
    scheduler: &mut dyn Scheduler,
    mut latents: Array4<f32>,
    (told, rows): (&Told, usize),
    request: &Request,
    random: &mut Random,
    progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
) -> Result<Array4<f32>, Error> {
    let timesteps = scheduler.timesteps().to_vec();
    let total = timesteps.len();
    let mut report = |step| match progress(Progress { step, total }) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(Error::Cancelled { done: step, total }),
    };
    report(0)?;
    let shape = latents.raw_dim();
    for (step, &timestep) in timesteps.iter().enumerate() {
        let shown = scheduler.scale_model_input(&latents, step);
        let mut predicted = Array4::zeros(shape);
        // One picture after the other: all at once would need as many times the memory.
        for (picture, mut answer) in predicted.axis_chunks_iter_mut(Axis(0), 1).enumerate() {
            let shown = shown.slice(s![picture..picture + 1, .., .., ..]).to_owned();
            let rows = match &mut beside {
                Some(beside) if told.len() == 2 => denoiser.predict_beside(beside, &shown, timestep, told)?,
                _ => denoiser.predict(&shown, timestep, told, rows)?,
            };
            answer.assign(&guidance::combine(rows, request.guidance_scale, request.guidance_rescale));
        }
        latents = scheduler.step(&predicted, step, &latents, &mut || random.normal(shape));
        report(step + 1)?;
    }
    blank::latents_are_numbers(&latents)?;
    Ok(latents)
}

fn stack<D: ndarray::RemoveAxis>(
    rows: &[ndarray::ArrayView<f32, D>],
) -> Result<ndarray::Array<f32, D>, Error> {
    concatenate(Axis(0), rows)
        .map_err(|error| Error::Request(format!("prompt and negative prompt do not fit together: {error}")))
}
