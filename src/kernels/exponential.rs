//! Powers of two, a vector at a time.

use std::f32::consts::LN_2;

use pulp::Simd;

/// Below it lies nothing but zeros and numbers that are not normal.
const LEAST: f32 = -125.0;
/// One and a half times 2 to the 23rd, and what exponents are stored with: what is added to it loses its fraction, and
/// its last nine bits are an exponent.
const INTO_EXPONENT: f32 = 12_582_912.0 + 127.0;
/// Of 2 to the x for x between -0.5 and 0.5, the highest power first: off by 1.6e-8 of it at most (fitted to that end,
/// by least squares with weights).
const POWERS: [f32; 7] =
    [1.534_581_2e-4, 1.339_993_1e-3, 9.618_489e-3, 5.550_328_8e-2, 0.240_226_47, LN_2, 1.0];

/// 2 to the power of each number, none of which is above 127; what is not a number stays so.
#[inline(always)]
pub(super) fn of_two<S: Simd>(simd: S, powers: S::f32s) -> S::f32s {
    // On x86 the second is taken where one is not a number.
    let powers = simd.max_f32s(simd.splat_f32s(LEAST), powers);
    let turned = simd.add_f32s(powers, simd.splat_f32s(INTO_EXPONENT));
    let whole = simd.sub_f32s(turned, simd.splat_f32s(INTO_EXPONENT));
    let rest = simd.sub_f32s(powers, whole);
    let mut sum = simd.splat_f32s(POWERS[0]);
    for power in 1..POWERS.len() {
        sum = simd.mul_add_e_f32s(sum, rest, simd.splat_f32s(POWERS[power]));
    }
    let bits: S::u32s = simd.transmute_u32s_f32s(turned);
    let scale = simd.transmute_f32s_u32s(simd.wrapping_dyn_shl_u32s(bits, simd.splat_u32s(23)));
    simd.mul_f32s(sum, scale)
}

#[cfg(test)]
mod tests {
    use pulp::{Arch, WithSimd};

    use super::*;

    struct All<'a>(&'a mut [f32]);

    impl WithSimd for All<'_> {
        type Output = ();

        fn with_simd<S: Simd>(self, simd: S) {
            for power in S::as_mut_simd_f32s(self.0).0 {
                *power = of_two(simd, *power);
            }
        }
    }

    #[test]
    fn powers_of_two_are_off_by_a_last_place() {
        let powers: Vec<f32> = (0..160_000).map(|at| at as f32 * 1e-3 - 125.0).collect();
        let mut answers = powers.clone();
        Arch::new().dispatch(All(&mut answers));
        let off = powers.iter().zip(&answers).filter(|(power, _)| **power <= 30.0);
        let off = off.map(|(&power, &answer)| (f64::from(answer) / f64::from(power).exp2() - 1.0).abs());
        let most = off.fold(0.0, f64::max);
        assert!(most < 1.5e-7, "{most}");
    }

    #[test]
    fn what_is_far_below_is_nothing_and_what_is_no_number_stays_so() {
        let mut numbers = [f32::NEG_INFINITY, -1e9, f32::NAN, 0.0, f32::INFINITY - f32::INFINITY].repeat(16);
        Arch::new().dispatch(All(&mut numbers));
        for five in numbers.chunks(5) {
            assert!(five[0] < 1e-37 && five[1] < 1e-37 && five[2].is_nan() && five[3] == 1.0, "{five:?}");
            assert!(five[4].is_nan());
        }
    }
}
