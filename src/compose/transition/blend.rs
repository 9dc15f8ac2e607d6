//! Weighing one picture against another.

use crate::story::{Frame, Plane};

/// How far `progress` is from `first` to `last`, 0 ..= 1.
pub(super) fn share(progress: f64, first: f64, last: f64) -> f64 {
    ((progress - first) / (last - first)).clamp(0.0, 1.0)
}

/// Smoothstep.
pub(super) fn smooth(progress: f64) -> f64 {
    progress * progress * (3.0 - 2.0 * progress)
}

/// `share` in 1/256.
pub(super) fn weight(share: f64) -> u16 {
    (share.clamp(0.0, 1.0) * 256.0).round() as u16
}

pub(super) fn each_plane(picture: &mut Frame, next: &Frame, mut draw: impl FnMut(&mut Plane, &Plane)) {
    draw(&mut picture.y, &next.y);
    draw(&mut picture.u, &next.u);
    draw(&mut picture.v, &next.v);
}

#[inline]
pub(super) fn between(a: u8, b: u8, weight: u16) -> u8 {
    ((u16::from(a) * (256 - weight) + u16::from(b) * weight + 128) >> 8) as u8
}

pub(super) fn mix(a: &mut Plane, b: &Plane, weight: u16) {
    for (a, &b) in a.data.iter_mut().zip(&b.data) {
        *a = between(*a, b, weight);
    }
}

pub(super) fn mix_row(a: &mut [u8], b: &[u8], weights: impl Iterator<Item = u16>) {
    for ((a, &b), weight) in a.iter_mut().zip(b).zip(weights) {
        *a = between(*a, b, weight);
    }
}
