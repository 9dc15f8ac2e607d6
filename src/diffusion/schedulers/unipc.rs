//! UniPC, a unified predictor-corrector (Zhao et al., 2023, <https://arxiv.org/abs/2302.04867>).

use std::collections::VecDeque;

use ndarray::{Array4, Zip};

use super::{
    Config, Prediction, Schedule, Scheduler, SchedulerError, Spacing, accumulate,
    betas::{self, Training},
    blend,
    bound::Bound,
    dpm_terms::Level,
    finite,
    flow_match_euler::{TimeShift, shifted, stretch},
    schedule::{Given, starts_once},
    sigmas::{self, Curve},
    spacing::linspace,
    unipc_terms::{Terms, Width},
};

/// UniPC, multistep: what the denoiser says after a step also corrects that step.
#[derive(Debug, Clone)]
pub struct UniPc {
    timesteps: Vec<f32>,
    steps: Vec<Step>,
    clean: bool,
    prediction: Prediction,
    bound: Bound,
    /// The last predictions, the newest first.
    past: VecDeque<Array4<f32>>,
    /// Where the step before started.
    origin: Option<Array4<f32>>,
}

#[derive(Debug, Clone)]
struct Step {
    level: Level,
    terms: Terms,
    /// Whether the step before is corrected first.
    corrects: bool,
}

impl UniPc {
    /// Set for `schedule`.
    pub fn new(config: &Config, schedule: &Schedule) -> Result<Self, SchedulerError> {
        schedule.takes("UniPC", &[Given::Mu])?;
        let flow = config.flag("use_flow_sigmas").unwrap_or(false);
        if config.number("shift_terminal").is_some() && !flow {
            return Err(config.wrong("shift_terminal", &["null without `use_flow_sigmas`"]));
        }
        let width = match config.text("solver_type").unwrap_or("bh2") {
            "bh1" => Width::Bh1,
            "bh2" | "midpoint" | "heun" | "logrho" => Width::Bh2,
            _ => return Err(config.wrong("solver_type", &["bh1", "bh2"])),
        };
        let clean = config.flag("predict_x0").unwrap_or(true);
        let known: &[Prediction] = match clean {
            true => &[Prediction::Epsilon, Prediction::Sample, Prediction::Velocity, Prediction::Flow],
            false => Prediction::USUAL,
        };
        let prediction = Prediction::of(config, known)?;
        let solver_order = config.number("solver_order").unwrap_or(2.0);
        if solver_order < 1.0 {
            return Err(config.wrong("solver_order", &["1 or more"]));
        }
        let lower = config.flag("lower_order_final").unwrap_or(true);
        let uncorrected = config.numbers("disable_corrector").unwrap_or_default();
        let (whole, all) = levels(config, schedule)?;
        sigmas::check(&all)?;
        starts_once(&whole, schedule.start)?;
        let calls = schedule.cut(&whole, config.train_steps(), 1)?;
        let step = |index: usize| {
            let level = |index: usize| Level::of(all[index], flow);
            let most =
                if lower { (solver_order as usize).min(whole.len() - index) } else { solver_order as usize };
            let order = most.min(index - calls.start + 1);
            let predictions: Vec<Level> = (0..order).map(|back| level(index - back)).collect();
            let terms = Terms::new(width, clean, level(index + 1), &predictions);
            let corrects = index > calls.start && !uncorrected.contains(&(index as f64 - 1.0));
            let divisor = match (prediction, clean) {
                (Prediction::Epsilon, true) => predictions[0].alpha,
                (Prediction::Sample, false) => predictions[0].sigma,
                _ => 1.0,
            };
            finite(whole[index], &[terms.predicting(), vec![1.0 / divisor]].concat())?;
            Ok(Step { level: predictions[0], terms, corrects })
        };
        let steps: Vec<Step> = calls.clone().map(step).collect::<Result<_, _>>()?;
        for (pair, timestep) in steps.windows(2).zip(&whole[calls.clone()]) {
            if pair[1].corrects {
                finite(*timestep, &pair[0].terms.correcting())?;
            }
        }
        Ok(Self {
            steps,
            timesteps: whole[calls].to_vec(),
            clean,
            prediction,
            bound: Bound::dynamic(config),
            past: VecDeque::new(),
            origin: None,
        })
    }

    /// What the algorithm wants to know, out of what the denoiser predicts.
    fn convert(&self, predicted: &Array4<f32>, latents: &Array4<f32>, level: Level) -> Array4<f32> {
        let Level { alpha, sigma, .. } = level;
        let both = Zip::from(predicted).and(latents);
        if !self.clean {
            return match self.prediction {
                Prediction::Sample => {
                    both.map_collect(|&predicted, &latent| (latent - alpha * predicted) / sigma)
                }
                Prediction::Velocity => blend(alpha, predicted, sigma, latents),
                Prediction::Epsilon | Prediction::Flow => predicted.clone(),
            };
        }
        self.bound.apply(match self.prediction {
            Prediction::Epsilon => {
                both.map_collect(|&predicted, &latent| (latent - sigma * predicted) / alpha)
            }
            Prediction::Sample => predicted.clone(),
            Prediction::Velocity => blend(alpha, latents, -sigma, predicted),
            Prediction::Flow => blend(1.0, latents, -level.scheduled, predicted),
        })
    }

