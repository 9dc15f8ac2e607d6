//! Pseudo numerical methods for diffusion models (Liu et al., 2022,
//! <https://arxiv.org/abs/2202.09778>).

use std::collections::VecDeque;

use ndarray::{Array4, Zip};

use super::{
    Config, Prediction, Schedule, Scheduler, SchedulerError, Spacing, accumulate,
    betas::{self, Training},
    blend, finite,
};

/// F-PNDM of the paper: three Runge-Kutta steps of four calls each, then a linear multistep
/// method over the last four predictions; or, with `skip_prk_steps`, the multistep method from
/// the start, of rising order, its first step taken twice.
#[derive(Debug, Clone)]
pub struct Pndm {
    timesteps: Vec<f32>,
    steps: Vec<Step>,
    /// How many of the first calls are of the Runge-Kutta kind.
    runge_kutta: usize,
    prediction: Prediction,
    /// Standard deviations of signal and noise at the first call.
    start: (f32, f32),
    /// The last predictions, the newest at the end.
    past: VecDeque<Array4<f32>>,
    /// The sum of a Runge-Kutta step so far.
    sum: Option<Array4<f32>>,
    /// Where the current step started.
    origin: Option<Array4<f32>>,
}

/// Formula 11 of the paper.
#[derive(Debug, Clone, Copy)]
struct Step {
    signal: f32,
    noise: f32,
    latent: f32,
    difference: f32,
    divisor: f32,
}

impl Pndm {
    /// Set for `schedule`.
    pub fn new(config: &Config, schedule: &Schedule) -> Result<Self, SchedulerError> {
        schedule.takes("PNDM", &[])?;
        let (train, inference_steps) = (config.train_steps(), schedule.steps(None)?);
        let spacing = Spacing::of(config, Spacing::Leading)?;
        let prediction = Prediction::of(config, &[Prediction::Epsilon, Prediction::Velocity])?;
        let timesteps = spacing.timesteps(config, inference_steps);
        let timesteps: Vec<i64> = timesteps.into_iter().map(|t| t.round_ties_even() as i64).collect();
        let stride = (train / inference_steps) as i64;
        let (prk, plms) = match config.flag("skip_prk_steps").unwrap_or(false) {
            true => (Vec::new(), second_twice(&timesteps)),
            false => (runge_kutta(&timesteps, stride / 2)?, timesteps[3..].to_vec()),
        };
        let whole = [prk.clone(), plms].concat();
        let named: Vec<f32> = whole.iter().map(|&timestep| timestep as f32).collect();
        let calls = schedule.cut(&named, train, 1)?;
        let whole = &whole[calls.clone()];
        let signal = betas::signal(config, &Training::USUAL, false)?;
        let last = if config.flag("set_alpha_to_one").unwrap_or(false) { 1.0 } else { signal[0] };
        // The kind of a call goes by its place among those that are run, also where the first
        // ones of the schedule are left out.
        let step = |call: usize| {
            let (from, to) = match call {
                call if call < prk.len() => {
                    let back = if call % 2 == 1 { 0 } else { stride / 2 };
                    (prk[call / 4 * 4], whole[call] - back)
                }
                1 => (whole[1] + stride, whole[1]),
                call => (whole[call], whole[call] - stride),
            };
            let before = betas::at(&signal, from)?;
            let after = if to >= 0 { betas::at(&signal, to)? } else { last };
            let step = Step {
                signal: before.sqrt(),
                noise: (1.0 - before).sqrt(),
                latent: (after / before).sqrt(),
                difference: after - before,
                divisor: before * (1.0 - after).sqrt() + (before * (1.0 - before) * after).sqrt(),
            };
            finite(named[calls.start + call], &[step.latent, step.difference, 1.0 / step.divisor])?;
            Ok(step)
        };
        let first = betas::at(&signal, whole[0])?;
        Ok(Self {
            steps: (0..whole.len()).map(step).collect::<Result<_, _>>()?,
            timesteps: named[calls.clone()].to_vec(),
            runge_kutta: prk.len(),
            prediction,
            start: (first.sqrt(), (1.0 - first).sqrt()),
            past: VecDeque::new(),
            sum: None,
            origin: None,
        })
    }

