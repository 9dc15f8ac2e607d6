//! The next picture uncovered: along a side, in a circle, in patches.

use super::{
    Side,
    blend::{between, each_plane, mix_row, smooth, weight},
};
use crate::story::Frame;

/// The next picture is uncovered from `side` on, behind a soft edge.
pub(super) fn wipe(progress: f64, picture: &mut Frame, next: &Frame, side: Side) {
    const EDGE: f64 = 0.12;
    let front = smooth(progress) * (1.0 + EDGE);
    each_plane(picture, next, |a, b| {
        let along = |count: usize, backwards: bool| -> Vec<u16> {
            let place = |i: usize| if backwards { count - 1 - i } else { i };
            (0..count).map(|i| weight((front - (place(i) as f64 + 0.5) / count as f64) / EDGE)).collect()
        };
        let backwards = matches!(side, Side::Right | Side::Bottom);
        if matches!(side, Side::Left | Side::Right) {
            let weights = along(b.width, backwards);
            for y in 0..b.height {
                mix_row(a.row_mut(y), b.row(y), weights.iter().copied());
            }
        } else {
            for (y, &weight) in along(b.height, backwards).iter().enumerate() {
                mix_row(a.row_mut(y), b.row(y), std::iter::repeat(weight));
            }
        }
    });
}

/// A circle with a soft edge that grows from the middle.
pub(super) fn circle(progress: f64, picture: &mut Frame, next: &Frame) {
    /// The edge's width in frame heights.
    const EDGE: f64 = 0.04;
    let (width, height) = (next.y.width as f64, next.y.height as f64);
    let corner = (width / height / 2.0).hypot(0.5);
    let radius = smooth(progress) * (corner + EDGE);
    each_plane(picture, next, |a, b| {
        // One sample in frame heights, along either axis.
        let (sx, sy) = (width / height / b.width as f64, 1.0 / b.height as f64);
        for y in 0..b.height {
            let dy = ((y as f64 + 0.5) * sy - 0.5).abs();
            // The part of the row inside the outer edge; of it, the part inside the inner one is copied.
            let reach = |radius: f64| {
                let half = (radius * radius - dy * dy).max(0.0).sqrt() / sx;
                let middle = b.width as f64 / 2.0;
                (
                    (middle - half).ceil().max(0.0) as usize,
                    ((middle + half).floor().max(0.0) as usize).min(b.width),
                )
            };
            let (outer, inner) = (reach(radius), reach((radius - EDGE).max(0.0)));
            let (row, other) = (a.row_mut(y), b.row(y));
            let full = inner.0 < inner.1 && dy < radius - EDGE;
            let inner = if full { inner } else { (outer.1.max(outer.0), outer.1.max(outer.0)) };
            if full {
                row[inner.0..inner.1].copy_from_slice(&other[inner.0..inner.1]);
            }
            for x in (outer.0..inner.0.min(outer.1)).chain(inner.1..outer.1) {
                let dx = ((x as f64 + 0.5) * sx) - width / height / 2.0;
                row[x] = between(row[x], other[x], weight((radius - dx.hypot(dy)) / EDGE));
            }
        }
    });
}

/// The next picture comes through in soft patches, here sooner and there later.
pub(super) fn dissolve(progress: f64, picture: &mut Frame, next: &Frame) {
    /// Luma samples from one point of a pattern to the next, and how much of the whole it is: clouds, and
    /// crumbs at their borders.
    const PATTERNS: [(usize, f64); 3] = [(160, 0.55), (56, 0.30), (16, 0.15)];
    /// How long one place takes, as a share of the whole.
    const EDGE: f64 = 0.45;
    let front = progress * (1.0 + EDGE);
    each_plane(picture, next, |a, b| {
        let mut late = vec![0.0; b.width];
        for y in 0..b.height {
            late.fill(0.0);
            for (cell, share) in PATTERNS {
                add_pattern(&mut late, y, cell * b.width / next.y.width, share);
            }
            mix_row(a.row_mut(y), b.row(y), late.iter().map(|late| weight((front - late) / EDGE)));
        }
    });
}

/// Adds `share` of row `y` of a pattern whose points lie `cell` samples apart, 0 ..= 1, smooth between them.
fn add_pattern(row: &mut [f64], y: usize, cell: usize, share: f64) {
    let cell = cell.max(1);
    let point = |x: usize, y: usize| {
        let mut hash = (x as u32 + 1).wrapping_mul(0x9e37_79b1) ^ (y as u32 + 1).wrapping_mul(0x85eb_ca77);
        hash = (hash ^ (hash >> 15)).wrapping_mul(0x2c1b_3c6d);
        hash = (hash ^ (hash >> 12)).wrapping_mul(0x297a_2d39);
        f64::from(hash ^ (hash >> 15)) / f64::from(u32::MAX)
    };
    let (above, down) = (y / cell, smooth((y % cell) as f64 / cell as f64));
    let between = |x: usize| point(x, above) * (1.0 - down) + point(x, above + 1) * down;
    for (column, stretch) in row.chunks_mut(cell).enumerate() {
        let (left, right) = (between(column), between(column + 1));
        for (x, late) in stretch.iter_mut().enumerate() {
            *late += share * (left + (right - left) * smooth(x as f64 / cell as f64));
        }
    }
}
