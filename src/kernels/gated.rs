//! The product of two matrices and GEGLU of it in one: what goes into the gate is never written.
//!
//! At the largest size of a UNet it would be the largest of all tensors: twice as wide as what comes out of the gate,
//! eight times as wide as what went into the product.

use std::sync::{Mutex, PoisonError};

use pulp::{Arch, Simd, WithSimd};

use super::{
    InLines, Parallel, gate,
    matrix::{self, Bias, Shape, WIDE},
    next,
    product::{self, COLUMNS, ROWS},
};

/// The most products of a sum: all of a block, which the second cache holds.
const MOST: usize = 2048;
/// Columns of the answer that are multiplied at once: of values, and of their gates.
const HALF: usize = WIDE / 2;

/// Whether there is enough of it, and sums are short enough. `shape` is that of the product.
pub fn pays(shape: &Shape) -> bool {
    shape.pays() && shape.depth <= MOST && shape.columns.is_multiple_of(2)
}

/// Floats that it needs beside its inputs and output, on so many threads.
pub fn scratch(shape: &Shape, threads: usize) -> usize {
    threads * block(shape)
}

fn block(shape: &Shape) -> usize {
    shape.depth.max(1) * WIDE
}

/// Multiplies `left` with `right`, adds `bias`, one number a column, and writes the first half of each row times what
/// GELU makes of the second to `output`, (rows, columns / 2), on up to `threads` threads that `parallel` provides.
/// `scratch` holds [`scratch`] floats of any value.
///
/// The same input gives the same bits on any number of threads.
///
/// # Panics
/// If a slice is shorter than the shape says.
pub fn multiply(
    shape: &Shape,
    [left, right]: [&[f32]; 2],
    bias: Option<&[f32]>,
    output: &mut [f32],
    scratch: &mut [f32],
    (threads, parallel): (usize, &Parallel<'_>),
) {
    let answer = Shape { columns: shape.columns / 2, ..*shape };
    if answer.rows == 0 || answer.columns == 0 {
        return;
    }
    let arch = Arch::new();
    let bias = bias.map_or(Bias::None, Bias::OfColumns);
    let (rows, columns) = answer.job(threads);
    let parts = answer.columns.div_ceil(columns);
    let slots: Vec<Mutex<&mut [f32]>> =
        scratch.chunks_exact_mut(block(shape)).take(threads).map(Mutex::new).collect();
    let jobs = Mutex::new(matrix::split(output, &answer, (rows, columns)).into_iter().enumerate());
    parallel(threads, &|slot| {
        let Some(slot) = slots.get(slot) else { return };
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some((at, output)) = next(&jobs) {
            let (row, column) = (at / parts * rows, at % parts * columns);
            arch.dispatch(Job { shape, left, right, bias, row, column, output, block: &mut slot });
        }
    });
}

/// Some rows and columns of the answer.
struct Job<'a, 'b> {
    shape: &'a Shape,
    left: &'a [f32],
    right: &'a [f32],
    bias: Bias<'a>,
    /// The first row and column.
    row: usize,
    column: usize,
    /// The columns, of each row.
    output: Vec<&'b mut [f32]>,
    block: &'a mut [f32],
}

impl WithSimd for Job<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { shape, left, right, bias, row, column, mut output, block } = self;
        let (columns, depth, width) = (output[0].len(), shape.depth, shape.columns / 2);
        let (values, gates) = block.split_at_mut(HALF * depth);
        let mut sums = InLines([[[0.0; COLUMNS]; ROWS]; 2]);
        let [of_values, of_gates] = &mut sums.0;
        let mut across = 0;
        while across < columns {
            let wide = HALF.min(columns - across);
            let first = column + across;
            matrix::copy(right, shape, (0, depth), (first, wide), values);
            matrix::copy(right, shape, (0, depth), (width + first, wide), gates);
            let mut down = 0;
            while down < output.len() {
                let rows = ROWS.min(output.len() - down);
                let factors = matrix::factors(left, shape, (row + down, rows), (0, depth));
                let mut panel = 0;
                while panel * COLUMNS < wide {
                    let within = panel * COLUMNS;
                    let count = COLUMNS.min(wide - within);
                    for at in 0..ROWS {
                        (of_values[at], of_gates[at]) = ([0.0; COLUMNS], [0.0; COLUMNS]);
                        matrix::begin(&mut of_values[at][..count], bias, 0, first + within);
                        matrix::begin(&mut of_gates[at][..count], bias, 0, width + first + within);
                    }
                    let place = within * depth..(within + COLUMNS) * depth;
                    product::add_rows(simd, &factors, &values[place.clone()], of_values);
                    product::add_rows(simd, &factors, &gates[place], of_gates);
                    for at in 0..rows {
                        let halves = (&of_values[at][..count], &of_gates[at][..count]);
                        gate::row(simd, halves, None, &mut output[down + at][across + within..][..count]);
                    }
                    panel += 1;
                }
                down += rows;
            }
            across += wide;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::testing::{numbers, spread},
        *,
    };

    #[test]
    fn it_answers_what_a_product_and_a_gate_do() {
        for (rows, depth, width) in [(1, 1, 1), (12, 32, 32), (30, 320, 130), (13, 700, 33), (400, 40, 64)] {
            let shape = Shape { rows, depth, columns: 2 * width };
            let (left, right) = (numbers(1, rows * depth), numbers(2, depth * 2 * width));
            let bias = numbers(3, 2 * width);
            for bias in [None, Some(&bias[..])] {
                let mut product = vec![f32::NAN; rows * 2 * width];
                let mut room = vec![f32::NAN; shape.scratch(2)];
                let added = bias.map_or(Bias::None, Bias::OfColumns);
                matrix::multiply(&shape, [&left, &right], added, &mut product, &mut room, (2, &spread));
                let mut wanted = vec![f32::NAN; rows * width];
                gate::geglu(width, &product, None, &mut wanted, (2, &spread));
                for threads in [1, 3] {
                    let mut answer = vec![f32::NAN; rows * width];
                    let mut room = vec![f32::NAN; scratch(&shape, threads)];
                    multiply(&shape, [&left, &right], bias, &mut answer, &mut room, (threads, &spread));
                    assert_eq!(answer, wanted, "{shape:?} on {threads} threads");
                }
            }
        }
    }
}
