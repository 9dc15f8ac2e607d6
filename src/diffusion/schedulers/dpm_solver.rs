//! DPM-Solver (Lu et al., 2022, <https://arxiv.org/abs/2206.00927>) and DPM-Solver++ (Lu et al.,
//! 2022, <https://arxiv.org/abs/2211.01095>), multistep, of order 1 to 3, and their stochastic
//! variants.

use std::collections::VecDeque;

use ndarray::{Array4, Zip};

use super::{
    Config, Prediction, Schedule, Scheduler, SchedulerError, Spacing, accumulate,
    betas::{self, Training},
    blend,
    bound::Bound,
    dpm_terms::{Algorithm, Level, Solver, Terms},
    finite,
    schedule::{Given, starts_once},
    sigmas::{self, Curve, ln},
    spacing::linspace,
};

/// The multistep solver: DPM++ 2M with order 2, its usual one.
#[derive(Debug, Clone)]
pub struct DpmSolver {
    timesteps: Vec<f32>,
    steps: Vec<(Level, Terms)>,
    algorithm: Algorithm,
    prediction: Prediction,
    bound: Bound,
    /// The last predictions as the algorithm wants them, the newest first.
    past: VecDeque<Array4<f32>>,
}

impl DpmSolver {
    /// Set for `schedule`.
    pub fn new(config: &Config, schedule: &Schedule) -> Result<Self, SchedulerError> {
        schedule.takes("DPM-Solver", &[Given::Timesteps, Given::Mu])?;
        let algorithm = algorithm(config)?;
        let solver = match config.text("solver_type").unwrap_or("midpoint") {
            "midpoint" | "logrho" | "bh1" | "bh2" => Solver::Midpoint,
            "heun" => Solver::Heun,
            _ => return Err(config.wrong("solver_type", &["midpoint", "heun"])),
        };
        let noise = matches!(algorithm, Algorithm::Noise | Algorithm::StochasticNoise);
        let known: &[Prediction] = match noise {
            true => Prediction::USUAL,
            false => &[Prediction::Epsilon, Prediction::Sample, Prediction::Velocity, Prediction::Flow],
        };
        let prediction = Prediction::of(config, known)?;
        if prediction == Prediction::Epsilon
            && matches!(config.text("variance_type"), Some("learned" | "learned_range"))
        {
            return Err(config.wrong("variance_type", &["null, because latents have no learned variance"]));
        }
        let order = config.number("solver_order").unwrap_or(2.0);
        if order < 1.0 {
            return Err(config.wrong("solver_order", &["1", "2", "3"]));
        }
        let (whole, all) = levels(config, schedule)?;
        sigmas::check(&all)?;
        starts_once(&whole, schedule.start)?;
        let calls = schedule.cut(&whole, config.train_steps(), 1)?;
        let flow = config.flag("use_flow_sigmas").unwrap_or(false);
        let step = |index: usize| {
            let done = index - calls.start;
            let order = order_at(config, order as usize, whole.len(), index).min(done + 1);
            let level = |index: usize| Level::of(all[index], flow);
            let predictions: Vec<Level> = (0..order).map(|back| level(index - back)).collect();
            let terms = Terms::new(algorithm, solver, level(index + 1), &predictions).ok_or_else(|| {
                config.wrong("solver_order", &["1", "2, because `sde-dpmsolver` has no formula for more"])
            })?;
            let divisor = match (prediction, noise) {
                (Prediction::Epsilon, false) => predictions[0].alpha,
                (Prediction::Sample, true) => predictions[0].sigma,
                _ => 1.0,
            };
            finite(whole[index], &[terms.coefficients(), vec![1.0 / divisor]].concat())?;
            Ok((predictions[0], terms))
        };
        Ok(Self {
            steps: calls.clone().map(step).collect::<Result<_, _>>()?,
            timesteps: whole[calls].to_vec(),
            algorithm,
            prediction,
            bound: Bound::dynamic(config),
            past: VecDeque::new(),
        })
    }

