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
            TransitionKind::Slide => slide(progress, picture, next),
            TransitionKind::Wipe => wipe(progress, picture, next),
        }
    }
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

/// The next picture pushes the old one out to the left.
fn slide(progress: f64, picture: &mut Frame, next: &Frame) {
    // Whole chroma samples, so that all planes move alike.
    let shift = (smooth(progress) * next.u.width as f64).round() as usize;
    each_plane(picture, next, |a, b| {
        let shift = shift * b.width / next.u.width;
        for y in 0..b.height {
            let row = a.row_mut(y);
            row.copy_within(shift.., 0);
            let seam = row.len() - shift;
            row[seam..].copy_from_slice(&b.row(y)[..shift]);
        }
    });
}

/// The next picture is uncovered from left to right, behind a soft edge.
fn wipe(progress: f64, picture: &mut Frame, next: &Frame) {
    const EDGE: f64 = 0.12;
    let front = smooth(progress) * (1.0 + EDGE);
    each_plane(picture, next, |a, b| {
        let width = b.width as f64;
        let weights: Vec<u16> =
            (0..b.width).map(|x| weight((front - (x as f64 + 0.5) / width) / EDGE)).collect();
        for y in 0..b.height {
            for ((a, &b), &weight) in a.row_mut(y).iter_mut().zip(b.row(y)).zip(&weights) {
                *a = between(*a, b, weight);
            }
        }
    });
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

    #[test]
    fn a_passage_is_centred_and_never_longer_than_either_clip() {
        let fade = Some(Transition { kind: TransitionKind::Crossfade, length: Time::ZERO });
        assert_eq!(Passage::new(fade, 12, 100, 60).frames, 94..106);
        assert_eq!(Passage::new(fade, 12, 100, 5).frames, 98..103);
        assert!(Passage::new(None, 12, 100, 60).frames.is_empty());
    }
}
