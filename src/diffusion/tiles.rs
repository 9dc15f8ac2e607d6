//! A decoder that enlarges its picture tile by tile.
//!
//! The front of the decoder, with its attention over the whole picture, runs at once: it works at the size of
//! the latents. What comes after it knows a place by what lies around it, norms aside, and holds by far the
//! most; that runs on tiles of one size, evenly spaced and anchored to the borders, so that none is a sliver
//! without surroundings, and overlapping ones are blended.

use std::path::Path;

use ndarray::{Array2, Array3, Array4, ArrayView3, s};

use crate::engine;

/// The sides a tile may have, in latents, the largest first.
pub(super) const SIDES: [usize; 5] = [96, 64, 48, 32, 24];
/// How far neighbouring tiles overlap at least, in latents.
pub(super) const OVERLAP: usize = 8;

const FITS: &str = "there are as many numbers as the shape has";

/// Where tiles of `tile` begin over `length`, overlapping by at least [`OVERLAP`].
pub(super) fn starts(length: usize, tile: usize) -> Vec<usize> {
    if tile >= length {
        return vec![0];
    }
    let count = (length - OVERLAP).div_ceil(tile - OVERLAP);
    (0..count).map(|i| ((length - tile) * i + (count - 1) / 2) / (count - 1)).collect()
}

/// How much each of `pixels` along a tile's side counts: it fades out over `fade` pixels towards sides where
/// there is a neighbour.
fn weights(pixels: usize, fade: usize, before: bool, after: bool) -> Vec<f32> {
    let ramp = |distance: usize| ((distance as f32 + 0.5) / fade as f32).min(1.0);
    (0..pixels)
        .map(|at| {
            let from_start = if before { ramp(at) } else { 1.0 };
            let from_end = if after { ramp(pixels - 1 - at) } else { 1.0 };
            from_start * from_end
        })
        .collect()
}

/// A picture put together of blended tiles.
pub(super) struct Mosaic {
    /// (channels, height, width), each pixel times how much it counts.
    sum: Array3<f32>,
    /// (height, width).
    count: Array2<f32>,
    factor: usize,
}

impl Mosaic {
    /// An empty picture of latents of `height` by `width`, each side `factor` times as large.
    /// `path` is the decoder, for messages.
    pub(super) fn new(
        height: usize,
        width: usize,
        factor: usize,
        path: &Path,
    ) -> Result<Self, engine::Error> {
        let (height, width) = (height * factor, width * factor);
        let sum = engine::zeros(3 * height * width, path)?;
        let count = engine::zeros(height * width, path)?;
        Ok(Self {
            sum: Array3::from_shape_vec((3, height, width), sum).expect(FITS),
            count: Array2::from_shape_vec((height, width), count).expect(FITS),
            factor,
        })
    }

    /// Puts in the tile (3, height, width) that begins at these latents.
    pub(super) fn put(&mut self, tile: ArrayView3<'_, f32>, top: usize, left: usize) {
        let (_, height, width) = tile.dim();
        let (top, left) = (top * self.factor, left * self.factor);
        let fade = OVERLAP * self.factor;
        let (_, whole_height, whole_width) = self.sum.dim();
        let down = weights(height, fade, top > 0, top + height < whole_height);
        let across = weights(width, fade, left > 0, left + width < whole_width);
        let mut sum = self.sum.slice_mut(s![.., top..top + height, left..left + width]);
        let mut count = self.count.slice_mut(s![top..top + height, left..left + width]);
        for (y, down) in down.iter().enumerate() {
            for (x, across) in across.iter().enumerate() {
                let weight = down * across;
                count[[y, x]] += weight;
                for channel in 0..3 {
                    sum[[channel, y, x]] += weight * tile[[channel, y, x]];
                }
            }
        }
    }

    /// The picture: (1, 3, height, width).
    pub(super) fn finish(mut self) -> Array4<f32> {
        for mut channel in self.sum.outer_iter_mut() {
            channel /= &self.count;
        }
        self.sum.insert_axis(ndarray::Axis(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_reach_from_border_to_border_and_overlap() {
        for length in 1..400 {
            for tile in SIDES {
                let starts = starts(length, tile);
                assert_eq!(starts[0], 0);
                if length > tile {
                    assert_eq!(starts[starts.len() - 1] + tile, length, "{length} in {tile}");
                    let overlaps = starts.windows(2).all(|pair| pair[0] + tile >= pair[1] + OVERLAP);
                    assert!(overlaps, "{length} in {tile}: {starts:?}");
                }
            }
        }
    }

    #[test]
    fn blended_tiles_of_one_picture_are_that_picture() {
        let picture =
            Array3::from_shape_fn((3, 160, 100), |(channel, y, x)| (channel * 7 + y * 3 + x) as f32);
        let mut mosaic = Mosaic::new(80, 50, 2, Path::new("vae")).unwrap();
        for top in starts(80, 24) {
            for left in starts(50, 24) {
                let tile = picture.slice(s![.., top * 2..(top + 24) * 2, left * 2..(left + 24) * 2]);
                mosaic.put(tile, top, left);
            }
        }
        let whole = mosaic.finish();
        let off =
            (&whole.slice(s![0, .., .., ..]) - &picture).iter().fold(0.0f32, |most, x| most.max(x.abs()));
        assert!(off < 1e-3, "{off}");
    }
}
