//! Convolutions of 3x3 on the processor with a quarter of the products.
//!
//! Four by four answers of such a convolution, computed plainly, cost 144 products a channel. Winograd's way costs 36:
//! the 6x6 places that the answers look at are transformed, so are the weights, the two are multiplied place by place,
//! and what was summed over the channels is transformed back (A. Lavin and S. Gray, "Fast Algorithms for Convolutional
//! Neural Networks", 2015; `transform.rs` has the matrices). The sums over the channels are 36 matrix products.
//!
//! Weights are read as they lie and transformed in passing, 32 filters at a time: nothing is prepared, nothing kept, and
//! the only memory beside input and output is [`Shape::scratch`]. In the products filters lie across the vectors, so that
//! it does not matter how few tiles there are; where a picture has 8x8 places, there are four (`few.rs`).

mod blocks;
mod few;
mod multiply;
mod transform;
mod turn;

use std::sync::{Mutex, PoisonError};

use pulp::{Arch, Simd, WithSimd};

use super::{
    Parallel, next,
    product::{COLUMNS, TALL},
};
use blocks::Blocks;
use few::FEW;
use multiply::{Filters, Multiply};

/// Answers of a tile, down and across.
const SIDE: usize = 4;

/// A convolution of (batch, channels, height, width) with filters of (filters, channels, 3, 3), one step at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Pictures.
    pub batch: usize,
    /// Channels of each.
    pub channels: usize,
    /// Channels of the answer.
    pub filters: usize,
    /// Rows of the input.
    pub height: usize,
    /// Columns of the input.
    pub width: usize,
    /// Rows and columns of zeros around it: above, left, below, right.
    pub pads: [usize; 4],
}

impl Shape {
    /// Rows and columns of the answer; none if there are none.
    pub fn answer(&self) -> Option<(usize, usize)> {
        let [above, left, below, right] = self.pads;
        let height = (self.height + above + below).checked_sub(2)?;
        let width = (self.width + left + right).checked_sub(2)?;
        (height > 0 && width > 0).then_some((height, width))
    }

    /// Tiles of all pictures.
    pub fn tiles(&self) -> usize {
        let (height, width) = self.answer().unwrap_or_default();
        self.batch * height.div_ceil(SIDE) * width.div_ceil(SIDE)
    }

    /// Whether it is faster this way than by one large product, as ONNX Runtime 1.31 does it (measured on two cores
    /// with AVX-512).
    pub fn pays(&self) -> bool {
        self.channels >= 32 && self.filters >= 32 && self.tiles() >= 4
    }

    /// Floats that it needs beside its input and output, on so many threads.
    pub fn scratch(&self, threads: usize) -> usize {
        if self.tiles() <= FEW {
            return few::tiles(self);
        }
        let blocks = Blocks::of(self);
        blocks.tiles() + threads * (blocks.weights() + blocks.sums())
    }

    /// The same rounded up, so that convolutions that follow one another mostly ask for as much, and find again what
    /// was kept.
    pub fn reserved(&self, threads: usize) -> usize {
        const MIB: usize = (1 << 20) / size_of::<f32>();
        let needed = self.scratch(threads);
        let step = match needed {
            needed if needed <= 4 * MIB => MIB,
            needed if needed <= 8 * MIB => 8 * MIB,
            _ => 24 * MIB,
        };
        needed.next_multiple_of(step)
    }
}

