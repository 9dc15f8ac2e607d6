//! Attention on the processor: scores of a block of keys at a time, never all of them.
//!
//! A softmax can be had in parts: with the largest score so far, and the sum of the powers so far, what was summed
//! before is scaled down when a larger score comes (M. Milakov and N. Gimelshein, "Online normalizer calculation for
//! softmax", 2018; T. Dao et al., "FlashAttention", 2022). Here queries lie across the vectors: 32 of them are compared
//! with keys one after the other, so that the largest and the sum are had without ever looking across a vector.
//!
//! Queries, keys and values are read as projections answer them, with heads beside each other; nothing is turned.

use std::{
    f32::consts::LOG2_E,
    sync::{Mutex, PoisonError},
};

use pulp::{Arch, Simd, WithSimd};

use super::{
    Parallel, exponential, next,
    product::{self, ROWS},
};

/// Queries across vectors.
const PANEL: usize = 32;
/// Keys of a block.
const BLOCK: usize = 8 * ROWS;
/// Floats of the queries and sums that a block of keys is compared with: what the second cache holds beside the block.
const MOST: usize = 128 << 10;
const MOST_PANELS: usize = 32;
/// Scores that are compared with the largest so far at once.
const CHAINS: usize = 8;

/// Attention of (batch, queries, heads * width) to keys of (batch, keys, heads * width) and values of (batch, keys,
/// heads * values), without a mask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// How many are attended to one another at all.
    pub batch: usize,
    /// Heads that lie beside each other.
    pub heads: usize,
    /// Tokens that ask.
    pub queries: usize,
    /// Tokens that are asked.
    pub keys: usize,
    /// Numbers of a query or key, of a head.
    pub width: usize,
    /// Numbers of a value and of an answer, of a head.
    pub values: usize,
}

impl Shape {
    /// Whether there is enough of it to be faster, and to hold less, than by ONNX Runtime's operator.
    pub fn pays(&self) -> bool {
        self.heads * self.queries * self.keys >= 1 << 18
    }

    /// Floats that it needs beside its inputs and output, on so many threads.
    pub fn scratch(&self, threads: usize) -> usize {
        threads * Slot::length(self)
    }

    /// Panels that share a block of keys: all groups of them about as large.
    fn panels(&self) -> usize {
        let most = MOST / (PANEL * (self.width + self.values).max(1));
        let all = self.queries.div_ceil(PANEL).max(1);
        all.div_ceil(all.div_ceil(most.clamp(1, MOST_PANELS)))
    }

    /// How many values of a head are summed at once, the rest of the last filled up.
    fn columns(&self) -> usize {
        [ROWS, 10, 8].into_iter().find(|at_once| self.values.is_multiple_of(*at_once)).unwrap_or(ROWS)
    }
}

/// Attends from `queries` to `keys` and `values`, whose scores are multiplied with `scale`, into `output` of (batch,
/// queries, heads * values), on up to `threads` threads that `parallel` provides. `scratch` holds [`Shape::scratch`]
/// floats of any value.
///
/// The same input gives the same bits on any number of threads.
///
/// # Panics
/// If a slice is shorter than the shape says.
pub fn attend(
    shape: &Shape,
    scale: f32,
    [queries, keys, values]: [&[f32]; 3],
    output: &mut [f32],
    scratch: &mut [f32],
    (threads, parallel): (usize, &Parallel<'_>),
) {
    if shape.keys == 0 || shape.values == 0 {
        return output.fill(0.0);
    }
    let arch = Arch::new();
    let at_once = shape.panels() * PANEL;
    let slots: Vec<Mutex<&mut [f32]>> =
        scratch.chunks_exact_mut(Slot::length(shape)).take(threads).map(Mutex::new).collect();
    // Heads write into the same rows, each its own columns: briefly, after long sums.
    let output = Mutex::new(output);
    let groups = shape.queries.div_ceil(at_once);
    let jobs = Mutex::new(0..shape.batch * shape.heads * groups);
    parallel(threads, &|slot| {
        let Some(slot) = slots.get(slot) else { return };
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(job) = next(&jobs) {
            let (picture, head, group) =
                (job / groups / shape.heads, job / groups % shape.heads, job % groups);
            let first = group * at_once;
            let count = at_once.min(shape.queries - first);
            let slot = Slot::of(shape, &mut slot);
            arch.dispatch(Group {
                shape,
                scale: scale * LOG2_E,
                queries: Heads::of(queries, shape.width, shape, (picture * shape.queries + first, head)),
                keys: Heads::of(keys, shape.width, shape, (picture * shape.keys, head)),
                values: Heads::of(values, shape.values, shape, (picture * shape.keys, head)),
                count,
                slot,
                row: (picture * shape.queries + first, head),
                output: &output,
            });
        }
    });
}

/// Rows of one head.
#[derive(Clone, Copy)]
struct Heads<'a> {
    numbers: &'a [f32],
    /// Numbers of a row of the head, and from one row to the next.
    width: usize,
    stride: usize,
}

