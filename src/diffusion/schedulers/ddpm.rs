//! Denoising diffusion probabilistic models (Ho et al., 2020, <https://arxiv.org/abs/2006.11239>).

use ndarray::{Array4, Zip};

use super::{
    Config, Prediction, Schedule, Scheduler, SchedulerError, Spacing, accumulate,
    betas::{self, Training},
    blend,
    bound::Bound,
    finite,
    schedule::Given,
};

/// DDPM: formula 7 of the paper, over fewer steps than those of the training.
#[derive(Debug, Clone)]
pub struct Ddpm {
    timesteps: Vec<f32>,
    steps: Vec<Step>,
    prediction: Prediction,
    bound: Bound,
}

#[derive(Debug, Clone, Copy)]
struct Step {
    /// Standard deviations of signal and noise before the step.
    signal: f32,
    noise: f32,
    /// Shares of the clean latents and of the noisy ones in the next.
    clean: f32,
    latent: f32,
    /// Standard deviation of fresh noise, but at the last training step.
    fresh: Option<f32>,
}

impl Ddpm {
    /// Set for `schedule`.
    pub fn new(config: &Config, schedule: &Schedule) -> Result<Self, SchedulerError> {
        schedule.takes("DDPM", &[Given::Timesteps])?;
        let train = config.train_steps();
        let spacing = Spacing::of(config, Spacing::Leading)?;
        let prediction = Prediction::of(config, Prediction::USUAL)?;
        let whole: Vec<f32> = match schedule.falling_timesteps(train)? {
            Some(given) => given.iter().map(|&timestep| timestep.trunc() as f32).collect(),
            None => {
                let timesteps = spacing.timesteps(config, schedule.steps(Some(train))?);
                timesteps.into_iter().map(|timestep| timestep.round_ties_even() as f32).collect()
            }
        };
        let calls = schedule.cut(&whole, train, 1)?;
        let signal = betas::signal(config, &Training::DDPM, true)?;
        let bound = Bound::dynamic(config).or(Bound::clip(config, true));
        let step = |&timestep: &f32| {
            let index = whole.iter().position(|other| *other == timestep).unwrap_or_default();
            let before = betas::at(&signal, timestep as i64)?;
            let after = match whole.get(index + 1) {
                Some(&next) if next >= 0.0 => betas::at(&signal, next as i64)?,
                _ => 1.0,
            };
            let kept = before / after;
            let (lost, missing) = (1.0 - kept, 1.0 - before);
            let least = ((1.0 - after) / missing * lost).max(1e-20);
            let fresh = match config.text("variance_type") {
                None | Some("fixed_small") => least.sqrt(),
                Some("fixed_small_log") => {
                    let log = f64::from(f64::from(least).ln() as f32 * 0.5);
                    log.exp() as f32
                }
                Some("fixed_large") => lost.sqrt(),
                // The root of a negative number, which only a last step of no noise survives.
                Some("fixed_large_log") => lost.ln().sqrt(),
                Some(_) => {
                    let known = ["fixed_small", "fixed_small_log", "fixed_large"];
                    return Err(config.wrong("variance_type", &known));
                }
            };
            let step = Step {
                signal: before.sqrt(),
                noise: missing.sqrt(),
                clean: after.sqrt() * lost / missing,
                latent: kept.sqrt() * (1.0 - after) / missing,
                fresh: (timestep > 0.0).then_some(fresh),
            };
            // Clipped, it may be infinite.
            let divides = prediction == Prediction::Epsilon && !matches!(bound, Bound::Clip(_));
            let divisor = if divides { step.signal } else { 1.0 };
            finite(timestep, &[1.0 / divisor, step.clean, step.latent, step.fresh.unwrap_or_default()])?;
            Ok(step)
        };
        let timesteps = whole[calls].to_vec();
        Ok(Self {
            steps: timesteps.iter().map(step).collect::<Result<_, _>>()?,
            timesteps,
            prediction,
            bound,
        })
    }
}

impl Scheduler for Ddpm {
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
        let clean = match self.prediction {
            Prediction::Epsilon => Zip::from(predicted)
                .and(latents)
                .map_collect(|&predicted, &latent| (latent - step.noise * predicted) / step.signal),
            Prediction::Sample | Prediction::Flow => predicted.clone(),
            Prediction::Velocity => blend(step.signal, latents, -step.noise, predicted),
        };
        let mut next = blend(step.clean, &self.bound.apply(clean), step.latent, latents);
        if let Some(fresh) = step.fresh {
            accumulate(&mut next, fresh, &noise());
        }
        next
    }

    fn add_noise(&self, clean: &Array4<f32>, noise: &Array4<f32>) -> Array4<f32> {
        blend(self.steps[0].signal, clean, self.steps[0].noise, noise)
    }
}
