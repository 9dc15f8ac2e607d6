//! Draws one frame after the other.

use image::RgbImage;

use super::{
    Error, Fonts, Warning,
    captions::{Painter, TitleCard},
    reel::{Reel, Stills},
    schedule::{self, Shot},
    yuv,
};
use crate::story::{Frame, Plane, Timeline};

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
    captions: Painter<'a>,
    title: Option<TitleCard<'a>>,
    fonts: &'a mut Fonts,
}

impl<'a> Renderer<'a> {
    /// Checks that all of `timeline` can be drawn; reads no still yet.
    pub fn new(timeline: &'a Timeline, stills: Stills<'a>, fonts: &'a mut Fonts) -> Result<Self, Error> {
        let size = timeline.frame_size;
        if [size.width, size.height].iter().any(|&side| side < 16 || side % 2 == 1) {
            return Err(Error::FrameSize(size));
        }
        let rate = timeline.frame_rate;
        let title = timeline.title.as_ref();
        Ok(Self {
            captions: Painter::new(fonts, &timeline.captions, size, rate)?,
            title: title.map(|title| TitleCard::new(fonts, title, size, rate)).transpose()?,
            timeline,
            shots: schedule::shots(timeline)?,
            reel: Reel::new(timeline, stills),
            coming: Frame::black(size),
            fonts,
        })
    }

    /// What will be left out of the picture, for example symbols that no font has.
    pub fn warnings(&self) -> Vec<Warning> {
        let title = self.title.as_ref().and_then(TitleCard::warning);
        self.captions.warnings().into_iter().chain(title).collect()
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
        if let Some(title) = &mut self.title {
            title.draw(self.fonts, frame, out)?;
        }
        self.captions.draw(self.fonts, frame, out)
    }

    /// The picture that stands for the video: the liveliest of its first stills, with the title.
    ///
    /// Reads those stills anew; ask for it before the first frame or after the last.
    pub fn cover(&mut self) -> Result<RgbImage, Error> {
        const CANDIDATES: usize = 5;
        let mut best: Option<(f64, Frame)> = None;
        for clip in 0..self.shots.len().min(CANDIDATES) {
            let mut frame = Frame::black(self.timeline.frame_size);
            self.reel.draw(clip, 0.5, &mut frame)?;
            self.reel.forget_before(clip + 1);
            let score = liveliness(&frame.y);
            if best.as_ref().is_none_or(|(other, _)| score > *other) {
                best = Some((score, frame));
            }
        }
        let (_, mut cover) = best.ok_or_else(|| Error::Timeline(String::from("it has no clip")))?;
        if let Some(title) = &mut self.title {
            title.stamp(self.fonts, &mut cover, 1.0)?;
        }
        Ok(yuv::to_image(&cover))
    }
}

/// How much there is to see: the spread of light, and how much of it changes within a few pixels.
fn liveliness(luma: &Plane) -> f64 {
    const STEP: usize = 4;
    let (mut count, mut sum, mut squares, mut edges) = (0.0, 0.0, 0.0, 0.0);
    for y in (STEP..luma.height).step_by(STEP) {
        let (row, above) = (luma.row(y), luma.row(y - STEP));
        for x in (STEP..luma.width).step_by(STEP) {
            let value = f64::from(row[x]);
            count += 1.0;
            sum += value;
            squares += value * value;
            edges += (value - f64::from(row[x - STEP])).abs() + (value - f64::from(above[x])).abs();
        }
    }
    let count = f64::max(count, 1.0);
    let spread = (squares / count - (sum / count).powi(2)).max(0.0).sqrt();
    spread + 2.0 * (edges / count).min(40.0)
}
