//! The product of some rows and a panel of columns, in registers.

use pulp::{Simd, WithSimd};

use super::prefetch::prefetch;

/// The most rows that are multiplied at once: with two vectors of columns they fill the registers of AVX-512 and NEON,
/// with one those of AVX2.
pub(super) const ROWS: usize = 12;
/// Columns of a panel.
pub(super) const COLUMNS: usize = 32;
/// Rows of a panel that lies as columns do.
pub(super) const TALL: usize = 16;

/// Adds the product of `weights`, (depth, rows), and `tiles`, (depth, columns), to `sums`, whose rows are `stride`
/// apart; or, if it is the first, writes it there. `columns` is a multiple of 16.
#[inline(always)]
pub(super) fn add<S: Simd, const R: usize>(
    simd: S,
    weights: &[[f32; R]],
    tiles: &[f32],
    columns: usize,
    sums: &mut [f32],
    stride: usize,
    is_first: bool,
) {
    let vectors = columns / S::F32_LANES;
    let tiles = S::as_simd_f32s(tiles).0;
    let mut at = 0;
    // With eight lanes there are sixteen registers: a second column does not fit.
    if S::F32_LANES != 8 {
        while at + 2 <= vectors {
            some::<S, R, 2>(simd, weights, tiles, (at, vectors), sums, stride, is_first);
            at += 2;
        }
    }
    while at < vectors {
        some::<S, R, 1>(simd, weights, tiles, (at, vectors), sums, stride, is_first);
        at += 1;
    }
}

/// The same for `V` vectors of the columns, from `at` on of `vectors`.
#[inline(always)]
fn some<S: Simd, const R: usize, const V: usize>(
    simd: S,
    weights: &[[f32; R]],
    tiles: &[S::f32s],
    (at, vectors): (usize, usize),
    sums: &mut [f32],
    stride: usize,
    is_first: bool,
) {
    let mut held = [[simd.splat_f32s(0.0); V]; R];
    let row_at = |row: usize| row * stride + at * S::F32_LANES;
    if !is_first {
        for row in 0..R {
            let before = S::as_simd_f32s(&sums[row_at(row)..][..V * S::F32_LANES]).0;
            for vector in 0..V {
                held[row][vector] = before[vector];
            }
        }
    }
    let mut place = at;
    for weights in weights {
        let tiles = &tiles[place..place + V];
        for row in 0..R {
            let weight = simd.splat_f32s(weights[row]);
            for vector in 0..V {
                held[row][vector] = simd.mul_add_e_f32s(weight, tiles[vector], held[row][vector]);
            }
        }
        place += vectors;
    }
    for row in 0..R {
        let after = S::as_mut_simd_f32s(&mut sums[row_at(row)..][..V * S::F32_LANES]).0;
        for vector in 0..V {
            after[vector] = held[row][vector];
        }
    }
}

/// Adds the product of rows of the same length, which lie anywhere, and `panel`, (depth, columns), to `sums`.
#[inline(always)]
pub(super) fn add_rows<S: Simd>(
    simd: S,
    rows: &[&[f32]; ROWS],
    panel: &[f32],
    sums: &mut [[f32; COLUMNS]; ROWS],
) {
    let vectors = COLUMNS / S::F32_LANES;
    let mut at = 0;
    if S::F32_LANES != 8 {
        while at + 2 <= vectors {
            some_rows::<S, 2>(simd, rows, panel, at, sums);
            at += 2;
        }
    }
    while at < vectors {
        some_rows::<S, 1>(simd, rows, panel, at, sums);
        at += 1;
    }
}

