//! Crops to an aspect and resamples.

use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};
use image::RgbImage;

use crate::story::{Crop, Size};

use super::Error;

/// The size of what [`fit`] answers: `to` times `oversize`, to even numbers, which 4:2:0 needs.
pub fn fitted(to: Size, oversize: f64) -> Size {
    let even = |side: u32| ((f64::from(side) * oversize / 2.0).round() as u32 * 2).max(2);
    if oversize == 1.0 { to } else { Size::new(even(to.width), even(to.height)) }
}

/// The middle of a picture, as shares of its sides.
pub const MIDDLE: [f64; 2] = [0.5, 0.5];

/// Whether [`fit`] leaves something of a picture out.
pub fn crops(from: Size, to: Size) -> bool {
    u64::from(from.width) * u64::from(to.height) != u64::from(from.height) * u64::from(to.width)
}

/// `image`, cropped to the aspect of `to` with the place `around` (shares of its sides) as near to the middle as its
/// borders allow, and resampled with Lanczos (three
/// lobes) to exactly [`fitted`]`(to, oversize)`; `oversize`, 1 ..= 4, leaves a camera room to
/// come closer.
///
/// It works on the sRGB values as they are, not on linear light. Linear light is right for
/// making smaller, where pixels are averaged. For making larger it was tried on edges, lines and
/// textures at 3.75 times (`tests` below hold the first three):
///
/// | | sRGB | linear light |
/// |---|---|---|
/// | undershoot, overshoot at an edge from 40 to 215 | 20, 20 | 40, 10 |
/// | the edge moves (pixels of the result, to the dark side) | 0.0 | 0.6 |
/// | a dark line, 7.5 wide | 8 | 6 |
/// | mean light of a random texture | -1.3 % | +0.4 % |
///
/// Halos twice as deep on the dark side, where the eye is keen, and shapes that change their
/// width weigh more than a percent of light.
pub fn fit(image: &RgbImage, to: Size, oversize: f64, around: [f64; 2]) -> Result<RgbImage, Error> {
    let from = Size::new(image.width(), image.height());
    if from.area() == 0 || to.area() == 0 || !(1.0..=4.0).contains(&oversize) {
        return Err(Error::Impossible { from, to, oversize });
    }
    let size = fitted(to, oversize);
    if from == size {
        return Ok(image.clone());
    }
    let Crop { origin, sides } = Crop::around(around, from, to);
    // How what is cut off is divided between both sides.
    let share = |axis: usize| if sides[axis] < 1.0 { origin[axis] / (1.0 - sides[axis]) } else { 0.5 };
    let mut fitted = RgbImage::new(size.width, size.height);
    let options = ResizeOptions::new()
        .resize_alg(ResizeAlg::Convolution(FilterType::Lanczos3))
        .fit_into_destination(Some((share(0), share(1))));
    Resizer::new().resize(image, &mut fitted, &options)?;
    Ok(fitted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;

    const TO: Size = Size::new(1080, 1920);

    fn row(image: &RgbImage) -> Vec<i32> {
        let y = image.height() / 2;
        (0..image.width()).map(|x| i32::from(image.get_pixel(x, y).0[0])).collect()
    }

    fn grey(value: i32) -> Rgb<u8> {
        Rgb([value as u8; 3])
    }

    /// Bands of grey from left to right, or from above to below.
    fn bands(width: u32, height: u32) -> RgbImage {
        RgbImage::from_fn(width, height, |x, y| grey((if width > height { x } else { y } / 8) as i32))
    }

    #[test]
    fn what_is_kept_lies_around_the_place_as_far_as_the_borders_allow() {
        for (from, at) in [((1280, 720), 0), ((360, 1280), 1)] {
            let image = bands(from.0, from.1);
            let long = from.0.max(from.1);
            let kept = if at == 0 { 405.0 } else { 640.0 };
            for (place, middle) in
                [(0.5, 640.0), (0.4, 512.0), (0.0, kept / 2.0), (1.0, f64::from(long) - kept / 2.0)]
            {
                let mut around = MIDDLE;
                around[at] = place;
                let fitted = fit(&image, TO, 1.0, around).unwrap();
                let found = i32::from(fitted.get_pixel(540, 960).0[0]);
                assert!((found - (middle / 8.0) as i32).abs() <= 1, "{from:?} around {place}: {found}");
            }
        }
    }

    #[test]
    fn the_result_has_exactly_the_size_asked_for() {
        for from in [(288, 512), (704, 1280), (512, 512), (1280, 720), (1, 1), (1080, 1920), (2160, 3840)] {
            let image = RgbImage::from_pixel(from.0, from.1, grey(90));
            let fitted = fit(&image, TO, 1.0, MIDDLE).unwrap();
            assert_eq!(fitted.dimensions(), (1080, 1920), "{from:?}");
            assert!(fitted.pixels().all(|pixel| *pixel == grey(90)), "{from:?}");
        }
        let image = RgbImage::from_pixel(288, 512, grey(90));
        assert_eq!(fit(&image, TO, 1.18, MIDDLE).unwrap().dimensions(), (1274, 2266));
        assert!(fit(&image, TO, 0.9, MIDDLE).is_err());
        assert!(fit(&image, TO, f64::NAN, MIDDLE).is_err());
        assert!(fit(&RgbImage::new(0, 3), TO, 1.0, MIDDLE).is_err());
    }

    #[test]
    fn what_does_not_fit_is_cropped_evenly_on_both_sides() {
        // Of a square, 9:16 keeps the columns 112 to 400.
        let image = RgbImage::from_fn(512, 512, |x, _| grey(if (114..398).contains(&x) { 200 } else { 10 }));
        let fitted = row(&fit(&image, TO, 1.0, MIDDLE).unwrap());
        assert!(fitted[0] < 60 && fitted[1079] < 60, "{} {}", fitted[0], fitted[1079]);
        assert!(fitted[20] > 190 && fitted[1059] > 190);
        assert_eq!(fitted.iter().rev().copied().collect::<Vec<_>>(), fitted);
    }

    #[test]
    fn an_edge_rings_evenly_and_stays_where_it_is() {
        let image = RgbImage::from_fn(288, 512, |x, _| grey(if x < 144 { 40 } else { 215 }));
        let fitted = row(&fit(&image, TO, 1.0, MIDDLE).unwrap());
        let (least, most) = (*fitted.iter().min().unwrap(), *fitted.iter().max().unwrap());
        let (under, over) = (40 - least, most - 215);
        assert!((under - over).abs() <= 2 && under <= 24, "undershoot {under}, overshoot {over}");
        assert!(fitted[539] < 127 && fitted[540] > 127, "{} {}", fitted[539], fitted[540]);
    }

    #[test]
    fn bright_and_dark_lines_keep_their_width() {
        for (ground, line) in [(30, 220), (220, 30)] {
            let image =
                RgbImage::from_fn(288, 512, |x, _| grey(if (143..145).contains(&x) { line } else { ground }));
            let fitted = row(&fit(&image, TO, 1.0, MIDDLE).unwrap());
            let wide = fitted.iter().filter(|value| (*value - ground).abs() > 95).count();
            assert!((7..=8).contains(&wide), "{wide} instead of 7.5");
        }
    }

    #[test]
    fn a_gradient_stays_monotonous_and_as_bright() {
        let image = RgbImage::from_fn(288, 512, |x, _| grey((x * 255 / 287) as i32));
        let fitted = row(&fit(&image, TO, 1.0, MIDDLE).unwrap());
        assert!(fitted.windows(2).all(|pair| pair[0] <= pair[1] + 1), "{fitted:?}");
        let mean = |values: &[i32]| values.iter().sum::<i32>() as f64 / values.len() as f64;
        assert!((mean(&fitted) - mean(&row(&image))).abs() < 0.5);
    }
}
