//! Noise schedulers: how the denoiser's answers become the next latents. One algorithm a file,
//! read from `scheduler_config.json` as diffusers reads it.

mod betas;
mod config;
mod ddim;
mod euler;
mod spacing;

use ndarray::Array4;

pub use betas::BetaSchedule;
pub use config::{Config, Karras, Prediction, SchedulerError};
pub use ddim::Ddim;
pub use euler::Euler;
pub use spacing::Spacing;

use crate::story::SchedulerKind;

/// A noise scheduler, set for one number of inference steps.
///
/// Latents have the shape (1, channels, height, width); `step` counts from 0.
pub trait Scheduler {
    /// What the denoiser is told at each step, from noisy to clean. It may be one longer than
    /// the steps asked for, exactly where it is in diffusers.
    fn timesteps(&self) -> &[f32];

    /// What standard normal noise is multiplied by at the start.
    fn init_noise_sigma(&self) -> f32;

    /// What the denoiser is shown of the latents at `step`.
    fn scale_model_input(&self, latents: &Array4<f32>, step: usize) -> Array4<f32>;

    /// The latents after `step`, given what the denoiser `predicted` for them.
    fn step(&mut self, predicted: &Array4<f32>, step: usize, latents: &Array4<f32>) -> Array4<f32>;
}

/// The scheduler that `kind` or, for `Auto`, the configuration names.
pub fn scheduler(
    kind: SchedulerKind,
    config: &Config,
    inference_steps: usize,
) -> Result<Box<dyn Scheduler>, SchedulerError> {
    match config.kind(kind)? {
        SchedulerKind::Euler => Ok(Box::new(Euler::new(config, inference_steps)?)),
        _ => Ok(Box::new(Ddim::new(config, inference_steps)?)),
    }
}
