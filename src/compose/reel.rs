//! The stills on screen, read as the camera sees them.

use std::collections::VecDeque;

use image::RgbImage;

use super::{
    Error, Lut, StillError,
    camera::{self, Moment, View},
    sample::{Ramp, Sampler},
    still::Prepared,
};
use crate::{
    digest::Digest,
    story::{Clip, Frame, Timeline},
};

/// Where the renderer gets a clip's picture from.
pub type Stills<'a> = Box<dyn FnMut(Digest) -> Result<RgbImage, StillError> + Send + 'a>;

/// The stills of the clips on screen: two at most, however many the video has.
pub(super) struct Reel<'a> {
    timeline: &'a Timeline,
    stills: Stills<'a>,
    /// Each with the clip it belongs to.
    ready: VecDeque<(usize, Prepared)>,
    sampler: Sampler,
    pub(super) lut: Option<Lut>,
}

impl<'a> Reel<'a> {
    pub(super) fn new(timeline: &'a Timeline, stills: Stills<'a>) -> Self {
        Self { timeline, stills, ready: VecDeque::new(), sampler: Sampler::new(), lut: None }
    }

    /// Forgets the stills of all clips before `clip`.
    pub(super) fn forget_before(&mut self, clip: usize) {
        self.ready.retain(|(held, _)| *held >= clip);
    }

    /// Draws clip `clip` at `moment` of its camera's way.
    pub(super) fn draw(&mut self, clip: usize, moment: Moment, out: &mut Frame) -> Result<(), Error> {
        let at = match self.ready.iter().position(|(held, _)| *held == clip) {
            Some(at) => at,
            None => {
                let prepared = self.prepare(&self.timeline.clips[clip])?;
                self.ready.push_back((clip, prepared));
                self.ready.len() - 1
            }
        };
        let planes = &self.ready[at].1.planes;
        let camera = &self.timeline.clips[clip].camera;
        read(planes, camera::view(camera, moment, planes.size(), out.size()), &mut self.sampler, out);
        Ok(())
    }

    fn prepare(&mut self, clip: &Clip) -> Result<Prepared, Error> {
        let unreadable = |source| Error::Still { scene: clip.scene, still: clip.still, source };
        let image = (self.stills)(clip.still).map_err(unreadable)?;
        let (grade, lut) = (&self.timeline.grade, self.lut.as_ref());
        Prepared::new(image, &clip.camera, (grade, lut), self.timeline.frame_size).map_err(unreadable)
    }
}

/// Fills `out` with what `view` shows of `planes`.
///
/// Pixel `i` of a row covers `i` to `i + 1`, so its middle is at `i + 0.5`. Chroma sample `i` lies
/// on the middle of luma pixel `2 i` along x and between luma rows `2 i` and `2 i + 1` along y,
/// in the still as in the frame.
fn read(planes: &Frame, view: View, sampler: &mut Sampler, out: &mut Frame) {
    let (dx, dy) = (view.width / out.y.width as f64, view.height / out.y.height as f64);
    let luma = (view.left + 0.5 * dx - 0.5, view.top + 0.5 * dy - 0.5);
    let x = Ramp { start: luma.0, step: dx };
    let y = Ramp { start: luma.1, step: dy };
    sampler.sample(&planes.y, x, y, &mut out.y);
    let x = Ramp { start: luma.0 / 2.0, step: dx };
    let y = Ramp { start: (luma.1 + 0.5 * dy - 0.5) / 2.0, step: dy };
    sampler.sample(&planes.u, x, y, &mut out.u);
    sampler.sample(&planes.v, x, y, &mut out.v);
}
