//! Keeping the predicted clean latents within bounds.

use ndarray::{Array4, ArrayViewMut3, Axis};

use super::Config;

/// Bounds of the predicted clean latents.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Bound {
    /// None.
    Free,
    /// Within plus and minus this.
    Clip(f32),
    /// Dynamic thresholding (Saharia et al., 2022, <https://arxiv.org/abs/2205.11487>, section
    /// 2.3), each picture for itself: bounded by the quantile `ratio` of its magnitudes, if that
    /// lies between 1 and `max`, and divided by it.
    Dynamic { ratio: f32, max: f32 },
}

impl Bound {
    /// What the file says of clipping; `usual`: what the scheduler does if it says nothing.
    pub(super) fn clip(config: &Config, usual: bool) -> Self {
        match config.flag("clip_sample").unwrap_or(usual) {
            true => Self::Clip(config.number("clip_sample_range").unwrap_or(1.0) as f32),
            false => Self::Free,
        }
    }

    /// What it says of dynamic thresholding.
    pub(super) fn dynamic(config: &Config) -> Self {
        match config.flag("thresholding").unwrap_or(false) {
            true => Self::Dynamic {
                ratio: config.number("dynamic_thresholding_ratio").unwrap_or(0.995) as f32,
                max: config.number("sample_max_value").unwrap_or(1.0) as f32,
            },
            false => Self::Free,
        }
    }

    /// This, or the other if this is none.
    pub(super) fn or(self, other: Self) -> Self {
        if self == Self::Free { other } else { self }
    }

    /// Clean latents (pictures, channels, height, width) within the bounds.
    pub(super) fn apply(self, mut clean: Array4<f32>) -> Array4<f32> {
        match self {
            Self::Free => {}
            Self::Clip(limit) => clean.mapv_inplace(|value| clamp(value, limit)),
            Self::Dynamic { ratio, max } => {
                clean.axis_iter_mut(Axis(0)).for_each(|picture| threshold(picture, ratio, max));
            }
        }
        clean
    }
}

fn threshold(mut picture: ArrayViewMut3<'_, f32>, ratio: f32, max: f32) {
    let mut magnitudes: Vec<f32> = picture.iter().map(|value| value.abs()).collect();
    magnitudes.sort_unstable_by(f32::total_cmp);
    let limit = quantile(&magnitudes, ratio).max(1.0).min(max);
    picture.mapv_inplace(|value| clamp(value, limit) / limit);
}

/// `torch.quantile` of sorted values: between the two nearest.
fn quantile(sorted: &[f32], ratio: f32) -> f32 {
    let rank = (ratio * (sorted.len() - 1) as f32).clamp(0.0, (sorted.len() - 1) as f32);
    let (below, above) = (sorted[rank.floor() as usize], sorted[rank.ceil() as usize]);
    let weight = rank - rank.floor();
    match weight < 0.5 {
        true => below + weight * (above - below),
        false => above - (above - below) * (1.0 - weight),
    }
}

/// Not `f32::clamp`, which panics at a negative limit; what is no number stays none.
fn clamp(value: f32, limit: f32) -> f32 {
    let value = if value < -limit { -limit } else { value };
    if value > limit { limit } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_lie_between_the_values() {
        assert_eq!(quantile(&[0.0, 1.0, 2.0, 3.0], 0.5), 1.5);
        assert_eq!(quantile(&[0.0, 1.0, 2.0, 3.0], 1.0), 3.0);
    }

    #[test]
    fn each_picture_has_its_own_threshold() {
        let clean = ndarray::arr1(&[0.5f32, -4.0, 0.5, -0.25]).into_shape_with_order((2, 1, 1, 2)).unwrap();
        let bounded = Bound::Dynamic { ratio: 1.0, max: 2.0 }.apply(clean);
        assert_eq!(bounded.into_raw_vec_and_offset().0, [0.25, -1.0, 0.5, -0.25]);
        assert!(clamp(f32::NAN, 1.0).is_nan());
    }
}
