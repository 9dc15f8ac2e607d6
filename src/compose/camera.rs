//! Where the camera looks: a slow move over each still, never outside it, never in whole pixels.

use crate::story::{CameraKind, CameraMove, Seed};

/// Deepest zoom of a move: enough to be felt in a scene of three seconds, little enough
/// that a still of the frame's own size stays sharp.
const DEEP: f64 = 1.18;

/// The move of scene `scene`: seeded, alternating in and out, towards points near the thirds.
///
/// Both ends show only the still: a zoom of `z` leaves the centre free within `0.5 / z`
/// of the borders along the side that fits, and more along the other.
pub fn camera_move(kind: CameraKind, seed: Seed, scene: usize) -> CameraMove {
    let pick = |what: &str| seed.fraction(what, scene as u64);
    let third = |what: &str| {
        let side = if pick(what) < 0.5 { 1.0 / 3.0 } else { 2.0 / 3.0 };
        side + (pick(&format!("{what} spread")) - 0.5) * 0.1
    };
    let wide = ([0.5, 0.5], 1.0);
    let close = |zoom: f64| ([inside(third("camera x"), zoom), inside(third("camera y"), zoom)], zoom);
    let (from, to) = match kind {
        CameraKind::KenBurns => {
            let ends = (wide, close(DEEP));
            if (scene as u64 + seed.derive("camera parity", 0).0).is_multiple_of(2) {
                ends
            } else {
                (ends.1, ends.0)
            }
        }
        CameraKind::ZoomIn => (wide, close(DEEP)),
        CameraKind::ZoomOut => (close(DEEP), wide),
        CameraKind::Pan => {
            let (low, high) = (inside(0.0, DEEP), inside(1.0, DEEP));
            let level = inside(third("camera level"), DEEP);
            let sideways = pick("camera axis") < 0.5;
            let at = |along: f64| if sideways { [along, level] } else { [level, along] };
            let forwards = (scene as u64 + seed.derive("camera parity", 0).0).is_multiple_of(2);
            let (a, b) = if forwards { (low, high) } else { (high, low) };
            ((at(a), DEEP), (at(b), DEEP))
        }
        CameraKind::Drift => {
            let zoom = 1.06;
            let drift = |what: &str| inside(0.5 + (pick(what) - 0.5) * 0.06, zoom);
            (([0.5, 0.5], zoom), ([drift("camera x"), drift("camera y")], zoom + 0.02))
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
