//! Where the camera looks: a slow move over each still, never outside it, never in whole pixels.

use crate::story::{CameraKind, CameraMove, Seed, Size};

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
            (([0.5, 0.5], near), ([drift("camera x"), drift("camera y")], near))
        }
        CameraKind::Hold => (wide, wide),
    };
    CameraMove { from: from.0, zoom_from: from.1, to: to.0, zoom_to: to.1 }
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

/// What `camera` sees of a still of `still` pixels after `progress` (0 ..= 1) of its way, for a
/// frame of the aspect of `frame`.
///
/// The zoom is eased on a logarithmic scale, which looks even. The edges move in proportion to
/// 1 / zoom, which leaves one point of the still in place; as both ends lie inside the still,
/// so does everything between them.
pub(super) fn view(camera: &CameraMove, progress: f64, still: Size, frame: Size) -> View {
    let eased = ease(progress.clamp(0.0, 1.0));
    let (from, to) = (camera.zoom_from.max(1.0), camera.zoom_to.max(1.0));
    let zoom = from * (to / from).powf(eased);
    let way =
        if (to - from).abs() < 1e-6 { eased } else { (1.0 / zoom - 1.0 / from) / (1.0 / to - 1.0 / from) };
    let (a, b) = (end(camera.from, from, still, frame), end(camera.to, to, still, frame));
    let between = |a: f64, b: f64| a + (b - a) * way;
    View {
        left: between(a.left, b.left),
        top: between(a.top, b.top),
        width: between(a.width, b.width),
        height: between(a.height, b.height),
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

    const KINDS: [CameraKind; 6] = [
        CameraKind::KenBurns,
        CameraKind::ZoomIn,
        CameraKind::ZoomOut,
        CameraKind::Pan,
        CameraKind::Drift,
        CameraKind::Hold,
    ];

    proptest! {
        #[test]
        fn no_view_leaves_the_still(
            kind in 0usize..6, seed: u64, scene in 0usize..400, progress in 0.0f64..=1.0,
            (width, height) in (64u32..5000, 64u32..5000),
        ) {
            let camera = camera_move(KINDS[kind], 1.2, Seed(seed), scene);
            let still = Size::new(width, height);
            let seen = view(&camera, progress, still, Size::new(1080, 1920));
            prop_assert!(seen.left >= -1e-6 && seen.top >= -1e-6);
            prop_assert!(seen.left + seen.width <= f64::from(width) + 1e-6);
            prop_assert!(seen.top + seen.height <= f64::from(height) + 1e-6);
            prop_assert!((seen.width / seen.height - 1080.0 / 1920.0).abs() < 1e-6);
        }
    }

    #[test]
    fn rounding_never_makes_a_view_too_wide() {
        let camera = camera_move(CameraKind::Hold, 1.2, Seed(0), 0);
        let seen = view(&camera, 0.0, Size::new(1092, 1939), Size::new(1080, 1920));
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
    fn a_pure_zoom_leaves_one_point_in_place() {
        let camera = camera_move(CameraKind::ZoomIn, 1.2, Seed(11), 2);
        let (still, frame) = (Size::new(1296, 2304), Size::new(1080, 1920));
        let fixed = |progress| {
            // Where a point of the frame stays: left / (whole - width) is the same at all times.
            let seen = view(&camera, progress, still, frame);
            seen.left / (1296.0 - seen.width)
        };
        assert!((fixed(0.3) - fixed(1.0)).abs() < 1e-9 && (fixed(0.6) - fixed(1.0)).abs() < 1e-9);
    }
}
