//! Pictures that move: slides and the whip of a camera.

use super::{
    Side,
    blend::{each_plane, smooth},
};
use crate::story::{Frame, Plane};

/// The next picture pushes the old one out, coming in from `side`.
pub(super) fn slide(progress: f64, picture: &mut Frame, next: &Frame, side: Side) {
    // Whole chroma samples, so that all planes move alike.
    let way = if matches!(side, Side::Left | Side::Right) { next.u.width } else { next.u.height };
    let shift = (smooth(progress) * way as f64).round() as usize;
    each_plane(picture, next, |a, b| shifted(a, b, shift * b.width / next.u.width, side));
}

/// `a` moved `shift` samples away from `side`, `b` following it.
fn shifted(a: &mut Plane, b: &Plane, shift: usize, side: Side) {
    let (width, height) = (a.width, a.height);
    match side {
        Side::Right | Side::Left => {
            for y in 0..height {
                let (row, next) = (a.row_mut(y), b.row(y));
                if side == Side::Right {
                    row.copy_within(shift.., 0);
                    row[width - shift..].copy_from_slice(&next[..shift]);
                } else {
                    row.copy_within(..width - shift, shift);
                    row[..shift].copy_from_slice(&next[width - shift..]);
                }
            }
        }
        Side::Bottom => {
            a.data.copy_within(shift * width.., 0);
            a.data[(height - shift) * width..].copy_from_slice(&b.data[..shift * width]);
        }
        Side::Top => {
            a.data.copy_within(..(height - shift) * width, shift * width);
            a.data[..shift * width].copy_from_slice(&b.data[(height - shift) * width..]);
        }
    }
}

/// The camera swings to the right: both pictures rush past, blurred as far as they move in a frame.
pub(super) fn whip(progress: f64, picture: &mut Frame, next: &Frame) {
    // Where the swing is, eased at both ends more than smoothstep, and how fast it goes there.
    let place = |p: f64| p * p * p * (p * (6.0 * p - 15.0) + 10.0);
    let speed = 30.0 * progress.powi(2) * (1.0 - progress).powi(2) / 1.875;
    let shift = (place(progress) * next.u.width as f64).round() as usize;
    // At its fastest a quarter of the frame; even, so that chroma blurs as far as luma.
    let blur = (speed * next.u.width as f64 * 0.22 / 2.0) as usize;
    each_plane(picture, next, |a, b| {
        let scale = b.width / next.u.width;
        shifted(a, b, shift * scale, Side::Right);
        blur_rows(a, blur * scale);
    });
}

/// The mean of `2 * radius + 1` samples along each row; the borders go on outside.
fn blur_rows(plane: &mut Plane, radius: usize) {
    if radius == 0 {
        return;
    }
    let window = (2 * radius + 1) as u32;
    let mut source = vec![0u8; plane.width];
    for y in 0..plane.height {
        let row = plane.row_mut(y);
        source.copy_from_slice(row);
        let last = source.len() - 1;
        let at = |i: usize| u32::from(source[i.saturating_sub(radius).min(last)]);
        let mut sum: u32 = (0..window as usize).map(at).sum();
        for (x, value) in row.iter_mut().enumerate() {
            *value = ((sum + window / 2) / window) as u8;
            sum = sum + at(x + window as usize) - at(x);
        }
    }
}
