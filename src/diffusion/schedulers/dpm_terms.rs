//! The coefficients of DPM-Solver's steps: appendix B of both papers.

use super::sigmas::{exp, ln};

/// Which differential equation is solved, and for which prediction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Algorithm {
    /// The ordinary one, for noise: DPM-Solver.
    Noise,
    /// The ordinary one, for clean latents: DPM-Solver++.
    Clean,
    /// The stochastic one, for noise.
    StochasticNoise,
    /// The stochastic one, for clean latents.
    StochasticClean,
}

/// How the second order approximates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Solver {
    Midpoint,
    Heun,
}

/// Signal and noise at a noise level, and half the logarithm of their ratio.
#[derive(Debug, Clone, Copy)]
pub(super) struct Level {
    /// The sigma of the schedule.
    pub(super) scheduled: f32,
    pub(super) alpha: f32,
    pub(super) sigma: f32,
    pub(super) lambda: f32,
}

impl Level {
    /// At `sigma` relative to the signal or, with `flow`, of a flow.
    pub(super) fn of(scheduled: f32, flow: bool) -> Self {
        let (alpha, sigma) = match flow {
            true => (1.0 - scheduled, scheduled),
            false => {
                let alpha = 1.0 / (scheduled * scheduled + 1.0).sqrt();
                (alpha, scheduled * alpha)
            }
        };
        Self { scheduled, alpha, sigma, lambda: ln(alpha) - ln(sigma) }
    }
}

/// A step as a sum.
#[derive(Debug, Clone)]
pub(super) struct Terms {
    /// What the latents are multiplied by.
    pub(super) latent: f32,
    /// What the newest prediction and the first and second difference of the last ones are.
    pub(super) differences: Vec<f32>,
    /// Distances of the older predictions relative to the step: r0 and r1 of the papers.
    pub(super) ratios: Vec<f32>,
    /// What fresh noise is, in the stochastic ones.
    pub(super) fresh: Option<f32>,
}

impl Terms {
    /// From the levels at the step's end and at the predictions it uses, the newest first; as many
    /// predictions as the order, 1 to 3. `None` where diffusers knows no formula.
    pub(super) fn new(
        algorithm: Algorithm,
        solver: Solver,
        end: Level,
        predictions: &[Level],
    ) -> Option<Self> {
        use Algorithm::{Clean, Noise, StochasticClean, StochasticNoise};
        let start = predictions[0];
        let h = end.lambda - start.lambda;
        let ratios = predictions.windows(2).map(|pair| (pair[0].lambda - pair[1].lambda) / h).collect();
        let (alpha, sigma) = (end.alpha, end.sigma);
        let order = predictions.len();
        let (latent, fresh) = match algorithm {
            Clean => (sigma / start.sigma, None),
            Noise => (alpha / start.alpha, None),
            StochasticClean => {
                let fresh = sigma * (1.0 - exp(-2.0 * h)).sqrt();
                (sigma / start.sigma * exp(-h), Some(fresh))
            }
            StochasticNoise => (alpha / start.alpha, Some(sigma * (exp(2.0 * h) - 1.0).sqrt())),
        };
        let (down, up, twice) = (exp(-h) - 1.0, exp(h) - 1.0, 1.0 - exp(-2.0 * h));
        let first = match algorithm {
            Clean => -(alpha * down),
            Noise => -(sigma * up),
            StochasticClean => alpha * twice,
            StochasticNoise => -2.0 * (sigma * up),
        };
        let middle = order == 2 && solver == Solver::Midpoint;
        let second = match algorithm {
            Clean if middle => -(0.5 * (alpha * down)),
            Clean => alpha * (down / h + 1.0),
            Noise if middle => -(0.5 * (sigma * up)),
            Noise => -(sigma * (up / h - 1.0)),
            StochasticClean if middle => 0.5 * (alpha * twice),
            StochasticClean => alpha * (twice / (-2.0 * h) + 1.0),
            StochasticNoise if middle => -(sigma * up),
            StochasticNoise => -2.0 * (sigma * (up / h - 1.0)),
        };
        let third = match algorithm {
            Clean => -(alpha * ((down + h) / (h * h) - 0.5)),
            Noise => -(sigma * ((up - h) / (h * h) - 0.5)),
            StochasticClean => {
                let double = 2.0 * h;
                alpha * ((twice - double) / (double * double) - 0.5)
            }
            StochasticNoise if order == 3 => return None,
            StochasticNoise => 0.0,
        };
        let differences = [first, second, third][..order].to_vec();
        Some(Self { latent, differences, ratios, fresh })
    }

    /// All of it, to be checked.
    pub(super) fn coefficients(&self) -> Vec<f32> {
        let inverse = self.ratios.iter().map(|ratio| 1.0 / ratio);
        let others = self.differences.iter().copied().chain(self.fresh);
        [self.latent].into_iter().chain(others).chain(inverse).collect()
    }
}
