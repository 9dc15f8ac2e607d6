//! How one clip gives way to the next, on planes.

use std::ops::Range;

use crate::story::{Frame, Plane, Transition, TransitionKind};

/// The frames over which a clip comes in.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Passage {
    pub(super) kind: TransitionKind,
    pub(super) frames: Range<u64>,
}

impl Passage {
    /// `transition`, lasting `length` frames around frame `boundary`, cut to what both clips have.
    pub(super) fn new(transition: Option<Transition>, length: u64, boundary: u64, shortest: u64) -> Self {
        let kind = transition.map_or(TransitionKind::Cut, |t| t.kind);
        let length = if kind == TransitionKind::Cut { 0 } else { length.min(shortest) };
        let start = boundary - length / 2;
        Self { kind, frames: start..start + length }
    }

    /// How far it is at `frame`: between 0 and 1, neither of them.
    pub(super) fn progress(&self, frame: u64) -> f64 {
        let length = (self.frames.end - self.frames.start) as f64;
        ((frame - self.frames.start) as f64 + 0.5) / length
    }

    /// Draws the passage at `progress` into `picture`, which holds the clip that goes;
    /// `next` is the clip that comes.
    pub(super) fn blend(&self, progress: f64, picture: &mut Frame, next: &Frame) {
        match self.kind {
            TransitionKind::Cut => picture.clone_from(next),
            TransitionKind::Crossfade => each_plane(picture, next, |a, b| mix(a, b, weight(progress))),
            TransitionKind::FadeBlack => through(progress, picture, next, 16),
            TransitionKind::FadeWhite => through(progress, picture, next, 235),
            TransitionKind::Slide => slide(progress, picture, next, Side::Right),
            TransitionKind::SlideRight => slide(progress, picture, next, Side::Left),
            TransitionKind::SlideUp => slide(progress, picture, next, Side::Bottom),
            TransitionKind::SlideDown => slide(progress, picture, next, Side::Top),
            TransitionKind::Wipe => wipe(progress, picture, next, Side::Left),
            TransitionKind::WipeLeft => wipe(progress, picture, next, Side::Right),
            TransitionKind::WipeUp => wipe(progress, picture, next, Side::Bottom),
            TransitionKind::WipeDown => wipe(progress, picture, next, Side::Top),
            TransitionKind::WhipPan => whip(progress, picture, next),
            TransitionKind::Zoom => {
                each_plane(picture, next, |a, b| mix(a, b, weight(smooth(share(progress, 0.3, 0.7)))));
            }
            TransitionKind::Flash => flash(progress, picture, next),
            TransitionKind::Circle => circle(progress, picture, next),
            TransitionKind::Dissolve => dissolve(progress, picture, next),
        }
    }

    /// How much nearer the camera of the clip that goes is at `progress`, and that of the clip that comes.
    pub(super) fn closer(&self, progress: f64) -> [f64; 2] {
        const MOST: f64 = 1.7;
        if self.kind != TransitionKind::Zoom {
            return [1.0, 1.0];
        }
        // Faster and faster into the one; slower and slower towards the other.
        let into = share(progress, 0.0, 0.7);
        let out = share(progress, 0.3, 1.0);
        [MOST.powf(into * into), (1.0 / MOST).powf(out * (2.0 - out)) * MOST]
    }
}

/// Where the next picture comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Left,
    Right,
    Top,
    Bottom,
}

/// How far `progress` is from `first` to `last`, 0 ..= 1.
fn share(progress: f64, first: f64, last: f64) -> f64 {
    ((progress - first) / (last - first)).clamp(0.0, 1.0)
}

/// Smoothstep.
fn smooth(progress: f64) -> f64 {
    progress * progress * (3.0 - 2.0 * progress)
}

/// `share` in 1/256.
fn weight(share: f64) -> u16 {
    (share.clamp(0.0, 1.0) * 256.0).round() as u16
}

fn each_plane(picture: &mut Frame, next: &Frame, mut draw: impl FnMut(&mut Plane, &Plane)) {
    draw(&mut picture.y, &next.y);
    draw(&mut picture.u, &next.u);
    draw(&mut picture.v, &next.v);
}

#[inline]
fn between(a: u8, b: u8, weight: u16) -> u8 {
    ((u16::from(a) * (256 - weight) + u16::from(b) * weight + 128) >> 8) as u8
}

