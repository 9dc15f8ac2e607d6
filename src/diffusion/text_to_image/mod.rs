//! The loop: a prompt and noise, or a picture, become a picture.

mod asked;
mod parts;

use std::ops::ControlFlow;

use ndarray::{Array4, ArrayView4, Axis, s};

use crate::{
    models::{Family, Model, PartKind},
    story::Size,
};

use self::parts::Overflows;
use super::{
    Denoiser, Error, Geometry, IpAdapter, Options, Picture, Progress, Random, Reading, Request, Tokenizer,
    Unit, VaeDecoder, VaeEncoder, blank,
    conditioning::Encoders,
    denoiser::Told,
    guidance,
    profile::{Profile, scheduler_config},
    published,
    schedulers::{Config, Scheduler},
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
    overflows: Overflows,
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
            overflows: Overflows::default(),
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

    /// Draws [`Request::count`] pictures. `progress` is called before the first step and after each, and where a
    /// picture is decoded on bands or tiles, before the first of those and after each; when it breaks, drawing stops
    /// with [`Error::Cancelled`].
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
            Ok(Picture { image: self.decode(&latents, progress)?, latents })
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
    /// another model to go on with: see [`Kept::DenoisingStart`](super::Kept::DenoisingStart).
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
        let (mut denoiser, mut beside) = self.denoisers(told.len())?;
        let drawn = denoise(
            (&mut denoiser, beside.as_mut()),
            scheduler.as_mut(),
            latents,
            (&told, self.options.rows),
            request,
            &mut random,
            progress,
        );
        self.put_back(denoiser, beside);
        drawn
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
    let mut report = |done| Progress { done, total, unit: Unit::Steps }.tell(progress);
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