    /// What a Runge-Kutta step makes of a prediction, call by call.
    fn runge_kutta(&mut self, predicted: &Array4<f32>, call: usize, latents: &Array4<f32>) -> Array4<f32> {
        const WEIGHTS: [f64; 4] = [1.0 / 6.0, 1.0 / 3.0, 1.0 / 3.0, 1.0 / 6.0];
        let part = call % 4;
        if part == 0 {
            self.remember(predicted);
            self.origin = Some(latents.clone());
        }
        let mut sum = self.sum.take().unwrap_or_else(|| Array4::zeros(predicted.dim()));
        accumulate(&mut sum, WEIGHTS[part] as f32, predicted);
        if part == 3 {
            return sum;
        }
        self.sum = Some(sum);
        predicted.clone()
    }

    /// What the multistep method makes of it: formula 9 of the paper and its lower orders.
    fn multistep(&mut self, predicted: &Array4<f32>, call: usize, latents: &Array4<f32>) -> Array4<f32> {
        if call != 1 {
            self.remember(predicted);
        }
        let past = |back: usize| &self.past[self.past.len() - back];
        match self.past.len() {
            1 if call == 0 => {
                self.origin = Some(latents.clone());
                predicted.clone()
            }
            1 => (predicted + past(1)) / 2.0,
            2 => blend(3.0, past(1), -1.0, past(2)) / 2.0,
            3 => {
                let mut sum = blend(23.0, past(1), -16.0, past(2));
                accumulate(&mut sum, 5.0, past(3));
                sum / 12.0
            }
            _ => {
                let mut sum = blend(55.0, past(1), -59.0, past(2));
                accumulate(&mut sum, 37.0, past(3));
                accumulate(&mut sum, -9.0, past(4));
                sum * (1.0f64 / 24.0) as f32
            }
        }
    }

    fn remember(&mut self, predicted: &Array4<f32>) {
        self.past.push_back(predicted.clone());
        if self.past.len() > 4 {
            self.past.pop_front();
        }
    }
}

/// The second timestep twice: the first step is taken again from what it led to.
fn second_twice(timesteps: &[i64]) -> Vec<i64> {
    let mut timesteps = timesteps.to_vec();
    if let Some(&second) = timesteps.get(1) {
        timesteps.insert(1, second);
    }
    timesteps
}

/// The timesteps of the first three steps: at the start, twice in the middle, and at the end of
/// each, which is the start of the next.
fn runge_kutta(timesteps: &[i64], half: i64) -> Result<Vec<i64>, SchedulerError> {
    let Some(first) = timesteps.get(..4) else {
        let asked = timesteps.len();
        let message =
            format!("{asked} inference steps are asked for, expected 4 or more without `skip_prk_steps`");
        return Err(SchedulerError(message));
    };
    let [a, b, c, d] = [first[0], first[1], first[2], first[3]];
    let step = |from: i64, to: i64| [from, to + half, to + half, to];
    Ok([step(a, b), step(b, c), step(c, d)].concat())
}

impl Scheduler for Pndm {
    fn timesteps(&self) -> &[f32] {
        &self.timesteps
    }

    fn step(
        &mut self,
        predicted: &Array4<f32>,
        call: usize,
        latents: &Array4<f32>,
        _noise: &mut dyn FnMut() -> Array4<f32>,
    ) -> Array4<f32> {
        let (predicted, origin) = match call < self.runge_kutta {
            true => (self.runge_kutta(predicted, call, latents), self.origin.clone()),
            false => {
                let predicted = self.multistep(predicted, call, latents);
                (predicted, if call == 1 { self.origin.take() } else { None })
            }
        };
        let origin = origin.as_ref().unwrap_or(latents);
        let step = self.steps[call];
        let epsilon = match self.prediction {
            Prediction::Velocity => blend(step.signal, &predicted, step.noise, origin),
            _ => predicted,
        };
        Zip::from(origin)
            .and(&epsilon)
            .map_collect(|&latent, &epsilon| step.latent * latent - step.difference * epsilon / step.divisor)
    }

    fn add_noise(&self, clean: &Array4<f32>, noise: &Array4<f32>) -> Array4<f32> {
        blend(self.start.0, clean, self.start.1, noise)
    }
}
