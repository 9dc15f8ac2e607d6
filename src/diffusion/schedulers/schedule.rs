//! Which part of the way from noise to picture is gone, and in how many steps.

use std::ops::Range;

use super::SchedulerError;

/// Where a schedule starts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Start {
    /// At pure noise.
    Noise,
    /// With a picture, of which this much is redrawn, 0 to 1: of n inference steps the last
    /// `floor(n * strength)`, as Stable Diffusion and SDXL count.
    Strength(f64),
    /// The same with `ceil(n * strength)` steps, as Stable Diffusion 3 and FLUX count.
    StrengthRoundedUp(f64),
    /// With a picture, of which this much is redrawn, in all inference steps: a latent consistency
    /// model leaves out the noisy part of the steps it was distilled at instead. To other
    /// schedulers the same as [`Strength`](Self::Strength).
    StrengthOfDistilled(f64),
    /// With the latents another model left at this part of the way, between 0 and 1:
    /// `denoising_start` of SDXL's refiner.
    At(f64),
}

/// What a pipeline asks of a scheduler.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    /// Steps of the whole way; not looked at where sigmas or timesteps are given.
    pub inference_steps: usize,
    /// The noise levels themselves, falling. For Euler with the last, mostly 0, at which it ends;
    /// for flow matching without.
    pub sigmas: Option<Vec<f64>>,
    /// The timesteps themselves, falling.
    pub timesteps: Option<Vec<f64>>,
    /// How far a schedule with `use_dynamic_shifting` is shifted: see [`Config::mu`](super::Config::mu).
    pub mu: Option<f64>,
    /// Where it starts.
    pub start: Start,
    /// The part of the way, between 0 and 1, at which it stops and hands its latents over.
    pub denoising_end: Option<f64>,
    /// DDIM: how much noise is added, from 0 for none to 1 for as much as DDPM adds.
    pub eta: f64,
}

/// What only some schedulers take.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Given {
    Sigmas,
    Timesteps,
    Mu,
}

impl Schedule {
    /// From noise to picture in this many steps.
    pub fn new(inference_steps: usize) -> Self {
        Self {
            inference_steps,
            sigmas: None,
            timesteps: None,
            mu: None,
            start: Start::Noise,
            denoising_end: None,
            eta: 0.0,
        }
    }

    /// Refuses what a scheduler does not take.
    pub(super) fn takes(&self, scheduler: &str, taken: &[Given]) -> Result<(), SchedulerError> {
        let given = [
            (Given::Sigmas, self.sigmas.is_some(), "sigmas are"),
            (Given::Timesteps, self.timesteps.is_some(), "timesteps are"),
            (Given::Mu, self.mu.is_some(), "a `mu` is"),
        ];
        match given.iter().find(|(what, given, _)| *given && !taken.contains(what)) {
            None => Ok(()),
            Some((.., what)) => {
                Err(SchedulerError(format!("{what} given, which {scheduler} does not take: expected none")))
            }
        }
    }

    /// The steps asked for, if the schedule can have so many.
    pub(super) fn steps(&self, most: Option<usize>) -> Result<usize, SchedulerError> {
        let steps = self.inference_steps;
        match most {
            Some(most) if !(1..=most).contains(&steps) => {
                Err(SchedulerError(format!("{steps} inference steps are asked for, expected 1 to {most}")))
            }
            None if steps == 0 => {
                Err(SchedulerError("0 inference steps are asked for, expected 1 or more".into()))
            }
            _ => Ok(steps),
        }
    }

    /// The timesteps given, if any, falling within those of the training.
    pub(super) fn falling_timesteps(&self, train_steps: usize) -> Result<Option<&[f64]>, SchedulerError> {
        let Some(given) = self.timesteps.as_deref() else { return Ok(None) };
        let falls = given.windows(2).all(|pair| pair[0] > pair[1]);
        let inside = given.first().is_some_and(|&first| first < train_steps as f64)
            && given.last().is_some_and(|&last| last >= 0.0);
        match falls && inside {
            true => Ok(Some(given)),
            false => {
                let message = format!(
                    "the timesteps given are {given:?}, expected falling ones from below {train_steps} to 0"
                );
                Err(SchedulerError(message))
            }
        }
    }

