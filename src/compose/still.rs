//! A still made ready for the camera, once: sized, graded, in planes.

use fast_image_resize::{
    FilterType, ResizeAlg, ResizeOptions, Resizer,
    images::{TypedImage, TypedImageRef},
    pixels::U8x3,
};
use image::RgbImage;

use super::{Lut, StillError, yuv};
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
    let look = Look::new(grade, lut, width, height);
    let mut chroma = [(); 4].map(|()| vec![0.0f32; width]);
    for (y, row) in still.as_raw().chunks_exact(3 * width).enumerate() {
        let lower = y % 2;
        let luma = frame.y.row_mut(y);
        for (x, pixel) in row.chunks_exact(3).enumerate() {
            let [l, u, v] = yuv::from_rgb(look.apply([pixel[0], pixel[1], pixel[2]], x, y));
            luma[x] = dithered(l, x, y);
            chroma[lower][x] = u;
            chroma[2 + lower][x] = v;
        }
        if lower == 1 {
            let [upper_u, lower_u, upper_v, lower_v] = &chroma;
            let (u, v) = (frame.u.row_mut(y / 2), frame.v.row_mut(y / 2));
            yuv::halve_chroma(upper_u, lower_u, |x, value| u[x] = dithered(value, x, y));
            yuv::halve_chroma(upper_v, lower_v, |x, value| v[x] = dithered(value, x + 37, y));
        }
    }
    frame
}

/// Rounds up or down by a threshold that differs from pixel to pixel: interleaved gradient noise
/// (J. Jimenez, "Next Generation Post Processing in Call of Duty", 2014).
#[inline]
fn dithered(value: f32, x: usize, y: usize) -> u8 {
    let inner = 0.067_110_56 * x as f32 + 0.005_837_15 * y as f32;
    let threshold = 52.982_918 * (inner - inner.floor());
    // A value that is whole stays whole.
    (value + (threshold - threshold.floor()) * 0.998 + 0.001) as u8
}

/// A colour look, worked out as far as it can be before the first pixel.
struct Look<'a> {
    curves: [[f32; 256]; 3],
    saturation: f32,
    vignette: f32,
    centre: [f32; 2],
    /// The inverse of the squared distance from the centre to a corner.
    reach: f32,
    lut: Option<&'a Lut>,
}

impl<'a> Look<'a> {
    fn new(grade: &Grade, lut: Option<&'a Lut>, width: usize, height: usize) -> Self {
        let curve = |channel: usize| {
            std::array::from_fn(|code| {
                let value = code as f32 / 255.0 * grade.gain[channel] + grade.lift[channel];
                value.clamp(0.0, 1.0).powf(1.0 / grade.gamma[channel])
            })
        };
        let centre = [width as f32 / 2.0 - 0.5, height as f32 / 2.0 - 0.5];
        Self {
            curves: std::array::from_fn(curve),
            saturation: grade.saturation,
            vignette: grade.vignette,
            centre,
            reach: 1.0 / (centre[0] * centre[0] + centre[1] * centre[1]),
            lut,
        }
    }

    #[inline]
    fn apply(&self, pixel: [u8; 3], x: usize, y: usize) -> [f32; 3] {
        let rgb: [f32; 3] = std::array::from_fn(|c| self.curves[c][usize::from(pixel[c])]);
        let luma = 0.2126 * rgb[0] + 0.7152 * rgb[1] + 0.0722 * rgb[2];
        let (dx, dy) = (x as f32 - self.centre[0], y as f32 - self.centre[1]);
        let distance = (dx * dx + dy * dy) * self.reach;
        let light = 1.0 - self.vignette * distance * distance;
        let rgb = rgb.map(|c| (luma + (c - luma) * self.saturation).clamp(0.0, 1.0));
        let rgb = self.lut.map_or(rgb, |lut| lut.apply(rgb));
        rgb.map(|c| (c * light).clamp(0.0, 1.0))
    }
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
            let sum: f64 = (0..64 * 64).map(|i| f64::from(dithered(value, i % 64, i / 64))).sum();
            sum / (64.0 * 64.0)
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
        let look = Look::new(&grade, None, 101, 101);
        let want = (0.4f32 * 0.5 + 0.1).sqrt();
        let got = look.apply([102; 3], 50, 50);
        assert!((got[0] - want).abs() < 1e-3 && got[0] == got[2], "{got:?}, not {want}");
        assert!((look.apply([102; 3], 0, 0)[1] - want * 0.5).abs() < 1e-2);
    }
}
