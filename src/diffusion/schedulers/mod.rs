//! Noise schedulers: how the denoiser's answers become the next latents. One algorithm a file,
//! read from `scheduler_config.json` as diffusers reads it, with the same numbers
//! (`tests/schedulers.rs` holds this).
//!
//! All arithmetic on latents and on the coefficients of a step is in 32-bit floats, as PyTorch's;
//! schedules are made in 64-bit floats where numpy makes them there. What can be known before the
//! first step is computed and checked when a scheduler is made: a schedule that would divide by
//! zero is an error there.

mod betas;
mod bound;
mod choice;
mod config;
mod ddim;
mod ddpm;
mod dpm_solver;
mod dpm_terms;
mod euler;
mod euler_ancestral;
mod flow_match_euler;
mod heun;
mod lcm;
mod pndm;
mod prediction;
mod schedule;
mod sigmas;
mod spacing;
mod unipc;
mod unipc_terms;

use ndarray::Array4;

pub use choice::scheduler;
pub use config::{Config, SchedulerError};
pub use ddim::Ddim;
pub use ddpm::Ddpm;
pub use dpm_solver::DpmSolver;
pub use euler::Euler;
pub use euler_ancestral::EulerAncestral;
pub use flow_match_euler::FlowMatchEuler;
pub use heun::Heun;
pub use lcm::Lcm;
pub use pndm::Pndm;
pub use prediction::Prediction;
pub use schedule::{Schedule, Start};
pub use spacing::Spacing;
pub use unipc::UniPc;

/// A noise scheduler, set for one [`Schedule`].
///
/// Latents have the shape (pictures, channels, height, width). `call` counts the calls of the
/// denoiser from 0; [`step`](Self::step) is told them in order, once each, because some
/// algorithms remember what came before.
pub trait Scheduler {
    /// What the denoiser is told at each of its calls, from noisy to clean. Some algorithms call
    /// it more often than there are inference steps.
    fn timesteps(&self) -> &[f32];

    /// What standard normal noise is multiplied by at the start of a whole schedule.
    fn init_noise_sigma(&self) -> f32 {
        1.0
    }

    /// What the denoiser is shown of the latents at `call`.
    fn scale_model_input(&self, latents: &Array4<f32>, _call: usize) -> Array4<f32> {
        latents.clone()
    }

    /// The latents after `call`, given what the denoiser `predicted` for them. `noise` makes
    /// standard normal noise of the same shape; it is asked only where the algorithm adds some,
    /// so that a generator gives it the numbers it gives to diffusers.
    fn step(
        &mut self,
        predicted: &Array4<f32>,
        call: usize,
        latents: &Array4<f32>,
        noise: &mut dyn FnMut() -> Array4<f32>,
    ) -> Array4<f32>;

    /// `clean` latents with as much of the standard normal `noise` as there is before the first
    /// call: where a schedule that starts with a picture starts.
    fn add_noise(&self, clean: &Array4<f32>, noise: &Array4<f32>) -> Array4<f32>;
}

/// `left * a + right * b`, the sum that steps are made of.
fn blend(left: f32, a: &Array4<f32>, right: f32, b: &Array4<f32>) -> Array4<f32> {
    ndarray::Zip::from(a).and(b).map_collect(|&a, &b| left * a + right * b)
}

/// Adds `weight * term` to `sum`.
fn accumulate(sum: &mut Array4<f32>, weight: f32, term: &Array4<f32>) {
    ndarray::Zip::from(sum).and(term).for_each(|sum, &term| *sum += weight * term);
}

/// Refuses what a step at `timestep` would multiply or divide by if it is no number.
fn finite(timestep: f32, coefficients: &[f32]) -> Result<(), SchedulerError> {
    match coefficients.iter().all(|value| value.is_finite()) {
        true => Ok(()),
        false => Err(SchedulerError(format!(
            "the step from timestep {timestep} divides by zero or overflows with this configuration: \
             expected another `prediction_type`, `timestep_spacing`, `final_sigmas_type` or number of inference steps"
        ))),
    }
}
