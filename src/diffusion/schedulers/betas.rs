//! How much noise there is at each step of the training.

use super::{Config, SchedulerError};

/// What a scheduler assumes of the training where the file says nothing.
pub(super) struct Training {
    start: f64,
    end: f64,
    schedule: &'static str,
    /// Schedules beyond those all know.
    also: &'static [&'static str],
}

impl Training {
    /// What most assume.
    pub(super) const USUAL: Self = Self { start: 0.0001, end: 0.02, schedule: "linear", also: &[] };
    /// As [`USUAL`](Self::USUAL), and DDPM knows two more schedules.
    pub(super) const DDPM: Self = Self { also: &["laplace", "sigmoid"], ..Self::USUAL };
    /// Heun's range is Stable Diffusion's, and it knows one more schedule.
    pub(super) const HEUN: Self = Self { start: 0.00085, end: 0.012, schedule: "linear", also: &["exp"] };
    /// Stable Diffusion's.
    pub(super) const LCM: Self = Self { schedule: "scaled_linear", also: &[], ..Self::HEUN };
}

/// The share of signal in the variance at each training step, `alphas_cumprod` of diffusers: in
/// 32-bit floats, the product summed up in 64, as PyTorch's `cumprod` does. `rescalable`: whether
/// the scheduler looks at `rescale_betas_zero_snr`.
pub(super) fn signal(
    config: &Config,
    training: &Training,
    rescalable: bool,
) -> Result<Vec<f32>, SchedulerError> {
    let steps = config.train_steps();
    let start = config.number("beta_start").unwrap_or(training.start);
    let end = config.number("beta_end").unwrap_or(training.end);
    let schedule = config.text("beta_schedule").unwrap_or(training.schedule);
    let betas = match (config.numbers("trained_betas"), schedule) {
        (Some(betas), _) => betas.into_iter().map(|beta| beta as f32).collect(),
        (None, "linear") => linspace(start as f32, end as f32, steps),
        (None, "scaled_linear") => {
            let roots = linspace(start.sqrt() as f32, end.sqrt() as f32, steps);
            roots.into_iter().map(|root| root * root).collect()
        }
        (None, "squaredcos_cap_v2") => capped(steps, cosine),
        (None, other) if !training.also.contains(&other) => {
            let known = ["linear", "scaled_linear", "squaredcos_cap_v2"];
            return Err(config.wrong("beta_schedule", &[&known, training.also].concat()));
        }
        (None, "laplace") => capped(steps, laplace),
        (None, "exp") => capped(steps, |t| (t * -12.0).exp()),
        (None, _) => {
            let logistic = |x: f32| (1.0 / (1.0 + f64::from(-x).exp())) as f32;
            let beta = |x| logistic(x) * (end - start) as f32 + start as f32;
            linspace(-6.0, 6.0, steps).into_iter().map(beta).collect()
        }
    };
    match rescalable && config.flag("rescale_betas_zero_snr").unwrap_or(false) {
        true => Ok(cumulative(&rescale(&betas))),
        false => Ok(cumulative(&betas)),
    }
}

/// [`signal`] for schedulers that divide by it: rescaled betas would leave none at the end, which
/// they take for the smallest 16-bit float.
pub(super) fn signal_above_zero(config: &Config, training: &Training) -> Result<Vec<f32>, SchedulerError> {
    let mut signal = signal(config, training, true)?;
    if config.flag("rescale_betas_zero_snr").unwrap_or(false)
        && let Some(last) = signal.last_mut()
    {
        *last = f32::powi(2.0, -24);
    }
    Ok(signal)
}

/// The share of signal at `timestep`; negative ones count from the end, as PyTorch's do.
pub(super) fn at(signal: &[f32], timestep: i64) -> Result<f32, SchedulerError> {
    let index = if timestep < 0 { timestep + signal.len() as i64 } else { timestep };
    let outside = || {
        SchedulerError(format!(
            "timestep {timestep} lies outside of the {} trained ones: expected another spacing or `steps_offset`",
            signal.len()
        ))
    };
    usize::try_from(index).ok().and_then(|index| signal.get(index).copied()).ok_or_else(outside)
}

fn cumulative(betas: &[f32]) -> Vec<f32> {
    let mut product = 1.0f64;
    let mut multiply = |beta: &f32| {
        product *= f64::from(1.0 - beta);
        product as f32
    };
    betas.iter().map(&mut multiply).collect()
}

/// `torch.linspace` in 32-bit floats: from both ends towards the middle, multiplied and added in
/// one rounding, as its vectorised code does.
pub(super) fn linspace(start: f32, end: f32, count: usize) -> Vec<f32> {
    if count == 1 {
        return vec![start];
    }
    let step = (end - start) / (count - 1) as f32;
    let at = |i: usize| match i < count / 2 {
        true => step.mul_add(i as f32, start),
        false => (-step).mul_add((count - 1 - i) as f32, end),
    };
    (0..count).map(at).collect()
}

/// Betas out of the share of signal over the time from 0 to 1.
fn capped(steps: usize, bar: impl Fn(f64) -> f64) -> Vec<f32> {
    let beta = |i: usize| {
        let (from, to) = (i as f64 / steps as f64, (i + 1) as f64 / steps as f64);
        (1.0 - bar(to) / bar(from)).min(0.999) as f32
    };
    (0..steps).map(beta).collect()
}

/// Nichol and Dhariwal, 2021 (<https://arxiv.org/abs/2102.09672>), equation 17.
fn cosine(t: f64) -> f64 {
    ((t + 0.008) / 1.008 * std::f64::consts::PI / 2.0).cos().powi(2)
}

/// Hang and Gu, 2024 (<https://arxiv.org/abs/2407.03297>).
fn laplace(t: f64) -> f64 {
    let log = -0.5 * 1f64.copysign(0.5 - t) * (1.0 - 2.0 * (0.5 - t).abs() + 1e-6).ln();
    (log.exp() / (1.0 + log.exp())).sqrt()
}

/// Rescaled so that the last step has no signal at all, the first as much as before
/// (Lin et al., 2023, <https://arxiv.org/abs/2305.08891>, algorithm 1).
fn rescale(betas: &[f32]) -> Vec<f32> {
    let mut roots: Vec<f32> = cumulative(betas).into_iter().map(f32::sqrt).collect();
    let (first, last) = (roots[0], roots[roots.len() - 1]);
    for root in &mut roots {
        *root = (*root - last) * (first / (first - last));
    }
    let squares: Vec<f32> = roots.iter().map(|root| root * root).collect();
    let ratios = squares.windows(2).map(|pair| pair[1] / pair[0]);
    std::iter::once(squares[0]).chain(ratios).map(|alpha| 1.0 - alpha).collect()
}
