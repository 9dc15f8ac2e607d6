//! Euler's method on the probability flow (Karras et al., 2022, <https://arxiv.org/abs/2206.00364>,
//! algorithm 2 without churn).

use ndarray::{Array4, Zip};

use super::{Config, Karras, Prediction, Scheduler, SchedulerError, Spacing, betas, config};

/// Euler's method over sigmas, the standard deviation of the noise relative to the signal.
#[derive(Debug, Clone)]
pub struct Euler {
    timesteps: Vec<f32>,
    /// One more than timesteps: where the last step ends.
    sigmas: Vec<f32>,
    spacing: Spacing,
    prediction: Prediction,
}

impl Euler {
    /// Set for `inference_steps`.
    pub fn new(config: &Config, inference_steps: usize) -> Result<Self, SchedulerError> {
        config::check_steps(config, inference_steps)?;
        let spacing = config.spacing.unwrap_or(Spacing::Linspace);
        let mut timesteps: Vec<f64> = spacing
            .timesteps(config.train_steps, inference_steps, config.steps_offset)
            .into_iter()
            .map(|t| f64::from(t as f32))
            .collect();
        let mut signal = betas::signal(config);
        if let Some(last) = signal.last_mut().filter(|_| config.zero_terminal_snr) {
            // The smallest 16-bit float: pure noise would have an infinite sigma.
            *last = f32::powi(2.0, -24);
        }
        let trained: Vec<f32> = signal.iter().map(|signal| ((1.0 - signal) / signal).sqrt()).collect();
        let (first, last) = (trained[0], trained[trained.len() - 1]);
        let mut sigmas: Vec<f64> = match config.log_linear {
            false => timesteps.iter().map(|&t| interpolate(t, &trained)).collect(),
            true => betas::linspace(last.ln(), first.ln(), inference_steps + 1)
                .into_iter()
                .map(|log| f64::from(log.exp()))
                .collect(),
        };
        if let Some(range) = config.karras {
            sigmas = karras(range, &sigmas, inference_steps);
            let logs: Vec<f32> = trained.iter().map(|sigma| sigma.ln()).collect();
            timesteps = sigmas.iter().map(|&sigma| timestep_of(sigma, &logs)).collect();
        }
        sigmas.push(if config.ends_at_sigma_min { f64::from(first) } else { 0.0 });
        Ok(Self {
            timesteps: timesteps.into_iter().map(|t| t as f32).collect(),
            sigmas: sigmas.into_iter().map(|sigma| sigma as f32).collect(),
            spacing,
            prediction: config.prediction,
        })
    }

    /// The sigmas, one more than timesteps (two with `log_linear`, as in diffusers).
    pub fn sigmas(&self) -> &[f32] {
        &self.sigmas
    }
}

/// `np.interp` over whole positions: constant outside.
fn interpolate(at: f64, values: &[f32]) -> f64 {
    let last = values.len() - 1;
    let low = (at.max(0.0) as usize).min(last);
    let value = |i: usize| f64::from(values[i]);
    if low == last || at <= 0.0 {
        return value(low);
    }
    (value(low + 1) - value(low)) * (at - low as f64) + value(low)
}

fn karras(range: Karras, sigmas: &[f64], count: usize) -> Vec<f64> {
    const RHO: f64 = 7.0;
    let min = range.min.unwrap_or(sigmas[sigmas.len() - 1]).powf(1.0 / RHO);
    let max = range.max.unwrap_or(sigmas[0]).powf(1.0 / RHO);
    let ramp = |i: usize| if count == 1 { 0.0 } else { i as f64 / (count - 1) as f64 };
    (0..count).map(|i| (max + ramp(i) * (min - max)).powf(RHO)).collect()
}

/// The training step at which the noise is `sigma`, interpolated in the logarithm.
fn timestep_of(sigma: f64, logs: &[f32]) -> f64 {
    let log = sigma.max(1e-10).ln();
    let below = logs.partition_point(|&known| f64::from(known) <= log);
    let low = below.saturating_sub(1).min(logs.len() - 2);
    let weight = (f64::from(logs[low]) - log) / f64::from(logs[low] - logs[low + 1]);
    let weight = weight.clamp(0.0, 1.0);
    (1.0 - weight) * low as f64 + weight * (low + 1) as f64
}

impl Scheduler for Euler {
    fn timesteps(&self) -> &[f32] {
        &self.timesteps
    }

    fn init_noise_sigma(&self) -> f32 {
        let max = self.sigmas.iter().copied().fold(0.0, f32::max);
        match self.spacing {
            Spacing::Linspace | Spacing::Trailing => max,
            Spacing::Leading => (max * max + 1.0).sqrt(),
        }
    }

    fn scale_model_input(&self, latents: &Array4<f32>, step: usize) -> Array4<f32> {
        let sigma = self.sigmas[step];
        latents / (sigma * sigma + 1.0).sqrt()
    }

    fn step(&mut self, predicted: &Array4<f32>, step: usize, latents: &Array4<f32>) -> Array4<f32> {
        let (sigma, next) = (self.sigmas[step], self.sigmas[step + 1]);
        let square = sigma * sigma + 1.0;
        let prediction = self.prediction;
        Zip::from(predicted).and(latents).map_collect(|&predicted, &latent| {
            let clean = match prediction {
                Prediction::Epsilon => latent - sigma * predicted,
                Prediction::Sample => predicted,
                Prediction::Velocity => predicted * (-sigma / square.sqrt()) + latent / square,
            };
            latent + (latent - clean) / sigma * (next - sigma)
        })
    }
}
