//! The same for very few tiles, at the depth where a picture has 8x8 places.
//!
//! Then weights are what takes the time, each of them read for four products. So those of a few channels are transformed
//! and multiplied before the next: they never leave the first cache, nor do the sums.

use std::sync::Mutex;

use pulp::{Arch, Simd, WithSimd};

use super::{
    super::{
        InLines, Parallel, next,
        product::{self, COLUMNS},
    },
    Shape,
    multiply::{self, Filters},
    transform::{self, LANES, PLACES},
    turn::{self, CHANNELS, Taps},
};

/// Tiles at most.
pub(super) const FEW: usize = 4;

/// Floats of the tiles of some channels, transformed: (place, channel, tile).
const LENGTH: usize = PLACES * CHANNELS * FEW;

/// Weights of some channels for a group of filters, transformed.
type Weights = [[[f32; COLUMNS]; CHANNELS]; PLACES];

/// Sums of a group of filters.
type Sums = [[[f32; COLUMNS]; FEW]; PLACES];

/// Floats of all tiles, transformed.
pub(super) fn tiles(shape: &Shape) -> usize {
    shape.channels.div_ceil(CHANNELS) * LENGTH
}

/// Transforms all tiles.
pub(super) fn transform(
    shape: &Shape,
    input: &[f32],
    tiles: &mut [f32],
    (threads, parallel): (usize, &Parallel<'_>),
) {
    let arch = Arch::new();
    let jobs = Mutex::new(tiles.chunks_exact_mut(LENGTH).enumerate());
    parallel(threads, &|_| {
        while let Some((at, into)) = next(&jobs) {
            arch.dispatch(Transform { shape, input, first: at * CHANNELS, into });
        }
    });
}

/// Transforms the tiles of some channels.
struct Transform<'a> {
    shape: &'a Shape,
    input: &'a [f32],
    first: usize,
    into: &'a mut [f32],
}

impl WithSimd for Transform<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { shape, input, first, into } = self;
        let mut places = [0.0; PLACES * LANES];
        for channel in 0..CHANNELS {
            if first + channel < shape.channels {
                let patches = transform::patches(shape, input, first + channel, 0);
                transform::input(patches, &mut places, LANES);
            } else {
                places = [0.0; PLACES * LANES];
            }
            for place in 0..PLACES {
                for tile in 0..FEW {
                    into[(place * CHANNELS + channel) * FEW + tile] = places[place * LANES + tile];
                }
            }
        }
    }
}

/// Multiplies transformed tiles with the weights of a group of filters, and transforms the sums back.
pub(super) struct Multiply<'a, 'b> {
    pub(super) tiles: &'a [f32],
    pub(super) filters: Filters<'a, 'b>,
}

impl WithSimd for Multiply<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { tiles, filters } = self;
        let (shape, all) = (filters.shape, filters.shape.channels);
        let mut rows = [[&[][..]; LANES]; COLUMNS / LANES];
        for half in 0..COLUMNS / LANES {
            rows[half] = filters.rows(half, (0, all));
        }
        let tiles = tiles.as_chunks::<FEW>().0.as_chunks::<CHANNELS>().0.as_chunks::<PLACES>().0;
        let mut held: InLines<(Weights, Sums, Taps)> =
            InLines(([[[0.0; COLUMNS]; CHANNELS]; PLACES], [[[0.0; COLUMNS]; FEW]; PLACES], Taps::default()));
        let (weights, sums, taps) = &mut held.0;
        for group in 0..all.div_ceil(CHANNELS) {
            let first = group * CHANNELS;
            for half in 0..COLUMNS / LANES {
                // What there is no channel of keeps the weights before: its tiles are zeros.
                turn::weights(simd, &rows[half], (first, CHANNELS.min(all - first)), taps);
                for channel in 0..CHANNELS {
                    let into = &mut weights.as_flattened_mut().as_flattened_mut()
                        [channel * COLUMNS + half * LANES..];
                    transform::weights(&taps[channel], into, CHANNELS * COLUMNS);
                }
            }
            let tiles = &tiles[group];
            for place in 0..PLACES {
                let weights = weights[place].as_flattened();
                let sums = sums[place].as_flattened_mut();
                product::add::<S, FEW>(simd, &tiles[place], weights, COLUMNS, sums, COLUMNS, false);
            }
        }
        multiply::answer(simd, filters, (0, shape.tiles()), sums);
    }
}
