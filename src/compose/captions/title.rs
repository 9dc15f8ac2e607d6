//! The title: dark letters on light plates, at the video's beginning and on its cover.

use tiny_skia::Rect as Bounds;

use super::{
    draw::{self, Ink, Look, Plate},
    layout::{self, Block, CAPITALS, Setting, Word},
    overlay::Overlay,
    painter::{left_out, undrawable, without},
};
use crate::{
    compose::{
        Error, Warning,
        fonts::{Face, Fonts},
    },
    story::{Color, Frame, FrameRate, Size, Title},
};

const LETTERS: Color = Color { r: 16, g: 16, b: 18, a: 255 };
const PLATES: Color = Color { r: 255, g: 255, b: 255, a: 255 };
const LOOK: Look = Look { outline: None, shadow: Some((0.04, 0.16, 0.35)) };
/// How far a plate reaches beyond its line, sideways and up and down, in em.
const PLATE: (f32, f32) = (0.26, 0.17);
/// The largest letters, in pixels for a frame 1080 across its shorter side.
const SIZE: f32 = 84.0;
/// How long it takes to appear and to vanish, in seconds.
const FADE: f64 = 0.2;

/// A title ready to be drawn.
pub(in crate::compose) struct TitleCard<'a> {
    title: &'a Title,
    face: Face,
    frame_size: Size,
    rate: FrameRate,
    /// Frames of the video.
    last: u64,
    undrawable: Vec<String>,
    overlay: Option<Overlay>,
}

impl<'a> TitleCard<'a> {
    /// Chooses fonts for `title` in a video of `last` frames.
    pub(in crate::compose) fn new(
        fonts: &mut Fonts,
        title: &'a Title,
        frame_size: Size,
        (rate, last): (FrameRate, u64),
    ) -> Result<Self, Error> {
        let face = fonts.family("")?;
        let undrawable = undrawable(fonts, std::iter::once(without(&title.text, &[])), &face)?;
        Ok(Self { title, face, frame_size, rate, last, undrawable, overlay: None })
    }

    /// What will be left out.
    pub(in crate::compose) fn warning(&self) -> Option<Warning> {
        left_out(&self.undrawable)
    }

    /// Draws what `frame` shows of the title over `out`.
    pub(in crate::compose) fn draw(
        &mut self,
        fonts: &mut Fonts,
        frame: u64,
        out: &mut Frame,
    ) -> Result<(), Error> {
        match self.strength(frame) {
            0.0 => Ok(()),
            strength => self.stamp(fonts, out, strength),
        }
    }

    /// How much of it `frame` shows, 0 ..= 1.
    pub(in crate::compose) fn strength(&self, frame: u64) -> f64 {
        let (first, end) = (self.title.span.start.frame(self.rate), self.title.span.end.frame(self.rate));
        if !(first..end).contains(&frame) {
            return 0.0;
        }
        let seconds = |frames: u64| frames as f64 / self.rate.fps();
        let appeared = if first == 0 { 1.0 } else { seconds(frame - first + 1) / FADE };
        // What stands to the end does not fade there.
        let vanishing = if end >= self.last { 1.0 } else { seconds(end - frame) / FADE };
        appeared.min(vanishing).min(1.0)
    }

    /// Draws the whole title over `out`, with `strength` (0 ..= 1) of its opacity.
    pub(in crate::compose) fn stamp(
        &mut self,
        fonts: &mut Fonts,
        out: &mut Frame,
        strength: f64,
    ) -> Result<(), Error> {
        if self.overlay.is_none() {
            self.overlay = self.paint(fonts)?;
        }
        if let Some(overlay) = &self.overlay {
            overlay.blend(out, (strength * 256.0) as u16);
        }
        Ok(())
    }

    fn paint(&self, fonts: &mut Fonts) -> Result<Option<Overlay>, Error> {
        let text = without(&self.title.text, &self.undrawable);
        let words: Vec<Word> =
            text.split_whitespace().map(|word| Word { text: word.to_owned(), space_before: true }).collect();
        let setting = Setting {
            face: &self.face,
            area: self.title.area,
            size: SIZE * self.frame_size.shorter() as f32 / 1080.0,
            max_lines: 4,
            pitch: CAPITALS + 2.0 * PLATE.1 + 0.28,
            gap: 0.0,
            margins: LOOK.margins(PLATE.0.max(PLATE.1)),
            swell: 1.0,
        };
        let Some(block) = layout::set(fonts, &words, &setting)? else { return Ok(None) };
        let plates: Vec<Plate> = (0..block.baselines.len()).filter_map(|line| plate(&block, line)).collect();
        Ok(draw::draw(fonts, &block, &LOOK, &plates, Ink::flat(LETTERS), 1.0, self.frame_size))
    }
}

/// The plate behind one line.
fn plate(block: &Block, line: usize) -> Option<Plate> {
    let (em, baseline) = (block.size, *block.baselines.get(line)?);
    let inks = block.parts.iter().filter(|part| part.line == line).map(|part| part.ink);
    let start = (f32::MAX, baseline - CAPITALS * em, f32::MIN, baseline);
    let (left, top, right, bottom) = inks.fold(start, |edges, ink| {
        (edges.0.min(ink.left()), edges.1.min(ink.top()), edges.2.max(ink.right()), edges.3.max(ink.bottom()))
    });
    let (side, up) = (PLATE.0 * em, PLATE.1 * em);
    let bounds = Bounds::from_ltrb(left - side, top - up, right + side, bottom + up)?;
    Some(Plate { bounds, radius: 0.22 * em, color: PLATES })
}
