//! Norms on the processor, whose means are exact also of millions of numbers.
//!
//! Numbers are summed in 32 bits a block at a time, blocks in 64: a mean of four channels of a picture of 720x1280,
//! summed in 32 bits throughout, is off far enough to move a decoded pixel by 2.5e-4 of its range.

use std::sync::Mutex;

use pulp::{Arch, Simd, WithSimd};

use super::{Parallel, next};

/// Numbers that are summed in 32 bits.
const BLOCK: usize = 4096;
/// Vectors that are summed beside each other.
const BESIDE: usize = 4;

/// What is normed together, and what becomes of it.
#[derive(Debug, Clone, Copy)]
pub struct Norm<'a> {
    /// Numbers of a row, which have a mean and a variance.
    pub length: usize,
    /// What is added to a variance.
    pub epsilon: f32,
    /// What the rows are multiplied with and what is added to them, by turns.
    pub scale: &'a [f32],
    /// As many.
    pub bias: &'a [f32],
}

/// Whether rows of so many numbers are long enough for their means to be off, summed in 32 bits.
pub fn pays(length: usize) -> bool {
    length >= 1 << 14
}

/// Brings each row of `input` to a mean of zero and a variance of one, and to its scale and bias, into `output`, on up to
/// `threads` threads that `parallel` provides.
///
/// The same input gives the same bits on any number of threads.
///
/// # Panics
/// If a slice is shorter than `output`, or there is no scale.
pub fn normalize(
    norm: &Norm<'_>,
    input: &[f32],
    output: &mut [f32],
    (threads, parallel): (usize, &Parallel<'_>),
) {
    if norm.length == 0 {
        return;
    }
    let arch = Arch::new();
    let jobs = Mutex::new(output.chunks_mut(norm.length).enumerate());
    parallel(threads, &|_| {
        while let Some((at, output)) = next(&jobs) {
            let input = &input[at * norm.length..][..output.len()];
            let (scale, bias) = (norm.scale[at % norm.scale.len()], norm.bias[at % norm.scale.len()]);
            arch.dispatch(Row { epsilon: norm.epsilon, scale, bias, input, output });
        }
    });
}

struct Row<'a> {
    epsilon: f32,
    scale: f32,
    bias: f32,
    input: &'a [f32],
    output: &'a mut [f32],
}

impl WithSimd for Row<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { epsilon, scale, bias, input, output } = self;
        let count = input.len() as f64;
        let mean = sum::<S, false>(simd, input, 0.0) / count;
        let shift = mean as f32;
        // The mean of the squares of what is off a number near the mean, less the square of what that is off.
        let off = mean - f64::from(shift);
        let variance = sum::<S, true>(simd, input, shift) / count - off * off;
        let factor = f64::from(scale) / (variance + f64::from(epsilon)).sqrt();
        let (factor, bias) = (factor as f32, (f64::from(bias) - off * factor) as f32);
        let (vectors, rest) = S::as_simd_f32s(input);
        let (into, into_rest) = S::as_mut_simd_f32s(output);
        let (factors, biases) = (simd.splat_f32s(factor), simd.splat_f32s(bias));
        let shifts = simd.splat_f32s(shift);
        for at in 0..into.len() {
            into[at] = simd.mul_add_e_f32s(simd.sub_f32s(vectors[at], shifts), factors, biases);
        }
        for at in 0..into_rest.len() {
            into_rest[at] = (rest[at] - shift) * factor + bias;
        }
    }
}

/// The sum of what is off `shift`, or of its squares.
#[inline(always)]
fn sum<S: Simd, const SQUARED: bool>(simd: S, numbers: &[f32], shift: f32) -> f64 {
    let shifts = simd.splat_f32s(shift);
    let mut total = 0.0;
    let mut from = 0;
    while from < numbers.len() {
        let block = &numbers[from..][..BLOCK.min(numbers.len() - from)];
        let (vectors, rest) = S::as_simd_f32s(block);
        let mut sums = [simd.splat_f32s(0.0); BESIDE];
        let mut at = 0;
        while at + BESIDE <= vectors.len() {
            for beside in 0..BESIDE {
                let off = simd.sub_f32s(vectors[at + beside], shifts);
                sums[beside] = match SQUARED {
                    true => simd.mul_add_e_f32s(off, off, sums[beside]),
                    false => simd.add_f32s(sums[beside], off),
                };
            }
            at += BESIDE;
        }
        while at < vectors.len() {
            let off = simd.sub_f32s(vectors[at], shifts);
            sums[0] = match SQUARED {
                true => simd.mul_add_e_f32s(off, off, sums[0]),
                false => simd.add_f32s(sums[0], off),
            };
            at += 1;
        }
        let [a, b, c, d] = sums;
        total += f64::from(simd.reduce_sum_f32s(simd.add_f32s(simd.add_f32s(a, b), simd.add_f32s(c, d))));
        for at in 0..rest.len() {
            let off = f64::from(rest[at] - shift);
            total += if SQUARED { off * off } else { off };
        }
        from += block.len();
    }
    total
}

#[cfg(test)]
mod tests {
    use super::{
        super::testing::{numbers, spread},
        *,
    };

    #[test]
    fn rows_are_brought_to_their_scale_and_bias() {
        for (rows, length, mean) in [(6, 1, 3.0), (4, 33, 0.0), (3, 5000, -2.0), (2, 1_000_003, 40.0)] {
            let input: Vec<f32> = numbers(1, rows * length).iter().map(|number| number + mean).collect();
            let (scale, bias) = (numbers(2, 2), numbers(3, 2));
            let norm = Norm { length, epsilon: 1e-6, scale: &scale, bias: &bias };
            let mut output = vec![f32::NAN; rows * length];
            normalize(&norm, &input, &mut output, (2, &spread));
            for row in 0..rows {
                let numbers: Vec<f64> =
                    input[row * length..][..length].iter().map(|&number| f64::from(number)).collect();
                let mean = numbers.iter().sum::<f64>() / length as f64;
                let squares = numbers.iter().map(|number| (number - mean).powi(2));
                let root = (squares.sum::<f64>() / length as f64 + 1e-6).sqrt();
                let most = (0..length).map(|at| {
                    let (scale, bias) = (f64::from(scale[row % 2]), f64::from(bias[row % 2]));
                    let wanted = (numbers[at] - mean) / root * scale + bias;
                    (f64::from(output[row * length + at]) - wanted).abs()
                });
                let most = most.fold(0.0, f64::max);
                // A number of 40 has last places of 4e-6.
                assert!(most < 1e-6 + 4e-7 * mean.abs(), "{rows} of {length}: {most}");
            }
            let mut one = vec![0.0; rows * length];
            normalize(&norm, &input, &mut one, (1, &spread));
            assert_eq!(one, output);
        }
    }
}
