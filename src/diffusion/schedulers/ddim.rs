//! Denoising diffusion implicit models (Song et al., 2020, <https://arxiv.org/abs/2010.02502>).

use ndarray::{Array4, Zip};

use super::{
    Config, Prediction, Schedule, Scheduler, SchedulerError, Spacing, accumulate,
    betas::{self, Training},
    blend,
    bound::Bound,
    finite,
};

/// DDIM, formula 12 of the paper, with [`Schedule::eta`] its eta.
#[derive(Debug, Clone)]
pub struct Ddim {
    timesteps: Vec<f32>,
    steps: Vec<Step>,
    prediction: Prediction,
    bound: Bound,
    stochastic: bool,
}

/// Standard deviations of a step.
#[derive(Debug, Clone, Copy)]
struct Step {
    signal: f32,
    noise: f32,
    signal_after: f32,
    /// Of the predicted noise that stays.
    direction: f32,
    /// Of fresh noise.
    fresh: f32,
}

impl Ddim {
    /// Set for `schedule`.
    pub fn new(config: &Config, schedule: &Schedule) -> Result<Self, SchedulerError> {
        schedule.takes("DDIM", &[])?;
        let train = config.train_steps();
        let inference_steps = schedule.steps(Some(train))?;
        let spacing = Spacing::of(config, Spacing::Leading)?;
        let prediction = Prediction::of(config, Prediction::USUAL)?;
        let whole = spacing.timesteps(config, inference_steps);
        let whole: Vec<f32> = whole.into_iter().map(|t| t.round_ties_even() as f32).collect();
        let timesteps = whole[schedule.cut(&whole, train, 1)?].to_vec();
        let signal = betas::signal(config, &Training::USUAL, true)?;
        let last = if config.flag("set_alpha_to_one").unwrap_or(true) { 1.0 } else { signal[0] };
        let stride = (train / inference_steps) as i64;
        let bound = Bound::dynamic(config).or(Bound::clip(config, true));
        let step = |&timestep: &f32| {
            let next = timestep as i64 - stride;
            let before = betas::at(&signal, timestep as i64)?;
            let after = if next >= 0 { betas::at(&signal, next)? } else { last };
            let variance = (1.0 - after) / (1.0 - before) * (1.0 - before / after);
            let fresh = schedule.eta as f32 * variance.sqrt();
            let step = Step {
                signal: before.sqrt(),
                noise: (1.0 - before).sqrt(),
                signal_after: after.sqrt(),
                direction: (1.0 - after - fresh * fresh).sqrt(),
                fresh,
            };
            let divisor = match prediction {
                // Clipped, it may be infinite.
                Prediction::Epsilon if !matches!(bound, Bound::Clip(_)) => step.signal,
                Prediction::Sample => step.noise,
                _ => 1.0,
            };
            finite(timestep, &[1.0 / divisor, step.direction, step.fresh])?;
            Ok(step)
        };
        Ok(Self {
            steps: timesteps.iter().map(step).collect::<Result<_, _>>()?,
            timesteps,
            prediction,
            bound,
            stochastic: schedule.eta > 0.0,
        })
    }
}

impl Scheduler for Ddim {
    fn timesteps(&self) -> &[f32] {
        &self.timesteps
    }

    fn step(
        &mut self,
        predicted: &Array4<f32>,
        call: usize,
        latents: &Array4<f32>,
        noise: &mut dyn FnMut() -> Array4<f32>,
    ) -> Array4<f32> {
        let step = self.steps[call];
        let (clean, epsilon) = match self.prediction {
            Prediction::Epsilon => {
                let clean = |&predicted: &f32, &latent: &f32| (latent - step.noise * predicted) / step.signal;
                (Zip::from(predicted).and(latents).map_collect(clean), predicted.clone())
            }
            Prediction::Sample | Prediction::Flow => {
                let epsilon =
                    |&predicted: &f32, &latent: &f32| (latent - step.signal * predicted) / step.noise;
                (predicted.clone(), Zip::from(predicted).and(latents).map_collect(epsilon))
            }
            Prediction::Velocity => (
                blend(step.signal, latents, -step.noise, predicted),
                blend(step.signal, predicted, step.noise, latents),
            ),
        };
        let clean = self.bound.apply(clean);
        let mut next = blend(step.signal_after, &clean, step.direction, &epsilon);
        if self.stochastic {
            accumulate(&mut next, step.fresh, &noise());
        }
        next
    }

    fn add_noise(&self, clean: &Array4<f32>, noise: &Array4<f32>) -> Array4<f32> {
        blend(self.steps[0].signal, clean, self.steps[0].noise, noise)
    }
}
