//! Where the camera looks: a slow move over each still, never outside it, never in whole pixels.

use std::f64::consts::TAU;

use crate::story::{CameraKind, CameraMove, Seed, Size, Sway};

/// The move of scene `scene`, at most `zoom` (1 shows the whole still) near: seeded, alternating
/// in and out, towards points near the thirds. A drift takes half of the zoom.
///
/// Both ends show only the still: a zoom of `z` leaves the centre free within `0.5 / z`
/// of the borders along the side that fits, and more along the other.
pub fn camera_move(kind: CameraKind, zoom: f64, seed: Seed, scene: usize) -> CameraMove {
    let zoom = zoom.max(1.0);
    let pick = |what: &str| seed.fraction(what, scene as u64);
    let third = |what: &str| {
        let side = if pick(what) < 0.5 { 1.0 / 3.0 } else { 2.0 / 3.0 };
        side + (pick(&format!("{what} spread")) - 0.5) * 0.1
    };
    let wide = ([0.5, 0.5], 1.0);
    let close = |zoom: f64| ([inside(third("camera x"), zoom), inside(third("camera y"), zoom)], zoom);
    let (from, to) = match kind {
        CameraKind::KenBurns => {
            let ends = (wide, close(zoom));
            if (scene as u64 + seed.derive("camera parity", 0).0).is_multiple_of(2) {
                ends
            } else {
                (ends.1, ends.0)
            }
        }
        CameraKind::ZoomIn => (wide, close(zoom)),
        CameraKind::ZoomOut => (close(zoom), wide),
        CameraKind::Pan => {
            let (low, high) = (inside(0.0, zoom), inside(1.0, zoom));
            let level = inside(third("camera level"), zoom);
            let sideways = pick("camera axis") < 0.5;
            let at = |along: f64| if sideways { [along, level] } else { [level, along] };
            let forwards = (scene as u64 + seed.derive("camera parity", 0).0).is_multiple_of(2);
            let (a, b) = if forwards { (low, high) } else { (high, low) };
            ((at(a), zoom), (at(b), zoom))
        }
        CameraKind::Drift => {
            let near = 1.0 + (zoom - 1.0) / 2.0;
            let drift = |what: &str| inside(0.5 + (pick(what) - 0.5) * 0.06, near);
            // A hair nearer on its way: at one zoom all pixels would round alike, which is seen as a tremble.
            (([0.5, 0.5], 1.0 + (near - 1.0) * 0.7), ([drift("camera x"), drift("camera y")], near))
        }
        CameraKind::Handheld => {
            let near = 1.0 + (zoom - 1.0) / 2.0;
            (([0.5, 0.5], near), ([0.5, 0.5], 1.0 + (zoom - 1.0) * 0.7))
        }
        CameraKind::Push => (wide, ([0.5, 0.5], zoom)),
        CameraKind::Hold => (wide, wide),
    };
    // A hand moves no farther than the margin that the zoom leaves, or the picture's end would show.
    let sway = (kind == CameraKind::Handheld).then(|| Sway {
        reach: ((from.1 - 1.0) / 2.0).min(MOST_SWAY),
        seed: seed.derive("camera sway", scene as u64),
    });
    CameraMove { from: from.0, zoom_from: from.1, to: to.0, zoom_to: to.1, sway }
}

/// The farthest that a hand moves, as a share of the view's sides.
const MOST_SWAY: f64 = 0.014;

/// From the whole still to `zoom` times nearer to `subject`, a point as shares of its sides.
pub fn push(subject: [f64; 2], zoom: f64) -> CameraMove {
    let zoom = zoom.max(1.0);
    let to = subject.map(|share| inside(share, zoom));
    CameraMove { from: [0.5, 0.5], zoom_from: 1.0, to, zoom_to: zoom, sway: None }
}

/// `centre` moved as little as possible so that a view of 1 / `zoom` stays inside 0 ..= 1.
fn inside(centre: f64, zoom: f64) -> f64 {
    let half = 0.5 / zoom.max(1.0);
    centre.clamp(half, 1.0 - half)
}