fn mix(a: &mut Plane, b: &Plane, weight: u16) {
    for (a, &b) in a.data.iter_mut().zip(&b.data) {
        *a = between(*a, b, weight);
    }
}

/// Out to one grey of luma `level`, and in from it.
fn through(progress: f64, picture: &mut Frame, next: &Frame, level: u8) {
    if progress >= 0.5 {
        picture.clone_from(next);
    }
    let weight = weight(1.0 - (2.0 * progress - 1.0).abs());
    for (plane, level) in [(&mut picture.y, level), (&mut picture.u, 128), (&mut picture.v, 128)] {
        for value in &mut plane.data {
            *value = between(*value, level, weight);
        }
    }
}

/// The next picture pushes the old one out, coming in from `side`.
fn slide(progress: f64, picture: &mut Frame, next: &Frame, side: Side) {
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

/// The next picture is uncovered from `side` on, behind a soft edge.
fn wipe(progress: f64, picture: &mut Frame, next: &Frame, side: Side) {
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

fn mix_row(a: &mut [u8], b: &[u8], weights: impl Iterator<Item = u16>) {
    for ((a, &b), weight) in a.iter_mut().zip(b).zip(weights) {
        *a = between(*a, b, weight);
    }
}

/// The camera swings to the right: both pictures rush past, blurred as far as they move in a frame.
fn whip(progress: f64, picture: &mut Frame, next: &Frame) {
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

/// Light floods the picture within the first third; the next appears as it ebbs away.
fn flash(progress: f64, picture: &mut Frame, next: &Frame) {
    const PEAK: f64 = 0.3;
    if progress >= PEAK {
        picture.clone_from(next);
    }
    let light =
        if progress < PEAK { (progress / PEAK).powi(2) } else { (1.0 - share(progress, PEAK, 1.0)).powi(2) };
    // Bright parts burn out first, as on film: more exposure, and less colour.
    let gain = 1.0 + 2.5 * light;
    let table: Vec<u8> = (0..256)
        .map(|code| (16.0 + (f64::from(code) - 16.0) * gain + 200.0 * light).min(235.0).round() as u8)
        .collect();
    // What exceeds the codes of video stays as it is where there is no light.
    if light > 0.0 {
        picture.y.data.iter_mut().for_each(|value| *value = table[usize::from(*value)]);
        let weight = weight(light);
        for plane in [&mut picture.u, &mut picture.v] {
            plane.data.iter_mut().for_each(|value| *value = between(*value, 128, weight));
        }
    }
}

/// A circle with a soft edge that grows from the middle.
fn circle(progress: f64, picture: &mut Frame, next: &Frame) {
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
fn dissolve(progress: f64, picture: &mut Frame, next: &Frame) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::story::{Size, Time};

    fn grey(level: u8) -> Frame {
        let mut frame = Frame::black(Size::new(64, 16));
        frame.y.data.fill(level);
        frame
    }

    fn drawn(kind: TransitionKind, progress: f64) -> Frame {
        let mut picture = grey(50);
        Passage { kind, frames: 0..10 }.blend(progress, &mut picture, &grey(200));
        picture
    }

    #[test]
    fn crossfade_is_the_weighted_mean() {
        for step in 0..10 {
            let progress = (f64::from(step) + 0.5) / 10.0;
            let want = 50.0 * (1.0 - progress) + 200.0 * progress;
            let got = f64::from(drawn(TransitionKind::Crossfade, progress).y.data[17]);
            assert!((want - got).abs() <= 1.0, "{progress}: {got}, not {want}");
        }
    }

    #[test]
    fn fades_pass_through_their_grey() {
        assert_eq!(drawn(TransitionKind::FadeBlack, 0.5).y.data[0], 16);
        assert_eq!(drawn(TransitionKind::FadeWhite, 0.5).y.data[0], 235);
        assert_eq!(drawn(TransitionKind::FadeBlack, 0.01).y.data[0], 49);
        assert_eq!(drawn(TransitionKind::FadeBlack, 0.99).y.data[0], 196);
    }

    #[test]
    fn slide_and_wipe_move_one_front_across() {
        for kind in [TransitionKind::Slide, TransitionKind::Wipe] {
            let frame = drawn(kind, 0.5);
            let row = frame.y.row(3);
            let (new, old) = if kind == TransitionKind::Wipe { (row[0], row[63]) } else { (row[63], row[0]) };
            assert_eq!((new, old), (200, 50), "{kind:?}");
        }
        let slid = drawn(TransitionKind::Slide, 0.5);
        assert_eq!(slid.y.row(0).iter().filter(|&&v| v == 200).count(), 32);
        assert_eq!(slid.y.data.iter().filter(|&&v| v != 200 && v != 50).count(), 0);
    }

    const MOVING: [TransitionKind; 17] = [
        TransitionKind::Crossfade,
        TransitionKind::FadeBlack,
        TransitionKind::FadeWhite,
        TransitionKind::Slide,
        TransitionKind::SlideRight,
        TransitionKind::SlideUp,
        TransitionKind::SlideDown,
        TransitionKind::Wipe,
        TransitionKind::WipeLeft,
        TransitionKind::WipeUp,
        TransitionKind::WipeDown,
        TransitionKind::WhipPan,
        TransitionKind::Zoom,
        TransitionKind::Flash,
        TransitionKind::Circle,
        TransitionKind::Dissolve,
        TransitionKind::Cut,
    ];

    #[test]
    fn every_passage_goes_from_the_one_to_the_other() {
        let mean = |frame: &Frame| frame.y.data.iter().map(|&v| f64::from(v)).sum::<f64>() / 1024.0;
        for kind in MOVING {
            if kind != TransitionKind::Cut {
                assert!((mean(&drawn(kind, 0.001)) - 50.0).abs() < 6.0, "{kind:?} begins otherwise");
            }
            assert!((mean(&drawn(kind, 0.999)) - 200.0).abs() < 6.0, "{kind:?} ends otherwise");
        }
    }

    #[test]
    fn each_side_has_its_own_direction() {
        use TransitionKind as T;
        // Which corner shows the next picture first: right or left, bottom or top.
        let table = [
            (T::Slide, [63, 0]),
            (T::SlideRight, [0, 63]),
            (T::Wipe, [0, 63]),
            (T::WipeLeft, [63, 0]),
            (T::SlideUp, [15 * 64, 0]),
            (T::SlideDown, [0, 15 * 64]),
            (T::WipeUp, [15 * 64, 0]),
            (T::WipeDown, [0, 15 * 64]),
        ];
        for (kind, [new, old]) in table {
            let frame = drawn(kind, 0.5);
            assert_eq!((frame.y.data[new], frame.y.data[old]), (200, 50), "{kind:?}");
        }
    }

    #[test]
    fn a_zoom_never_leaves_its_way_backwards() {
        let passage = Passage { kind: TransitionKind::Zoom, frames: 0..12 };
        let steps: Vec<[f64; 2]> = (0..12).map(|n| passage.closer(passage.progress(n))).collect();
        assert!(steps.iter().flatten().all(|&closer| (1.0..=1.7001).contains(&closer)), "{steps:?}");
        assert!(steps.windows(2).all(|w| w[1][0] >= w[0][0] && w[1][1] <= w[0][1]), "{steps:?}");
        assert!(steps[0][0] < 1.02 && steps[11][1] < 1.02, "{steps:?}");
    }

    #[test]
    fn a_circle_is_round_and_in_the_middle() {
        let mut picture = Frame::black(Size::new(90, 160));
        let mut white = Frame::black(Size::new(90, 160));
        white.y.data.fill(235);
        Passage { kind: TransitionKind::Circle, frames: 0..10 }.blend(0.4, &mut picture, &white);
        let lit = |x: usize, y: usize| picture.y.row(y)[x] > 125;
        let across = (0..90).filter(|&x| lit(x, 80)).count();
        let down = (0..160).filter(|&y| lit(45, y)).count();
        assert!(across > 20 && across.abs_diff(down) <= 2, "{across} by {down}");
        assert_eq!(lit(45 - across / 2 - 3, 80), lit(45 + across / 2 + 3, 80));
    }

    #[test]
    fn a_passage_is_centred_and_never_longer_than_either_clip() {
        let fade = Some(Transition { kind: TransitionKind::Crossfade, length: Time::ZERO });
        assert_eq!(Passage::new(fade, 12, 100, 60).frames, 94..106);
        assert_eq!(Passage::new(fade, 12, 100, 5).frames, 98..103);
        assert!(Passage::new(None, 12, 100, 60).frames.is_empty());
    }
}
