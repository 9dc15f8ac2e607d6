//! Ancestral sampling with Euler's method: a step further down than asked for, and noise to come
//! back (Katherine Crowson's k-diffusion, after Karras et al., 2022,
//! <https://arxiv.org/abs/2206.00364>, and Song et al., 2020, <https://arxiv.org/abs/2011.13456>).

use ndarray::{Array4, Zip};

use super::{
    Config, Prediction, Schedule, Scheduler, SchedulerError, Spacing, accumulate,
    betas::{self, Training},
    euler::{init_noise_sigma, noised, scaled},
    finite,
    schedule::starts_once,
    sigmas,
};

/// Euler's method with fresh noise in each step.
#[derive(Debug, Clone)]
pub struct EulerAncestral {
    timesteps: Vec<f32>,
    steps: Vec<Step>,
    init_noise_sigma: f32,
    prediction: Prediction,
}

#[derive(Debug, Clone, Copy)]
struct Step {
    sigma: f32,
    /// What Euler's step goes down to.
    down: f32,
    /// Standard deviation of the fresh noise.
    up: f32,
}

impl EulerAncestral {
    /// Set for `schedule`.
    pub fn new(config: &Config, schedule: &Schedule) -> Result<Self, SchedulerError> {
        schedule.takes("Euler ancestral", &[])?;
        let spacing = Spacing::of(config, Spacing::Linspace)?;
        let prediction = Prediction::of(config, &[Prediction::Epsilon, Prediction::Velocity])?;
        let timesteps = spacing.timesteps(config, schedule.steps(None)?);
        let whole: Vec<f32> = timesteps.into_iter().map(|timestep| timestep as f32).collect();
        let trained = sigmas::trained(&betas::signal_above_zero(config, &Training::USUAL)?);
        let level = |&timestep: &f32| sigmas::interpolate(f64::from(timestep), &trained) as f32;
        let all: Vec<f32> = whole.iter().map(level).chain([0.0]).collect();
        starts_once(&whole, schedule.start)?;
        let calls = schedule.cut(&whole, config.train_steps(), 1)?;
        let step = |index: usize| {
            let (sigma, next) = (all[index], all[index + 1]);
            let (from, to) = (sigma * sigma, next * next);
            let up = (to * (from - to) / from).sqrt();
            let down = (to - up * up).sqrt();
            finite(whole[index], &[1.0 / sigma, up, down])?;
            Ok(Step { sigma, down, up })
        };
        Ok(Self {
            steps: calls.clone().map(step).collect::<Result<_, _>>()?,
            timesteps: whole[calls].to_vec(),
            init_noise_sigma: init_noise_sigma(&all, spacing),
            prediction,
        })
    }
}

impl Scheduler for EulerAncestral {
    fn timesteps(&self) -> &[f32] {
        &self.timesteps
    }

    fn init_noise_sigma(&self) -> f32 {
        self.init_noise_sigma
    }

    fn scale_model_input(&self, latents: &Array4<f32>, call: usize) -> Array4<f32> {
        scaled(latents, self.steps[call].sigma)
    }

    fn step(
        &mut self,
        predicted: &Array4<f32>,
        call: usize,
        latents: &Array4<f32>,
        noise: &mut dyn FnMut() -> Array4<f32>,
    ) -> Array4<f32> {
        let Step { sigma, down, up } = self.steps[call];
        let prediction = self.prediction;
        let mut next = Zip::from(predicted).and(latents).map_collect(|&predicted, &latent| {
            let clean = prediction.clean(predicted, latent, sigma);
            latent + (latent - clean) / sigma * (down - sigma)
        });
        // Asked for at the last step too, where none is added: diffusers draws it there.
        accumulate(&mut next, up, &noise());
        next
    }

    fn add_noise(&self, clean: &Array4<f32>, noise: &Array4<f32>) -> Array4<f32> {
        noised(clean, noise, self.steps[0].sigma)
    }
}
