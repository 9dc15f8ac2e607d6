//! Gates on the processor: GEGLU (N. Shazeer, "GLU Variants Improve Transformer", 2020), without a copy of its halves.

use std::sync::Mutex;

use pulp::{Arch, Simd, WithSimd};

use super::{Parallel, exponential, next};

/// Beyond it, what is left of a normal distribution is nothing in 32 bits.
const FAR: f32 = 6.0;
/// -log2 of what is left of the standard normal distribution beyond t is 1 + t times this, the lowest power first: that
/// is off by 8e-9 at most for t up to 6 (fitted to that end, by least squares with weights).
const LEFT: [f32; 8] = [
    1.151_105_2,
    0.459_208_2,
    5.249_617_7e-2,
    -7.063_42e-3,
    1.369_363_5e-4,
    1.861_802_5e-4,
    -3.937_769e-5,
    2.834_913e-6,
];
/// Numbers of a job.
const JOB: usize = 1 << 15;

/// Whether an answer of so many numbers is large enough to be worth an operator of its own.
pub fn pays(numbers: usize) -> bool {
    numbers >= 1 << 16
}

/// Writes to `output`, (rows, width), the first half of each row of `input`, (rows, 2 * width), times what GELU makes of
/// the second, on up to `threads` threads that `parallel` provides. If there is a `bias`, (2 * width), it is added to each
/// row before.
///
/// # Panics
/// If `input` or `bias` is shorter than that.
pub fn geglu(
    width: usize,
    input: &[f32],
    bias: Option<&[f32]>,
    output: &mut [f32],
    (threads, parallel): (usize, &Parallel<'_>),
) {
    if width == 0 {
        return;
    }
    let arch = Arch::new();
    let rows = JOB.div_ceil(width);
    let jobs = Mutex::new(output.chunks_mut(rows * width).enumerate());
    parallel(threads, &|_| {
        while let Some((at, output)) = next(&jobs) {
            let input = &input[at * rows * 2 * width..];
            arch.dispatch(Rows { width, input, bias, output });
        }
    });
}

struct Rows<'a> {
    width: usize,
    input: &'a [f32],
    bias: Option<&'a [f32]>,
    output: &'a mut [f32],
}

impl WithSimd for Rows<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { width, input, bias, output } = self;
        let mut row = 0;
        while row * width < output.len() {
            let halves = input[row * 2 * width..][..2 * width].split_at(width);
            let output = &mut output[row * width..][..width];
            match bias {
                Some(bias) => self::row(simd, halves, Some(bias[..2 * width].split_at(width)), output),
                None => self::row(simd, halves, None, output),
            }
            row += 1;
        }
    }
}

type Halves<'a> = (&'a [f32], &'a [f32]);

/// A row.
#[inline(always)]
pub(super) fn row<S: Simd>(
    simd: S,
    (values, gates): Halves<'_>,
    bias: Option<Halves<'_>>,
    output: &mut [f32],
) {
    let (values, values_left) = S::as_simd_f32s(values);
    let (gates, gates_left) = S::as_simd_f32s(gates);
    let (output, output_left) = S::as_mut_simd_f32s(output);
    let bias = bias.map(|(of_values, of_gates)| (S::as_simd_f32s(of_values), S::as_simd_f32s(of_gates)));
    for at in 0..output.len() {
        let (mut value, mut gate) = (values[at], gates[at]);
        if let Some(((of_values, _), (of_gates, _))) = bias {
            value = simd.add_f32s(value, of_values[at]);
            gate = simd.add_f32s(gate, of_gates[at]);
        }
        output[at] = simd.mul_f32s(value, gelu(simd, gate));
    }
    if !output_left.is_empty() {
        let mut value = simd.partial_load_f32s(values_left);
        let mut gate = simd.partial_load_f32s(gates_left);
        if let Some(((_, of_values), (_, of_gates))) = bias {
            value = simd.add_f32s(value, simd.partial_load_f32s(of_values));
            gate = simd.add_f32s(gate, simd.partial_load_f32s(of_gates));
        }
        simd.partial_store_f32s(output_left, simd.mul_f32s(value, gelu(simd, gate)));
    }
}

/// Each number times how much of the standard normal distribution lies below it (D. Hendrycks and K. Gimpel, "Gaussian
/// Error Linear Units", 2016); what is not a number stays so.
#[inline(always)]
fn gelu<S: Simd>(simd: S, numbers: S::f32s) -> S::f32s {
    let zero = simd.splat_f32s(0.0);
    // On x86 the second is taken where one is not a number.
    let far = simd.min_f32s(simd.splat_f32s(FAR), simd.abs_f32s(numbers));
    let mut left = simd.splat_f32s(LEFT[LEFT.len() - 1]);
    for power in 1..LEFT.len() {
        left = simd.mul_add_e_f32s(left, far, simd.splat_f32s(LEFT[LEFT.len() - 1 - power]));
    }
    // The half aside: the nearer a power is to zero, the more of its places it keeps.
    let power = simd.neg_f32s(simd.mul_f32s(left, far));
    let half = simd.mul_f32s(simd.splat_f32s(0.5), far);
    let beyond = simd.mul_f32s(half, exponential::of_two(simd, power));
    simd.sub_f32s(simd.max_f32s(zero, numbers), beyond)
}

#[cfg(test)]
mod tests {
    use super::{super::testing::spread, *};

    /// The same in 64 bits: the integral by Simpson's rule.
    fn gelu(number: f64) -> f64 {
        let step = number / 2000.0;
        let density = |at: f64| (-at * at / 2.0).exp() / std::f64::consts::TAU.sqrt();
        let weight = |at: usize| [2.0, 4.0][at % 2] * density(at as f64 * step);
        let inner: f64 = (1..2000).map(weight).sum();
        number * (0.5 + step / 3.0 * (density(0.0) + inner + density(number)))
    }

    #[test]
    fn gates_are_off_by_a_last_place() {
        for width in [1, 7, 40, 4001] {
            let rows = 70_000 / width;
            let number = |at: usize| (at * 7919 % 20_011) as f32 * 1e-3 - 10.0;
            let input: Vec<f32> = (0..rows * 2 * width).map(number).collect();
            let bias: Vec<f32> = (0..2 * width).map(|at| (at * 31 % 101) as f32 * 0.02 - 1.0).collect();
            for bias in [None, Some(&bias[..])] {
                let mut output = vec![f32::NAN; rows * width];
                geglu(width, &input, bias, &mut output, (2, &spread));
                let given = |row: usize, at: usize| {
                    f64::from(input[row * 2 * width + at] + bias.map_or(0.0, |bias| bias[at]))
                };
                for row in (0..rows).step_by(1 + rows / 50) {
                    for at in (0..width).step_by(1 + width / 50) {
                        let (value, gate) = (given(row, at), given(row, width + at));
                        let off = (f64::from(output[row * width + at]) - value * gelu(gate)).abs();
                        let last = 1.5e-7 * value.abs() * gate.abs().max(1.0);
                        assert!(off <= last, "{value} by {gate} of {width}: {off}");
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_no_number_stays_so() {
        let mut output = [0.0; 3];
        let input = [1.0, 1.0, f32::NAN, f32::NAN, f32::INFINITY, 1.0];
        geglu(3, &input, None, &mut output, (1, &spread));
        assert!(output[0].is_nan() && output[1] == f32::INFINITY && output[2].is_nan(), "{output:?}");
    }
}
