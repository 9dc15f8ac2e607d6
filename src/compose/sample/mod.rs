//! Reads a plane at fractional positions: the move of a camera, a fraction of a pixel a frame.
//!
//! A view without rotation is separable. Each source row is first resampled along x into
//! 14-bit integers, once, and kept while output rows need it; output rows then blend two of
//! them. Weights are 1/64 of a pixel along x, where what rounding leaves goes on to the next pixel,
//! and 1/32768 along y. All kernels do the same integer arithmetic, so they give the same bytes.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "aarch64")]
mod neon;
mod portable;
mod taps;

pub(super) use taps::Ramp;
use taps::Taps;

use crate::story::Plane;

/// The instructions in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kernel {
    #[cfg_attr(all(target_arch = "aarch64", not(test)), expect(dead_code, reason = "every aarch64 has NEON"))]
    Portable,
    #[cfg(target_arch = "aarch64")]
    Neon,
    #[cfg(target_arch = "x86_64")]
    Avx2,
}

impl Kernel {
    /// The fastest that this processor has.
    fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("avx2") {
            return Self::Avx2;
        }
        #[cfg(target_arch = "aarch64")]
        return Self::Neon;
        #[cfg(not(target_arch = "aarch64"))]
        Self::Portable
    }
}

/// Resamples planes; keeps its buffers from one to the next.
pub(super) struct Sampler {
    kernel: Kernel,
    taps: Taps,
    /// The two source rows last resampled along x, with their numbers.
    rows: [(Option<usize>, Vec<i16>); 2],
}

impl Sampler {
    /// A sampler with the fastest kernel of this processor.
    pub(super) fn new() -> Self {
        Self::with_kernel(Kernel::detect())
    }

    fn with_kernel(kernel: Kernel) -> Self {
        Self { kernel, taps: Taps::default(), rows: [(None, Vec::new()), (None, Vec::new())] }
    }

    /// Fills `out` with `source` read along `x` and `y`; positions outside take the border.
    pub(super) fn sample(&mut self, source: &Plane, x: Ramp, y: Ramp, out: &mut Plane) {
        self.taps.fill(x, out.width, source.width);
        for (number, row) in &mut self.rows {
            *number = None;
            row.resize(self.taps.padded_len(), 0);
        }
        let bottom = source.height - 1;
        for j in 0..out.height {
            let position = y.at(j).clamp(0.0, bottom as f64);
            let above = position as usize;
            let fraction = ((position - above as f64) * 32768.0).round().min(32767.0) as i16;
            let upper = self.resampled(source, above, None);
            let lower = self.resampled(source, (above + 1).min(bottom), Some(upper));
            let (upper, lower) = (&self.rows[upper].1, &self.rows[lower].1);
            self.vertical(upper, lower, fraction, out.row_mut(j));
        }
    }

    /// Makes sure row `number` of `source` is resampled along x and says in which buffer;
    /// buffer `keep` is not touched.
    fn resampled(&mut self, source: &Plane, number: usize, keep: Option<usize>) -> usize {
        if let Some(at) = self.rows.iter().position(|(held, _)| *held == Some(number)) {
            return at;
        }
        // Rows are asked for downwards: the smaller number will not be asked for again.
        let at = match keep {
            Some(keep) => 1 - keep,
            None => usize::from(self.rows[0].0 > self.rows[1].0),
        };
        let (held, row) = &mut self.rows[at];
        *held = Some(number);
        let pixels = &source.data[number * source.width..];
        match self.kernel {
            Kernel::Portable => portable::horizontal(pixels, &self.taps, row),
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx2 => avx2::horizontal(pixels, &self.taps, row),
            #[cfg(target_arch = "aarch64")]
            Kernel::Neon => neon::horizontal(pixels, &self.taps, row),
        }
        at
    }

    fn vertical(&self, upper: &[i16], lower: &[i16], fraction: i16, out: &mut [u8]) {
        match self.kernel {
            Kernel::Portable => portable::vertical(upper, lower, fraction, out),
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx2 => avx2::vertical(upper, lower, fraction, out),
            #[cfg(target_arch = "aarch64")]
            Kernel::Neon => neon::vertical(upper, lower, fraction, out),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn noise(width: usize, height: usize, seed: u32) -> Plane {
        let mut state = seed | 1;
        let mut plane = Plane::filled(width, height, 0);
        for value in &mut plane.data {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            *value = (state >> 11) as u8;
        }
        plane
    }

    fn read(kernel: Kernel, source: &Plane, x: Ramp, y: Ramp, width: usize, height: usize) -> Plane {
        let mut out = Plane::filled(width, height, 0);
        Sampler::with_kernel(kernel).sample(source, x, y, &mut out);
        out
    }

    /// Bilinear reading in floating point, straight from its definition.
    fn exact(source: &Plane, x: Ramp, y: Ramp, i: usize, j: usize) -> f64 {
        let at = |x: f64, y: f64| f64::from(source.row(y as usize)[x as usize]);
        let (right, bottom) = ((source.width - 1) as f64, (source.height - 1) as f64);
        let (px, py) = (x.at(i).clamp(0.0, right), y.at(j).clamp(0.0, bottom));
        let (x0, y0) = (px.floor(), py.floor());
        let (fx, fy) = (px - x0, py - y0);
        let (x1, y1) = ((x0 + 1.0).min(right), (y0 + 1.0).min(bottom));
        let upper = at(x0, y0) * (1.0 - fx) + at(x1, y0) * fx;
        let lower = at(x0, y1) * (1.0 - fx) + at(x1, y1) * fx;
        upper * (1.0 - fy) + lower * fy
    }

    proptest! {
        #[test]
        fn every_kernel_reads_the_same_and_reads_right(
            (width, height) in (2usize..90, 1usize..40),
            (out_width, out_height) in (1usize..100, 1usize..30),
            (left, top) in (-3.0f64..20.0, -3.0f64..20.0),
            (dx, dy) in (0.05f64..3.0, 0.05f64..3.0),
            seed: u32,
        ) {
            let source = noise(width, height, seed);
            let (x, y) = (Ramp { start: left, step: dx }, Ramp { start: top, step: dy });
            let plain = read(Kernel::Portable, &source, x, y, out_width, out_height);
            let fast = read(Kernel::detect(), &source, x, y, out_width, out_height);
            prop_assert!(plain == fast);
            for j in 0..out_height {
                for i in 0..out_width {
                    let (want, got) = (exact(&source, x, y, i, j), f64::from(plain.row(j)[i]));
                    // 1/64 of a pixel over a step of 255, and rounding.
                    prop_assert!((want - got).abs() <= 4.6, "at {i},{j}: {got}, not {want}");
                }
            }
        }
    }

    #[test]
    fn whole_pixels_are_copied() {
        let source = noise(64, 48, 7);
        let ramp = Ramp { start: 0.0, step: 1.0 };
        assert_eq!(read(Kernel::detect(), &source, ramp, ramp, 64, 48), source);
    }
}
