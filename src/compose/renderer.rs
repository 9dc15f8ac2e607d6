//! Draws one frame after the other.

use image::RgbImage;

use super::{
    Error, Fonts, Warning,
    reel::{Reel, Stills},
    schedule::{self, Shot},
};
use crate::story::{Frame, Timeline};

/// Draws the frames of one timeline.
///
/// It holds the stills of the clips on screen, two at most, and the captions of one cue:
/// its memory does not grow with the video's length.
pub struct Renderer<'a> {
    timeline: &'a Timeline,
    shots: Vec<Shot>,
    reel: Reel<'a>,
    /// The clip that comes, while two are seen.
    coming: Frame,
    fonts: &'a mut Fonts,
    warnings: Vec<Warning>,
}

impl<'a> Renderer<'a> {
    /// Checks that all of `timeline` can be drawn; reads no still yet.
    pub fn new(timeline: &'a Timeline, stills: Stills<'a>, fonts: &'a mut Fonts) -> Result<Self, Error> {
        let size = timeline.frame_size;
        if [size.width, size.height].iter().any(|&side| side < 16 || side % 2 == 1) {
            return Err(Error::FrameSize(size));
        }
        Ok(Self {
            timeline,
            shots: schedule::shots(timeline)?,
            reel: Reel::new(timeline, stills),
            coming: Frame::black(size),
            fonts,
            warnings: Vec::new(),
        })
    }

    /// What will be left out of the picture, for example symbols that no font has.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// Draws frame `frame` into `out`; ask for frames in increasing order, so that each still
    /// is read once.
    pub fn render(&mut self, frame: u64, out: &mut Frame) -> Result<(), Error> {
        if out.size() != self.timeline.frame_size {
            return Err(Error::FrameSize(out.size()));
        }
        let clip = self.shots.partition_point(|shot| shot.seen.end <= frame);
        let Some(shot) = self.shots.get(clip) else {
            let message = format!("it has {} frames, there is no frame {frame}", self.timeline.frames);
            return Err(Error::Timeline(message));
        };
        self.reel.forget_before(clip);
        self.reel.draw(clip, shot.progress(frame), out)?;
        if let Some(next) = self.shots.get(clip + 1).filter(|next| next.seen.contains(&frame)) {
            self.reel.draw(clip + 1, next.progress(frame), &mut self.coming)?;
            next.passage.blend(next.passage.progress(frame), out, &self.coming);
        }
        let _ = &mut self.fonts;
        Ok(())
    }

    /// The picture that stands for the video: its best early still, with the title.
    pub fn cover(&mut self) -> Result<RgbImage, Error> {
        Err(Error::Timeline(String::from("drawing is not built in yet")))
    }
}
