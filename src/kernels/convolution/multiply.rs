//! The products of a group of filters, from their weights to their answers.

use pulp::{Simd, WithSimd};

use super::{
    super::{
        InLines,
        product::{COLUMNS, Panels, TALL},
    },
    Shape,
    blocks::Blocks,
    transform::{self, LANES, PLACES, Place, TAPS},
    turn::{self, CHANNELS, Taps},
};

/// A group of filters, and what they answer.
pub(super) struct Filters<'a, 'b> {
    pub(super) shape: &'a Shape,
    pub(super) weights: &'a [f32],
    pub(super) bias: Option<&'a [f32]>,
    /// The first filter.
    pub(super) first: usize,
    /// The planes of these filters, of each picture.
    pub(super) answers: Vec<&'b mut [f32]>,
}

impl<'a> Filters<'a, '_> {
    /// The weights of half of the filters, one a lane, for some channels: the first, and how many.
    #[inline(always)]
    pub(super) fn rows(&self, half: usize, (channel, depth): (usize, usize)) -> [&'a [f32]; LANES] {
        let mut rows: [&[f32]; LANES] = [&[]; LANES];
        for row in 0..LANES {
            // What has no filter of its own repeats the last: its sums are not looked at.
            let filter = (self.first + half * LANES + row).min(self.shape.filters - 1);
            rows[row] = &self.weights[(filter * self.shape.channels + channel) * TAPS..][..depth * TAPS];
        }
        rows
    }
}

/// Multiplies transformed tiles with the weights of a group of filters, and transforms the sums back.
pub(super) struct Multiply<'a, 'b> {
    pub(super) filters: Filters<'a, 'b>,
    pub(super) blocks: Blocks,
    pub(super) tiles: &'a [f32],
    /// The first tile, and how many there are.
    pub(super) from: usize,
    pub(super) count: usize,
    pub(super) packed: &'a mut [f32],
    pub(super) sums: &'a mut [f32],
}

impl WithSimd for Multiply<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { filters, blocks, tiles, from, count, packed, sums } = self;
        let sums = sums.as_chunks_mut::<COLUMNS>().0.as_chunks_mut::<TALL>().0;
        for part in 0..blocks.depths {
            let depth = filters.shape.channels.saturating_sub(part * blocks.depth).min(blocks.depth);
            for half in 0..COLUMNS / LANES {
                let rows = filters.rows(half, (part * blocks.depth, depth));
                pack(simd, &rows, depth, &mut packed[half * LANES..], blocks.place_of_weights());
            }
            for panel in 0..count.div_ceil(TALL) {
                let tiles = &tiles[(panel * blocks.depths + part) * blocks.panel()..][..blocks.panel()];
                let count = (count - panel * TALL).min(TALL);
                for place in 0..PLACES {
                    let rows = tiles[place * blocks.place()..][..depth * TALL].as_chunks().0;
                    let columns = &packed[place * blocks.place_of_weights()..];
                    let columns = columns[..depth * COLUMNS].as_chunks().0;
                    let sums = &mut sums[panel * PLACES + place];
                    Panels { rows, columns, count, sums, is_first: part == 0 }.with_simd(simd);
                }
            }
        }
        answer(simd, filters, (from, count), sums);
    }
}

/// Transforms the sums of `count` tiles from `from` on back, `T` of them beside each other, and writes what they are.
#[inline(always)]
pub(super) fn answer<S: Simd, const T: usize>(
    simd: S,
    filters: Filters<'_, '_>,
    (from, count): (usize, usize),
    sums: &[[[f32; COLUMNS]; T]],
) {
    let Filters { shape, first, mut answers, .. } = filters;
    let answer = shape.answer().unwrap_or_default();
    for half in 0..COLUMNS / LANES {
        let filter = first + half * LANES;
        let count_of_filters = shape.filters.saturating_sub(filter).min(LANES);
        if count_of_filters == 0 {
            break;
        }
        let mut bias = [0.0; LANES];
        if let Some(all) = filters.bias {
            for at in 0..count_of_filters {
                bias[at] = all[filter + at];
            }
        }
        for tile in 0..count {
            let place = Place::of(from + tile, answer);
            let square = transform::output(&sums[tile / T * PLACES..], tile % T, half * LANES);
            let planes = &mut answers[place.picture][half * LANES * answer.0 * answer.1..];
            turn::answers(simd, (&square, &bias), (place, answer), planes, count_of_filters);
        }
    }
}

/// Transforms the weights of as many filters as there are lanes, for `depth` channels; their places are `stride` apart.
#[inline(always)]
fn pack<S: Simd>(simd: S, rows: &[&[f32]; LANES], depth: usize, into: &mut [f32], stride: usize) {
    let mut taps = InLines(Taps::default());
    let mut at = 0;
    while at < depth {
        let count = CHANNELS.min(depth - at);
        turn::weights(simd, rows, (at, count), &mut taps.0);
        for channel in 0..count {
            transform::weights(&taps.0[channel], &mut into[(at + channel) * COLUMNS..], stride);
        }
        at += CHANNELS;
    }
}