/// A part of a still: left, top, width and height in its pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct View {
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// A moment of a camera's way.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Moment {
    /// How much of the way lies behind it, 0 ..= 1.
    pub(super) progress: f64,
    /// How long it has been on its way.
    pub(super) seconds: f64,
    /// How much nearer than its way a transition brings it, at least 1.
    pub(super) closer: f64,
}

/// What `camera` sees of a still of `still` pixels at `moment`, for a frame of the aspect of `frame`.
///
/// The zoom is eased on a logarithmic scale, which looks even. The edges move in proportion to
/// 1 / zoom, which leaves one point of the still in place; as both ends lie inside the still,
/// so does everything between them.
pub(super) fn view(camera: &CameraMove, moment: Moment, still: Size, frame: Size) -> View {
    let eased = ease(moment.progress.clamp(0.0, 1.0));
    let (from, to) = (camera.zoom_from.max(1.0), camera.zoom_to.max(1.0));
    let zoom = from * (to / from).powf(eased);
    let way =
        if (to - from).abs() < 1e-6 { eased } else { (1.0 / zoom - 1.0 / from) / (1.0 / to - 1.0 / from) };
    let (a, b) = (end(camera.from, from, still, frame), end(camera.to, to, still, frame));
    let between = |a: f64, b: f64| a + (b - a) * way;
    let steady = View {
        left: between(a.left, b.left),
        top: between(a.top, b.top),
        width: between(a.width, b.width),
        height: between(a.height, b.height),
    };
    let held = camera.sway.map_or(steady, |sway| swayed(steady, sway, moment.seconds, still));
    nearer(held, moment.closer)
}

/// The middle of `view`, `closer` times nearer.
fn nearer(view: View, closer: f64) -> View {
    let (width, height) = (view.width / closer, view.height / closer);
    View {
        left: view.left + (view.width - width) / 2.0,
        top: view.top + (view.height - height) / 2.0,
        width,
        height,
    }
}

/// `view` moved as a hand moves after `seconds`: slow waves that never meet in the same rhythm.
fn swayed(view: View, sway: Sway, seconds: f64, still: Size) -> View {
    /// Hertz and share of the reach; the shares add up to 1.
    const WAVES: [(f64, f64); 4] = [(0.17, 0.45), (0.31, 0.30), (0.53, 0.17), (0.97, 0.08)];
    let offset = |axis: u64| -> f64 {
        let wave = |(n, (hertz, share)): (usize, &(f64, f64))| {
            let phase = sway.seed.fraction("sway", 4 * axis + n as u64);
            share * (TAU * (hertz * seconds + phase)).sin()
        };
        WAVES.iter().enumerate().map(wave).sum::<f64>() * sway.reach
    };
    let free = |side: u32, seen: f64| (f64::from(side) - seen).max(0.0);
    View {
        left: (view.left + offset(0) * view.width).clamp(0.0, free(still.width, view.width)),
        top: (view.top + offset(1) * view.height).clamp(0.0, free(still.height, view.height)),
        ..view
    }
}

/// The view of `frame`'s aspect at one end of a move, pushed inside the still where it hangs out.
fn end(centre: [f64; 2], zoom: f64, still: Size, frame: Size) -> View {
    let (still_width, still_height) = (f64::from(still.width), f64::from(still.height));
    let fit = (still_width / f64::from(frame.width)).min(still_height / f64::from(frame.height));
    let (width, height) = (f64::from(frame.width) * fit / zoom, f64::from(frame.height) * fit / zoom);
    View {
        // Rounding may leave the view a hair wider than the still.
        left: (centre[0] * still_width - width / 2.0).clamp(0.0, (still_width - width).max(0.0)),
        top: (centre[1] * still_height - height / 2.0).clamp(0.0, (still_height - height).max(0.0)),
        width,
        height,
    }
}

