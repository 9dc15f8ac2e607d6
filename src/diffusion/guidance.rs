//! Classifier-free guidance (Ho and Salimans, 2022, <https://arxiv.org/abs/2207.12598>).

use ndarray::{Array2, Array4, ArrayView4, Axis, s};

/// `negative + scale * (positive - negative)` of the two rows there are, drawn back by `rescale` to
/// the contrast of the positive one; or the one row there is.
pub(super) fn combine(predicted: Array4<f32>, scale: f32, rescale: f32) -> Array4<f32> {
    if predicted.len_of(Axis(0)) == 1 {
        return predicted;
    }
    let negative = predicted.slice(s![0..1, .., .., ..]);
    let positive = predicted.slice(s![1..2, .., .., ..]);
    let guided = &negative + &((&positive - &negative) * scale);
    if rescale == 0.0 {
        return guided;
    }
    let factor = deviation(positive) / deviation(guided.view());
    let rescaled = &guided * factor;
    rescaled * rescale + guided * (1.0 - rescale)
}

/// The standard deviation of all values, of a sample.
fn deviation(values: ArrayView4<f32>) -> f32 {
    let count = values.len() as f64;
    let mean = values.iter().map(|&x| f64::from(x)).sum::<f64>() / count;
    let squares = values.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>();
    (squares / (count - 1.0)).sqrt() as f32
}

/// The guidance scale as models distilled from guidance are told it (Luo et al., 2023,
/// <https://arxiv.org/abs/2310.04378>; Meng et al., 2022, <https://arxiv.org/abs/2210.03142>): sines,
/// then cosines of it over `width` frequencies, one row.
pub(super) fn embedding(scale: f32, width: usize) -> Array2<f32> {
    let (half, w) = (width / 2, (scale - 1.0) * 1000.0);
    let step = -(10_000f32.ln() / (half as f32 - 1.0));
    Array2::from_shape_fn((1, width), |(_, i)| match i {
        i if i < half => ((i as f32 * step).exp() * w).sin(),
        i if i < 2 * half => (((i - half) as f32 * step).exp() * w).cos(),
        _ => 0.0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guidance_goes_from_the_negative_towards_the_positive_and_beyond() {
        let predicted =
            Array4::from_shape_fn((2, 1, 1, 2), |(row, _, _, x)| [[1.0, 2.0], [3.0, 2.0]][row][x]);
        let guided = combine(predicted, 4.0, 0.0);
        assert_eq!(guided.into_raw_vec_and_offset().0, [9.0, 2.0]);
        let alone = Array4::from_elem((1, 1, 1, 2), 5.0);
        assert_eq!(combine(alone.clone(), 4.0, 0.7), alone);
    }

    #[test]
    fn rescaled_guidance_has_the_contrast_of_the_prompt() {
        let predicted = Array4::from_shape_fn((2, 1, 2, 2), |(row, _, y, x)| (row + y * 2 + x * row) as f32);
        let guided = combine(predicted.clone(), 9.0, 1.0);
        let positive = predicted.slice(s![1..2, .., .., ..]);
        assert!((deviation(guided.view()) - deviation(positive)).abs() < 1e-5);
    }
}
