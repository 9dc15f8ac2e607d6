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
        let round = |value: f32| (value + 0.5) as u8;
        // Two rows each of U, V and opacity at full width.
        let mut rows = [(); 6].map(|()| vec![0.0f32; width]);
        for (y, row) in pixels.data().chunks_exact(4 * width).enumerate() {
            let lower = y % 2;
            for (x, pixel) in row.chunks_exact(4).enumerate() {
                let alpha = f32::from(pixel[3]) / 255.0;
                let rgb = [0, 1, 2].map(|c| f32::from(pixel[c]) / 255.0);
                let [l, u, v] = yuv::from_rgb(rgb);
                // The conversion's constants belong to opaque pixels.
                overlay.y.row_mut(y)[x] = round(l - 16.0 * (1.0 - alpha));
                overlay.opacity[0].row_mut(y)[x] = pixel[3];
                rows[lower][x] = u - 128.0 * (1.0 - alpha);
                rows[2 + lower][x] = v - 128.0 * (1.0 - alpha);
                rows[4 + lower][x] = f32::from(pixel[3]);
            }
            if lower == 1 {
                let (u, v) = (overlay.u.row_mut(y / 2), overlay.v.row_mut(y / 2));
                let opacity = overlay.opacity[1].row_mut(y / 2);
                yuv::halve_chroma(&rows[0], &rows[1], |x, value| u[x] = round(value));
                yuv::halve_chroma(&rows[2], &rows[3], |x, value| v[x] = round(value));
                yuv::halve_chroma(&rows[4], &rows[5], |x, value| opacity[x] = round(value));
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
