//! Noise levels as standard deviations relative to the signal, and how they are spaced.

use statrs::function::beta::inv_beta_reg;

use super::{Config, SchedulerError, spacing::linspace};

/// A spacing of sigmas by themselves, not by time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Curve {
    /// Karras et al., 2022 (<https://arxiv.org/abs/2206.00364>), equation 5.
    Karras,
    /// Equal ratios.
    Exponential,
    /// By the beta distribution (Lee et al., 2024, <https://arxiv.org/abs/2407.12173>).
    Beta,
}

impl Curve {
    /// The one the file asks for, if any; it can ask for one only.
    pub(super) fn of(config: &Config) -> Result<Option<Self>, SchedulerError> {
        let fields = [
            ("use_karras_sigmas", Self::Karras),
            ("use_exponential_sigmas", Self::Exponential),
            ("use_beta_sigmas", Self::Beta),
        ];
        let mut asked = fields.into_iter().filter(|(field, _)| config.flag(field).unwrap_or(false));
        match (asked.next(), asked.next()) {
            (None, _) => Ok(None),
            (Some((_, curve)), None) => Ok(Some(curve)),
            (Some((one, _)), Some((other, _))) => Err(SchedulerError(format!(
                "`{one}` and `{other}` are both true, expected one of them at most"
            ))),
        }
    }

    /// `count` sigmas from `first`, the noisy end, to `last`; the file may say other ends.
    pub(super) fn sigmas(self, config: &Config, first: f64, last: f64, count: usize) -> Vec<f64> {
        let min = config.number("sigma_min").unwrap_or(last);
        let max = config.number("sigma_max").unwrap_or(first);
        match self {
            Self::Karras => {
                const RHO: f64 = 7.0;
                let (low, high) = (min.powf(1.0 / RHO), max.powf(1.0 / RHO));
                linspace(0.0, 1.0, count).iter().map(|ramp| (high + ramp * (low - high)).powf(RHO)).collect()
            }
            Self::Exponential => linspace(max.ln(), min.ln(), count).into_iter().map(f64::exp).collect(),
            Self::Beta => {
                let sigma = |ramp: f64| {
                    let share = 1.0 - ramp;
                    let quantile =
                        if share > 0.0 && share < 1.0 { inv_beta_reg(0.6, 0.6, share) } else { share };
                    min + quantile * (max - min)
                };
                linspace(0.0, 1.0, count).into_iter().map(sigma).collect()
            }
        }
    }
}

/// The sigma of each training step, out of its share of signal.
pub(super) fn trained(signal: &[f32]) -> Vec<f32> {
    let sigma = |&signal: &f32| match (1.0 - signal) / signal {
        // All but halfway between two floats. PyTorch takes the upper one; from sigmas as large
        // as this, the other would be seen in the picture's third digit.
        16_777_215.0 => 4096.0,
        square => square.sqrt(),
    };
    signal.iter().map(sigma).collect()
}

/// Their logarithms.
pub(super) fn logarithms(sigmas: &[f32]) -> Vec<f32> {
    sigmas.iter().map(|&sigma| numpy_ln(sigma)).collect()
}

/// The logarithm in 32-bit floats as numpy's vectorised code has it, a quotient of polynomials
/// with up to three bits of error: timesteps are found between such logarithms, and cut to whole
/// numbers. x > 0, not subnormal.
pub(super) fn numpy_ln(x: f32) -> f32 {
    const ABOVE: [f32; 6] = [0.025_899_792, 0.380_883_77, 1.480_000_6, 2.112_677_6, 1.0, 0.0];
    const BELOW: [f32; 6] = [0.005_875_095_4, 0.154_647_64, 0.986_494_3, 2.453_006, 2.612_677_5, 1.0];
    let bits = x.to_bits();
    let mut exponent = (bits >> 23) as f32 - 126.0;
    let mut x = f32::from_bits((bits & 0x007f_ffff) | 0.5f32.to_bits());
    if x <= std::f32::consts::FRAC_1_SQRT_2 {
        exponent -= 1.0;
        x += x;
    }
    let x = x - 1.0;
    let polynomial = |terms: [f32; 6]| terms[1..].iter().fold(terms[0], |sum, &term| sum.mul_add(x, term));
    exponent.mul_add(std::f32::consts::LN_2, polynomial(ABOVE) / polynomial(BELOW))
}

/// `np.interp` over whole positions: constant outside.
pub(super) fn interpolate(at: f64, values: &[f32]) -> f64 {
    let last = values.len() - 1;
    let low = (at.max(0.0) as usize).min(last);
    let value = |i: usize| f64::from(values[i]);
    if low == last || at <= 0.0 {
        return value(low);
    }
    (value(low + 1) - value(low)) * (at - low as f64) + value(low)
}

/// The training step at which the noise is `sigma`, interpolated between the `logs` of those
/// of the training.
pub(super) fn timestep_of(sigma: f64, logs: &[f32]) -> f64 {
    timestep_of_log(sigma.max(1e-10).ln(), logs)
}

/// The same for the logarithm of a sigma.
pub(super) fn timestep_of_log(log: f64, logs: &[f32]) -> f64 {
    let below = logs.iter().rposition(|&known| f64::from(known) <= log);
    let low = below.unwrap_or(0).min(logs.len() - 2);
    let weight = (f64::from(logs[low]) - log) / f64::from(logs[low] - logs[low + 1]);
    let weight = weight.clamp(0.0, 1.0);
    (1.0 - weight) * low as f64 + weight * (low + 1) as f64
}

/// Where a schedule ends: at no noise, or at the least of the training.
pub(super) fn last(config: &Config, trained: &[f32]) -> Result<f32, SchedulerError> {
    match config.text("final_sigmas_type") {
        None | Some("zero") => Ok(0.0),
        Some("sigma_min") => Ok(trained[0]),
        Some(_) => Err(config.wrong("final_sigmas_type", &["zero", "sigma_min"])),
    }
}

/// Refuses sigmas that are no numbers, or negative.
pub(super) fn check(sigmas: &[f32]) -> Result<(), SchedulerError> {
    match sigmas.iter().find(|sigma| !sigma.is_finite() || **sigma < 0.0) {
        None => Ok(()),
        Some(sigma) => {
            Err(SchedulerError(format!("a sigma of the schedule is {sigma}, expected finite ones from 0 on")))
        }
    }
}

/// The logarithm in 32-bit floats, rounded correctly.
pub(super) fn ln(x: f32) -> f32 {
    f64::from(x).ln() as f32
}

/// The exponential in 32-bit floats, rounded correctly.
pub(super) fn exp(x: f32) -> f32 {
    f64::from(x).exp() as f32
}
