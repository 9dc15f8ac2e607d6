//! The same arithmetic, 16 pixels at a time.
#![expect(
    unsafe_code,
    reason = "AVX2 instructions; every pointer comes from a slice whose length was checked"
)]

use std::arch::x86_64::*;

use super::{
    portable,
    taps::{GROUP, Taps, WINDOW},
};

/// As [`portable::horizontal`]; the caller has found AVX2 on this processor.
pub(super) fn horizontal(pixels: &[u8], taps: &Taps, row: &mut [i16]) {
    assert!(row.len() == taps.padded_len() && taps.groups.len() * GROUP == row.len());
    assert!(taps.weights.len() == row.len() && taps.shuffles.len() == row.len());
    // SAFETY: `Kernel::detect` found AVX2.
    unsafe { horizontal_avx2(pixels, taps, row) }
}

/// As [`portable::vertical`]; the caller has found AVX2 on this processor.
pub(super) fn vertical(upper: &[i16], lower: &[i16], fraction: i16, out: &mut [u8]) {
    assert!(upper.len() >= out.len() && lower.len() >= out.len());
    // SAFETY: `Kernel::detect` found AVX2.
    unsafe { vertical_avx2(upper, lower, fraction, out) }
}

#[target_feature(enable = "avx2")]
fn horizontal_avx2(pixels: &[u8], taps: &Taps, row: &mut [i16]) {
    for (pair, groups) in taps.groups.chunks_exact(2).enumerate() {
        let at = pair * 2 * GROUP;
        let reach = |group: usize| groups[group].base as usize + WINDOW;
        let inside = reach(0) <= pixels.len() && reach(1) <= pixels.len();
        if !(inside && groups[0].fits && groups[1].fits) {
            portable::horizontal_part(pixels, taps, row, at..at + 2 * GROUP);
            continue;
        }
        // SAFETY: both windows lie in `pixels`; the table and the row hold 16 entries from `at` on,
        // two bytes each, which the caller asserted.
        unsafe {
            let window =
                |group: usize| _mm_loadu_si128(pixels.as_ptr().add(groups[group].base as usize).cast());
            let pixels = _mm256_set_m128i(window(1), window(0));
            let shuffle = _mm256_loadu_si256(taps.shuffles.as_ptr().add(at).cast());
            let weights = _mm256_loadu_si256(taps.weights.as_ptr().add(at).cast());
            let sums = _mm256_maddubs_epi16(_mm256_shuffle_epi8(pixels, shuffle), weights);
            _mm256_storeu_si256(row.as_mut_ptr().add(at).cast(), sums);
        }
    }
}

#[target_feature(enable = "avx2")]
fn vertical_avx2(upper: &[i16], lower: &[i16], fraction: i16, out: &mut [u8]) {
    const STEP: usize = 32;
    if out.len() < STEP {
        return portable::vertical(upper, lower, fraction, out);
    }
    let fraction = _mm256_set1_epi16(fraction);
    let half = _mm256_set1_epi16(32);
    let mut at = 0;
    loop {
        // SAFETY: `at + 32` is at most the length of all three, as the caller asserted.
        unsafe {
            let blend = |at: usize| {
                let upper = _mm256_loadu_si256(upper.as_ptr().add(at).cast());
                let lower = _mm256_loadu_si256(lower.as_ptr().add(at).cast());
                let step = _mm256_mulhrs_epi16(_mm256_sub_epi16(lower, upper), fraction);
                _mm256_srai_epi16::<6>(_mm256_add_epi16(_mm256_add_epi16(upper, step), half))
            };
            let bytes = _mm256_packus_epi16(blend(at), blend(at + 16));
            let bytes = _mm256_permute4x64_epi64::<0b11_01_10_00>(bytes);
            _mm256_storeu_si256(out.as_mut_ptr().add(at).cast(), bytes);
        }
        if at + STEP == out.len() {
            break;
        }
        // The last step may overlap the one before it.
        at = (at + STEP).min(out.len() - STEP);
    }
}
