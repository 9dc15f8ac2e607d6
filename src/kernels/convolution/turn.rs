//! What lies filter by filter, laid with a filter in each lane, and back.
//!
//! Of four numbers of as many rows as there are lanes, each vector takes those of every fourth row beside each other, and
//! four vectors are turned within their quarters: no number crosses a quarter of a vector, which is slow.

use pulp::Simd;

use super::{
    SIDE,
    transform::{LANES, Lanes, Place, Square, TAPS},
};

/// Numbers of a row that are turned at once.
const STEP: usize = 4;
/// Channels whose weights are turned at once: as many as their numbers make whole steps.
pub(super) const CHANNELS: usize = 4;

/// The weights of some channels.
pub(super) type Taps = [[Lanes; TAPS]; CHANNELS];

/// The weights of `count` channels from `first` on; `rows` are those of each filter.
#[inline(always)]
pub(super) fn weights<S: Simd>(
    simd: S,
    rows: &[&[f32]; LANES],
    (first, count): (usize, usize),
    into: &mut Taps,
) {
    if count < CHANNELS || S::F32_LANES < STEP {
        for at in 0..TAPS * count.min(CHANNELS) {
            for lane in 0..LANES {
                into[at / TAPS][at % TAPS][lane] = rows[lane][first * TAPS + at];
            }
        }
        return;
    }
    for from in (0..TAPS * CHANNELS).step_by(STEP) {
        for vector in 0..LANES / S::F32_LANES {
            let mut four = [simd.splat_f32s(0.0); STEP];
            for at in 0..STEP {
                let mut lanes = [0.0; LANES];
                for quarter in 0..S::F32_LANES / STEP {
                    let row = rows[vector * S::F32_LANES + quarter * STEP + at];
                    let numbers = &row[first * TAPS + from..][..STEP];
                    for number in 0..STEP {
                        lanes[quarter * STEP + number] = numbers[number];
                    }
                }
                four[at] = S::as_simd_f32s(&lanes).0[0];
            }
            let turned = simd.deinterleave_shfl_f32s(four);
            for at in 0..STEP {
                let taps = &mut into[(from + at) / TAPS][(from + at) % TAPS];
                S::as_mut_simd_f32s(taps).0[vector] = turned[at];
            }
        }
    }
}

/// Writes the answers of a tile, plus `bias`, into the planes of the first `count` filters.
#[inline(always)]
pub(super) fn answers<S: Simd>(
    simd: S,
    (square, bias): (&Square<SIDE>, &Lanes),
    (place, (height, width)): (Place, (usize, usize)),
    planes: &mut [f32],
    count: usize,
) {
    let columns = SIDE.min(width - place.across);
    for row in 0..SIDE.min(height - place.down) {
        let lines = lines(simd, &square[row], bias);
        let at = (place.down + row) * width + place.across;
        for filter in 0..count {
            let into = &mut planes[filter * height * width + at..][..columns];
            if columns == SIDE {
                let into = &mut into[..SIDE];
                for column in 0..SIDE {
                    into[column] = lines[filter][column];
                }
            } else {
                for column in 0..columns {
                    into[column] = lines[filter][column];
                }
            }
        }
    }
}

/// A row of answers, plus `bias`, of each filter.
#[inline(always)]
fn lines<S: Simd>(simd: S, columns: &[Lanes; SIDE], bias: &Lanes) -> [[f32; SIDE]; LANES] {
    let mut lines = [[0.0; SIDE]; LANES];
    if S::F32_LANES < STEP {
        for lane in 0..LANES {
            for column in 0..SIDE {
                lines[lane][column] = columns[column][lane] + bias[lane];
            }
        }
        return lines;
    }
    for vector in 0..LANES / S::F32_LANES {
        let bias = S::as_simd_f32s(bias).0[vector];
        let mut four = [simd.splat_f32s(0.0); STEP];
        for column in 0..SIDE {
            four[column] = simd.add_f32s(S::as_simd_f32s(&columns[column]).0[vector], bias);
        }
        let turned = simd.deinterleave_shfl_f32s(four);
        for at in 0..STEP {
            let mut lanes = [0.0; LANES];
            S::as_mut_simd_f32s(&mut lanes).0[0] = turned[at];
            for quarter in 0..S::F32_LANES / STEP {
                let line = &mut lines[vector * S::F32_LANES + quarter * STEP + at];
                for column in 0..SIDE {
                    line[column] = lanes[quarter * STEP + column];
                }
            }
        }
    }
    lines
}
