//! Draws one frame after the other.

use image::RgbImage;

use super::{Error, Fonts, StillError, Warning};
use crate::{
    digest::Digest,
    story::{Frame, Timeline},
};

/// Where the renderer gets a clip's picture from.
pub type Stills<'a> = Box<dyn FnMut(Digest) -> Result<RgbImage, StillError> + Send + 'a>;

/// Draws the frames of one timeline.
pub struct Renderer<'a> {
    timeline: &'a Timeline,
    stills: Stills<'a>,
    fonts: &'a mut Fonts,
    warnings: Vec<Warning>,
}

impl<'a> Renderer<'a> {
    /// Checks that all of `timeline` can be drawn; draws nothing yet.
    pub fn new(timeline: &'a Timeline, stills: Stills<'a>, fonts: &'a mut Fonts) -> Result<Self, Error> {
        Ok(Self { timeline, stills, fonts, warnings: Vec::new() })
    }

    /// What will be left out of the picture, for example symbols that no font has.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// Draws frame `frame` into `out`; ask for frames in increasing order.
    pub fn render(&mut self, frame: u64, out: &mut Frame) -> Result<(), Error> {
        let _ = (frame, out, &mut self.stills, &mut self.fonts, self.timeline);
        Err(Error::Timeline(String::from("drawing is not built in yet")))
    }

    /// The picture that stands for the video: its best early still, with the title.
    pub fn cover(&mut self) -> Result<RgbImage, Error> {
        Err(Error::Timeline(String::from("drawing is not built in yet")))
    }
}
