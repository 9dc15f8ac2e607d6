//! Heun's method on the probability flow (Karras et al., 2022, <https://arxiv.org/abs/2206.00364>,
//! algorithm 1).

use ndarray::{Array4, Zip};

use super::{
    Config, Prediction, Schedule, Scheduler, SchedulerError, Spacing,
    betas::{self, Training},
    bound::Bound,
    euler::{init_noise_sigma, noised, scaled},
    schedule::{Given, starts_once},
    sigmas::{self, Curve},
};

/// Heun's method: each step but the last asks the denoiser a second time, where the first answer
/// led to, and goes the mean of both ways.
#[derive(Debug, Clone)]
pub struct Heun {
    timesteps: Vec<f32>,
    /// From the first call's on: each twice but the first and the last of the whole schedule.
    sigmas: Vec<f32>,
    init_noise_sigma: f32,
    prediction: Prediction,
    bound: Bound,
    /// Where the first half of a step was taken and which way.
    half: Option<Half>,
}

#[derive(Debug, Clone)]
struct Half {
    latents: Array4<f32>,
    derivative: Array4<f32>,
    width: f32,
}

impl Heun {
    /// Set for `schedule`.
    pub fn new(config: &Config, schedule: &Schedule) -> Result<Self, SchedulerError> {
        schedule.takes("Heun", &[Given::Timesteps])?;
        let spacing = Spacing::of(config, Spacing::Linspace)?;
        let prediction = Prediction::of(config, Prediction::USUAL)?;
        let curve = Curve::of(config)?;
        let mut timesteps: Vec<f64> = match &schedule.timesteps {
            Some(given) if curve.is_some() || given.is_empty() => {
                let message = format!(
                    "the timesteps given are {given:?}, expected some, and no spacing of sigmas in the file"
                );
                return Err(SchedulerError(message));
            }
            Some(given) => given.clone(),
            None => spacing.timesteps(config, schedule.steps(None)?),
        };
        timesteps.iter_mut().for_each(|timestep| *timestep = f64::from(*timestep as f32));
        let steps = if schedule.timesteps.is_some() { timesteps.len() } else { schedule.inference_steps };
        let trained = sigmas::trained(&betas::signal(config, &Training::HEUN, false)?);
        let mut levels: Vec<f64> = timesteps.iter().map(|&t| sigmas::interpolate(t, &trained)).collect();
        if let Some(curve) = curve {
            let logs = sigmas::logarithms(&trained);
            levels = curve.sigmas(config, levels[0], levels[levels.len() - 1], steps);
            timesteps = levels.iter().map(|&sigma| sigmas::timestep_of(sigma, &logs)).collect();
        }
        let all: Vec<f32> = twice(&levels).chain([0.0]).collect();
        let whole: Vec<f32> = twice(&timesteps).collect();
        sigmas::check(&all)?;
        starts_once(&whole, schedule.start)?;
        let calls = schedule.cut(&whole, config.train_steps(), 2)?;
        Ok(Self {
            init_noise_sigma: init_noise_sigma(&all, spacing),
            sigmas: all[calls.start..].to_vec(),
            timesteps: whole[calls].to_vec(),
            prediction,
            bound: Bound::clip(config, false),
            half: None,
        })
    }
}

/// Each value twice but the first.
fn twice(values: &[f64]) -> impl Iterator<Item = f32> {
    let later = values[1..].iter().flat_map(|&value| [value as f32; 2]);
    std::iter::once(values[0] as f32).chain(later)
}

impl Scheduler for Heun {
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
        let sigma = self.sigmas[call];
        let prediction = self.prediction;
        let clean = Zip::from(predicted)
            .and(latents)
            .map_collect(|&predicted, &latent| prediction.clean(predicted, latent, sigma));
        let clean = self.bound.apply(clean);
        let derivative =
            Zip::from(latents).and(&clean).map_collect(|&latent, &clean| (latent - clean) / sigma);
        match self.half.take() {
            None => {
                let width = self.sigmas[call + 1] - sigma;
                let next =
                    Zip::from(latents).and(&derivative).map_collect(|&latent, &way| latent + way * width);
                self.half = Some(Half { latents: latents.clone(), derivative, width });
                next
            }
            Some(half) => Zip::from(&half.latents)
                .and(&half.derivative)
                .and(&derivative)
                .map_collect(|&latent, &first, &second| latent + (first + second) / 2.0 * half.width),
        }
    }

    fn add_noise(&self, clean: &Array4<f32>, noise: &Array4<f32>) -> Array4<f32> {
        noised(clean, noise, self.sigmas[0])
    }
}
