//! The loop: a prompt and noise become a picture.

use std::ops::ControlFlow;

use image::RgbImage;
use ndarray::{Array3, Array4};

use crate::{
    engine::{self, Residency},
    models::{Model, PartKind},
    story::{SchedulerKind, Seed, Size},
};

use super::{
    Denoiser, Error, Geometry, TextEncoder, Tokenizer, VaeDecoder, blank, guidance, noise,
    schedulers::{Config, Schedule, scheduler},
};

/// Where it runs and what stays loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Device and threads.
    pub session: engine::Options,
    /// Whether parts stay loaded between pictures.
    pub residency: Residency,
}

impl Default for Options {
    fn default() -> Self {
        Self { session: engine::Options::default(), residency: Residency::Resident }
    }
}

/// Where a picture starts.
#[derive(Debug, Clone, PartialEq)]
pub enum Noise {
    /// Standard normal noise, as PyTorch's CPU generator makes it; of the seed its lower 32 bits
    /// count, there and here.
    Seed(Seed),
    /// Given: standard normal, (1, channels, height / factor, width / factor), before the
    /// multiplication by the scheduler's initial sigma. What a scheduler adds later is of seed 0.
    Latents(Array4<f32>),
}

/// What to draw and how.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// What the picture shows.
    pub prompt: String,
    /// What it does not show; without guidance it has no say.
    pub negative_prompt: String,
    /// Its size, which the model must be able to do: see [`Geometry::nearest_size`].
    pub size: Size,
    /// How many times the denoiser is asked: more is finer and slower.
    pub inference_steps: usize,
    /// How strongly the prompt pulls: 1 or less is not at all and half the work, 7.5 is usual for
    /// Stable Diffusion 1.x, more becomes harsh.
    pub guidance_scale: f32,
    /// The noise scheduler.
    pub scheduler: SchedulerKind,
    /// Where it starts.
    pub noise: Noise,
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Steps done.
    pub step: usize,
    /// Steps in all.
    pub total: usize,
}

/// A picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Picture {
    /// Its pixels.
    pub image: RgbImage,
    /// The final latents before the VAE: (1, channels, height / factor, width / factor).
    pub latents: Array4<f32>,
}

/// A text-to-image model, ready to draw.
#[derive(Debug)]
pub struct TextToImage {
    model: Model,
    options: Options,
    geometry: Geometry,
    tokenizer: Tokenizer,
    scheduler: Config,
    notes: Vec<String>,
    text_encoder: Option<TextEncoder>,
    denoiser: Option<Denoiser>,
    vae: Option<VaeDecoder>,
    negative: Option<(String, Array3<f32>)>,
}

impl TextToImage {
    /// Reads the model's settings; weights are loaded when they are first needed.
    pub fn open(model: &Model, options: Options) -> Result<Self, Error> {
        let geometry = Geometry::of(model)?;
        for kind in [PartKind::TextEncoder, PartKind::Denoiser, PartKind::VaeDecoder] {
            model.part(kind)?;
        }
        let mut notes = Vec::new();
        let scheduler = scheduler_config(model, &mut notes)?;
        Ok(Self {
            tokenizer: Tokenizer::open(model)?,
            model: model.clone(),
            options,
            geometry,
            scheduler,
            notes,
            text_encoder: None,
            denoiser: None,
            vae: None,
            negative: None,
        })
    }

    /// The measures of the model.
    pub fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// The model's tokenizer.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// What was done otherwise than the model's files say, in plain lines.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The size nearest to `wanted` that the model can do: see [`Geometry::nearest_size`].
    pub fn nearest_size(&self, wanted: Size) -> Size {
        self.geometry.nearest_size(wanted)
    }

