//! Euler's method on a flow from noise to data (Lipman et al., 2022,
//! <https://arxiv.org/abs/2210.02747>), its schedule shifted by resolution (Esser et al., 2024,
//! <https://arxiv.org/abs/2403.03206>, section 5.3.2).

use ndarray::{Array4, Zip};

use super::{
    Config, Schedule, Scheduler, SchedulerError, accumulate, blend,
    schedule::{Given, starts_once},
    sigmas::{self, Curve},
    spacing::linspace,
};

/// Euler's method along straight ways from noise, sigma 1, to data, sigma 0.
#[derive(Debug, Clone)]
pub struct FlowMatchEuler {
    timesteps: Vec<f32>,
    /// One more than timesteps: where the last step ends.
    sigmas: Vec<f32>,
    stochastic: bool,
}

impl FlowMatchEuler {
    /// Set for `schedule`.
    pub fn new(config: &Config, schedule: &Schedule) -> Result<Self, SchedulerError> {
        schedule.takes("flow matching", &[Given::Sigmas, Given::Timesteps, Given::Mu])?;
        let train = config.train_steps() as f32;
        let levels = levels(config, schedule)?;
        let mut all: Vec<f32> = levels.into_iter().map(|sigma| sigma as f32).collect();
        let inverted = config.flag("invert_sigmas").unwrap_or(false);
        if inverted {
            all.iter_mut().for_each(|sigma| *sigma = 1.0 - *sigma);
        }
        let whole: Vec<f32> = match &schedule.timesteps {
            Some(given) if !inverted => given.iter().map(|&timestep| timestep as f32).collect(),
            _ => all.iter().map(|sigma| sigma * train).collect(),
        };
        all.push(if inverted { 1.0 } else { 0.0 });
        sigmas::check(&all)?;
        starts_once(&whole, schedule.start)?;
        let calls = schedule.cut(&whole, config.train_steps(), 1)?;
        Ok(Self {
            sigmas: all[calls.start..].to_vec(),
            timesteps: whole[calls].to_vec(),
            stochastic: config.flag("stochastic_sampling").unwrap_or(false),
        })
    }

    /// The sigmas from the first call's on, one more than timesteps at least.
    pub fn sigmas(&self) -> &[f32] {
        &self.sigmas
    }
}

/// The sigmas but the last, shifted and spaced as the file says: in 32-bit floats where sigmas or
/// timesteps are given, as numpy computes them then, in 64-bit floats else.
fn levels(config: &Config, schedule: &Schedule) -> Result<Vec<f64>, SchedulerError> {
    let train = config.train_steps() as f64;
    let shift = config.number("shift").unwrap_or(1.0);
    let single = |x: f64| f64::from(x as f32);
    let (mut sigmas, narrow): (Vec<f64>, fn(f64) -> f64) = match (&schedule.sigmas, &schedule.timesteps) {
        (Some(sigmas), Some(timesteps)) if sigmas.len() != timesteps.len() => {
            return Err(SchedulerError(format!(
                "{} sigmas and {} timesteps are given, expected as many",
                sigmas.len(),
                timesteps.len()
            )));
        }
        (Some(given), _) => (given.iter().map(|&sigma| single(sigma)).collect(), single),
        (None, Some(given)) => (given.iter().map(|&t| single(single(t) / train)).collect(), single),
        (None, None) => {
            // The ends are those of the training, which are shifted once already.
            let end = |sigma: f64| match config.flag("use_dynamic_shifting").unwrap_or(false) {
                true => single(sigma),
                false => shifted(single(sigma), shift, single),
            };
            let ends = (end(1.0) * train, end(1.0 / train) * train);
            let timesteps = linspace(ends.0, ends.1, schedule.steps(None)?);
            (timesteps.into_iter().map(|timestep| timestep / train).collect(), |x| x)
        }
    };
    if sigmas.is_empty() {
        return Err(SchedulerError("no sigmas or timesteps are given: expected one or more".into()));
    }
    let time_shift = match config.text("time_shift_type") {
        None | Some("exponential") => TimeShift::Exponential,
        Some("linear") => TimeShift::Linear,
        Some(_) => return Err(config.wrong("time_shift_type", &["exponential", "linear"])),
    };
    match (config.flag("use_dynamic_shifting").unwrap_or(false), schedule.mu) {
        (true, None) => {
            let message =
                "no `mu` is given, expected one with `use_dynamic_shifting`: it comes of the picture's size";
            return Err(SchedulerError(message.into()));
        }
        (true, Some(mu)) => sigmas.iter_mut().for_each(|sigma| *sigma = time_shift.apply(mu, *sigma, narrow)),
        (false, _) => sigmas.iter_mut().for_each(|sigma| *sigma = shifted(*sigma, shift, narrow)),
    }
    stretch(config, &mut sigmas, narrow);
    let count = sigmas.len();
    Ok(match Curve::of(config)? {
        Some(curve) => curve.sigmas(config, sigmas[0], sigmas[count - 1], count),
        None => sigmas,
    })
}

/// A sigma shifted towards noise, in the precision of `narrow`.
pub(super) fn shifted(sigma: f64, shift: f64, narrow: fn(f64) -> f64) -> f64 {
    let top = narrow(narrow(shift) * sigma);
    narrow(top / narrow(1.0 + narrow(narrow(shift - 1.0) * sigma)))
}

/// How `mu` shifts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TimeShift {
    Exponential,
    Linear,
}

impl TimeShift {
    pub(super) fn apply(self, mu: f64, sigma: f64, narrow: fn(f64) -> f64) -> f64 {
        let shift = match self {
            Self::Exponential => mu.exp(),
            Self::Linear => mu,
        };
        let shift = narrow(shift);
        narrow(shift / narrow(shift + narrow(narrow(1.0 / sigma) - 1.0)))
    }
}

/// Stretches a schedule so that its last sigma is `shift_terminal`, if the file says one.
pub(super) fn stretch(config: &Config, sigmas: &mut [f64], narrow: fn(f64) -> f64) {
    let Some(terminal) = config.number("shift_terminal").filter(|terminal| *terminal != 0.0) else { return };
    let last = sigmas[sigmas.len() - 1];
    let factor = narrow(narrow(1.0 - last) / narrow(1.0 - terminal));
    for sigma in sigmas {
        *sigma = narrow(1.0 - narrow(narrow(1.0 - *sigma) / factor));
    }
}

impl Scheduler for FlowMatchEuler {
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
        let (sigma, next) = (self.sigmas[call], self.sigmas[call + 1]);
        let go = |width: f32| {
            let move_on = |&latent: &f32, &predicted: &f32| latent + width * predicted;
            Zip::from(latents).and(predicted).map_collect(move_on)
        };
        match self.stochastic {
            true => blend(1.0 - next, &go(-sigma), next, &noise()),
            false => go(next - sigma),
        }
    }

    fn add_noise(&self, clean: &Array4<f32>, noise: &Array4<f32>) -> Array4<f32> {
        let sigma = self.sigmas[0];
        let mut noisy = noise * sigma;
        accumulate(&mut noisy, 1.0 - sigma, clean);
        noisy
    }
}
