//! How the work of a convolution is cut, for the caches.

use super::{
    super::product::{COLUMNS, TALL},
    Shape,
    transform::PLACES,
    turn::CHANNELS,
};

/// Channels of the input that are summed at once: weights of so many, transformed, lie in the second cache.
const DEPTH: usize = 96;
/// Tiles that are transformed before they are multiplied, and bytes they may take then: what the third cache holds. Their
/// sums lie in the second.
const MOST_TILES: usize = 128;
const MOST_BYTES: usize = 18 << 20;
/// Floats between what lies a power of two apart: the caches would put it all in one place.
const APART: usize = 16;

/// How the work is cut.
#[derive(Debug, Clone, Copy)]
pub(super) struct Blocks {
    /// Tiles that are transformed before they are multiplied: a multiple of [`TALL`].
    pub(super) tiles: usize,
    /// Channels that are summed at once, and how often that is done.
    pub(super) depth: usize,
    pub(super) depths: usize,
}

impl Blocks {
    pub(super) fn of(shape: &Shape) -> Self {
        let depths = shape.channels.div_ceil(DEPTH).max(1);
        let depth = shape.channels.div_ceil(depths).next_multiple_of(CHANNELS);
        let fit = MOST_BYTES / (PLACES * shape.channels.max(1) * size_of::<f32>());
        let most = (fit.min(MOST_TILES) / TALL).max(1);
        let panels = shape.tiles().div_ceil(TALL).max(1);
        // All about as large: what is left over would have weights transformed once more.
        let tiles = panels.div_ceil(panels.div_ceil(most)) * TALL;
        Self { tiles, depth, depths: shape.channels.div_ceil(depth.max(1)).max(1) }
    }

    /// Floats of a place of a panel, and of all its places: it lies in memory as (depth, tiles) for each.
    pub(super) fn place(&self) -> usize {
        self.depth * TALL + APART
    }

    pub(super) fn panel(&self) -> usize {
        PLACES * self.place()
    }

    /// Floats of all tiles, transformed.
    pub(super) fn tiles(&self) -> usize {
        self.tiles / TALL * self.depths * self.panel()
    }

    /// Floats of a place of the weights of a group of filters, and of all.
    pub(super) fn place_of_weights(&self) -> usize {
        self.depth * COLUMNS + APART
    }

    pub(super) fn weights(&self) -> usize {
        PLACES * self.place_of_weights()
    }

    /// Floats of the sums of a group of filters.
    pub(super) fn sums(&self) -> usize {
        PLACES * COLUMNS * self.tiles
    }
}
