//! The product of a dozen rows and a panel of columns, in registers.

use pulp::Simd;

/// Rows that are multiplied at once: with two vectors of columns they fill the registers of AVX-512 and NEON, with one
/// those of AVX2.
pub(super) const ROWS: usize = 12;

/// Adds the product of `weights`, (depth, rows), and `tiles`, (depth, columns), to `sums`, whose rows are `stride`
/// apart; or, if it is the first, writes it there. `columns` is a multiple of 16.
#[inline(always)]
pub(super) fn add<S: Simd>(
    simd: S,
    weights: &[[f32; ROWS]],
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
            some::<S, 2>(simd, weights, tiles, (at, vectors), sums, stride, is_first);
            at += 2;
        }
    }
    while at < vectors {
        some::<S, 1>(simd, weights, tiles, (at, vectors), sums, stride, is_first);
        at += 1;
    }
}

/// The same for `V` vectors of the columns, from `at` on of `vectors`.
#[inline(always)]
fn some<S: Simd, const V: usize>(
    simd: S,
    weights: &[[f32; ROWS]],
    tiles: &[S::f32s],
    (at, vectors): (usize, usize),
    sums: &mut [f32],
    stride: usize,
    is_first: bool,
) {
    let mut held = [[simd.splat_f32s(0.0); V]; ROWS];
    let row_at = |row: usize| row * stride + at * S::F32_LANES;
    if !is_first {
        for row in 0..ROWS {
            let before = S::as_simd_f32s(&sums[row_at(row)..][..V * S::F32_LANES]).0;
            for vector in 0..V {
                held[row][vector] = before[vector];
            }
        }
    }
    let mut place = at;
    for weights in weights {
        let tiles = &tiles[place..place + V];
        for row in 0..ROWS {
            let weight = simd.splat_f32s(weights[row]);
            for vector in 0..V {
                held[row][vector] = simd.mul_add_e_f32s(weight, tiles[vector], held[row][vector]);
            }
        }
        place += vectors;
    }
    for row in 0..ROWS {
        let after = S::as_mut_simd_f32s(&mut sums[row_at(row)..][..V * S::F32_LANES]).0;
        for vector in 0..V {
            after[vector] = held[row][vector];
        }
    }
}
