//! The same arithmetic, eight pixels at a time.
#![expect(
    unsafe_code,
    reason = "NEON instructions; every pointer comes from a slice whose length was checked"
)]

use std::arch::aarch64::*;

use super::{
    portable,
    taps::{GROUP, Taps, WINDOW},
};

/// As [`portable::horizontal`]; every aarch64 processor has NEON.
pub(super) fn horizontal(pixels: &[u8], taps: &Taps, row: &mut [i16]) {
    assert!(row.len() == taps.padded_len() && taps.groups.len() * GROUP == row.len());
    assert!(taps.weights.len() == row.len() && taps.shuffles.len() == row.len());
    for (number, group) in taps.groups.iter().enumerate() {
        let at = number * GROUP;
        if !group.fits || group.base as usize + WINDOW > pixels.len() {
            portable::horizontal_part(pixels, taps, row, at..at + GROUP);
            continue;
        }
        // SAFETY: the window lies in `pixels`; tables and row hold 8 entries from `at` on, two bytes each,
        // as asserted. No weight is negative, and 64 times 255 fits 16 bits with a sign.
        unsafe {
            let window = vld1q_u8(pixels.as_ptr().add(group.base as usize));
            let pairs = vqtbl1q_u8(window, vld1q_u8(taps.shuffles.as_ptr().add(at).cast()));
            let weights = vld1q_u8(taps.weights.as_ptr().add(at).cast());
            let low = vmull_u8(vget_low_u8(pairs), vget_low_u8(weights));
            let high = vmull_high_u8(pairs, weights);
            vst1q_s16(row.as_mut_ptr().add(at), vreinterpretq_s16_u16(vpaddq_u16(low, high)));
        }
    }
}

/// As [`portable::vertical`].
pub(super) fn vertical(upper: &[i16], lower: &[i16], fraction: i16, out: &mut [u8]) {
    const STEP: usize = 16;
    assert!(upper.len() >= out.len() && lower.len() >= out.len());
    if out.len() < STEP {
        return portable::vertical(upper, lower, fraction, out);
    }
    let mut at = 0;
    loop {
        // SAFETY: `at + 16` is at most the length of all three, as asserted.
        unsafe {
            let blend = |at: usize| {
                let (upper, lower) = (vld1q_s16(upper.as_ptr().add(at)), vld1q_s16(lower.as_ptr().add(at)));
                // Doubled, rounded and halved by 2^16: what `portable` shifts by 15.
                let step = vqrdmulhq_n_s16(vsubq_s16(lower, upper), fraction);
                vqrshrun_n_s16::<6>(vaddq_s16(upper, step))
            };
            vst1q_u8(out.as_mut_ptr().add(at), vcombine_u8(blend(at), blend(at + 8)));
        }
        if at + STEP == out.len() {
            break;
        }
        // The last step may overlap the one before it.
        at = (at + STEP).min(out.len() - STEP);
    }
}
