//! Pictures with nothing on them: what a model that overflowed draws.

use ndarray::Array4;

use super::Picture;

/// A picture without content, with the measure that told so.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum Blank {
    /// Latents that are no numbers: an overflow, nearly always in 16-bit floats.
    #[error(
        "{count} of {total} latents are not numbers: the model overflows at this precision; use its 32-bit weights"
    )]
    NotNumbers {
        /// How many.
        count: usize,
        /// Of how many.
        total: usize,
    },
    /// One colour all over.
    #[error(
        "the picture is one colour: its channels deviate by {deviation:.2} of 255 at most, below {LEAST}"
    )]
    OneColour {
        /// The largest standard deviation of a channel, 0 ..= 255.
        deviation: f64,
    },
}

/// The standard deviation, of 255, that the liveliest channel of any real picture has. A flat
/// grey with noise of one step has 1; a misty morning has more than 8.
const LEAST: f64 = 1.5;

/// Whether there is something on the picture.
pub fn check(picture: &Picture) -> Result<(), Blank> {
    latents_are_numbers(&picture.latents)?;
    let pixels = f64::from(picture.image.width()) * f64::from(picture.image.height());
    let (mut sum, mut squares) = ([0.0; 3], [0.0; 3]);
    for pixel in picture.image.pixels() {
        for (channel, &value) in pixel.0.iter().enumerate() {
            sum[channel] += f64::from(value);
            squares[channel] += f64::from(value).powi(2);
        }
    }
    let deviation =
        |channel: usize| (squares[channel] / pixels - (sum[channel] / pixels).powi(2)).max(0.0).sqrt();
    let deviation = (0..3).map(deviation).fold(0.0, f64::max);
    if deviation < LEAST { Err(Blank::OneColour { deviation }) } else { Ok(()) }
}

pub(super) fn latents_are_numbers(latents: &Array4<f32>) -> Result<(), Blank> {
    let count = latents.iter().filter(|value| !value.is_finite()).count();
    if count > 0 { Err(Blank::NotNumbers { count, total: latents.len() }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{Rgb, RgbImage};

    fn picture(image: RgbImage) -> Picture {
        Picture { image, latents: Array4::zeros((1, 4, 2, 2)) }
    }

    #[test]
    fn a_picture_passes_and_nothing_does_not() {
        let gradient = RgbImage::from_fn(64, 64, |x, _| Rgb([x as u8, 0, 0]));
        assert_eq!(check(&picture(gradient)), Ok(()));
        for flat in [Rgb([0, 0, 0]), Rgb([128, 127, 128]), Rgb([255, 255, 255])] {
            let blank = check(&picture(RgbImage::from_pixel(64, 64, flat)));
            assert_eq!(blank, Err(Blank::OneColour { deviation: 0.0 }));
        }
        // One step of noise is still nothing.
        let noisy = RgbImage::from_fn(64, 64, |x, y| Rgb([100 + ((x * 7 + y * 13) % 3) as u8; 3]));
        assert!(matches!(check(&picture(noisy)), Err(Blank::OneColour { .. })));
    }

    #[test]
    fn latents_that_are_no_numbers_are_counted() {
        let mut broken = picture(RgbImage::from_fn(8, 8, |x, y| Rgb([(x * 30) as u8, (y * 30) as u8, 0])));
        broken.latents[[0, 1, 0, 0]] = f32::NAN;
        broken.latents[[0, 3, 1, 1]] = f32::INFINITY;
        let blank = check(&broken).unwrap_err();
        assert_eq!(blank, Blank::NotNumbers { count: 2, total: 16 });
        assert!(blank.to_string().contains("2 of 16"));
    }
}
