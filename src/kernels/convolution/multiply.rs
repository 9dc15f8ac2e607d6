//! The products of a group of filters, from their weights to their answers.

use pulp::{Simd, WithSimd};

use super::{
    super::product::{COLUMNS, Panels, TALL},
    Shape,
    blocks::Blocks,
    transform::{self, LANES, PLACES, Place, TAPS},
    turn::{self, CHANNELS},
};

/// Multiplies transformed tiles with the weights of a group of filters, and transforms the sums back.
pub(super) struct Multiply<'a, 'b> {
    pub(super) shape: &'a Shape,
    pub(super) blocks: Blocks,
    pub(super) weights: &'a [f32],
    pub(super) bias: Option<&'a [f32]>,
    pub(super) tiles: &'a [f32],
    /// The first tile, and how many there are.
    pub(super) from: usize,
    pub(super) count: usize,
    /// The first filter.
    pub(super) first: usize,
    pub(super) packed: &'a mut [f32],
    pub(super) sums: &'a mut [f32],
    /// The planes of these filters, of each picture.
    pub(super) answers: Vec<&'b mut [f32]>,
}

impl WithSimd for Multiply<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { shape, blocks, tiles, from, count, first, packed, sums, mut answers, .. } = self;
        let sums = sums.as_chunks_mut::<COLUMNS>().0.as_chunks_mut::<TALL>().0;
        for part in 0..blocks.depths {
            let depth = shape.channels.saturating_sub(part * blocks.depth).min(blocks.depth);
            for half in 0..COLUMNS / LANES {
                let place = (first + half * LANES, part * blocks.depth, depth);
                pack(simd, (shape, &blocks), self.weights, place, &mut packed[half * LANES..]);
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
        let answer = shape.answer().unwrap_or_default();
        for half in 0..COLUMNS / LANES {
            let filter = first + half * LANES;
            let filters = shape.filters.saturating_sub(filter).min(LANES);
            if filters == 0 {
                break;
            }
            let mut bias = [0.0; LANES];
            if let Some(all) = self.bias {
                for at in 0..filters {
                    bias[at] = all[filter + at];
                }
            }
            for tile in 0..count {
                let place = Place::of(from + tile, answer);
                let places = &sums[tile / TALL * PLACES..];
                let square = transform::output(places, tile % TALL, half * LANES);
                let planes = &mut answers[place.picture][half * LANES * answer.0 * answer.1..];
                turn::answers(simd, (&square, &bias), (place, answer), planes, filters);
            }
        }
    }
}

/// Transforms the weights of as many filters as there are lanes, for `depth` channels.
#[inline(always)]
fn pack<S: Simd>(
    simd: S,
    (shape, blocks): (&Shape, &Blocks),
    weights: &[f32],
    (first, channel, depth): (usize, usize, usize),
    into: &mut [f32],
) {
    // What has no filter of its own repeats the last: its sums are not looked at.
    let mut rows: [&[f32]; LANES] = [&[]; LANES];
    for row in 0..LANES {
        let filter = (first + row).min(shape.filters - 1);
        rows[row] = &weights[(filter * shape.channels + channel) * TAPS..][..depth * TAPS];
    }
    let mut taps = [[[0.0; LANES]; TAPS]; CHANNELS];
    let mut at = 0;
    while at < depth {
        let count = CHANNELS.min(depth - at);
        turn::weights(simd, &rows, (at, count), &mut taps);
        for channel in 0..count {
            let into = &mut into[(at + channel) * COLUMNS..];
            transform::weights(&taps[channel], into, blocks.place_of_weights());
        }
        at += CHANNELS;
    }
}
