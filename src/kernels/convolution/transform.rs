//! The transforms of F(4x4, 3x3), of many tiles or filters at once.
//!
//! With the points 0, ±a, ±b and infinity, along one side (Toom and Cook's way, transposed):
//!
//! - input `d` of 6: `[a²b²d0 - (a²+b²)d2 + d4, e ± f, g ± h, a²b²d1 - (a²+b²)d3 + d5]` with `e = d4 - b²d2`,
//!   `f = a(d3 - b²d1)`, `g = d4 - a²d2`, `h = b(d3 - a²d1)`;
//! - weights `w` of 3: `[w0 / a²b², (w0 ± a w1 + a² w2) / 2a²(a²-b²), (w0 ± b w1 + b² w2) / 2b²(b²-a²), w2]`;
//! - sums `m` of 6: `[m0 + s + t, a d + b u, a² s + b² t, a³ d + b³ u + m5]` with `s, d = m1 ± m2` and
//!   `t, u = m3 ± m4`.
//!
//! With a = √½ and b = √2 instead of the usual 1 and 2, a² b² is 1, and the answers are half as far off: 1.7e-6 of
//! what they usually are, where a plain sum of 2880 products is off by 1.0e-6 (measured on 320 channels).

use std::f32::consts::{FRAC_1_SQRT_2 as A, SQRT_2 as B};

use super::{
    super::product::{COLUMNS, TALL},
    SIDE, Shape,
};

const A2: f32 = 0.5;
const B2: f32 = 2.0;

/// What is transformed at once: the tiles of a panel, or as many filters.
pub(super) const LANES: usize = TALL;
/// Places of a transformed tile.
pub(super) const PLACES: usize = 36;
/// Places on a side of a tile.
const REACH: usize = 6;
/// Weights of a filter for a channel.
pub(super) const TAPS: usize = 9;

pub(super) type Lanes = [f32; LANES];
pub(super) type Square<const N: usize> = [[Lanes; N]; N];

/// Tiles of a channel from the tile `first` on, one a lane; zeros outside of the picture and after the last tile.
#[inline(always)]
pub(super) fn patches(shape: &Shape, input: &[f32], channel: usize, first: usize) -> Square<REACH> {
    let (height, width) = (shape.height, shape.width);
    let [above, left, ..] = shape.pads;
    let mut patches = [[[0.0; LANES]; REACH]; REACH];
    let mut lane = 0;
    while let Some(run) = Run::of(shape, first, lane) {
        let plane =
            &input[(run.place.picture * shape.channels + channel) * height * width..][..height * width];
        for row in 0..REACH {
            let y = (run.place.down + row).wrapping_sub(above);
            if y >= height {
                continue;
            }
            let line = &plane[y * width..][..width];
            // Past the edges are zeros.
            let mut edged = [0.0; SIDE * LANES + REACH];
            let length = SIDE * run.tiles + REACH - SIDE;
            let from = run.place.across.wrapping_sub(left);
            let places = if run.place.across >= left && from + length <= width {
                &line[from..][..length]
            } else {
                let (before, from) =
                    (left.saturating_sub(run.place.across), run.place.across.saturating_sub(left));
                let until = (run.place.across + length).saturating_sub(left).min(width);
                let inside = until.saturating_sub(from);
                edged[before..][..inside].copy_from_slice(&line[from..][..inside]);
                &edged[..length]
            };
            match run.tiles {
                16 => part::<16>(places, &mut patches[row], lane),
                8 => part::<8>(places, &mut patches[row], lane),
                tiles => part_some(places, &mut patches[row], lane, tiles),
            }
        }
        lane += run.tiles;
    }
    patches
}

/// Hands out a row of `N` tiles, one a lane.
#[inline(always)]
fn part<const N: usize>(places: &[f32], columns: &mut [Lanes; REACH], lane: usize) {
    let places = &places[..SIDE * N + REACH - SIDE];
    for column in 0..REACH {
        let lanes = &mut columns[column][lane..lane + N];
        for tile in 0..N {
            lanes[tile] = places[SIDE * tile + column];
        }
    }
}

#[inline(always)]
fn part_some(places: &[f32], columns: &mut [Lanes; REACH], lane: usize, tiles: usize) {
    for tile in 0..tiles {
        let places = &places[SIDE * tile..][..REACH];
        for column in 0..REACH {
            columns[column][lane + tile] = places[column];
        }
    }
}

/// Where the answers of a tile lie: of which picture, and from which row and column on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) picture: usize,
    pub(super) down: usize,
    pub(super) across: usize,
}

impl Place {
    #[inline(always)]
    pub(super) fn of(tile: usize, (height, width): (usize, usize)) -> Self {
        let (down, across) = (height.div_ceil(SIDE), width.div_ceil(SIDE));
        let (picture, within) = (tile / (down * across), tile % (down * across));
        Self { picture, down: within / across * SIDE, across: within % across * SIDE }
    }
}

/// Tiles beside each other, of which there is one a lane.
struct Run {
    /// The first.
    place: Place,
    tiles: usize,
}