    /// Draws one picture. `progress` is called before the first step and after each; when it
    /// breaks, drawing stops with [`Error::Cancelled`].
    ///
    /// Latents that are no longer numbers are an error at once; whether the picture itself is
    /// empty, [`check`](super::check) tells.
    pub fn generate(
        &mut self,
        request: &Request,
        progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<Picture, Error> {
        let hidden = self.hidden_states(request)?;
        let latents = self.denoise(request, &hidden, progress)?;
        let image = self.decode(&latents)?;
        Ok(Picture { image, latents })
    }

    fn hidden_states(&mut self, request: &Request) -> Result<Array3<f32>, Error> {
        let guided = request.guidance_scale > 1.0;
        let known = self.negative.take().filter(|(text, _)| *text == request.negative_prompt);
        let mut encoder = match self.text_encoder.take() {
            Some(encoder) => encoder,
            None => TextEncoder::open(self.model.part(PartKind::TextEncoder)?, &self.options.session)?,
        };
        let positive = encoder.encode(&self.tokenizer.encode(&request.prompt))?;
        self.negative = match known {
            None if guided => {
                let tokens = self.tokenizer.encode(&request.negative_prompt);
                Some((request.negative_prompt.clone(), encoder.encode(&tokens)?))
            }
            known => known,
        };
        self.text_encoder = self.keep(encoder);
        let negative = self.negative.as_ref().filter(|_| guided).map(|(_, states)| states);
        Ok(guidance::batch(negative, &positive))
    }

    fn denoise(
        &mut self,
        request: &Request,
        hidden: &Array3<f32>,
        progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<Array4<f32>, Error> {
        let schedule = Schedule::new(request.inference_steps);
        let mut scheduler = scheduler(request.scheduler, &self.scheduler, &schedule)
            .map_err(|e| scheduler_error(&self.model, e))?;
        let (noise, mut generator) = self.start(request)?;
        let mut latents = noise * scheduler.init_noise_sigma();
        let shape = latents.dim();
        let timesteps = scheduler.timesteps().to_vec();
        let total = timesteps.len();
        let mut report = |step| match progress(Progress { step, total }) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(Error::Cancelled { done: step, total }),
        };
        let mut denoiser = match self.denoiser.take() {
            Some(denoiser) => denoiser,
            None => Denoiser::open(self.model.part(PartKind::Denoiser)?, &self.options.session)?,
        };
        let drawn = report(0).and_then(|()| {
            for (step, &timestep) in timesteps.iter().enumerate() {
                let shown = scheduler.scale_model_input(&latents, step);
                let shown = guidance::repeat(shown.view(), hidden.dim().0);
                let predicted = denoiser.predict(&shown, timestep, hidden)?;
                let predicted = guidance::combine(predicted, request.guidance_scale);
                let mut noise = || generator.standard_normal(shape);
                latents = scheduler.step(&predicted, step, &latents, &mut noise);
                report(step + 1)?;
            }
            Ok(blank::latents_are_numbers(&latents)?)
        });
        self.denoiser = self.keep(denoiser);
        drawn.map(|()| latents)
    }

    /// The noise to start from, and the generator that makes what schedulers add later.
    fn start(&self, request: &Request) -> Result<(Array4<f32>, noise::Generator), Error> {
        if !self.geometry.fits(request.size) {
            return Err(Error::Size {
                model: self.model.name.clone(),
                wanted: request.size,
                multiple: self.geometry.multiple,
                nearest: self.nearest_size(request.size),
            });
        }
        let expected = self.geometry.latent_shape(request.size);
        match &request.noise {
            Noise::Seed(seed) => {
                let mut generator = noise::Generator::new(seed.0);
                Ok((generator.standard_normal(expected), generator))
            }
            Noise::Latents(latents) if latents.shape() == expected => {
                Ok((latents.clone(), noise::Generator::new(0)))
            }
            Noise::Latents(latents) => Err(Error::Latents { found: latents.shape().to_vec(), expected }),
        }
    }

    fn decode(&mut self, latents: &Array4<f32>) -> Result<RgbImage, Error> {
        let mut vae = match self.vae.take() {
            Some(vae) => vae,
            None => VaeDecoder::open(
                self.model.part(PartKind::VaeDecoder)?,
                &self.geometry,
                &self.options.session,
            )?,
        };
        let image = vae.decode(latents);
        self.vae = self.keep(vae);
        image
    }

    /// A part that has done its work: dropped at once where one part is loaded at a time.
    fn keep<T>(&self, part: T) -> Option<T> {
        (self.options.residency == Residency::Resident).then_some(part)
    }
}

/// The model's scheduler as the Stable Diffusion pipeline of diffusers reads it: that one always
/// sets `steps_offset` to 1 and `clip_sample` to false, whatever the file says, and so must
/// whoever wants its pictures.
fn scheduler_config(model: &Model, notes: &mut Vec<String>) -> Result<Config, Error> {
    const FILE: &str = "scheduler/scheduler_config.json";
    let path = model.path.join(FILE);
    let Ok(text) = std::fs::read_to_string(&path) else {
        return Err(Error::Config {
            path,
            reason: "is missing; copy it from the model that was exported".into(),
        });
    };
    let mut config = Config::parse(&text).map_err(|e| scheduler_error(model, e))?;
    let leading = matches!(config.text("timestep_spacing"), None | Some("leading"));
    let offset = config.number("steps_offset").unwrap_or(0.0);
    if offset != 1.0 && leading {
        notes.push(format!("scheduler: steps_offset 1 instead of {offset}, as diffusers does"));
    }
    if config.flag("clip_sample") == Some(true) {
        notes.push("scheduler: clip_sample off, as diffusers does".to_owned());
    }
    config.set("steps_offset", 1);
    config.set("clip_sample", false);
    Ok(config)
}

fn scheduler_error(model: &Model, error: super::schedulers::SchedulerError) -> Error {
    Error::Config { path: model.path.join("scheduler/scheduler_config.json"), reason: error.0 }
}