/// Smoothstep, half mixed with even speed: no jerk at either end, and the picture never stands
/// still while it is being faded.
fn ease(progress: f64) -> f64 {
    let smooth = progress * progress * (3.0 - 2.0 * progress);
    (progress + smooth) / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KINDS: [CameraKind; 8] = [
        CameraKind::KenBurns,
        CameraKind::ZoomIn,
        CameraKind::ZoomOut,
        CameraKind::Pan,
        CameraKind::Drift,
        CameraKind::Push,
        CameraKind::Handheld,
        CameraKind::Hold,
    ];

    fn at(progress: f64) -> Moment {
        Moment { progress, seconds: 4.0 * progress, closer: 1.0 }
    }

    proptest! {
        #[test]
        fn no_view_leaves_the_still(
            kind in 0usize..9, seed: u64, scene in 0usize..400, progress in 0.0f64..=1.0, closer in 1.0f64..2.0,
            subject in [0.0f64..=1.0, 0.0f64..=1.0],
            (width, height) in (64u32..5000, 64u32..5000),
        ) {
            let camera = match KINDS.get(kind) {
                Some(&kind) => camera_move(kind, 1.2, Seed(seed), scene),
                None => push(subject, 1.2),
            };
            let still = Size::new(width, height);
            let seen = view(&camera, Moment { closer, ..at(progress) }, still, Size::new(1080, 1920));
            prop_assert!(seen.left >= -1e-6 && seen.top >= -1e-6);
            prop_assert!(seen.left + seen.width <= f64::from(width) + 1e-6);
            prop_assert!(seen.top + seen.height <= f64::from(height) + 1e-6);
            prop_assert!((seen.width / seen.height - 1080.0 / 1920.0).abs() < 1e-6);
        }
    }

    #[test]
    fn rounding_never_makes_a_view_too_wide() {
        let camera = camera_move(CameraKind::Hold, 1.2, Seed(0), 0);
        let seen = view(&camera, at(0.0), Size::new(1092, 1939), Size::new(1080, 1920));
        assert!(seen.left >= 0.0 && seen.top == 0.0);
    }

    #[test]
    fn ken_burns_alternates() {
        let inward = |scene| {
            let camera = camera_move(CameraKind::KenBurns, 1.2, Seed(3), scene);
            camera.zoom_to > camera.zoom_from
        };
        assert!((0..20).all(|scene| inward(scene) != inward(scene + 1)));
    }

    #[test]
    fn a_push_ends_on_its_subject_and_a_hand_moves_a_little() {
        let (still, frame) = (Size::new(1296, 2304), Size::new(1080, 1920));
        let seen = view(&push([0.42, 0.55], 1.25), at(1.0), still, frame);
        let middle = [(seen.left + seen.width / 2.0) / 1296.0, (seen.top + seen.height / 2.0) / 2304.0];
        assert!((middle[0] - 0.42).abs() < 1e-9 && (middle[1] - 0.55).abs() < 1e-9, "{middle:?}");

        let camera = camera_move(CameraKind::Handheld, 1.12, Seed(5), 0);
        let lefts: Vec<f64> = (0..120)
            .map(|n| {
                let moment = Moment { progress: 0.0, seconds: f64::from(n) / 30.0, closer: 1.0 };
                view(&camera, moment, still, frame).left
            })
            .collect();
        let (least, most) = lefts.iter().fold((f64::MAX, f64::MIN), |(a, b), &x| (a.min(x), b.max(x)));
        assert!((5.0..40.0).contains(&(most - least)), "it moved by {}", most - least);
        let jerk = lefts.windows(3).map(|w| (w[2] - 2.0 * w[1] + w[0]).abs()).fold(0.0, f64::max);
        assert!(jerk < 0.4, "{jerk} px a frame squared");
    }

    #[test]
    fn a_pure_zoom_leaves_one_point_in_place() {
        let camera = camera_move(CameraKind::ZoomIn, 1.2, Seed(11), 2);
        let (still, frame) = (Size::new(1296, 2304), Size::new(1080, 1920));
        let fixed = |progress| {
            // Where a point of the frame stays: left / (whole - width) is the same at all times.
            let seen = view(&camera, at(progress), still, frame);
            seen.left / (1296.0 - seen.width)
        };
        assert!((fixed(0.3) - fixed(1.0)).abs() < 1e-9 && (fixed(0.6) - fixed(1.0)).abs() < 1e-9);
    }
}
