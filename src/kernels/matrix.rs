//! The product of two matrices on the processor, as they lie.
//!
//! Nothing is arranged ahead: a block of the right one is copied just before it is read, for as many rows of the left as
//! a thread has, which costs a hundredth of the time. Sums stay in registers for 640 products (K. Goto and
//! R. van de Geijn, "Anatomy of high-performance matrix multiplication", 2008).

use std::sync::{Mutex, PoisonError};

use pulp::{Arch, Simd, WithSimd};

use super::{
    InLines, Parallel, next,
    product::{self, COLUMNS, ROWS},
};

/// Products that are summed at once, and columns of the block that is copied for them: what the second cache holds.
const DEPTH: usize = 640;
pub(super) const WIDE: usize = 4 * COLUMNS;
/// Rows of a job: the more, the fewer copies.
const MOST: usize = 32 * ROWS;
/// Jobs of a thread, at least: the more, the less it matters if one takes longer.
const JOBS: usize = 4;

/// (rows, depth) by (depth, columns).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Rows of the left matrix and of the answer.
    pub rows: usize,
    /// Columns of the left, rows of the right.
    pub depth: usize,
    /// Columns of the right and of the answer.
    pub columns: usize,
}

/// What is added to the product.
#[derive(Debug, Clone, Copy)]
pub enum Bias<'a> {
    /// Nothing.
    None,
    /// A number for each row.
    OfRows(&'a [f32]),
    /// A number for each column.
    OfColumns(&'a [f32]),
}

impl Shape {
    /// Whether it is faster this way than by an operator of ONNX Runtime 1.31 that has not arranged its weights
    /// (measured on two cores with AVX-512).
    pub fn pays(&self) -> bool {
        self.rows >= 2 * ROWS && self.columns >= 2 * COLUMNS && self.depth >= COLUMNS
    }

    /// Floats that it needs beside its inputs and output, on so many threads.
    pub fn scratch(&self, threads: usize) -> usize {
        threads * self.block()
    }

    fn block(&self) -> usize {
        self.depth.clamp(1, DEPTH) * WIDE
    }

    /// Rows and columns of a job: many rows, all jobs about as large, and as many for each thread.
    pub(super) fn job(&self, threads: usize) -> (usize, usize) {
        let threads = threads.max(1);
        let down = match self.rows.div_ceil(MOST).max(1) {
            1 => 1,
            down => down.next_multiple_of(threads),
        };
        let across = (JOBS * threads).div_ceil(down);
        let rows = self.rows.div_ceil(down).max(1).next_multiple_of(ROWS);
        (rows, self.columns.div_ceil(across).next_multiple_of(COLUMNS))
    }
}

/// Multiplies `left` with `right`, adds `bias` and writes it to `output`, on up to `threads` threads that `parallel`
/// provides. `scratch` holds [`Shape::scratch`] floats of any value.
///
/// The same input gives the same bits on any number of threads.
///
/// # Panics
/// If a slice is shorter than the shape says.
pub fn multiply(
    shape: &Shape,
    [left, right]: [&[f32]; 2],
    bias: Bias<'_>,
    output: &mut [f32],
    scratch: &mut [f32],
    (threads, parallel): (usize, &Parallel<'_>),
) {
    if shape.rows == 0 || shape.columns == 0 {
        return;
    }
    let arch = Arch::new();
    let (rows, columns) = shape.job(threads);
    let parts = shape.columns.div_ceil(columns);
    let jobs = split(output, shape, (rows, columns));
    let slots: Vec<Mutex<&mut [f32]>> =
        scratch.chunks_exact_mut(shape.block()).take(threads).map(Mutex::new).collect();
    let jobs = Mutex::new(jobs.into_iter().enumerate());
    parallel(threads, &|slot| {
        let Some(slot) = slots.get(slot) else { return };
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some((at, output)) = next(&jobs) {
            let (row, column) = (at / parts * rows, at % parts * columns);
            arch.dispatch(Job { shape, left, right, bias, row, column, output, block: &mut slot });
        }
    });
}

/// The rows of `output` by jobs of so many rows and columns, across before down.
pub(super) fn split<'a>(
    output: &'a mut [f32],
    shape: &Shape,
    (rows, columns): (usize, usize),
) -> Vec<Vec<&'a mut [f32]>> {
    let parts = shape.columns.div_ceil(columns);
    let mut jobs: Vec<Vec<&mut [f32]>> = Vec::new();
    for (at, row) in output.chunks_exact_mut(shape.columns).take(shape.rows).enumerate() {
        if at % rows == 0 {
            jobs.extend((0..parts).map(|_| Vec::with_capacity(rows.min(shape.rows - at))));
        }
        let first = jobs.len() - parts;
        for (part, columns) in row.chunks_mut(columns).enumerate() {
            jobs[first + part].push(columns);
        }
    }
    jobs
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
        let columns = output[0].len();
        let mut from = 0;
        // At least once: what has no products has a bias.
        loop {
            let depth = DEPTH.min(shape.depth - from);
            let mut across = 0;
            while across < columns {
                let wide = WIDE.min(columns - across);
                copy(right, shape, (from, depth), (column + across, wide), block);
                let mut down = 0;
                while down < output.len() {
                    let rows = ROWS.min(output.len() - down);
                    let factors = factors(left, shape, (row + down, rows), (from, depth));
                    let mut panel = 0;
                    while panel * COLUMNS < wide {
                        let first = across + panel * COLUMNS;
                        let count = COLUMNS.min(wide - panel * COLUMNS);
                        let mut sums = InLines([[0.0; COLUMNS]; ROWS]);
                        let sums = &mut sums.0;
                        for at in 0..rows {
                            if from > 0 {
                                write(&mut sums[at][..count], &output[down + at][first..][..count]);
                            } else {
                                begin(&mut sums[at][..count], bias, row + down + at, column + first);
                            }
                        }
                        let block = &block[panel * depth * COLUMNS..][..depth * COLUMNS];
                        product::add_rows(simd, &factors, block, sums);
                        for at in 0..rows {
                            write(&mut output[down + at][first..][..count], &sums[at][..count]);
                        }
                        panel += 1;
                    }
                    down += rows;
                }
                across += wide;
            }
            from += depth;
            if from >= shape.depth {
                break;
            }
        }
    }
}