    /// What the algorithm wants to know, out of what the denoiser predicts.
    fn convert(&self, predicted: &Array4<f32>, latents: &Array4<f32>, level: Level) -> Array4<f32> {
        let Level { alpha, sigma, .. } = level;
        let clean_of = |epsilon: &Array4<f32>| {
            let clean = |&epsilon: &f32, &latent: &f32| (latent - sigma * epsilon) / alpha;
            Zip::from(epsilon).and(latents).map_collect(clean)
        };
        let noise_of = |clean: &Array4<f32>| {
            let noise = |&clean: &f32, &latent: &f32| (latent - alpha * clean) / sigma;
            Zip::from(clean).and(latents).map_collect(noise)
        };
        if matches!(self.algorithm, Algorithm::Clean | Algorithm::StochasticClean) {
            return self.bound.apply(match self.prediction {
                Prediction::Epsilon => clean_of(predicted),
                Prediction::Sample => predicted.clone(),
                Prediction::Velocity => blend(alpha, latents, -sigma, predicted),
                Prediction::Flow => blend(1.0, latents, -level.scheduled, predicted),
            });
        }
        let epsilon = match self.prediction {
            Prediction::Sample => noise_of(predicted),
            Prediction::Velocity => blend(alpha, predicted, sigma, latents),
            Prediction::Epsilon | Prediction::Flow => predicted.clone(),
        };
        match self.bound {
            Bound::Free => epsilon,
            bound => noise_of(&bound.apply(clean_of(&epsilon))),
        }
    }
}

fn algorithm(config: &Config) -> Result<Algorithm, SchedulerError> {
    let name = config.text("algorithm_type").unwrap_or("dpmsolver++");
    let to_zero = !matches!(config.text("final_sigmas_type"), Some(kind) if kind != "zero");
    match name {
        "dpmsolver++" => Ok(Algorithm::Clean),
        "sde-dpmsolver++" => Ok(Algorithm::StochasticClean),
        "dpmsolver" | "sde-dpmsolver" | "deis" if to_zero => Err(SchedulerError(format!(
            "`final_sigmas_type` is zero, expected sigma_min with `algorithm_type` {name}"
        ))),
        "deis" => Ok(Algorithm::Clean),
        "dpmsolver" => Ok(Algorithm::Noise),
        "sde-dpmsolver" => Ok(Algorithm::StochasticNoise),
        _ => {
            let known = ["dpmsolver++", "sde-dpmsolver++", "dpmsolver", "sde-dpmsolver"];
            Err(config.wrong("algorithm_type", &known))
        }
    }
}

/// The order of the step at `index` of `count`: lower at the end of short schedules, and where
/// the end has no noise.
fn order_at(config: &Config, order: usize, count: usize, index: usize) -> usize {
    let flag = |field, usual| config.flag(field).unwrap_or(usual);
    let lower = flag("lower_order_final", true) && count < 15;
    let to_zero = config.text("final_sigmas_type").is_none_or(|kind| kind == "zero");
    match count - 1 - index {
        0 if flag("euler_at_final", false) || lower || to_zero => 1,
        1 if lower => order.min(2),
        _ => order.min(3),
    }
}

