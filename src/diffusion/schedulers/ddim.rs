//! Denoising diffusion implicit models (Song et al., 2020, <https://arxiv.org/abs/2010.02502>),
//! without added noise.

use ndarray::{Array4, Zip};

use super::{Config, Prediction, Scheduler, SchedulerError, Spacing, betas, config};

/// DDIM with eta 0, formula 12 of the paper.
#[derive(Debug, Clone)]
pub struct Ddim {
    timesteps: Vec<f32>,
    /// Share of signal before and after each step.
    signal: Vec<(f32, f32)>,
    prediction: Prediction,
    clip: Option<f32>,
}

impl Ddim {
    /// Set for `inference_steps`.
    pub fn new(config: &Config, inference_steps: usize) -> Result<Self, SchedulerError> {
        config::check_steps(config, inference_steps)?;
        let spacing = config.spacing.unwrap_or(Spacing::Leading);
        let timesteps = spacing.timesteps(config.train_steps, inference_steps, config.steps_offset);
        let timesteps: Vec<i64> = timesteps.into_iter().map(|t| t.round_ties_even() as i64).collect();
        let signal = betas::signal(config);
        let last = if config.set_alpha_to_one { 1.0 } else { signal[0] };
        let at = |t: i64| {
            let outside =
                || SchedulerError(format!("timestep {t} lies outside of the {} trained ones", signal.len()));
            usize::try_from(t).ok().and_then(|t| signal.get(t).copied()).ok_or_else(outside)
        };
        let stride = (config.train_steps / inference_steps) as i64;
        let pair = |&t: &i64| Ok((at(t)?, if t >= stride { at(t - stride)? } else { last }));
        let signal: Vec<(f32, f32)> = timesteps.iter().map(pair).collect::<Result<_, _>>()?;
        if config.prediction == Prediction::Epsilon && signal.iter().any(|(before, _)| *before <= 0.0) {
            return Err(SchedulerError(
                "`rescale_betas_zero_snr` with `prediction_type` epsilon divides by zero at the first step: expected v_prediction".into(),
            ));
        }
        let timesteps = timesteps.into_iter().map(|t| t as f32).collect();
        Ok(Self { timesteps, signal, prediction: config.prediction, clip: config.clip })
    }
}

impl Scheduler for Ddim {
    fn timesteps(&self) -> &[f32] {
        &self.timesteps
    }

    fn init_noise_sigma(&self) -> f32 {
        1.0
    }

    fn scale_model_input(&self, latents: &Array4<f32>, _step: usize) -> Array4<f32> {
        latents.clone()
    }

    fn step(&mut self, predicted: &Array4<f32>, step: usize, latents: &Array4<f32>) -> Array4<f32> {
        let (before, after) = self.signal[step];
        let (signal, noise) = (before.sqrt(), (1.0 - before).sqrt());
        let (signal_after, noise_after) = (after.sqrt(), (1.0 - after).sqrt());
        let limit = self.clip.unwrap_or(f32::INFINITY);
        let prediction = self.prediction;
        Zip::from(predicted).and(latents).map_collect(|&predicted, &latent| {
            let (clean, epsilon) = match prediction {
                Prediction::Epsilon => ((latent - noise * predicted) / signal, predicted),
                Prediction::Sample => (predicted, (latent - signal * predicted) / noise),
                Prediction::Velocity => {
                    (signal * latent - noise * predicted, signal * predicted + noise * latent)
                }
            };
            // Not `clamp`: what is no number must stay none.
            let clean = if clean > limit {
                limit
            } else if clean < -limit {
                -limit
            } else {
                clean
            };
            signal_after * clean + noise_after * epsilon
        })
    }
}