impl<'a> Heads<'a> {
    fn of(all: &'a [f32], width: usize, shape: &Shape, (row, head): (usize, usize)) -> Self {
        let stride = shape.heads * width;
        Self { numbers: &all[row * stride + head * width..], width, stride }
    }

    #[inline(always)]
    fn row(&self, row: usize) -> &'a [f32] {
        &self.numbers[row * self.stride..][..self.width]
    }
}

/// What a thread works with.
struct Slot<'a> {
    /// Queries of all panels, (panel, width, query).
    queries: &'a mut [f32],
    /// What was summed for them, (panel, value, query).
    sums: &'a mut [f32],
    /// Their largest scores, and the sums of powers.
    largest: &'a mut [f32],
    powers: &'a mut [f32],
    /// A block of keys, (dozen, width, key).
    keys: &'a mut [f32],
    /// Its values, (columns, key, value).
    values: &'a mut [f32],
    /// Scores of the block, (key, query).
    scores: &'a mut [f32],
}

impl<'a> Slot<'a> {
    fn lengths(shape: &Shape) -> [usize; 7] {
        let panels = shape.panels() * PANEL;
        let values = shape.values.next_multiple_of(shape.columns());
        let queries = panels * shape.width;
        [queries, panels * values, panels, panels, BLOCK * shape.width, BLOCK * values, BLOCK * PANEL]
    }

    fn length(shape: &Shape) -> usize {
        Self::lengths(shape).iter().sum()
    }

    fn of(shape: &Shape, scratch: &'a mut [f32]) -> Self {
        let [queries, sums, largest, powers, keys, values, _] = Self::lengths(shape);
        let (queries, rest) = scratch.split_at_mut(queries);
        let (sums, rest) = rest.split_at_mut(sums);
        let (largest, rest) = rest.split_at_mut(largest);
        let (powers, rest) = rest.split_at_mut(powers);
        let (keys, rest) = rest.split_at_mut(keys);
        let (values, scores) = rest.split_at_mut(values);
        Self { queries, sums, largest, powers, keys, values, scores }
    }
}

/// Some panels of queries of a head, against all its keys.
struct Group<'a, 'b> {
    shape: &'a Shape,
    scale: f32,
    queries: Heads<'a>,
    keys: Heads<'a>,
    values: Heads<'a>,
    /// How many queries.
    count: usize,
    slot: Slot<'a>,
    /// The first row of the output, and the head.
    row: (usize, usize),
    output: &'a Mutex<&'b mut [f32]>,
}

impl WithSimd for Group<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        match self.shape.columns() {
            8 => self.attend::<S, 8>(simd),
            10 => self.attend::<S, 10>(simd),
            _ => self.attend::<S, ROWS>(simd),
        }
    }
}

impl Group<'_, '_> {
    #[inline(always)]
    fn attend<S: Simd, const COLUMNS: usize>(self, simd: S) {
        let Self { shape, scale, queries, keys, values, count, slot, row, output } = self;
        let panels = count.div_ceil(PANEL);
        let (width, columns) = (shape.width, shape.values.next_multiple_of(COLUMNS));
        for query in 0..panels * PANEL {
            let (panel, lane) = (query / PANEL, query % PANEL);
            let into = &mut slot.queries[panel * width * PANEL..][..width * PANEL];
            if query < count {
                let row = queries.row(query);
                for at in 0..width {
                    into[at * PANEL + lane] = row[at] * scale;
                }
            } else {
                for at in 0..width {
                    into[at * PANEL + lane] = 0.0;
                }
            }
        }
        let mut from = 0;
        while from < shape.keys {
            let block = BLOCK.min(shape.keys - from);
            pack_keys(&keys, from, block, slot.keys);
            pack_values::<COLUMNS>(&values, from, block, slot.values);
            for panel in 0..panels {
                let tiles = &slot.queries[panel * width * PANEL..][..width * PANEL];
                for dozen in 0..block.div_ceil(ROWS) {
                    let keys = slot.keys[dozen * width * ROWS..][..width * ROWS].as_chunks::<ROWS>().0;
                    let scores = &mut slot.scores[dozen * ROWS * PANEL..][..ROWS * PANEL];
                    product::add(simd, keys, tiles, PANEL, scores, PANEL, true);
                }
                let sums = &mut slot.sums[panel * columns * PANEL..][..columns * PANEL];
                let largest = &mut slot.largest[panel * PANEL..][..PANEL];
                let powers = &mut slot.powers[panel * PANEL..][..PANEL];
                let scores = &mut slot.scores[..block * PANEL];
                soften(simd, scores, largest, powers, sums, from == 0);
                for column in 0..columns / COLUMNS {
                    let values = slot.values[column * block * COLUMNS..][..block * COLUMNS].as_chunks().0;
                    let sums = &mut sums[column * COLUMNS * PANEL..][..COLUMNS * PANEL];
                    product::add::<S, COLUMNS>(simd, values, scores, PANEL, sums, PANEL, from == 0);
                }
            }
            from += block;
        }
        for panel in 0..panels {
            let powers = S::as_simd_f32s(&slot.powers[panel * PANEL..][..PANEL]).0;
            let sums = S::as_mut_simd_f32s(&mut slot.sums[panel * columns * PANEL..][..columns * PANEL]).0;
            for at in 0..sums.len() {
                sums[at] = simd.div_f32s(sums[at], powers[at % powers.len()]);
            }
        }
        let (first, head) = row;
        let mut output = output.lock().unwrap_or_else(PoisonError::into_inner);
        for query in 0..count {
            let (panel, lane) = (query / PANEL, query % PANEL);
            let sums = &slot.sums[panel * columns * PANEL..][..columns * PANEL];
            let into = &mut output[((first + query) * shape.heads + head) * shape.values..][..shape.values];
            for value in 0..shape.values {
                into[value] = sums[value * PANEL + lane];
            }
        }
    }
}