/// Convolves `input` with `weights` into `output`, all in the order of [`Shape`], on up to `threads` threads that
/// `parallel` provides. `scratch` holds [`Shape::scratch`] floats of any value.
///
/// The same input gives the same bits on any number of threads.
///
/// # Panics
/// If a slice is shorter than the shape says.
pub fn convolve(
    shape: &Shape,
    [input, weights]: [&[f32]; 2],
    bias: Option<&[f32]>,
    output: &mut [f32],
    scratch: &mut [f32],
    (threads, parallel): (usize, &Parallel<'_>),
) {
    if shape.tiles() == 0 {
        return;
    }
    let arch = Arch::new();
    if shape.tiles() <= FEW {
        let tiles = &mut scratch[..few::tiles(shape)];
        few::transform(shape, input, tiles, (threads, parallel));
        let (tiles, jobs) = (&*tiles, Mutex::new(groups(shape, output)));
        parallel(threads, &|_| {
            while let Some((first, answers)) = next(&jobs) {
                let filters = Filters { shape, weights, bias, first, answers };
                arch.dispatch(few::Multiply { tiles, filters });
            }
        });
        return;
    }
    let blocks = Blocks::of(shape);
    let (tiles, rest) = scratch.split_at_mut(blocks.tiles());
    let slots: Vec<Mutex<&mut [f32]>> =
        rest.chunks_exact_mut(blocks.weights() + blocks.sums()).take(threads).map(Mutex::new).collect();
    let all = shape.tiles();
    for from in (0..all).step_by(blocks.tiles) {
        let count = (all - from).min(blocks.tiles);
        let panels = &mut tiles[..count.div_ceil(TALL) * blocks.depths * blocks.panel()];
        let jobs = Mutex::new(panels.chunks_mut(blocks.panel()).enumerate());
        parallel(threads, &|_| {
            while let Some((at, into)) = next(&jobs) {
                let (panel, depth) = (at / blocks.depths, at % blocks.depths * blocks.depth);
                arch.dispatch(Transform { shape, blocks, input, from: from + panel * TALL, depth, into });
            }
        });
        let (tiles, jobs) = (&*tiles, Mutex::new(groups(shape, output)));
        parallel(threads, &|slot| {
            let Some(slot) = slots.get(slot) else { return };
            let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
            let (packed, sums) = slot.split_at_mut(blocks.weights());
            while let Some((first, answers)) = next(&jobs) {
                let filters = Filters { shape, weights, bias, first, answers };
                arch.dispatch(Multiply { filters, blocks, tiles, from, count, packed, sums });
            }
        });
    }
}

/// The first of each group of filters, and the planes that it fills, of each picture.
fn groups<'a>(shape: &Shape, output: &'a mut [f32]) -> impl Iterator<Item = (usize, Vec<&'a mut [f32]>)> {
    let (height, width) = shape.answer().unwrap_or_default();
    let mut groups: Vec<Vec<&mut [f32]>> = Vec::new();
    for picture in output.chunks_mut(shape.filters * height * width).take(shape.batch) {
        for (at, group) in picture.chunks_mut(COLUMNS * height * width).enumerate() {
            match groups.get_mut(at) {
                Some(groups) => groups.push(group),
                None => groups.push(vec![group]),
            }
        }
    }
    groups.into_iter().enumerate().map(|(at, planes)| (at * COLUMNS, planes))
}

/// Transforms a panel of tiles of some channels.
struct Transform<'a> {
    shape: &'a Shape,
    blocks: Blocks,
    input: &'a [f32],
    /// The first tile.
    from: usize,
    /// The first channel.
    depth: usize,
    into: &'a mut [f32],
}

