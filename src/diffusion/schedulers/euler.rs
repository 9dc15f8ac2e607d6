//! Euler's method on the probability flow (Karras et al., 2022, <https://arxiv.org/abs/2206.00364>,
//! algorithm 2 without churn).

use ndarray::{Array4, Zip};

use super::{
    Config, Prediction, Schedule, Scheduler, SchedulerError, Spacing, accumulate,
    betas::{self, Training},
    schedule::{Given, starts_once},
    sigmas::{self, Curve},
};

/// Euler's method over sigmas, the standard deviation of the noise relative to the signal.
#[derive(Debug, Clone)]
pub struct Euler {
    timesteps: Vec<f32>,
    /// From the first call's on; the last is where the last step ends.
    sigmas: Vec<f32>,
    init_noise_sigma: f32,
    prediction: Prediction,
}

impl Euler {
    /// Set for `schedule`.
    pub fn new(config: &Config, schedule: &Schedule) -> Result<Self, SchedulerError> {
        schedule.takes("Euler", &[Given::Sigmas, Given::Timesteps])?;
        let spacing = Spacing::of(config, Spacing::Linspace)?;
        let known = [Prediction::Epsilon, Prediction::Sample, Prediction::Velocity];
        let prediction = Prediction::of(config, &known)?;
        let (mut whole, all) = levels(config, schedule, spacing)?;
        sigmas::check(&all)?;
        let continuous = match config.text("timestep_type") {
            None | Some("discrete") => false,
            Some("continuous") => prediction == Prediction::Velocity,
            Some(_) => return Err(config.wrong("timestep_type", &["discrete", "continuous"])),
        };
        if continuous {
            if schedule.timesteps.is_some() {
                let message =
                    "timesteps are given, which a continuous `timestep_type` does not take: expected none";
                return Err(SchedulerError(message.into()));
            }
            whole = all[..all.len() - 1].iter().map(|&sigma| 0.25 * sigmas::ln(sigma)).collect();
        }
        starts_once(&whole, schedule.start)?;
        let calls = schedule.cut(&whole, config.train_steps(), 1)?;
        Ok(Self {
            init_noise_sigma: init_noise_sigma(&all, spacing),
            sigmas: all[calls.start..].to_vec(),
            timesteps: whole[calls].to_vec(),
            prediction,
        })
    }

    /// The sigmas from the first call's on, one more than timesteps at least.
    pub fn sigmas(&self) -> &[f32] {
        &self.sigmas
    }
}

/// Timesteps and sigmas of the whole schedule.
fn levels(
    config: &Config,
    schedule: &Schedule,
    spacing: Spacing,
) -> Result<(Vec<f32>, Vec<f32>), SchedulerError> {
    let trained = sigmas::trained(&betas::signal_above_zero(config, &Training::USUAL)?);
    let logs = sigmas::logarithms(&trained);
    let curve = Curve::of(config)?;
    let mut timesteps: Vec<f64> = match (&schedule.sigmas, &schedule.timesteps) {
        (Some(_), Some(_)) => {
            return Err(SchedulerError("sigmas and timesteps are both given: expected one of them".into()));
        }
        (Some(given), None) if given.len() < 2 => {
            let message =
                format!("the sigmas given are {given:?}, expected two or more, the last where it ends");
            return Err(SchedulerError(message));
        }
        (Some(given), None) => {
            let given: Vec<f32> = given.iter().map(|&sigma| sigma as f32).collect();
            let timestep = |&sigma: &f32| {
                sigmas::timestep_of_log(f64::from(sigmas::numpy_ln(sigma.max(1e-10))), &logs) as f32
            };
            return Ok((given[..given.len() - 1].iter().map(timestep).collect(), given));
        }
        (None, Some(given)) if curve.is_some() || given.is_empty() => {
            let message = format!(
                "the timesteps given are {given:?}, expected some, and no spacing of sigmas in the file"
            );
            return Err(SchedulerError(message));
        }
        (None, Some(given)) => given.clone(),
        (None, None) => spacing.timesteps(config, schedule.steps(None)?),
    };
    timesteps.iter_mut().for_each(|timestep| *timestep = f64::from(*timestep as f32));
    let count = timesteps.len();
    let steps = if schedule.timesteps.is_some() { count } else { schedule.inference_steps };
    let mut levels: Vec<f64> = match config.text("interpolation_type") {
        None | Some("linear") => timesteps.iter().map(|&t| sigmas::interpolate(t, &trained)).collect(),
        // One more than steps, as in diffusers.
        Some("log_linear") => betas::linspace(logs[logs.len() - 1], logs[0], steps + 1)
            .into_iter()
            .map(|log| f64::from(sigmas::exp(log)))
            .collect(),
        Some(_) => return Err(config.wrong("interpolation_type", &["linear", "log_linear"])),
    };
    if let Some(curve) = curve {
        levels = curve.sigmas(config, levels[0], levels[levels.len() - 1], steps);
        timesteps = levels.iter().map(|&sigma| sigmas::timestep_of(sigma, &logs)).collect();
    }
    levels.push(f64::from(sigmas::last(config, &trained)?));
    let narrow = |values: Vec<f64>| values.into_iter().map(|value| value as f32).collect();
    Ok((narrow(timesteps), narrow(levels)))
}

/// The spread of the noisiest latents: without their signal where the schedule starts at pure
/// noise, with it where it does not.
pub(super) fn init_noise_sigma(sigmas: &[f32], spacing: Spacing) -> f32 {
    let max = sigmas.iter().copied().fold(0.0, f32::max);
    match spacing {
        Spacing::Linspace | Spacing::Trailing => max,
        Spacing::Leading => (max * max + 1.0).sqrt(),
    }
}

/// Latents of noise `sigma` scaled to unit variance.
pub(super) fn scaled(latents: &Array4<f32>, sigma: f32) -> Array4<f32> {
    latents / (sigma * sigma + 1.0).sqrt()
}

/// Clean latents with noise of standard deviation `sigma`.
pub(super) fn noised(clean: &Array4<f32>, noise: &Array4<f32>, sigma: f32) -> Array4<f32> {
    let mut noisy = clean.clone();
    accumulate(&mut noisy, sigma, noise);
    noisy
}

impl Scheduler for Euler {
    fn timesteps(&self) -> &[f32] {
        &self.timesteps
    }

    fn init_noise_sigma(&self) -> f32 {
        self.init_noise_sigma
    }

    fn scale_model_input(&self, latents: &Array4<f32>, call: usize) -> Array4<f32> {
        scaled(latents, self.sigmas[call])
    }

    fn step(
        &mut self,
        predicted: &Array4<f32>,
        call: usize,
        latents: &Array4<f32>,
        _noise: &mut dyn FnMut() -> Array4<f32>,
    ) -> Array4<f32> {
        let (sigma, next) = (self.sigmas[call], self.sigmas[call + 1]);
        let prediction = self.prediction;
        Zip::from(predicted).and(latents).map_collect(|&predicted, &latent| {
            let clean = prediction.clean(predicted, latent, sigma);
            latent + (latent - clean) / sigma * (next - sigma)
        })
    }

    fn add_noise(&self, clean: &Array4<f32>, noise: &Array4<f32>) -> Array4<f32> {
        noised(clean, noise, self.sigmas[0])
    }
}