    /// Which of the `whole` schedule's calls are run. `order` is how many calls make a step.
    pub(super) fn cut(
        &self,
        whole: &[f32],
        train_steps: usize,
        order: usize,
    ) -> Result<Range<usize>, SchedulerError> {
        // What stands at a part of the way: Python's `round` goes to the even number.
        let cutoff = |part: f64| {
            let train = train_steps as f64;
            ((train - part * train).round_ties_even()) as f32
        };
        let counted = match self.sigmas.is_some() || self.timesteps.is_some() {
            true => whole.len(),
            false => self.inference_steps,
        };
        let steps = counted as f64;
        let begin = match self.start {
            Start::Noise => 0,
            Start::Strength(strength) | Start::StrengthOfDistilled(strength) => {
                between(strength, 0.0..=1.0, "strength")?;
                (counted - ((steps * strength) as usize).min(counted)) * order
            }
            Start::StrengthRoundedUp(strength) => {
                between(strength, 0.0..=1.0, "strength")?;
                (steps - (steps * strength).min(steps)).max(0.0) as usize * order
            }
            Start::At(part) => {
                inside(part, "denoising_start")?;
                let left = whole.iter().filter(|&&timestep| timestep < cutoff(part)).count();
                // Two calls make a step, of which the last has one: never start in its middle.
                whole.len() - if order == 2 && left % 2 == 0 { left + 1 } else { left }
            }
        };
        let end = match self.denoising_end {
            None => whole.len(),
            Some(part) => {
                inside(part, "denoising_end")?;
                let kept = whole.iter().skip(begin).filter(|&&timestep| timestep >= cutoff(part)).count();
                (begin + kept).min(whole.len())
            }
        };
        match begin < end {
            true => Ok(begin..end),
            false => Err(SchedulerError(format!(
                "nothing is left of {} inference steps: expected more steps, or a larger part of the way",
                self.inference_steps
            ))),
        }
    }
}

fn between(value: f64, range: std::ops::RangeInclusive<f64>, name: &str) -> Result<(), SchedulerError> {
    match range.contains(&value) {
        true => Ok(()),
        false => Err(SchedulerError(format!("`{name}` is {value}, expected 0 to 1"))),
    }
}

fn inside(part: f64, name: &str) -> Result<(), SchedulerError> {
    match part > 0.0 && part < 1.0 {
        true => Ok(()),
        false => Err(SchedulerError(format!("`{name}` is {part}, expected a number between 0 and 1"))),
    }
}

/// Refuses a whole schedule whose first timestep comes twice: diffusers finds its place in the
/// schedule by the timestep, takes the second, and runs over the end.
pub(super) fn starts_once(whole: &[f32], start: Start) -> Result<(), SchedulerError> {
    match start == Start::Noise && whole.iter().skip(1).any(|timestep| *timestep == whole[0]) {
        false => Ok(()),
        true => Err(SchedulerError(format!(
            "the schedule has its first timestep, {}, more than once: expected fewer inference steps or another spacing",
            whole[0]
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calls(schedule: &Schedule, order: usize) -> Result<Range<usize>, String> {
        let whole: Vec<f32> = (0..10).rev().map(|i| (i * 100 + 1) as f32).collect();
        schedule.cut(&whole, 1000, order).map_err(|error| error.to_string())
    }

    #[test]
    fn a_part_of_the_way_is_the_calls_that_lie_in_it() {
        let whole = Schedule::new(10);
        let from = |start| calls(&Schedule { start, ..whole.clone() }, 1);
        assert_eq!(calls(&whole, 1), Ok(0..10));
        assert_eq!(from(Start::Strength(0.35)), Ok(7..10));
        assert_eq!(from(Start::StrengthRoundedUp(0.35)), Ok(6..10));
        assert_eq!(from(Start::At(0.8)), Ok(8..10));
        let both = Schedule { start: Start::At(0.2), denoising_end: Some(0.8), ..whole.clone() };
        assert_eq!(calls(&both, 1), Ok(2..8));
        for (start, word) in [
            (Start::Strength(0.05), "nothing is left of 10"),
            (Start::Strength(1.5), "`strength` is 1.5"),
            (Start::At(0.0), "`denoising_start` is 0"),
        ] {
            let error = from(start).unwrap_err();
            assert!(error.contains(word), "{error}");
        }
    }
}
