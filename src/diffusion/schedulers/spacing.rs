//! How few inference steps spread over many training steps (Lin et al., 2023,
//! <https://arxiv.org/abs/2305.08891>, table 2).

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
    /// The training steps, from noisy to clean, before rounding for `Linspace`; as numpy
    /// computes them in 64-bit floats.
    pub(super) fn timesteps(self, train_steps: usize, inference_steps: usize, offset: i64) -> Vec<f64> {
        let train = train_steps as f64;
        match self {
            Self::Leading => {
                let ratio = train_steps / inference_steps;
                (0..inference_steps).rev().map(|i| (i * ratio) as f64 + offset as f64).collect()
            }
            Self::Trailing => {
                let ratio = train / inference_steps as f64;
                // `np.arange(train, 0, -ratio)`: its length may be one more by rounding, and its
                // step is the difference of the first two.
                let length = (train / ratio).ceil() as usize;
                let step = (train - ratio) - train;
                (0..length).map(|i| (train + i as f64 * step).round_ties_even() - 1.0).collect()
            }
            Self::Linspace => {
                let step = (train - 1.0) / (inference_steps.max(2) - 1) as f64;
                let at =
                    |i: usize| if i > 0 && i + 1 == inference_steps { train - 1.0 } else { i as f64 * step };
                (0..inference_steps).rev().map(at).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_spacing_reaches_the_ends_it_promises() {
        assert_eq!(Spacing::Leading.timesteps(1000, 4, 1), [751.0, 501.0, 251.0, 1.0]);
        assert_eq!(Spacing::Trailing.timesteps(1000, 4, 1), [999.0, 749.0, 499.0, 249.0]);
        assert_eq!(Spacing::Linspace.timesteps(1000, 4, 1), [999.0, 666.0, 333.0, 0.0]);
        assert_eq!(Spacing::Linspace.timesteps(1000, 1, 0), [0.0]);
    }
}
