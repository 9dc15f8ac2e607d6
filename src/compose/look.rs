//! What a colour look makes of the pixels of a still.

use image::RgbImage;

use super::Lut;
use crate::story::Grade;

/// How much light each primary gives (ITU-R BT.709-6, item 3.2).
const LIGHT: [f32; 3] = [0.2126, 0.7152, 0.0722];
/// From here on, of white, a channel that a gain would drive over white is bent below it, as film does: what is not
/// white in the still is not white in the frame, and what lies below is left alone.
const KNEE: f32 = 0.75;
/// How much of the light that a bright still has too much is taken from all of it alike: so that white becomes a
/// grey. The rest is taken by deepening what is darker than white, which spreads the shades of fog.
const ALIKE: f32 = 0.25;
/// The exponent that deepens most: a white wall shall not show the last bits of its noise.
const DEEPEST: f32 = 3.0;

/// A colour look, worked out as far as it can be before the first pixel.
pub(super) struct Look<'a> {
    curves: [[f32; 256]; 3],
    saturation: f32,
    vignette: f32,
    centre: [f32; 2],
    /// The inverse of the squared distance from the centre to a corner.
    reach: f32,
    lut: Option<&'a Lut>,
}

impl<'a> Look<'a> {
    /// The look of `grade` on `still`, whose rows are given to [`row`](Self::row).
    pub(super) fn new(grade: &Grade, lut: Option<&'a Lut>, still: &RgbImage) -> Self {
        let exposure = Exposure::of(still, grade.brightest);
        let curve = |channel: usize| {
            let (gain, lift) = (grade.gain[channel], grade.lift[channel]);
            std::array::from_fn(|code| {
                let value = bent(exposure.light(code as f32 / 255.0) * gain + lift, gain + lift);
                value.clamp(0.0, 1.0).powf(1.0 / grade.gamma[channel])
            })
        };
        let centre = [still.width(), still.height()].map(|side| side as f32 / 2.0 - 0.5);
        Self {
            curves: std::array::from_fn(curve),
            saturation: grade.saturation,
            vignette: grade.vignette,
            centre,
            reach: 1.0 / (centre[0] * centre[0] + centre[1] * centre[1]),
            lut,
        }
    }

    /// What row `y` of packed pixels becomes, 0 ..= 1.
    pub(super) fn row(&self, pixels: &[u8], y: usize, [red, green, blue]: &mut [Vec<f32>; 3]) {
        let width = red.len();
        let (red, green, blue) = (&mut red[..], &mut green[..width], &mut blue[..width]);
        for (x, pixel) in pixels.chunks_exact(3).take(width).enumerate() {
            red[x] = self.curves[0][usize::from(pixel[0])];
            green[x] = self.curves[1][usize::from(pixel[1])];
            blue[x] = self.curves[2][usize::from(pixel[2])];
        }
        for x in 0..width {
            let luma = LIGHT[0] * red[x] + LIGHT[1] * green[x] + LIGHT[2] * blue[x];
            for c in [&mut red[x], &mut green[x], &mut blue[x]] {
                *c = (luma + (*c - luma) * self.saturation).clamp(0.0, 1.0);
            }
        }
        if let Some(lut) = self.lut {
            for x in 0..width {
                [red[x], green[x], blue[x]] = lut.apply([red[x], green[x], blue[x]]);
            }
        }
        let dy = y as f32 - self.centre[1];
        for x in 0..width {
            let dx = x as i32 as f32 - self.centre[0];
            let distance = (dx * dx + dy * dy) * self.reach;
            let light = 1.0 - self.vignette * distance * distance;
            for c in [&mut red[x], &mut green[x], &mut blue[x]] {
                *c = (*c * light).clamp(0.0, 1.0);
            }
        }
    }
}

/// `value`, of values up to `most`, bent from the knee on so that `most` becomes white: without a corner, and no two
/// values become one.
fn bent(value: f32, most: f32) -> f32 {
    if most <= 1.0 || value <= KNEE {
        return value;
    }
    let along = (value - KNEE) / (most - KNEE);
    let slope = (most - KNEE) / (1.0 - KNEE);
    KNEE + (1.0 - KNEE) * slope * along / (1.0 + (slope - 1.0) * along)
}

