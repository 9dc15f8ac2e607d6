//! What a film camera adds to every frame: grain and bars.

use crate::story::{Frame, Seed};

/// The grain's pattern is so many samples a side and repeats at another place on each frame.
const SIDE: usize = 512;
/// How many steps of luma grain moves a middle grey at most often (one standard deviation) at full strength.
const STRENGTH: f64 = 14.0;

/// Film grain, ready for any frame.
pub(super) struct Grain {
    pattern: Vec<i16>,
    /// How much of it each luma takes, in 1/256: least in black and white.
    share: [i16; 256],
    seed: Seed,
}

impl Grain {
    /// Grain of `amount` (0 ..= 1).
    pub(super) fn new(amount: f32, seed: Seed) -> Self {
        let mut state = seed.derive("grain", 0).0 | 1;
        let mut throw = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 40) as f64 / f64::from(1u32 << 24) - 0.5
        };
        // Four throws come near a bell curve; neighbours share some, so that grains are larger than pixels.
        let raw: Vec<f64> =
            (0..SIDE * SIDE).map(|_| (throw() + throw() + throw() + throw()) * 1.73).collect();
        let at = |x: usize, y: usize| raw[y % SIDE * SIDE + x % SIDE];
        let soft = |i: usize| {
            let (x, y) = (i % SIDE + SIDE, i / SIDE + SIDE);
            let beside = at(x - 1, y) + at(x + 1, y) + at(x, y - 1) + at(x, y + 1);
            (at(x, y) + 0.45 * beside) / 1.345
        };
        let pattern = (0..SIDE * SIDE).map(|i| (soft(i) * 64.0).round() as i16).collect();
        let share = std::array::from_fn(|luma| {
            let light = (luma as f64 - 16.0).clamp(0.0, 219.0) / 219.0;
            let middle = (4.0 * light * (1.0 - light)).sqrt().max(0.25);
            (f64::from(amount) * STRENGTH * middle * 256.0 / 64.0).round() as i16
        });
        Self { pattern, share, seed }
    }

    /// Adds it to frame `frame`.
    pub(super) fn draw(&self, frame: u64, out: &mut Frame) {
        let place = self.seed.derive("grain place", frame).0 as usize;
        let (left, top) = (place % SIDE, place / SIDE % SIDE);
        for y in 0..out.y.height {
            let row = &self.pattern[(y + top) % SIDE * SIDE..][..SIDE];
            let luma = out.y.row_mut(y);
            // The pattern's row in stretches that do not wrap.
            let mut x = 0;
            while x < luma.len() {
                let from = (x + left) % SIDE;
                let count = (SIDE - from).min(luma.len() - x);
                for (value, grain) in luma[x..x + count].iter_mut().zip(&row[from..]) {
                    let moved = i32::from(*value)
                        + ((i32::from(*grain) * i32::from(self.share[usize::from(*value)]) + 128) >> 8);
                    *value = moved.clamp(16, 235) as u8;
                }
                x += count;
            }
        }
    }
}

/// Black bars above and below, each `share` of the frame's height.
pub(super) fn letterbox(share: f32, out: &mut Frame) {
    for (plane, black) in [(&mut out.y, 16), (&mut out.u, 128), (&mut out.v, 128)] {
        let rows = (f64::from(share) * plane.height as f64).round() as usize;
        let (count, end) = (rows.min(plane.height / 2) * plane.width, plane.data.len());
        plane.data[..count].fill(black);
        plane.data[end - count..].fill(black);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::story::Size;

    fn grey(level: u8) -> Frame {
        let mut frame = Frame::black(Size::new(640, 600));
        frame.y.data.fill(level);
        frame
    }

    fn moments(frame: &Frame) -> (f64, f64) {
        let count = frame.y.data.len() as f64;
        let mean = frame.y.data.iter().map(|&v| f64::from(v)).sum::<f64>() / count;
        let spread = frame.y.data.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / count;
        (mean, spread.sqrt())
    }

    #[test]
    fn grain_keeps_the_light_and_differs_from_frame_to_frame() {
        let grain = Grain::new(0.5, Seed(4));
        let (mut one, mut other, mut dark) = (grey(120), grey(120), grey(20));
        grain.draw(0, &mut one);
        grain.draw(1, &mut other);
        grain.draw(0, &mut dark);
        let (mean, spread) = moments(&one);
        assert!((mean - 120.0).abs() < 0.3, "{mean}");
        assert!((2.0..9.0).contains(&spread), "{spread}");
        assert!(moments(&dark).1 < spread / 2.0);
        assert!(one != other);
        let mut none = grey(120);
        Grain::new(0.0, Seed(4)).draw(0, &mut none);
        assert!(none == grey(120));
    }

    #[test]
    fn bars_are_black_and_as_high_as_asked() {
        let mut frame = grey(120);
        letterbox(0.1, &mut frame);
        let black = |y: usize| frame.y.row(y).iter().all(|&v| v == 16);
        assert!((0..60).all(black) && (540..600).all(black) && !black(60) && !black(539));
    }
}
