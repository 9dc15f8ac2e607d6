//! What denoisers predict.

use super::{Config, SchedulerError};

/// What the denoiser predicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prediction {
    /// The noise.
    Epsilon,
    /// The clean latents.
    Sample,
    /// The velocity between both (Salimans and Ho, 2022, <https://arxiv.org/abs/2202.00512>).
    Velocity,
    /// The direction of a rectified flow (Liu et al., 2022, <https://arxiv.org/abs/2209.03003>).
    Flow,
}

impl Prediction {
    /// What all but a few schedulers know.
    pub(super) const USUAL: &[Self] = &[Self::Epsilon, Self::Sample, Self::Velocity];

    /// What the file says, which must be one of `known`.
    pub(super) fn of(config: &Config, known: &[Self]) -> Result<Self, SchedulerError> {
        let said = config.text("prediction_type").unwrap_or("epsilon");
        known.iter().copied().find(|kind| kind.name() == said).ok_or_else(|| {
            let names: Vec<&str> = known.iter().map(|kind| kind.name()).collect();
            config.wrong("prediction_type", &names)
        })
    }

    fn name(self) -> &'static str {
        match self {
            Self::Epsilon => "epsilon",
            Self::Sample => "sample",
            Self::Velocity => "v_prediction",
            Self::Flow => "flow_prediction",
        }
    }

    /// The clean value out of a predicted one and a latent of noise `sigma` relative to its signal.
    pub(super) fn clean(self, predicted: f32, latent: f32, sigma: f32) -> f32 {
        match self {
            Self::Epsilon | Self::Flow => latent - sigma * predicted,
            Self::Sample => predicted,
            Self::Velocity => {
                let square = sigma * sigma + 1.0;
                predicted * (-sigma / square.sqrt()) + latent / square
            }
        }
    }
}