/// Lays a block of keys as products read them; the last dozen is filled up with keys whose scores nobody looks at.
#[inline(always)]
fn pack_keys(keys: &Heads<'_>, from: usize, block: usize, into: &mut [f32]) {
    let width = keys.width;
    let mut first = 0;
    while first < block {
        let mut rows: [&[f32]; ROWS] = [&[]; ROWS];
        for row in 0..ROWS {
            rows[row] = keys.row(from + (first + row).min(block - 1));
        }
        let [a, b, c, d, e, f, g, h, i, j, k, l] = rows;
        let into = into[first * width..][..width * ROWS].as_chunks_mut::<ROWS>().0;
        for at in 0..width {
            // Written out, it is made of loads into registers.
            into[at] = [a[at], b[at], c[at], d[at], e[at], f[at], g[at], h[at], i[at], j[at], k[at], l[at]];
        }
        first += ROWS;
    }
}

/// The same of its values.
#[inline(always)]
fn pack_values<const COLUMNS: usize>(values: &Heads<'_>, from: usize, block: usize, into: &mut [f32]) {
    let into = into.as_chunks_mut::<COLUMNS>().0;
    for key in 0..block {
        let (columns, rest) = values.row(from + key).as_chunks::<COLUMNS>();
        for column in 0..columns.len() {
            into[column * block + key] = columns[column];
        }
        if !rest.is_empty() {
            let into = &mut into[columns.len() * block + key];
            for value in 0..COLUMNS {
                into[value] = if value < rest.len() { rest[value] } else { 0.0 };
            }
        }
    }
}

