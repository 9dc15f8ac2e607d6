//! The coefficients of UniPC's steps: algorithms 1 and 2 of the paper.

use super::dpm_terms::Level;

/// The function B of the step's width.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Width {
    /// The width itself.
    Bh1,
    /// Its exponential, less 1.
    Bh2,
}

/// A step between two levels, and what the predictions before it add.
#[derive(Debug, Clone)]
pub(super) struct Terms {
    /// What the latents, the newest prediction, and the sum of differences are multiplied by.
    pub(super) latent: f32,
    pub(super) newest: f32,
    pub(super) sum: f32,
    /// Distances of the older predictions, relative to the step.
    pub(super) ratios: Vec<f32>,
    /// Weights of their differences in the predictor.
    pub(super) predictor: Vec<f32>,
    /// Weights in the corrector; the last is that of the prediction at the step's end.
    pub(super) corrector: Vec<f32>,
}

impl Terms {
    /// From the levels at the step's end and at the predictions it uses, the newest first; as many
    /// as the order. `clean`: whether they are of clean latents, not of noise.
    pub(super) fn new(width: Width, clean: bool, end: Level, predictions: &[Level]) -> Self {
        let (start, order) = (predictions[0], predictions.len());
        let h = end.lambda - start.lambda;
        let ratio = |level: &Level| (level.lambda - start.lambda) / h;
        let ratios: Vec<f32> = predictions[1..].iter().map(ratio).collect();
        let hh = if clean { -h } else { h };
        let phi = expm1(hh);
        let b = match width {
            Width::Bh1 => hh,
            Width::Bh2 => phi,
        };
        let mut power = phi / hh - 1.0;
        let mut factorial = 1.0f32;
        let mut right = Vec::with_capacity(order);
        for i in 1..=order {
            right.push(power * factorial / b);
            factorial *= (i + 1) as f32;
            power = power / hh - 1.0 / factorial;
        }
        let points: Vec<f32> = ratios.iter().copied().chain([1.0]).collect();
        let predictor = match order {
            1 => Vec::new(),
            2 => vec![0.5],
            _ => solve(&points[..order - 1], &right[..order - 1]),
        };
        let corrector = if order == 1 { vec![0.5] } else { solve(&points, &right) };
        let (latent, other) = match clean {
            true => (end.sigma / start.sigma, end.alpha),
            false => (end.alpha / start.alpha, end.sigma),
        };
        Self { latent, newest: other * phi, sum: other * b, ratios, predictor, corrector }
    }

    /// What the predictor uses, to be checked.
    pub(super) fn predicting(&self) -> Vec<f32> {
        let inverse = self.ratios.iter().map(|ratio| 1.0 / ratio);
        let others = [self.latent, self.newest, self.sum].into_iter().chain(self.predictor.iter().copied());
        others.chain(inverse).collect()
    }

    /// What the corrector uses, to be checked.
    pub(super) fn correcting(&self) -> Vec<f32> {
        [self.predicting(), self.corrector.clone()].concat()
    }
}

/// The weights that make all powers of `points` up to their number meet `right`, by Gaussian
/// elimination with pivots, in 32-bit floats as LAPACK's.
fn solve(points: &[f32], right: &[f32]) -> Vec<f32> {
    let size = points.len();
    let mut rows: Vec<Vec<f32>> = (0..size)
        .map(|power| points.iter().map(|point| point.powi(power as i32)).chain([right[power]]).collect())
        .collect();
    for column in 0..size {
        let largest = |a: &usize, b: &usize| rows[*a][column].abs().total_cmp(&rows[*b][column].abs());
        let pivot = (column..size).rev().max_by(largest).unwrap_or(column);
        rows.swap(column, pivot);
        let (done, rest) = rows.split_at_mut(column + 1);
        let pivot = &done[column];
        for row in rest {
            let factor = row[column] / pivot[column];
            row.iter_mut().zip(pivot).skip(column).for_each(|(value, above)| *value -= factor * above);
        }
    }
    let mut weights = vec![0.0; size];
    for i in (0..size).rev() {
        let known: f32 = (i + 1..size).map(|j| rows[i][j] * weights[j]).sum();
        weights[i] = (rows[i][size] - known) / rows[i][i];
    }
    weights
}

fn expm1(x: f32) -> f32 {
    f64::from(x).exp_m1() as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_meet_the_moments() {
        let weights = solve(&[-2.0, -1.0, 1.0], &[1.0, 0.5, 3.0]);
        for (power, right) in [1.0, 0.5, 3.0].into_iter().enumerate() {
            let sum: f32 =
                weights.iter().zip([-2.0f32, -1.0, 1.0]).map(|(w, p)| w * p.powi(power as i32)).sum();
            assert!((sum - right).abs() < 1e-6, "{power}: {sum}");
        }
    }
}