/// The same for `V` vectors of the columns, from `at` on.
#[inline(always)]
fn some_rows<S: Simd, const V: usize>(
    simd: S,
    rows: &[&[f32]; ROWS],
    panel: &[f32],
    at: usize,
    sums: &mut [[f32; COLUMNS]; ROWS],
) {
    let vectors = COLUMNS / S::F32_LANES;
    let panel = S::as_simd_f32s(panel).0;
    let depth = rows[0].len();
    let mut held = [[simd.splat_f32s(0.0); V]; ROWS];
    for row in 0..ROWS {
        let before = &S::as_simd_f32s(&sums[row]).0[at..at + V];
        for vector in 0..V {
            held[row][vector] = before[vector];
        }
    }
    let [a, b, c, d, e, f, g, h, i, j, k, l] = rows;
    // All as long as the first: nothing is checked below.
    let (a, b, c, d) = (&a[..depth], &b[..depth], &c[..depth], &d[..depth]);
    let (e, f, g, h) = (&e[..depth], &f[..depth], &g[..depth], &h[..depth]);
    let (i, j, k, l) = (&i[..depth], &j[..depth], &k[..depth], &l[..depth]);
    let mut place = at;
    for down in 0..depth {
        let columns = &panel[place..place + V];
        let factors = [
            a[down], b[down], c[down], d[down], e[down], f[down], g[down], h[down], i[down], j[down],
            k[down], l[down],
        ];
        for row in 0..ROWS {
            let factor = simd.splat_f32s(factors[row]);
            for vector in 0..V {
                held[row][vector] = simd.mul_add_e_f32s(factor, columns[vector], held[row][vector]);
            }
        }
        place += vectors;
    }
    for row in 0..ROWS {
        let after = &mut S::as_mut_simd_f32s(&mut sums[row]).0[at..at + V];
        for vector in 0..V {
            after[vector] = held[row][vector];
        }
    }
}

/// Adds the product of two panels, `rows` of (depth, rows) and `columns` of (depth, columns), to `sums`, or, if they are
/// the first, writes it there; of the rows, at least the first `count`.
pub(super) struct Panels<'a> {
    pub(super) rows: &'a [[f32; TALL]],
    pub(super) columns: &'a [[f32; COLUMNS]],
    pub(super) count: usize,
    pub(super) sums: &'a mut [[f32; COLUMNS]; TALL],
    pub(super) is_first: bool,
}

impl WithSimd for Panels<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let mut at = 0;
        while at < COLUMNS / S::F32_LANES {
            let mut row = 0;
            // With eight lanes there are sixteen registers.
            if S::F32_LANES != 8 {
                while row + 4 < self.count {
                    self.some::<S, 8, 2>(simd, row, at);
                    row += 8;
                }
            }
            while row < self.count {
                self.some::<S, 4, 2>(simd, row, at);
                row += 4;
            }
            at += 2;
        }
    }
}

impl Panels<'_> {
    /// The same for `R` rows from `row` on, and `V` vectors of the columns, from `at` on.
    #[inline(always)]
    fn some<S: Simd, const R: usize, const V: usize>(&mut self, simd: S, row: usize, at: usize) {
        let Self { rows, columns, sums, is_first, .. } = self;
        let columns = &columns[..rows.len()];
        let mut held = [[simd.splat_f32s(0.0); V]; R];
        if !*is_first {
            for down in 0..R {
                let before = &S::as_simd_f32s(&sums[row + down]).0[at..at + V];
                for vector in 0..V {
                    held[down][vector] = before[vector];
                }
            }
        }
        for deep in 0..rows.len() {
            // Rows come from the third cache: those of the next product, which lie behind these, while these are multiplied.
            if row == 0 {
                prefetch(rows.as_ptr().wrapping_add(rows.len() + deep));
            }
            let factors = &rows[deep][row..row + R];
            let columns = &S::as_simd_f32s(&columns[deep]).0[at..at + V];
            for down in 0..R {
                let factor = simd.splat_f32s(factors[down]);
                for vector in 0..V {
                    held[down][vector] = simd.mul_add_e_f32s(factor, columns[vector], held[down][vector]);
                }
            }
        }
        for down in 0..R {
            let after = &mut S::as_mut_simd_f32s(&mut sums[row + down]).0[at..at + V];
            for vector in 0..V {
                after[vector] = held[down][vector];
            }
        }
    }
}
