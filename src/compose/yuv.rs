//! RGB to BT.709 planes in limited range, and back for pictures of single frames.
//!
//! Coefficients: ITU-R BT.709-6, items 3.2 to 3.5. Chroma is sited left: a chroma sample lies on
//! the even luma column, between two luma rows (H.264 Annex E, `chroma_sample_loc_type` 0).

use image::RgbImage;

use crate::story::{Frame, Plane};

const KR: f32 = 0.2126;
const KB: f32 = 0.0722;
const KG: f32 = 1.0 - KR - KB;

/// What one pixel of `rgb` (0 ..= 1) becomes: luma 16 to 235, chroma 16 to 240, not rounded.
#[inline]
pub(super) fn from_rgb([r, g, b]: [f32; 3]) -> [f32; 3] {
    let luma = KR * r + KG * g + KB * b;
    [
        16.0 + 219.0 * luma,
        128.0 + 224.0 * (b - luma) / (2.0 * (1.0 - KB)),
        128.0 + 224.0 * (r - luma) / (2.0 * (1.0 - KR)),
    ]
}

/// [`from_rgb`] of a row of each channel.
pub(super) fn row_from_rgb([r, g, b]: &[Vec<f32>; 3], y: &mut [f32], u: &mut [f32], v: &mut [f32]) {
    let width = r.len();
    let (g, b) = (&g[..width], &b[..width]);
    let (y, u, v) = (&mut y[..width], &mut u[..width], &mut v[..width]);
    for x in 0..width {
        [y[x], u[x], v[x]] = from_rgb([r[x], g[x], b[x]]);
    }
}

/// The colour that `from_rgb` made, 0 ..= 1.
fn to_rgb([y, u, v]: [f32; 3]) -> [f32; 3] {
    let luma = (y - 16.0) / 219.0;
    let b = luma + (u - 128.0) / 224.0 * (2.0 * (1.0 - KB));
    let r = luma + (v - 128.0) / 224.0 * (2.0 * (1.0 - KR));
    [r, (luma - KR * r - KB * b) / KG, b].map(|c| c.clamp(0.0, 1.0))
}

/// Two rows of chroma at full width become one at half: `[1 2 1] / 4` around each even column,
/// the mean of both rows. Both inputs hold an even number of samples.
pub(super) fn halve_chroma(upper: &[f32], lower: &[f32], mut put: impl FnMut(usize, f32)) {
    let mean = |i: usize| upper[i] + lower[i];
    for i in 0..upper.len() / 2 {
        let before = mean((2 * i).saturating_sub(1));
        put(i, (before + 2.0 * mean(2 * i) + mean(2 * i + 1)) / 8.0);
    }
}

/// The picture of `frame` in RGB, chroma interpolated.
pub fn to_image(frame: &Frame) -> RgbImage {
    let chroma = |plane: &Plane, x: usize, y: usize| {
        let (row, next) = (
            y / 2,
            if y.is_multiple_of(2) { (y / 2).saturating_sub(1) } else { (y / 2 + 1).min(plane.height - 1) },
        );
        let column = |row: usize| {
            let here = f32::from(plane.row(row)[x / 2]);
            let right = f32::from(plane.row(row)[(x / 2 + 1).min(plane.width - 1)]);
            if x.is_multiple_of(2) { here } else { (here + right) / 2.0 }
        };
        0.75 * column(row) + 0.25 * column(next)
    };
    RgbImage::from_fn(frame.y.width as u32, frame.y.height as u32, |x, y| {
        let (x, y) = (x as usize, y as usize);
        let rgb = to_rgb([f32::from(frame.y.row(y)[x]), chroma(&frame.u, x, y), chroma(&frame.v, x, y)]);
        image::Rgb(rgb.map(|c| (c * 255.0).round() as u8))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn primaries_become_the_standards_codes() {
        // ITU-R BT.709, 8 bits, limited range.
        let table = [
            ([1.0, 1.0, 1.0], [235, 128, 128]),
            ([0.0, 0.0, 0.0], [16, 128, 128]),
            ([1.0, 0.0, 0.0], [63, 102, 240]),
            ([0.0, 1.0, 0.0], [173, 42, 26]),
            ([0.0, 0.0, 1.0], [32, 240, 118]),
        ];
        for (rgb, want) in table {
            assert_eq!(from_rgb(rgb).map(|c| c.round() as i32), want, "{rgb:?}");
        }
    }

    #[test]
    fn colours_come_back() {
        for rgb in [[0.2, 0.9, 0.4], [1.0, 0.0, 0.5], [0.01, 0.02, 0.03]] {
            let back = to_rgb(from_rgb(rgb));
            assert!(rgb.iter().zip(back).all(|(a, b)| (a - b).abs() < 1e-5), "{rgb:?} {back:?}");
        }
    }
}
