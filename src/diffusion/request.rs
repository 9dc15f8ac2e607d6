//! What is asked for and what comes back.

use std::{fmt, ops::ControlFlow};

use image::RgbImage;
use ndarray::Array4;

use super::{Error, Way};
use crate::{
    engine::{self, Loaded, Residency},
    story::{Rng, SchedulerKind, Seed, Size},
};

/// Where it runs and what stays loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Device and threads.
    pub session: engine::Options,
    /// Whether parts stay loaded between pictures.
    pub residency: Residency,
    /// The most bytes a part may hold where parts run in pieces; 0 for as few as can be.
    pub limit: u64,
    /// The most rows that one run of the denoiser takes.
    pub rows: usize,
    /// A second device, whose own denoiser takes one half of guidance while the first one takes the other.
    pub beside: Option<engine::Options>,
    /// A second device, which holds all but the denoiser.
    pub apart: Option<engine::Options>,
}

impl Options {
    /// Where everything but the denoiser runs.
    pub(super) fn around_the_denoiser(&self) -> engine::Options {
        self.apart.unwrap_or(self.session)
    }

    /// How a part is held in memory.
    pub(super) fn way(&self) -> Way {
        match self.residency {
            Residency::Resident | Residency::Model => Way::Whole,
            Residency::Group => Way::Pieces(self.limit, Loaded::Two),
            Residency::Sequential => Way::Pieces(self.limit, Loaded::One),
        }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            session: engine::Options::default(),
            residency: Residency::Resident,
            limit: 0,
            rows: 2,
            beside: None,
            apart: None,
        }
    }
}

/// Where the noise comes from.
#[derive(Debug, Clone, PartialEq)]
pub enum Noise {
    /// Standard normal noise, as PyTorch makes it from this seed.
    Seed(Seed),
    /// Given for the start: standard normal, (pictures, channels, height / factor, width / factor),
    /// before the multiplication by the scheduler's initial sigma. What a scheduler draws on its way
    /// still comes from the seed.
    Latents(Array4<f32>, Seed),
}

impl Noise {
    pub(super) fn seed(&self) -> Seed {
        match self {
            Self::Seed(seed) | Self::Latents(_, seed) => *seed,
        }
    }
}

/// How a prompt is read by CLIP's text encoders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reading {
    /// `(word)` and `(word:1.3)` weigh more, `[word]` less; what is longer than the encoder reads at
    /// once is read in chunks.
    #[default]
    Weighted,
    /// As diffusers reads: brackets are text, what is too long is cut off.
    Plain,
}

/// What the picture is made of.
#[derive(Debug, Clone, PartialEq)]
pub enum Start {
    /// Noise alone.
    Noise,
    /// Something given, of which part is kept.
    Given(Source, Kept),
}

/// Something to start from.
#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    /// A picture of the size asked for.
    Picture(RgbImage),
    /// Latents as a model of the same latents leaves them: (1, channels, height / factor, width / factor).
    Latents(Array4<f32>),
}

/// How much of what is given is kept.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kept {
    /// Noise is added for this share of the steps, 0 ..= 1: 1 keeps nothing.
    Strength(f64),
    /// It is still noisy as another model left it, with this share of the way behind it; nothing is added.
    DenoisingStart(f64),
}

/// A picture of somebody, for an IP-Adapter to look at.
#[derive(Debug, Clone, PartialEq)]
pub struct Likeness {
    /// The picture, of any size.
    pub picture: RgbImage,
    /// How much it counts: 0 not at all, 1 as much as the prompt.
    pub scale: f32,
}

/// What to draw and how.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// What the picture shows.
    pub prompt: String,
    /// What it does not show, if anything is said; without guidance it has no say.
    pub negative_prompt: Option<String>,
    /// How both are read.
    pub reading: Reading,
    /// The picture's size, which the model must be able to do: see [`super::Geometry::nearest_size`].
    pub size: Size,
    /// How many pictures, of one draw of noise.
    pub count: usize,
    /// How many times the denoiser is asked: more is finer and slower.
    pub inference_steps: usize,
    /// How strongly the prompt pulls: 1 or less is not at all and half the work, 7.5 is usual for
    /// Stable Diffusion 1.x, more becomes harsh. Models distilled from guidance are told the number.
    pub guidance_scale: f32,
    /// How far guided predictions are drawn back to the contrast of unguided ones, 0 ..= 1 (Lin et al.,
    /// 2023, <https://arxiv.org/abs/2305.08891>, section 3.4).
    pub guidance_rescale: f32,
    /// How many of the text encoder's last layers are left out, as diffusers counts; `None` leaves the
    /// model's own choice.
    pub clip_skip: Option<usize>,
    /// The noise scheduler.
    pub scheduler: SchedulerKind,
    /// How much noise DDIM adds on its way, 0 ..= 1.
    pub eta: f64,
    /// Whose numbers the seed stands for.
    pub rng: Rng,
    /// Where the noise comes from.
    pub noise: Noise,
    /// What the picture is made of.
    pub start: Start,
    /// Who is in it; needs a model that was [opened](super::TextToImage::open) with an adapter.
    pub likeness: Option<Likeness>,
    /// Stops after this share of the way, 0 < end < 1, so that another model can go on.
    pub denoising_end: Option<f64>,
    /// What the SDXL refiner is told of the beauty of the picture and of what it is not; up to 10.
    pub aesthetic_score: (f32, f32),
}

impl Request {
    /// A picture of `prompt` in `size`, all else as usual: 20 steps, guidance 7.5, the model's own
    /// scheduler, seed 0.
    pub fn new(prompt: impl Into<String>, size: Size) -> Self {
        Self {
            prompt: prompt.into(),
            negative_prompt: None,
            reading: Reading::default(),
            size,
            count: 1,
            inference_steps: 20,
            guidance_scale: 7.5,
            guidance_rescale: 0.0,
            clip_skip: None,
            scheduler: SchedulerKind::Auto,
            eta: 0.0,
            rng: Rng::default(),
            noise: Noise::Seed(Seed(0)),
            start: Start::Noise,
            likeness: None,
            denoising_end: None,
            aesthetic_score: (6.0, 2.5),
        }
    }
}

/// What work on a picture is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Inference steps of the denoiser.
    Steps,
    /// Bands of the decoder's layers.
    Bands,
    /// Tiles of the decoder.
    Tiles,
}

impl Unit {
    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Steps => "inference steps",
            Self::Bands => "bands decoded",
            Self::Tiles => "tiles decoded",
        }
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Units done.
    pub done: usize,
    /// Units in all.
    pub total: usize,
    /// What is counted.
    pub unit: Unit,
}

/// Whoever is told how far it is, and may stop it there.
pub(super) type Watch<'a> = dyn FnMut(Progress) -> ControlFlow<()> + 'a;

impl Progress {
    pub(super) fn tell(self, watch: &mut Watch<'_>) -> Result<(), Error> {
        match watch(self) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(Error::Cancelled(self)),
        }
    }
}

/// A picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Picture {
    /// Its pixels.
    pub image: RgbImage,
    /// The final latents before the VAE: (1, channels, height / factor, width / factor).
    pub latents: Array4<f32>,
}
