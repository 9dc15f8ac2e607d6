//! The arithmetic of resampling, for any processor; what the other kernels are held to.

use std::ops::Range;

use super::taps::Taps;

/// Resamples one row along x; `pixels` begins with it. Results are 64 times the sample.
pub(super) fn horizontal(pixels: &[u8], taps: &Taps, row: &mut [i16]) {
    horizontal_part(pixels, taps, row, 0..taps.padded_len());
}

/// The same for some output pixels only.
pub(super) fn horizontal_part(pixels: &[u8], taps: &Taps, row: &mut [i16], part: Range<usize>) {
    let pairs = taps.left[part.clone()].iter().zip(&taps.weights[part.clone()]);
    for (value, (&left, weights)) in row[part].iter_mut().zip(pairs) {
        let left = left as usize;
        *value = i16::from(pixels[left]) * i16::from(weights[0])
            + i16::from(pixels[left + 1]) * i16::from(weights[1]);
    }
}

/// Blends two resampled rows: `fraction` / 32768 of `lower`.
pub(super) fn vertical(upper: &[i16], lower: &[i16], fraction: i16, out: &mut [u8]) {
    for ((out, &upper), &lower) in out.iter_mut().zip(upper).zip(lower) {
        let step = (i32::from(lower - upper) * i32::from(fraction) + 0x4000) >> 15;
        *out = ((i32::from(upper) + step + 32) >> 6) as u8;
    }
}
