//! Which source pixels each output pixel of a row blends.

/// Output pixel `i` reads the source at `start + step * i`, in source pixels from the first one's middle.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::compose) struct Ramp {
    /// Where output pixel 0 reads.
    pub(in crate::compose) start: f64,
    /// Source pixels from one output pixel to the next, above 0.
    pub(in crate::compose) step: f64,
}

impl Ramp {
    /// Where output pixel `i` reads.
    pub(super) fn at(self, i: usize) -> f64 {
        self.start + self.step * i as f64
    }
}

/// Pixels in a group: the output pixels of one group read from a window of 16 bytes.
pub(super) const GROUP: usize = 8;
/// Bytes of source that a group may read.
pub(super) const WINDOW: usize = 16;
/// The weights of a pixel pair add up to this.
pub(super) const UNIT: i16 = 64;

/// Eight output pixels in a row.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Group {
    /// The first source pixel of the window.
    pub(super) base: u32,
    /// Whether every pixel pair of the group lies in the window.
    pub(super) fits: bool,
}

/// The blending table of one row; a structure of arrays, as the kernels want it.
#[derive(Default)]
pub(super) struct Taps {
    /// The left source pixel of each output pixel.
    pub(super) left: Vec<u32>,
    /// The weights of the left and the right source pixel, in 1/64.
    pub(super) weights: Vec<[i8; 2]>,
    /// For each output pixel, where its pair lies in its group's window.
    pub(super) shuffles: Vec<[u8; 2]>,
    /// The windows, an even number of them.
    pub(super) groups: Vec<Group>,
}

impl Taps {
    /// The output's width rounded up to whole pairs of groups.
    pub(super) fn padded_len(&self) -> usize {
        self.left.len()
    }

    /// Fills the table for `width` output pixels from `source` source pixels.
    pub(super) fn fill(&mut self, ramp: Ramp, width: usize, source: usize) {
        assert!(source >= 2, "a plane of {source} column cannot be resampled");
        let padded = width.next_multiple_of(2 * GROUP);
        self.left.clear();
        self.weights.clear();
        self.shuffles.clear();
        self.groups.clear();
        let mut left_over = 0.0;
        for i in 0..padded {
            // The padding repeats the last pixel, so that its window is a valid one.
            let position = ramp.at(i.min(width - 1)).clamp(0.0, (source - 1) as f64);
            let left = (position as usize).min(source - 2);
            let share = (position - left as f64) * f64::from(UNIT);
            // Where all pixels have one phase, rounding each by itself would move the picture in steps of
            // 1/64 of a pixel, which is seen as a tremble in slow moves. Whole pixels are copied.
            let wanted = if share.fract() == 0.0 { share } else { share + left_over };
            let right = wanted.round().clamp(0.0, f64::from(UNIT)) as i8;
            left_over = wanted - f64::from(right);
            self.left.push(left as u32);
            self.weights.push([UNIT as i8 - right, right]);
        }
        for pixels in self.left.chunks_exact(GROUP) {
            let base = pixels[0];
            let fits = (pixels[GROUP - 1] - base) as usize + 2 <= WINDOW;
            self.groups.push(Group { base, fits });
            self.shuffles.extend(pixels.iter().map(|left| {
                let at = if fits { (left - base) as u8 } else { 0 };
                [at, at + 1]
            }));
        }
    }
}
