//! Black and frozen runs of a video, seen on a coarse grid of its luma.

/// Every how many pixels a sample is taken, across and down.
const GRID: usize = 16;
/// Luma up to this (of 16 black to 235 white) is black: 10 % of the range.
const BLACK_LUMA: u8 = 38;
/// This share of black samples makes a black frame.
const BLACK_SHARE: f64 = 0.98;
/// Two pictures with a mean difference up to this are the same one: what the
/// encoder alone changes in a still picture from keyframe to keyframe.
const SAME: f64 = 0.5;

/// Watches frames one after the other.
#[derive(Default)]
pub(super) struct Motion {
    /// The picture since which nothing has moved.
    anchor: Vec<u8>,
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
        let samples: Vec<u8> = luma
            .chunks_exact(stride)
            .skip(GRID / 2)
            .step_by(GRID)
            .flat_map(|row| row[..width].iter().skip(GRID / 2).step_by(GRID).copied())
            .collect();
        let dark = samples.iter().filter(|&&luma| luma <= BLACK_LUMA).count();
        self.black = if dark as f64 >= BLACK_SHARE * samples.len() as f64 { self.black + 1 } else { 0 };
        if self.anchor.len() == samples.len() && difference(&self.anchor, &samples) <= SAME {
            self.frozen += 1;
        } else {
            self.frozen = 1;
            self.anchor = samples;
        }
        self.longest_black = self.longest_black.max(self.black);
        self.longest_frozen = self.longest_frozen.max(self.frozen);
    }
}

fn difference(a: &[u8], b: &[u8]) -> f64 {
    let sum: u64 = a.iter().zip(b).map(|(&a, &b)| u64::from(a.abs_diff(b))).sum();
    sum as f64 / a.len().max(1) as f64
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
            motion.see(&ramp(shift * 50, 12), STRIDE, WIDTH);
        }
        motion.see(&ramp(0, 100), STRIDE, WIDTH);
        assert_eq!(motion.longest_black, 12);
    }
}