    /// The step of `terms` from `origin`; with the prediction `reached` at its end, corrected.
    fn walk(&self, terms: &Terms, origin: &Array4<f32>, reached: Option<&Array4<f32>>) -> Array4<f32> {
        let newest = &self.past[0];
        let weights = if reached.is_some() { &terms.corrector } else { &terms.predictor };
        let mut sum: Option<Array4<f32>> = None;
        for (back, (ratio, weight)) in terms.ratios.iter().zip(weights).enumerate() {
            let difference = (&self.past[back + 1] - newest) / *ratio;
            match &mut sum {
                None => sum = Some(difference * *weight),
                Some(sum) => accumulate(sum, *weight, &difference),
            }
        }
        if let (Some(reached), Some(weight)) = (reached, weights.last()) {
            let last = (reached - newest) * *weight;
            sum = Some(match sum {
                None => last,
                Some(sum) => sum + last,
            });
        }
        let mut next = blend(terms.latent, origin, -terms.newest, newest);
        if let Some(sum) = sum {
            accumulate(&mut next, -terms.sum, &sum);
        }
        next
    }
}

/// Timesteps and sigmas of the whole schedule.
fn levels(config: &Config, schedule: &Schedule) -> Result<(Vec<f32>, Vec<f32>), SchedulerError> {
    let flag = |field| config.flag(field).unwrap_or(false);
    let (train, count) = (config.train_steps() as f64, schedule.steps(None)?);
    let trained = sigmas::trained(&betas::signal_above_zero(config, &Training::USUAL)?);
    let curve = Curve::of(config)?;
    let (flow, dynamic) = (flag("use_flow_sigmas"), flag("use_dynamic_shifting"));
    let spacing = Spacing::of(config, Spacing::Linspace)?;
    if dynamic && schedule.mu.is_none() {
        let message =
            "no `mu` is given, expected one with `use_dynamic_shifting`: it comes of the picture's size";
        return Err(SchedulerError(message.into()));
    }
    let mut end = f64::from(sigmas::last(config, &trained)?);
    let (timesteps, mut levels): (Vec<f64>, Vec<f64>);
    if let Some(curve) = curve {
        let logs = sigmas::logarithms(&trained);
        levels = curve.sigmas(config, f64::from(trained[trained.len() - 1]), f64::from(trained[0]), count);
        timesteps = match (curve, flow) {
            (Curve::Karras, true) => {
                levels.iter_mut().for_each(|sigma| *sigma /= *sigma + 1.0);
                levels.iter().map(|sigma| sigma * train).collect()
            }
            (Curve::Karras, false) => {
                levels.iter().map(|&sigma| sigmas::timestep_of(sigma, &logs).round_ties_even()).collect()
            }
            _ => levels.iter().map(|&sigma| sigmas::timestep_of(sigma, &logs)).collect(),
        };
    } else if flow {
        levels = linspace(1.0, 1.0 / train, count + 1);
        levels.pop();
        let time_shift = match config.text("time_shift_type").unwrap_or("exponential") {
            "exponential" => TimeShift::Exponential,
            "linear" => TimeShift::Linear,
            _ => return Err(config.wrong("time_shift_type", &["exponential", "linear"])),
        };
        let shift = config.number("flow_shift").unwrap_or(1.0);
        for sigma in &mut levels {
            *sigma = match schedule.mu.filter(|_| dynamic) {
                Some(mu) => time_shift.apply(mu, *sigma, |x| x),
                None => shifted(*sigma, shift, |x| x),
            };
        }
        stretch(config, &mut levels, |x| x);
        // At 1 there would be no signal to divide by.
        const LEAST: f64 = 1e-6;
        if (levels[0] - 1.0).abs() < LEAST {
            levels[0] -= LEAST;
        }
        timesteps = levels.iter().map(|sigma| sigma * train).collect();
    } else {
        timesteps = spacing.solver_timesteps(config, config.train_steps(), count);
        levels = timesteps.iter().map(|&timestep| sigmas::interpolate(timestep, &trained)).collect();
    }
    if end > 0.0 && (curve.is_some() || flow) {
        end = levels[levels.len() - 1];
    }
    levels.push(end);
    let whole = timesteps.into_iter().map(|timestep| timestep.trunc() as f32).collect();
    Ok((whole, levels.into_iter().map(|sigma| sigma as f32).collect()))
}

impl Scheduler for UniPc {
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
        let step = self.steps[call].clone();
        let newest = self.convert(predicted, latents, step.level);
        let corrected = match (&self.origin, step.corrects) {
            (Some(origin), true) => self.walk(&self.steps[call - 1].terms, origin, Some(&newest)),
            _ => latents.clone(),
        };
        let longest = self.steps.iter().map(|step| step.terms.ratios.len()).max().unwrap_or_default();
        self.past.truncate(longest);
        self.past.push_front(newest);
        let next = self.walk(&step.terms, &corrected, None);
        self.origin = Some(corrected);
        next
    }

    fn add_noise(&self, clean: &Array4<f32>, noise: &Array4<f32>) -> Array4<f32> {
        let Level { alpha, sigma, .. } = self.steps[0].level;
        blend(alpha, clean, sigma, noise)
    }
}