/// Timesteps and sigmas of the whole schedule.
fn levels(config: &Config, schedule: &Schedule) -> Result<(Vec<f32>, Vec<f32>), SchedulerError> {
    let flag = |field| config.flag(field).unwrap_or(false);
    let signal = betas::signal_above_zero(config, &Training::USUAL)?;
    let trained = sigmas::trained(&signal);
    let logs = sigmas::logarithms(&trained);
    let curve = Curve::of(config)?;
    let spacing = Spacing::of(config, Spacing::Linspace)?;
    let lu = flag("use_lu_lambdas") && curve != Some(Curve::Karras);
    let flow = flag("use_flow_sigmas") && curve.is_none() && !lu;
    let shift = flow_shift(config, schedule)?;
    let mut timesteps = match schedule.timesteps.as_deref() {
        Some(given) if given.is_empty() || curve.is_some() || flag("use_lu_lambdas") || flow => {
            let message = format!(
                "the timesteps given are {given:?}, expected some, and no spacing of sigmas in the file"
            );
            return Err(SchedulerError(message));
        }
        Some(given) => given.iter().map(|timestep| timestep.trunc()).collect(),
        None => spacing.solver_timesteps(config, last_timestep(config, &signal), schedule.steps(None)?),
    };
    let count = schedule.inference_steps;
    let (first, end) = (trained[trained.len() - 1], trained[0]);
    // A cosine's sigmas reach so far that their timesteps would fall together if rounded.
    let rounded = config.text("beta_schedule") != Some("squaredcos_cap_v2");
    let mut levels: Vec<f64> = if lu {
        let (most, least) = (f64::from(logs[logs.len() - 1]), f64::from(logs[0]));
        // Lu et al., 2022, section 4.1 of the first paper: equal steps of the logarithm.
        linspace(0.0, 1.0, count).into_iter().map(|ramp| (most + ramp * (least - most)).exp()).collect()
    } else if let Some(curve) = curve {
        curve.sigmas(config, f64::from(first), f64::from(end), count)
    } else if flow {
        let alphas = linspace(1.0, 1.0 / config.train_steps() as f64, count + 1);
        let shifted = |alpha: &f64| {
            let sigma = 1.0 - alpha;
            shift * sigma / (1.0 + (shift - 1.0) * sigma)
        };
        alphas[1..].iter().rev().map(shifted).collect()
    } else {
        timesteps.iter().map(|&timestep| sigmas::interpolate(timestep, &trained)).collect()
    };
    if lu || curve.is_some() {
        timesteps = levels.iter().map(|&sigma| sigmas::timestep_of(sigma, &logs)).collect();
        if rounded && (lu || curve == Some(Curve::Karras)) {
            timesteps.iter_mut().for_each(|timestep| *timestep = timestep.round_ties_even());
        }
    } else if flow {
        timesteps = levels.iter().map(|sigma| sigma * config.train_steps() as f64).collect();
    }
    levels.push(f64::from(sigmas::last(config, &trained)?));
    let whole = timesteps.into_iter().map(|timestep| timestep.trunc() as f32).collect();
    Ok((whole, levels.into_iter().map(|sigma| sigma as f32).collect()))
}

fn flow_shift(config: &Config, schedule: &Schedule) -> Result<f64, SchedulerError> {
    let exponential = config.text("time_shift_type").is_none_or(|kind| kind == "exponential");
    match schedule.mu {
        None => Ok(config.number("flow_shift").unwrap_or(1.0)),
        Some(mu) if config.flag("use_dynamic_shifting").unwrap_or(false) && exponential => Ok(mu.exp()),
        Some(_) => Err(SchedulerError(
            "a `mu` is given, expected none without `use_dynamic_shifting` and an exponential `time_shift_type`".into(),
        )),
    }
}

/// The training steps used: those of more than `lambda_min_clipped`.
fn last_timestep(config: &Config, signal: &[f32]) -> usize {
    let Some(least) = config.number("lambda_min_clipped") else { return config.train_steps() };
    let lambda = |signal: &f32| ln(signal.sqrt()) - ln((1.0 - signal).sqrt());
    let below = signal.iter().filter(|signal| lambda(signal) < least as f32).count();
    config.train_steps().saturating_sub(below)
}

impl Scheduler for DpmSolver {
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
        let (level, terms) = &self.steps[call];
        let newest = self.convert(predicted, latents, *level);
        self.past.truncate(2);
        self.past.push_front(newest);
        let past = &self.past;
        let mut next = blend(terms.latent, latents, terms.differences[0], &past[0]);
        let slope = |back: usize, ratio: f32| {
            let inverse = 1.0 / ratio;
            let slope = |&newer: &f32, &older: &f32| inverse * (newer - older);
            Zip::from(&past[back]).and(&past[back + 1]).map_collect(slope)
        };
        match (terms.differences.as_slice(), terms.ratios.as_slice()) {
            ([_, second], [ratio]) => accumulate(&mut next, *second, &slope(0, *ratio)),
            ([_, second, third], [near, far]) => {
                let newer = slope(0, *near);
                let bend = &newer - &slope(1, *far);
                let mut first = newer;
                accumulate(&mut first, near / (near + far), &bend);
                accumulate(&mut next, *second, &first);
                accumulate(&mut next, *third, &(bend * (1.0 / (near + far))));
            }
            _ => {}
        }
        if let Some(fresh) = terms.fresh {
            accumulate(&mut next, fresh, &noise());
        }
        next
    }

    fn add_noise(&self, clean: &Array4<f32>, noise: &Array4<f32>) -> Array4<f32> {
        let (level, _) = &self.steps[0];
        blend(level.alpha, clean, level.sigma, noise)
    }
}
