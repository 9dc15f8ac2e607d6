//! Latent consistency models (Luo et al., 2023, <https://arxiv.org/abs/2310.04378>).

use ndarray::{Array4, Zip};

use super::{
    Config, Prediction, Schedule, Scheduler, SchedulerError,
    betas::{self, Training},
    blend,
    bound::Bound,
    finite,
    schedule::{Given, Start},
    spacing::linspace,
};

/// Multistep sampling of a consistency model, algorithm 3 of the paper: at each step to the clean
/// latents at once, and back to a little less noise.
#[derive(Debug, Clone)]
pub struct Lcm {
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
    /// Shares of the prediction and of the latents in the consistency function.
    out: f32,
    skip: f32,
    /// Standard deviations of signal and fresh noise after it, but after the last.
    after: Option<(f32, f32)>,
}

impl Lcm {
    /// Set for `schedule`.
    pub fn new(config: &Config, schedule: &Schedule) -> Result<Self, SchedulerError> {
        schedule.takes("LCM", &[Given::Timesteps])?;
        let train = config.train_steps();
        let prediction = Prediction::of(config, Prediction::USUAL)?;
        let signal = betas::signal(config, &Training::LCM, true)?;
        let whole = timesteps(config, schedule)?;
        let calls = match schedule.start {
            Start::StrengthOfDistilled(_) => {
                Schedule { start: Start::Noise, ..schedule.clone() }.cut(&whole, train, 1)?
            }
            _ => schedule.cut(&whole, train, 1)?,
        };
        let scaling = config.number("timestep_scaling").unwrap_or(10.0) as f32;
        let bound = Bound::dynamic(config).or(Bound::clip(config, false));
        let step = |index: usize| {
            let timestep = whole[index];
            let before = betas::at(&signal, timestep as i64)?;
            let scaled = timestep * scaling;
            let after = match whole.get(index + 1) {
                Some(&next) => {
                    let after = betas::at(&signal, next as i64)?;
                    Some((after.sqrt(), (1.0 - after).sqrt()))
                }
                None => None,
            };
            let step = Step {
                signal: before.sqrt(),
                noise: (1.0 - before).sqrt(),
                out: scaled / (scaled * scaled + 0.25).sqrt(),
                skip: 0.25 / (scaled * scaled + 0.25),
                after,
            };
            // Clipped, it may be infinite.
            let divides = prediction == Prediction::Epsilon && !matches!(bound, Bound::Clip(_));
            let divisor = if divides { step.signal } else { 1.0 };
            finite(timestep, &[1.0 / divisor, step.out, step.skip])?;
            Ok(step)
        };
        Ok(Self {
            steps: calls.clone().map(step).collect::<Result<_, _>>()?,
            timesteps: whole[calls].to_vec(),
            prediction,
            bound,
        })
    }
}

/// Evenly out of the timesteps the model was distilled at.
fn timesteps(config: &Config, schedule: &Schedule) -> Result<Vec<f32>, SchedulerError> {
    let train = config.train_steps();
    let distilled = config.number("original_inference_steps").unwrap_or(50.0);
    if !(1.0..=train as f64).contains(&distilled) {
        let message = format!(
            "`original_inference_steps` is {distilled}, expected 1 to {train}, the steps of the training"
        );
        return Err(SchedulerError(message));
    }
    let distilled = distilled as usize;
    if let Some(given) = schedule.falling_timesteps(train)? {
        return Ok(given.iter().map(|&timestep| timestep.trunc() as f32).collect());
    }
    let left = match schedule.start {
        Start::StrengthOfDistilled(strength) if (0.0..=1.0).contains(&strength) => {
            (distilled as f64 * strength) as usize
        }
        _ => distilled,
    };
    let inference_steps = schedule.steps(Some(left))?;
    let ratio = train / distilled;
    // `endpoint=False`: one more would be the end.
    let positions = linspace(0.0, left as f64, inference_steps + 1);
    let timestep = |position: &f64| ((left - position.floor() as usize) * ratio - 1) as f32;
    Ok(positions[..inference_steps].iter().map(timestep).collect())
}

impl Scheduler for Lcm {
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
        let denoised = blend(step.out, &self.bound.apply(clean), step.skip, latents);
        match step.after {
            Some((signal, fresh)) => blend(signal, &denoised, fresh, &noise()),
            None => denoised,
        }
    }

    fn add_noise(&self, clean: &Array4<f32>, noise: &Array4<f32>) -> Array4<f32> {
        blend(self.steps[0].signal, clean, self.steps[0].noise, noise)
    }
}
