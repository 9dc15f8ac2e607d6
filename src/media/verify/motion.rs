//! Black and frozen runs of a video, seen on the mean luma of its blocks.

/// Pixels across and down one block. Means over blocks hide what an encoder does to a still picture
/// (measured: up to 0.19 between frames of one still, at draft quality, where single pixels differ by
/// 1.3) and show the slowest move (a zoom of 1 % in 4 s over a picture of low contrast: 0.3 in 2 s).
const BLOCK: usize = 16;
/// Luma up to this (of 16 black to 235 white) is black.
const BLACK_LUMA: u8 = 24;
/// This share of black blocks makes a black frame.
const BLACK_SHARE: f64 = 0.98;
/// Two pictures whose blocks differ by up to this on average are the same one.
const SAME: f64 = 0.22;
/// Parts of one step of luma in the mean of a block.
const STEP: u16 = 256;

/// Watches frames one after the other.
#[derive(Default)]
pub(super) struct Motion {
    /// The picture since which nothing has moved.
    anchor: Vec<u16>,
    frozen: u64,
    black: u64,
    /// The longest run of black frames.
    pub(super) longest_black: u64,
    /// The longest run of frames that show the same picture.
    pub(super) longest_frozen: u64,
}

impl Motion {
    /// Looks at the next frame's luma: rows of `stride` bytes of which `width` are picture.
    pub(super) fn see(&mut self, luma: &[u8], stride: usize, width: usize) {
        let blocks = means(luma, stride, width);
        if blocks.is_empty() {
            return;
        }
        let dark = blocks.iter().filter(|&&mean| mean <= u16::from(BLACK_LUMA) * STEP).count();
        self.black = if dark as f64 >= BLACK_SHARE * blocks.len() as f64 { self.black + 1 } else { 0 };
        if self.anchor.len() == blocks.len() && difference(&self.anchor, &blocks) <= SAME {
            self.frozen += 1;
        } else {
            self.frozen = 1;
            self.anchor = blocks;
        }
        self.longest_black = self.longest_black.max(self.black);
        self.longest_frozen = self.longest_frozen.max(self.frozen);
    }
}

/// The mean luma of each whole block, in parts of [`STEP`].
fn means(luma: &[u8], stride: usize, width: usize) -> Vec<u16> {
    let across = width / BLOCK;
    let mut means = Vec::with_capacity(across * (luma.len() / stride / BLOCK));
    for rows in luma.chunks_exact(stride * BLOCK) {
        let mut sums = vec![0_u16; across];
        for row in rows.chunks_exact(stride) {
            for (sum, pixels) in sums.iter_mut().zip(row[..width].chunks_exact(BLOCK)) {
                *sum += pixels.iter().map(|&pixel| u16::from(pixel)).sum::<u16>();
            }
        }
        // 256 pixels a block: their sum is the mean in parts of 256.
        means.extend(sums);
    }
    means
}

/// How far two pictures are apart on average, in steps of luma.
fn difference(a: &[u16], b: &[u16]) -> f64 {
    let sum: u64 = a.iter().zip(b).map(|(&a, &b)| u64::from(a.abs_diff(b))).sum();
    sum as f64 / (a.len().max(1) as f64 * f64::from(STEP))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIDTH: usize = 320;
    const STRIDE: usize = 352;

    fn ramp(shift: usize, peak: usize) -> Vec<u8> {
        (0..STRIDE * 240).map(|i| 16 + ((i % STRIDE + shift) % 200 * peak / 200) as u8).collect()
    }

    #[test]
    fn runs_are_counted_and_broken_by_movement() {
        let mut motion = Motion::default();
        for shift in [0, 0, 0, 9, 18, 18, 18, 18, 27] {
            motion.see(&ramp(shift, 200), STRIDE, WIDTH);
        }
        assert_eq!((motion.longest_frozen, motion.longest_black), (4, 0));
    }

    #[test]
    fn a_slow_move_adds_up() {
        let mut motion = Motion::default();
        for shift in 0..60 {
            motion.see(&ramp(shift, 40), STRIDE, WIDTH);
        }
        assert!(motion.longest_frozen < 10, "{}", motion.longest_frozen);
    }

    #[test]
    fn black_is_seen_even_with_noise() {
        let mut motion = Motion::default();
        for shift in 0..12 {
            motion.see(&ramp(shift * 50, 6), STRIDE, WIDTH);
        }
        motion.see(&ramp(0, 100), STRIDE, WIDTH);
        assert_eq!(motion.longest_black, 12);
    }
}