/// Some of the factors of a dozen rows, the last row again where there are fewer.
#[inline(always)]
pub(super) fn factors<'a>(
    left: &'a [f32],
    shape: &Shape,
    (row, rows): (usize, usize),
    (from, depth): (usize, usize),
) -> [&'a [f32]; ROWS] {
    let mut factors: [&[f32]; ROWS] = [&[]; ROWS];
    for at in 0..ROWS {
        factors[at] = &left[(row + at.min(rows - 1)) * shape.depth + from..][..depth];
    }
    factors
}

/// What is there before anything is multiplied.
#[inline(always)]
pub(super) fn begin(sums: &mut [f32], bias: Bias<'_>, row: usize, column: usize) {
    match bias {
        Bias::None => {}
        Bias::OfRows(bias) => {
            for at in 0..sums.len() {
                sums[at] = bias[row];
            }
        }
        Bias::OfColumns(bias) => write(sums, &bias[column..][..sums.len()]),
    }
}

/// Copies what is as long: a whole panel in registers.
#[inline(always)]
fn write(into: &mut [f32], from: &[f32]) {
    if into.len() == COLUMNS {
        let (into, from) = (&mut into[..COLUMNS], &from[..COLUMNS]);
        for at in 0..COLUMNS {
            into[at] = from[at];
        }
    } else {
        for at in 0..into.len() {
            into[at] = from[at];
        }
    }
}

/// Lays `wide` columns of some rows of `right` as products read them, a panel of columns after the other; what there is
/// none of is zero.
#[inline(always)]
pub(super) fn copy(
    right: &[f32],
    shape: &Shape,
    (from, depth): (usize, usize),
    (column, wide): (usize, usize),
    block: &mut [f32],
) {
    let block = block.as_chunks_mut::<COLUMNS>().0;
    for down in 0..depth {
        let row = &right[(from + down) * shape.columns + column..][..wide];
        let (panels, rest) = row.as_chunks::<COLUMNS>();
        for panel in 0..panels.len() {
            block[panel * depth + down] = panels[panel];
        }
        if !rest.is_empty() {
            let into = &mut block[panels.len() * depth + down];
            for at in 0..COLUMNS {
                into[at] = if at < rest.len() { rest[at] } else { 0.0 };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::testing::{numbers, spread},
        *,
    };

    fn product(shape: &Shape, [left, right]: [&[f32]; 2], bias: Bias<'_>, threads: usize) -> Vec<f32> {
        let mut answer = vec![f32::NAN; shape.rows * shape.columns];
        let mut scratch = vec![f32::NAN; shape.scratch(threads)];
        multiply(shape, [left, right], bias, &mut answer, &mut scratch, (threads, &spread));
        answer
    }

    #[test]
    fn every_shape_is_multiplied_as_it_is_defined() {
        for (rows, depth, columns) in [
            (1, 1, 1),
            (12, 32, 32),
            (100, 320, 130),
            (13, 700, 33),
            (77, 768, 320),
            (500, 40, 640),
            (5, 0, 3),
        ] {
            let shape = Shape { rows, depth, columns };
            let (left, right) = (numbers(1, rows * depth), numbers(2, depth * columns));
            let of_rows = numbers(3, rows);
            let of_columns = numbers(4, columns);
            for bias in [Bias::None, Bias::OfRows(&of_rows), Bias::OfColumns(&of_columns)] {
                let answer = product(&shape, [&left, &right], bias, 3);
                for row in 0..rows {
                    for column in 0..columns {
                        let products = (0..depth).map(|at| {
                            f64::from(left[row * depth + at]) * f64::from(right[at * columns + column])
                        });
                        let wanted = products.sum::<f64>()
                            + match bias {
                                Bias::None => 0.0,
                                Bias::OfRows(bias) => f64::from(bias[row]),
                                Bias::OfColumns(bias) => f64::from(bias[column]),
                            };
                        let off = (f64::from(answer[row * columns + column]) - wanted).abs();
                        let last = 2e-6 * (depth as f64).sqrt() + 1e-6;
                        assert!(off <= last, "{shape:?}, {bias:?}: {off} at {row}, {column}");
                    }
                }
                assert_eq!(product(&shape, [&left, &right], bias, 1), answer, "{shape:?}");
            }
        }
    }
}