impl WithSimd for Transform<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { shape, blocks, input, from, depth, into } = self;
        let channels = shape.channels.saturating_sub(depth).min(blocks.depth);
        for channel in 0..channels {
            let patches = transform::patches(shape, input, depth + channel, from);
            transform::input(patches, &mut into[channel * TALL..], blocks.place());
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{
        super::testing::{numbers, spread},
        transform::TAPS,
        *,
    };

    struct Case {
        shape: Shape,
        input: Vec<f32>,
        weights: Vec<f32>,
        bias: Vec<f32>,
    }

    impl Case {
        fn new(shape: Shape) -> Self {
            Self {
                shape,
                input: numbers(1, shape.batch * shape.channels * shape.height * shape.width),
                weights: numbers(2, shape.filters * shape.channels * TAPS),
                bias: numbers(3, shape.filters),
            }
        }

        fn run(&self, threads: usize) -> Vec<f32> {
            let (height, width) = self.shape.answer().unwrap();
            // What is not written stays no number.
            let mut output = vec![f32::NAN; self.shape.batch * self.shape.filters * height * width];
            let mut scratch = vec![f32::NAN; self.shape.scratch(threads)];
            let given = [&self.input[..], &self.weights];
            convolve(&self.shape, given, Some(&self.bias), &mut output, &mut scratch, (threads, &spread));
            output
        }

        /// By the definition, in 64 bits.
        fn plain(&self) -> Vec<f64> {
            let Shape { batch, channels, filters, height, width, pads: [above, left, ..] } = self.shape;
            let (down, across) = self.shape.answer().unwrap();
            let mut output = Vec::new();
            for at in 0..batch * filters * down * across {
                let (picture, filter) = (at / (filters * down * across), at / (down * across) % filters);
                let (y, x) = (at / across % down, at % across);
                let mut sum = f64::from(self.bias[filter]);
                for tap in 0..channels * TAPS {
                    let (channel, row, column) = (tap / TAPS, tap % TAPS / 3, tap % 3);
                    let (row, column) = ((y + row).wrapping_sub(above), (x + column).wrapping_sub(left));
                    if row < height && column < width {
                        let place = ((picture * channels + channel) * height + row) * width + column;
                        sum += f64::from(self.input[place])
                            * f64::from(self.weights[filter * channels * TAPS + tap]);
                    }
                }
                output.push(sum);
            }
            output
        }

        /// How far off the definition it is, in parts of what answers usually are.
        fn off(&self) -> f64 {
            let (answers, plain) = (self.run(2), self.plain());
            let squares: f64 = plain.iter().map(|plain| plain * plain).sum();
            let most = answers.iter().zip(&plain).map(|(&answer, plain)| (f64::from(answer) - plain).abs());
            let most = most.fold(0.0, |most, off| if off.is_nan() { off } else { f64::max(most, off) });
            most / (squares / plain.len() as f64).sqrt()
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn it_is_the_convolution_that_it_says(
            batch in 1_usize..3,
            channels in 1_usize..40,
            filters in 1_usize..30,
            height in 1_usize..20,
            width in 1_usize..40,
            pads in prop::array::uniform4(0_usize..3),
        ) {
            let shape = Shape { batch, channels, filters, height, width, pads };
            prop_assume!(shape.answer().is_some());
            let off = Case::new(shape).off();
            prop_assert!(off < 1e-5, "off by {off:e}");
        }
    }

    #[test]
    fn many_channels_and_tiles_are_summed_and_cut_without_a_seam() {
        for (channels, filters, height, width) in [(400, 13, 20, 36), (33, 25, 70, 130), (1300, 5, 33, 31)] {
            let shape = Shape { batch: 1, channels, filters, height, width, pads: [1; 4] };
            assert!(Blocks::of(&shape).depths > 1 || Blocks::of(&shape).tiles < shape.tiles());
            let off = Case::new(shape).off();
            assert!(off < 3e-5, "{shape:?}: off by {off:e}");
        }
    }

    #[test]
    fn few_tiles_are_summed_as_many_are() {
        for (batch, channels, filters, side) in
            [(1, 70, 100, 8), (2, 33, 40, 3), (4, 3, 33, 4), (1, 130, 32, 6)]
        {
            let shape = Shape { batch, channels, filters, height: side, width: side, pads: [1; 4] };
            assert!(shape.tiles() <= FEW);
            let off = Case::new(shape).off();
            assert!(off < 1e-5, "{shape:?}: off by {off:e}");
        }
    }

    #[test]
    fn threads_change_no_bit() {
        for (height, width) in [(17, 23), (4, 8)] {
            let case = Case::new(Shape { batch: 2, channels: 65, filters: 40, height, width, pads: [1; 4] });
            let one = case.run(1);
            for threads in [2, 3, 7] {
                assert_eq!(case.run(threads), one, "{height}x{width} on {threads} threads");
            }
        }
    }

    #[test]
    fn a_picture_smaller_than_the_filter_has_no_answer() {
        let shape = Shape { batch: 1, channels: 1, filters: 1, height: 1, width: 9, pads: [0, 0, 1, 0] };
        assert_eq!(shape.answer(), None);
        assert_eq!(shape.tiles(), 0);
    }

    #[test]
    fn it_never_needs_much() {
        for (channels, side) in [(320, 64), (2560, 16), (128, 1280), (512, 160), (3, 4096)] {
            let shape = Shape { batch: 2, channels, filters: 640, height: side, width: side, pads: [1; 4] };
            let bytes = shape.scratch(2) * size_of::<f32>();
            assert!(bytes < 24 << 20, "{shape:?}: {bytes} bytes");
        }
    }
}