impl Run {
    /// Those from the tile in `lane` on, the tile `first` being in lane 0; none past the last lane or tile.
    #[inline(always)]
    fn of(shape: &Shape, first: usize, lane: usize) -> Option<Self> {
        let (height, width) = shape.answer()?;
        let place = Place::of(first + lane, (height, width));
        let beside = width.div_ceil(SIDE) - place.across / SIDE;
        let is_one = lane < LANES && place.picture < shape.batch;
        is_one.then_some(Self { place, tiles: (LANES - lane).min(beside) })
    }
}

#[inline(always)]
fn load(from: &[f32], at: usize) -> Lanes {
    match from[at..].first_chunk() {
        Some(lanes) => *lanes,
        None => [0.0; LANES],
    }
}

#[inline(always)]
fn store(into: &mut [f32], at: usize, lanes: Lanes) {
    if let Some(chunk) = into[at..].first_chunk_mut() {
        *chunk = lanes;
    }
}

/// Transforms tiles, and stores each of their places `stride` after the one before.
#[inline(always)]
pub(super) fn input(mut tiles: Square<REACH>, into: &mut [f32], stride: usize) {
    for row in 0..REACH {
        tiles[row] = input_side(tiles[row]);
    }
    for column in 0..REACH {
        let [a, b, c, d, e, f] = &tiles;
        let side = input_side([a[column], b[column], c[column], d[column], e[column], f[column]]);
        for row in 0..REACH {
            store(into, (row * REACH + column) * stride, side[row]);
        }
    }
}

#[inline(always)]
fn input_side(d: [Lanes; REACH]) -> [Lanes; REACH] {
    let mut side = [[0.0; LANES]; REACH];
    for lane in 0..LANES {
        let [d0, d1, d2, d3, d4, d5] =
            [d[0][lane], d[1][lane], d[2][lane], d[3][lane], d[4][lane], d[5][lane]];
        let (e, f) = (d4 - B2 * d2, A * (d3 - B2 * d1));
        let (g, h) = (d4 - A2 * d2, B * (d3 - A2 * d1));
        side[0][lane] = d0 - (A2 + B2) * d2 + d4;
        (side[1][lane], side[2][lane]) = (e + f, e - f);
        (side[3][lane], side[4][lane]) = (g + h, g - h);
        side[5][lane] = d1 - (A2 + B2) * d3 + d5;
    }
    side
}

/// Transforms what filters, one a lane, multiply a channel with, and stores each place `stride` after the one before.
#[inline(always)]
pub(super) fn weights(taps: &[Lanes; TAPS], into: &mut [f32], stride: usize) {
    let [a, b, c, d, e, f, g, h, i] = *taps;
    let rows = [weights_side([a, b, c]), weights_side([d, e, f]), weights_side([g, h, i])];
    for column in 0..REACH {
        let side = weights_side([rows[0][column], rows[1][column], rows[2][column]]);
        for row in 0..REACH {
            store(into, (row * REACH + column) * stride, side[row]);
        }
    }
}

#[inline(always)]
fn weights_side(w: [Lanes; 3]) -> [Lanes; REACH] {
    const AT_A: f32 = 1.0 / (2.0 * A2 * (A2 - B2));
    const AT_B: f32 = 1.0 / (2.0 * B2 * (B2 - A2));
    let mut side = [[0.0; LANES]; REACH];
    for lane in 0..LANES {
        let [w0, w1, w2] = [w[0][lane], w[1][lane], w[2][lane]];
        let (e, f) = (AT_A * (w0 + A2 * w2), AT_A * A * w1);
        let (g, h) = (AT_B * (w0 + B2 * w2), AT_B * B * w1);
        side[0][lane] = w0;
        (side[1][lane], side[2][lane]) = (e + f, e - f);
        (side[3][lane], side[4][lane]) = (g + h, g - h);
        side[5][lane] = w2;
    }
    side
}

/// Transforms the sums of a tile back into answers, of the filters from `first` on: `places` has those of `T` tiles.
#[inline(always)]
pub(super) fn output<const T: usize>(
    places: &[[[f32; COLUMNS]; T]],
    tile: usize,
    first: usize,
) -> Square<SIDE> {
    let places = &places[..PLACES];
    let mut rows = [[[0.0; LANES]; SIDE]; REACH];
    for row in 0..REACH {
        let mut sums = [[0.0; LANES]; REACH];
        for column in 0..REACH {
            sums[column] = load(&places[row * REACH + column][tile], first);
        }
        rows[row] = output_side(sums);
    }
    let mut square = [[[0.0; LANES]; SIDE]; SIDE];
    for column in 0..SIDE {
        let [a, b, c, d, e, f] = &rows;
        let side = output_side([a[column], b[column], c[column], d[column], e[column], f[column]]);
        for row in 0..SIDE {
            square[row][column] = side[row];
        }
    }
    square
}

#[inline(always)]
fn output_side(m: [Lanes; REACH]) -> [Lanes; SIDE] {
    let mut side = [[0.0; LANES]; SIDE];
    for lane in 0..LANES {
        let (s, d) = (m[1][lane] + m[2][lane], m[1][lane] - m[2][lane]);
        let (t, u) = (m[3][lane] + m[4][lane], m[3][lane] - m[4][lane]);
        side[0][lane] = m[0][lane] + s + t;
        side[1][lane] = A * d + B * u;
        side[2][lane] = A2 * s + B2 * t;
        side[3][lane] = A2 * A * d + B2 * B * u + m[5][lane];
    }
    side
}
