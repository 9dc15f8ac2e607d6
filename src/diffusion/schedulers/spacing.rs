//! How few inference steps spread over many training steps (Lin et al., 2023,
//! <https://arxiv.org/abs/2305.08891>, table 2).

use super::{Config, SchedulerError};

/// A way to spread them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spacing {
    /// Multiples of the whole ratio, from 0: never starts at pure noise.
    Leading,
    /// From the last training step down: starts at pure noise.
    Trailing,
    /// Both ends included.
    Linspace,
}

impl Spacing {
    /// What the file says, or else the scheduler's own `usual` way.
    pub(super) fn of(config: &Config, usual: Self) -> Result<Self, SchedulerError> {
        match config.text("timestep_spacing") {
            None => Ok(usual),
            Some("leading") => Ok(Self::Leading),
            Some("trailing") => Ok(Self::Trailing),
            Some("linspace") => Ok(Self::Linspace),
            Some(_) => Err(config.wrong("timestep_spacing", &["leading", "trailing", "linspace"])),
        }
    }

    /// The training steps, from noisy to clean, before rounding for `Linspace`; as numpy
    /// computes them in 64-bit floats.
    pub(super) fn timesteps(self, config: &Config, inference_steps: usize) -> Vec<f64> {
        let train = config.train_steps();
        match self {
            Self::Leading => leading(train / inference_steps, inference_steps, config),
            Self::Trailing => trailing(train, train, inference_steps),
            Self::Linspace => linspace(0.0, train as f64 - 1.0, inference_steps).into_iter().rev().collect(),
        }
    }

    /// The same for solvers of several steps, which spread one step more below `last` and leave
    /// the last one, at the clean end, to the final sigma; whole numbers.
    pub(super) fn solver_timesteps(self, config: &Config, last: usize, inference_steps: usize) -> Vec<f64> {
        let mut timesteps = match self {
            Self::Trailing => return trailing(last, config.train_steps(), inference_steps),
            Self::Leading => leading(last / (inference_steps + 1), inference_steps + 1, config),
            Self::Linspace => {
                let rising = linspace(0.0, last as f64 - 1.0, inference_steps + 1);
                rising.into_iter().rev().map(f64::round_ties_even).collect()
            }
        };
        timesteps.pop();
        timesteps
    }
}

fn leading(ratio: usize, count: usize, config: &Config) -> Vec<f64> {
    let offset = config.number("steps_offset").unwrap_or(0.0);
    (0..count).rev().map(|i| (i * ratio) as f64 + offset).collect()
}

/// `np.arange(last, 0, -train / steps)`, rounded, less one: its length may be one more by
/// rounding, and its step is the difference of its first two.
fn trailing(last: usize, train: usize, steps: usize) -> Vec<f64> {
    let (last, ratio) = (last as f64, train as f64 / steps as f64);
    let length = (last / ratio).ceil() as usize;
    let step = (last - ratio) - last;
    (0..length).map(|i| (last + i as f64 * step).round_ties_even() - 1.0).collect()
}

/// `np.linspace` in 64-bit floats.
pub(super) fn linspace(start: f64, end: f64, count: usize) -> Vec<f64> {
    let step = (end - start) / (count.max(2) - 1) as f64;
    let at = |i: usize| if i > 0 && i + 1 == count { end } else { i as f64 * step + start };
    (0..count).map(at).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_spacing_reaches_the_ends_it_promises() {
        let config = Config::read(&json!({"steps_offset": 1})).unwrap();
        assert_eq!(Spacing::Leading.timesteps(&config, 4), [751.0, 501.0, 251.0, 1.0]);
        assert_eq!(Spacing::Trailing.timesteps(&config, 4), [999.0, 749.0, 499.0, 249.0]);
        assert_eq!(Spacing::Linspace.timesteps(&config, 4), [999.0, 666.0, 333.0, 0.0]);
        assert_eq!(Spacing::Linspace.timesteps(&config, 1), [0.0]);
        assert_eq!(Spacing::Leading.solver_timesteps(&config, 1000, 4), [801.0, 601.0, 401.0, 201.0]);
        assert_eq!(Spacing::Linspace.solver_timesteps(&config, 1000, 3), [999.0, 666.0, 333.0]);
    }
}
