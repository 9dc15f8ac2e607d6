//! A still made ready for the camera, once: sized, graded, in planes.

use fast_image_resize::{
    FilterType, ResizeAlg, ResizeOptions, Resizer,
    images::{TypedImage, TypedImageRef},
    pixels::U8x3,
};
use image::RgbImage;

use super::{Lut, StillError, look::Look, yuv};
use crate::story::{CameraMove, Frame, Grade, Size};

/// A still as planes, sampled from by the camera.
pub(super) struct Prepared {
    pub(super) planes: Frame,
}

impl Prepared {
    /// Sizes `still` for `camera` in a frame of `frame_size`, applies the look and its table, converts.
    pub(super) fn new(
        still: RgbImage,
        camera: &CameraMove,
        grade: (&Grade, Option<&Lut>),
        frame_size: Size,
    ) -> Result<Self, StillError> {
        let size = working_size(Size::new(still.width(), still.height()), camera, frame_size);
        Ok(Self { planes: convert(&resized(still, size)?, grade) })
    }
}

/// The size at which one pixel of the still fills one pixel of the frame at the camera's nearest,
/// unless its way in is so long that its farthest would then skip pixels.
///
/// So the camera never enlarges, hardly ever shrinks, and bilinear sampling is enough.
fn working_size(still: Size, camera: &CameraMove, frame: Size) -> Size {
    let nearest = camera.zoom_from.max(camera.zoom_to);
    let farthest = camera.zoom_from.min(camera.zoom_to);
    let zoom = nearest.min(farthest * 1.5);
    let scale = zoom
        * (f64::from(frame.width) / f64::from(still.width))
            .max(f64::from(frame.height) / f64::from(still.height));
    // A few per cent are not worth another resampling.
    let scale = if (0.9..=1.02).contains(&scale) { 1.0 } else { scale };
    let even = |side: u32| ((f64::from(side) * scale / 2.0).round() as u32 * 2).max(2);
    Size::new(even(still.width), even(still.height))
}

fn resized(still: RgbImage, size: Size) -> Result<RgbImage, StillError> {
    if (still.width(), still.height()) == (size.width, size.height) {
        return Ok(still);
    }
    let mut out = RgbImage::new(size.width, size.height);
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Lanczos3));
    let from = TypedImageRef::<U8x3>::from_buffer(still.width(), still.height(), still.as_raw())?;
    let mut to = TypedImage::<U8x3>::from_buffer(size.width, size.height, &mut out)?;
    // Naming the pixel keeps the other twelve kinds out of the program.
    Resizer::new().resize_typed(&from, &mut to, &options)?;
    Ok(out)
}

/// `still` graded, in planes. Rounding is dithered, so that skies and shadows show no bands.
fn convert(still: &RgbImage, (grade, lut): (&Grade, Option<&Lut>)) -> Frame {
    let (width, height) = (still.width() as usize, still.height() as usize);
    let mut frame = Frame::black(Size::new(width as u32, height as u32));
    let look = Look::new(grade, lut, still);
    // Whole rows at a time and a step at a time: loops that the compiler turns into vector code.
    let mut rgb = [(); 3].map(|()| vec![0.0f32; width]);
    let mut luma = vec![0.0f32; width];
    let mut chroma = [(); 4].map(|()| vec![0.0f32; width]);
    let mut halved = vec![0.0f32; width / 2];
    for (y, row) in still.as_raw().chunks_exact(3 * width).enumerate() {
        look.row(row, y, &mut rgb);
        let [upper_u, lower_u, upper_v, lower_v] = &mut chroma;
        let (u, v) = if y % 2 == 0 { (&mut *upper_u, &mut *upper_v) } else { (&mut *lower_u, &mut *lower_v) };
        yuv::row_from_rgb(&rgb, &mut luma, u, v);
        dither(&luma, (0, y), frame.y.row_mut(y));
        if y % 2 == 1 {
            yuv::halve_chroma(upper_u, lower_u, |x, value| halved[x] = value);
            dither(&halved, (0, y), frame.u.row_mut(y / 2));
            yuv::halve_chroma(upper_v, lower_v, |x, value| halved[x] = value);
            dither(&halved, (37, y), frame.v.row_mut(y / 2));
        }
    }
    frame
}

/// Rounds up or down by a threshold that differs from pixel to pixel: interleaved gradient noise
/// (J. Jimenez, "Next Generation Post Processing in Call of Duty", 2014). `values` are 0 to 255, those of the
/// pixels from `x` on in row `y`.
fn dither(values: &[f32], (x, y): (u32, usize), codes: &mut [u8]) {
    let below = 0.005_837_15 * y as f32;
    let codes = &mut codes[..values.len()];
    for i in 0..values.len() {
        let inner = 0.067_110_56 * (x as i32 + i as i32) as f32 + below;
        let threshold = 52.982_918 * (inner - floor(inner));
        // A value that is whole stays whole.
        let value = values[i] + (threshold - floor(threshold)) * 0.998 + 0.001;
        codes[i] = (floor(value) + WHOLE).to_bits() as u8;
    }
}

/// From here on a 32-bit float is a whole number, and its lowest bits are that number's.
const WHOLE: f32 = 8_388_608.0;

/// The whole number at or below a `number` of 0 to a million: `f32::floor` is a call on processors without SSE 4.1.
#[inline(always)]
fn floor(number: f32) -> f32 {
    let nearest = (number + WHOLE) - WHOLE;
    if nearest > number { nearest - 1.0 } else { nearest }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::story::CameraMove;

    fn hold(zoom: f64) -> CameraMove {
        CameraMove { from: [0.5, 0.5], zoom_from: 1.0, to: [0.5, 0.5], zoom_to: zoom, sway: None }
    }

    #[test]
    fn a_still_of_one_colour_keeps_its_code_everywhere() {
        let red = RgbImage::from_pixel(40, 30, image::Rgb([255, 0, 0]));
        let planes = convert(&red, (&Grade::default(), None));
        for (plane, code) in [(&planes.y, 63), (&planes.u, 102), (&planes.v, 240)] {
            assert!(plane.data.iter().all(|&c| c.abs_diff(code) <= 1), "{code}: {:?}", &plane.data[..8]);
        }
    }

    #[test]
    fn dithering_keeps_the_mean() {
        let mean = |value: f32| {
            let mut codes = [0; 64];
            let row = |y: usize| {
                dither(&[value; 64], (0, y), &mut codes);
                codes.iter().map(|&code| f64::from(code)).sum::<f64>()
            };
            (0..64).map(row).sum::<f64>() / (64.0 * 64.0)
        };
        for value in [16.0f32, 100.25, 100.5, 234.9] {
            assert!((mean(value) - f64::from(value)).abs() < 0.02, "{value}: {}", mean(value));
        }
    }

    #[test]
    fn the_camera_hardly_ever_shrinks_and_never_enlarges() {
        let frame = Size::new(1080, 1920);
        assert_eq!(working_size(frame, &hold(1.0), frame), frame);
        assert_eq!(working_size(frame, &hold(1.2), frame), Size::new(1296, 2304));
        assert_eq!(working_size(Size::new(2160, 3840), &hold(1.2), frame), Size::new(1296, 2304));
        // A wide still keeps its width for the camera to pan over.
        assert_eq!(working_size(Size::new(4000, 1920), &hold(1.0), frame), Size::new(4000, 1920));
        assert_eq!(working_size(frame, &hold(4.0), frame), Size::new(1620, 2880));
    }
}