/// How a still is exposed: `factor * light ^ exponent`.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Exposure {
    factor: f32,
    exponent: f32,
}

impl Exposure {
    /// Less than it has, for a still whose mean light is over `brightest`.
    fn of(still: &RgbImage, brightest: f32) -> Self {
        let none = Self { factor: 1.0, exponent: 1.0 };
        if brightest >= 1.0 {
            return none;
        }
        let mut sums = [0u64; 3];
        for pixel in still.as_raw().chunks_exact(3) {
            (0..3).for_each(|c| sums[c] += u64::from(pixel[c]));
        }
        let pixels = u64::from(still.width()) * u64::from(still.height());
        let mean: f64 = (0..3).map(|c| f64::from(LIGHT[c]) * sums[c] as f64).sum();
        let mean = (mean / (255.0 * pixels.max(1) as f64)) as f32;
        if mean <= brightest {
            return none;
        }
        let deepening = 1.0 + (1.0 - ALIKE) * (brightest.ln() / mean.ln() - 1.0);
        // The logarithm of white is none.
        let exponent = if mean < 1.0 { deepening.min(DEEPEST) } else { DEEPEST };
        Self { factor: (brightest / mean).powf(ALIKE), exponent }
    }

    fn light(self, light: f32) -> f32 {
        self.factor * light.powf(self.exponent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;

    fn grey(width: u32, height: u32, level: u8) -> RgbImage {
        RgbImage::from_pixel(width, height, Rgb([level; 3]))
    }

    #[test]
    fn the_look_is_the_documented_formula() {
        let grade = Grade {
            lift: [0.1; 3],
            gamma: [2.0; 3],
            gain: [0.5; 3],
            saturation: 0.0,
            vignette: 0.5,
            ..Grade::default()
        };
        let look = Look::new(&grade, None, &grey(101, 101, 102));
        let want = (0.4f32 * 0.5 + 0.1).sqrt();
        let row = |y: usize| {
            let mut rgb = [(); 3].map(|()| vec![0.0; 101]);
            look.row(&[102; 303], y, &mut rgb);
            rgb
        };
        let [red, _, blue] = row(50);
        assert!((red[50] - want).abs() < 1e-3 && red[50] == blue[50], "{}, not {want}", red[50]);
        assert!((row(0)[1][0] - want * 0.5).abs() < 1e-2);
    }

    #[test]
    fn a_gain_over_white_keeps_the_shades_of_what_is_bright_and_all_of_what_is_not() {
        for most in [1.02, 1.1, 1.5] {
            let curve: Vec<f32> = (0..=255).map(|code| bent(code as f32 / 255.0 * most, most)).collect();
            assert!((curve[255] - 1.0).abs() < 1e-6);
            for (code, pair) in curve.windows(2).enumerate() {
                let step = (pair[1] - pair[0]) * 255.0;
                assert!((0.15..most + 0.01).contains(&step), "a step of {step} after {code} at {most}");
            }
            let below = (KNEE / most * 255.0) as usize;
            assert!((curve[below] - below as f32 / 255.0 * most).abs() < 1e-6);
        }
        // A look that drives nothing over white bends nothing.
        assert_eq!(bent(0.97, 0.99), 0.97);
    }

    #[test]
    fn bright_stills_are_exposed_less_the_brighter_they_are_and_others_as_they_were() {
        let at = |level: u8| Exposure::of(&grey(4, 4, level), 0.6);
        let none = Exposure { factor: 1.0, exponent: 1.0 };
        assert_eq!(at(0), none);
        assert_eq!(at(150), none);
        assert_eq!(Exposure::of(&grey(4, 4, 250), 1.0), none);
        // No jump where it begins, and a mean that comes to what may be.
        assert!(at(154).exponent < 1.02 && at(154).factor > 0.995, "{:?}", at(154));
        for level in [170u8, 190, 200] {
            assert!((at(level).light(f32::from(level) / 255.0) - 0.6).abs() < 1e-3, "{:?}", at(level));
        }
        let exposed: Vec<Exposure> = [160, 190, 220, 245, 255].map(at).to_vec();
        for pair in exposed.windows(2) {
            assert!(pair[1].factor < pair[0].factor && pair[1].exponent >= pair[0].exponent, "{pair:?}");
        }
        assert_eq!(exposed[4].exponent, DEEPEST);
    }
}
