//! How one clip gives way to the next, on planes.

mod blend;
mod light;
mod motion;
mod reveal;

use std::ops::Range;

use self::{
    blend::{each_plane, mix, share, smooth, weight},
    light::{flash, through},
    motion::{slide, whip},
    reveal::{circle, dissolve, wipe},
};
use crate::story::{Frame, Transition, TransitionKind};

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