/// Turns scores, (key, query), into powers, with the largest so far as zero; scales down what was summed with another.
#[inline(always)]
fn soften<S: Simd>(
    simd: S,
    scores: &mut [f32],
    largest: &mut [f32],
    powers: &mut [f32],
    sums: &mut [f32],
    is_first: bool,
) {
    let scores = S::as_mut_simd_f32s(scores).0;
    let sums = S::as_mut_simd_f32s(sums).0;
    let largest = S::as_mut_simd_f32s(largest).0;
    let powers = S::as_mut_simd_f32s(powers).0;
    let vectors = PANEL / S::F32_LANES;
    for vector in 0..vectors {
        // Several at a time: each waits for the one before it.
        let mut all = [if is_first { scores[vector] } else { largest[vector] }; CHAINS];
        let mut at = vector;
        while at + (CHAINS - 1) * vectors < scores.len() {
            for chain in 0..CHAINS {
                all[chain] = simd.max_f32s(all[chain], scores[at + chain * vectors]);
            }
            at += CHAINS * vectors;
        }
        while at < scores.len() {
            all[0] = simd.max_f32s(all[0], scores[at]);
            at += vectors;
        }
        let mut most = all[0];
        for chain in 1..CHAINS {
            most = simd.max_f32s(most, all[chain]);
        }
        let mut before = simd.splat_f32s(0.0);
        if !is_first {
            let fade = exponential::of_two(simd, simd.sub_f32s(largest[vector], most));
            before = simd.mul_f32s(powers[vector], fade);
            let mut at = vector;
            while at < sums.len() {
                sums[at] = simd.mul_f32s(sums[at], fade);
                at += vectors;
            }
        }
        // Summed by itself, a block loses fewer places.
        let mut sum = simd.splat_f32s(0.0);
        let mut at = vector;
        while at < scores.len() {
            let power = exponential::of_two(simd, simd.sub_f32s(scores[at], most));
            scores[at] = power;
            sum = simd.add_f32s(sum, power);
            at += vectors;
        }
        largest[vector] = most;
        powers[vector] = simd.add_f32s(before, sum);
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::testing::{numbers, spread},
        *,
    };

    /// How far off it is of its definition in 64 bits, at most, on so many threads; and its answer.
    fn off(shape: &Shape, threads: usize) -> (f64, Vec<f32>) {
        let Shape { batch, heads, queries, keys, width, values } = *shape;
        let thrice =
            |seed, length| numbers(seed, length).iter().map(|number| 3.0 * number).collect::<Vec<_>>();
        let q = thrice(1, batch * queries * heads * width);
        let k = thrice(2, batch * keys * heads * width);
        let v = thrice(3, batch * keys * heads * values);
        let scale = 1.0 / (width as f32).sqrt();
        let mut answer = vec![f32::NAN; batch * queries * heads * values];
        let mut scratch = vec![f32::NAN; shape.scratch(threads)];
        attend(shape, scale, [&q, &k, &v], &mut answer, &mut scratch, (threads, &spread));
        let mut most = 0.0_f64;
        for row in 0..batch * queries {
            let first = row / queries * keys;
            for head in 0..heads {
                let query = &q[(row * heads + head) * width..][..width];
                let score = |key: usize| {
                    let key = &k[((first + key) * heads + head) * width..][..width];
                    let products = query.iter().zip(key).map(|(a, b)| f64::from(*a) * f64::from(*b));
                    (products.sum::<f64>() * f64::from(scale)).exp()
                };
                let scores: Vec<f64> = (0..keys).map(score).collect();
                for value in 0..values {
                    let of = |key: usize| f64::from(v[((first + key) * heads + head) * values + value]);
                    let sum: f64 = scores.iter().enumerate().map(|(key, score)| score * of(key)).sum();
                    let wanted = sum / scores.iter().sum::<f64>();
                    let found = f64::from(answer[(row * heads + head) * values + value]);
                    assert!(found.is_finite(), "{shape:?}");
                    most = most.max((found - wanted).abs());
                }
            }
        }
        (most, answer)
    }

    #[test]
    fn every_shape_is_attended_to_as_it_is_defined() {
        let shape = |batch, heads, [queries, keys]: [usize; 2], [width, values]: [usize; 2]| Shape {
            batch,
            heads,
            queries,
            keys,
            width,
            values,
        };
        for shape in [
            shape(1, 8, [256, 256], [40, 40]),
            shape(2, 3, [77, 77], [64, 64]),
            shape(1, 2, [130, 77], [80, 80]),
            shape(1, 1, [300, 300], [512, 512]),
            shape(2, 5, [33, 1], [7, 13]),
            shape(1, 1, [1, 97], [160, 12]),
            shape(1, 4, [600, 200], [3, 1]),
        ] {
            let (most, answer) = off(&shape, 2);
            assert!(most < 2e-5, "{shape:?}: {most}");
            assert_eq!(off(&shape, 1).1, answer, "{shape:?}");
        }
    }

    #[test]
    fn scores_that_are_far_apart_leave_the_largest() {
        let shape = Shape { batch: 1, heads: 1, queries: 1, keys: 200, width: 1, values: 1 };
        let keys: Vec<f32> = (0..200).map(|at| if at == 150 { 900.0 } else { -(at as f32) * 50.0 }).collect();
        let values: Vec<f32> = (0..200).map(|at| at as f32).collect();
        let (mut answer, mut scratch) = ([0.0], vec![0.0; shape.scratch(1)]);
        attend(&shape, 1.0, [&[1.0], &keys, &values], &mut answer, &mut scratch, (1, &spread));
        assert_eq!(answer, [150.0]);
    }

    #[test]
    fn what_is_no_number_is_seen_in_the_answer() {
        let shape = Shape { batch: 1, heads: 1, queries: 2, keys: 100, width: 2, values: 2 };
        let mut keys = vec![1.0; 200];
        keys[120] = f32::INFINITY;
        let (mut answer, mut scratch) = ([0.0; 4], vec![0.0; shape.scratch(1)]);
        attend(&shape, 1.0, [&[1.0; 4], &keys, &[1.0; 200]], &mut answer, &mut scratch, (1, &spread));
        assert!(answer.iter().all(|number| number.is_nan()), "{answer:?}");
    }
}
