//! A drawn caption in planes, ready to be laid over a frame.

use tiny_skia::Pixmap;

use crate::{
    compose::yuv,
    story::{Frame, Plane, Rect},
};

/// Premultiplied planes with their opacity, at an even place in the frame.
#[derive(Debug, Clone)]
pub(super) struct Overlay {
    /// Where it lies; all edges are even.
    pub(super) place: Rect,
    y: Plane,
    u: Plane,
    v: Plane,
    /// Opacity at luma's and at chroma's resolution.
    opacity: [Plane; 2],
}

impl Overlay {
    /// Converts `pixels`, whose sides are even, to lie with its corner at the even `left`, `top`.
    pub(super) fn new(pixels: &Pixmap, left: u32, top: u32) -> Self {
        let (width, height) = (pixels.width() as usize, pixels.height() as usize);
        let luma = || Plane::filled(width, height, 0);
        let chroma = || Plane::filled(width / 2, height / 2, 0);
        let mut overlay = Self {
            place: Rect { left, top, right: left + width as u32, bottom: top + height as u32 },
            y: luma(),
            u: chroma(),
            v: chroma(),
            opacity: [luma(), chroma()],
        };
        // Whole rows at a time and a step at a time: loops that the compiler turns into vector code.
        let mut rgb = [(); 3].map(|()| vec![0.0f32; width]);
        let mut alpha = vec![0.0f32; width];
        let mut full = vec![0.0f32; width];
        // Two rows each of U, V and opacity at full width.
        let mut rows = [(); 6].map(|()| vec![0.0f32; width]);
        let mut halved = vec![0.0f32; width / 2];
        let mut empty = [true; 2];
        for (y, row) in pixels.data().chunks_exact(4 * width).enumerate() {
            let lower = y % 2;
            empty[lower] = row.iter().all(|&byte| byte == 0);
            if empty[lower] {
                rows.iter_mut().skip(lower).step_by(2).for_each(|row| row.fill(0.0));
            } else {
                unpack(row, &mut rgb, &mut alpha, overlay.opacity[0].row_mut(y));
                let [upper_u, lower_u, upper_v, lower_v, upper_opacity, lower_opacity] = &mut rows;
                let [u, v, opacity] = match lower {
                    0 => [upper_u, upper_v, upper_opacity],
                    _ => [lower_u, lower_v, lower_opacity],
                };
                yuv::row_from_rgb(&rgb, &mut full, u, v);
                opacity.copy_from_slice(&alpha);
                // The conversion's constants belong to opaque pixels.
                for (value, constant) in [(&mut full, 16.0), (u, 128.0), (v, 128.0)] {
                    value
                        .iter_mut()
                        .zip(&alpha)
                        .for_each(|(v, a)| *v -= constant * (1.0 - a * (1.0 / 255.0)));
                }
                round(&full, overlay.y.row_mut(y));
            }
            if lower == 1 && empty != [true; 2] {
                let to = [&mut overlay.u, &mut overlay.v, &mut overlay.opacity[1]];
                for (plane, pair) in to.into_iter().zip(rows.chunks_exact(2)) {
                    yuv::halve_chroma(&pair[0], &pair[1], |x, value| halved[x] = value);
                    round(&halved, plane.row_mut(y / 2));
                }
            }
        }
        overlay
    }

    /// Takes the pixels inside `window`, in the frame's even pixels, from `other`, which lies at
    /// the same place.
    pub(super) fn take(&mut self, other: &Self, window: Rect) {
        let place = self.place;
        let [x, right] =
            [window.left, window.right].map(|x| (x.clamp(place.left, place.right) - place.left) as usize);
        let [y, bottom] =
            [window.top, window.bottom].map(|y| (y.clamp(place.top, place.bottom) - place.top) as usize);
        let copy = |to: &mut Plane, from: &Plane, by: usize| {
            for row in y / by..bottom / by {
                to.row_mut(row)[x / by..right / by].copy_from_slice(&from.row(row)[x / by..right / by]);
            }
        };
        copy(&mut self.y, &other.y, 1);
        copy(&mut self.u, &other.u, 2);
        copy(&mut self.v, &other.v, 2);
        copy(&mut self.opacity[0], &other.opacity[0], 1);
        copy(&mut self.opacity[1], &other.opacity[1], 2);
    }

    /// Lays itself over `frame`, with `strength` / 256 of its opacity.
    pub(super) fn blend(&self, frame: &mut Frame, strength: u16) {
        let (x, y) = (self.place.left as usize, self.place.top as usize);
        let [luma, chroma] = &self.opacity;
        over(&mut frame.y, &self.y, luma, (x, y), strength);
        over(&mut frame.u, &self.u, chroma, (x / 2, y / 2), strength);
        over(&mut frame.v, &self.v, chroma, (x / 2, y / 2), strength);
    }
}

/// A row of premultiplied RGBA: its colours, 0 ..= 1, and its opacity, 0 ..= 255.
fn unpack(row: &[u8], [red, green, blue]: &mut [Vec<f32>; 3], alpha: &mut [f32], opacity: &mut [u8]) {
    let width = row.len() / 4;
    let (red, green, blue) = (&mut red[..width], &mut green[..width], &mut blue[..width]);
    let (alpha, opacity) = (&mut alpha[..width], &mut opacity[..width]);
    for x in 0..width {
        let pixel = &row[4 * x..4 * x + 4];
        red[x] = f32::from(pixel[0]) * (1.0 / 255.0);
        green[x] = f32::from(pixel[1]) * (1.0 / 255.0);
        blue[x] = f32::from(pixel[2]) * (1.0 / 255.0);
        alpha[x] = f32::from(pixel[3]);
        opacity[x] = pixel[3];
    }
}

/// The nearest codes to `values` of 0 to 255.
fn round(values: &[f32], codes: &mut [u8]) {
    for (code, value) in codes.iter_mut().zip(values) {
        // Truncating this to whole numbers first keeps the loop free of branches.
        *code = (value + 0.5) as i32 as u8;
    }
}

/// `to = from + to * (1 - opacity)`, both scaled by `strength` / 256.
fn over(to: &mut Plane, from: &Plane, opacity: &Plane, (x, y): (usize, usize), strength: u16) {
    for row in 0..from.height {
        let to = &mut to.row_mut(y + row)[x..x + from.width];
        let pairs = from.row(row).iter().zip(opacity.row(row));
        if strength >= 256 {
            for (to, (&from, &opacity)) in to.iter_mut().zip(pairs) {
                let kept = u16::from(*to) * (255 - u16::from(opacity)) + 128;
                *to = from.saturating_add(((kept + (kept >> 8)) >> 8) as u8);
            }
        } else {
            for (to, (&from, &opacity)) in to.iter_mut().zip(pairs) {
                let opacity = (u16::from(opacity) * strength) >> 8;
                let kept = u16::from(*to) * (255 - opacity) + 128;
                let added = ((u16::from(from) * strength) >> 8) as u8;
                *to = added.saturating_add(((kept + (kept >> 8)) >> 8) as u8);
            }
        }
    }
}
