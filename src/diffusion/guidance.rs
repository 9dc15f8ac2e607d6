//! Classifier-free guidance (Ho and Salimans, 2022, <https://arxiv.org/abs/2207.12598>).

use ndarray::{Array3, Array4, ArrayView4, Axis, concatenate, s};

/// The hidden states one denoiser call takes, in diffusers' order: negative, then positive.
///
/// A scale of 1 or less means no guidance: the negative prompt has no say, and the batch is one.
pub(super) fn batch(negative: Option<&Array3<f32>>, positive: &Array3<f32>) -> Array3<f32> {
    match negative {
        None => positive.clone(),
        Some(negative) => concatenate(Axis(0), &[negative.view(), positive.view()])
            .unwrap_or_else(|_| unreachable!("both come from the same text encoder")),
    }
}

/// One copy of `latents` for each row of the batch.
pub(super) fn repeat(latents: ArrayView4<f32>, rows: usize) -> Array4<f32> {
    match rows {
        1 => latents.to_owned(),
        _ => concatenate(Axis(0), &vec![latents; rows])
            .unwrap_or_else(|_| unreachable!("copies have one shape")),
    }
}

/// `negative + scale * (positive - negative)`, or the one row there is.
pub(super) fn combine(predicted: Array4<f32>, scale: f32) -> Array4<f32> {
    if predicted.len_of(Axis(0)) == 1 {
        return predicted;
    }
    let negative = predicted.slice(s![0..1, .., .., ..]);
    let positive = predicted.slice(s![1..2, .., .., ..]);
    &negative + &((&positive - &negative) * scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guidance_goes_from_the_negative_towards_the_positive_and_beyond() {
        let predicted =
            Array4::from_shape_fn((2, 1, 1, 2), |(row, _, _, x)| [[1.0, 2.0], [3.0, 2.0]][row][x]);
        let guided = combine(predicted, 4.0);
        assert_eq!(guided.into_raw_vec_and_offset().0, [9.0, 2.0]);
        let alone = Array4::from_elem((1, 1, 1, 2), 5.0);
        assert_eq!(combine(alone.clone(), 4.0), alone);
    }

    #[test]
    fn the_negative_prompt_comes_first() {
        let (negative, positive) = (Array3::zeros((1, 2, 3)), Array3::ones((1, 2, 3)));
        let both = batch(Some(&negative), &positive);
        assert_eq!(both.shape(), [2, 2, 3]);
        assert_eq!(both.index_axis(Axis(0), 1), positive.index_axis(Axis(0), 0));
        assert_eq!(batch(None, &positive), positive);
    }
}
