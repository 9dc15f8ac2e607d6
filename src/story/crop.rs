//! The part of a still that a frame of another shape shows.

use super::{CameraMove, Size};

/// A part of a still, as shares of its sides: the camera moves inside of it as it would over a whole still.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Crop {
    /// Where it begins, from the left and from above.
    pub origin: [f64; 2],
    /// How wide and how high it is.
    pub sides: [f64; 2],
}

impl Crop {
    /// All of the still.
    pub const WHOLE: Self = Self { origin: [0.0; 2], sides: [1.0; 2] };

    /// The largest part of a still of `still` pixels that has the shape of `frame`, with `subject` (shares of
    /// the still's sides) in its middle as far as the still goes.
    pub fn around(subject: [f64; 2], still: Size, frame: Size) -> Self {
        let shape = frame.aspect() / still.aspect();
        let sides = [shape.min(1.0), (1.0 / shape).min(1.0)];
        let along = |axis: usize| (subject[axis] - sides[axis] / 2.0).clamp(0.0, 1.0 - sides[axis]);
        Self { origin: [along(0), along(1)], sides }
    }

    /// Where a point of the still lies in this part, as shares of the part's sides; its border if it lies outside.
    pub fn inside(self, point: [f64; 2]) -> [f64; 2] {
        let along = |axis: usize| ((point[axis] - self.origin[axis]) / self.sides[axis]).clamp(0.0, 1.0);
        [along(0), along(1)]
    }

    /// A move over this part, of a `camera` whose points are shares of the part's sides.
    pub fn over(self, camera: CameraMove) -> CameraMove {
        let place = |point: [f64; 2]| {
            let along = |axis: usize| self.origin[axis] + point[axis] * self.sides[axis];
            [along(0), along(1)]
        };
        CameraMove { from: place(camera.from), to: place(camera.to), ..camera }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STILL: Size = Size::new(1080, 1920);

    #[test]
    fn a_crop_has_the_frames_shape_and_holds_the_subject() {
        for (frame, subject) in [
            (Size::new(1080, 1080), [0.5, 0.3]),
            (Size::new(1920, 1080), [0.4, 0.95]),
            (Size::new(1080, 1350), [0.1, 0.0]),
            (Size::new(1080, 2400), [0.9, 0.5]),
        ] {
            let crop = Crop::around(subject, STILL, frame);
            let shape = crop.sides[0] * 1080.0 / (crop.sides[1] * 1920.0);
            assert!((shape / frame.aspect() - 1.0).abs() < 1e-9, "{crop:?}");
            assert!(crop.sides.contains(&1.0), "not the largest: {crop:?}");
            for ((low, side), at) in crop.origin.into_iter().zip(crop.sides).zip(subject) {
                let high = low + side + 1e-12;
                assert!(low >= 0.0 && high <= 1.0 + 1e-9 && (low..=high).contains(&at), "{crop:?}");
            }
        }
        // A square around something high up: its middle is the subject's.
        let crop = Crop::around([0.5, 0.35], STILL, Size::new(1080, 1080));
        assert!((crop.inside([0.5, 0.35])[1] - 0.5).abs() < 1e-9);
    }

    #[test]
    fn the_whole_changes_no_move() {
        let (from, to) = ([0.5, 0.5], [5.0 / 12.0, 7.0 / 12.0]);
        let camera = CameraMove { from, zoom_from: 1.0, to, zoom_to: 1.2, sway: None };
        assert_eq!(Crop::WHOLE.over(camera), camera);
        assert_eq!(Crop::WHOLE.inside([0.3, 0.7]), [0.3, 0.7]);
    }
}
