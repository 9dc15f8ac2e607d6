//! A name or a logo in a corner.

use image::{RgbaImage, imageops};
use tiny_skia::{ColorU8, Pixmap};

use super::{
    draw::{self, Ink, Look},
    layout::{self, Setting, Word},
    overlay::Overlay,
    painter::{left_out, undrawable, without},
};
use crate::{
    compose::{
        Error, Warning,
        fonts::{Face, Fonts},
    },
    story::{Color, Corner, Frame, Rect, Size, Watermark},
};

const LETTERS: Color = Color { r: 255, g: 255, b: 255, a: 255 };
const LOOK: Look =
    Look { outline: Some((Color { r: 0, g: 0, b: 0, a: 110 }, 0.05)), shadow: Some((0.03, 0.14, 0.5)) };
/// The letters' size, in pixels for a frame 1080 across its shorter side.
const SIZE: f32 = 38.0;
/// Pixels between a logo and a name, for a frame 1080 across its shorter side.
const BETWEEN: f32 = 14.0;

/// A watermark ready to be drawn.
pub(in crate::compose) struct Mark<'a> {
    mark: &'a Watermark,
    face: Face,
    frame_size: Size,
    undrawable: Vec<String>,
    overlays: Option<Vec<Overlay>>,
}

impl<'a> Mark<'a> {
    /// Chooses fonts for `mark`.
    pub(in crate::compose) fn new(
        fonts: &mut Fonts,
        mark: &'a Watermark,
        frame_size: Size,
    ) -> Result<Self, Error> {
        let face = fonts.family("")?;
        let undrawable = undrawable(fonts, std::iter::once(without(&mark.text, &[])), &face)?;
        Ok(Self { mark, face, frame_size, undrawable, overlays: None })
    }

    /// What will be left out.
    pub(in crate::compose) fn warning(&self) -> Option<Warning> {
        left_out(&self.undrawable)
    }

    /// Draws it over `out`; `logo` is its picture.
    pub(in crate::compose) fn draw(
        &mut self,
        fonts: &mut Fonts,
        logo: Option<&RgbaImage>,
        out: &mut Frame,
    ) -> Result<(), Error> {
        if self.overlays.is_none() {
            self.overlays = Some(self.paint(fonts, logo)?);
        }
        let strength = (self.mark.opacity.clamp(0.0, 1.0) * 256.0) as u16;
        self.overlays.iter().flatten().for_each(|overlay| overlay.blend(out, strength));
        Ok(())
    }

    /// The logo and the name side by side, pushed into their corner.
    fn paint(&self, fonts: &mut Fonts, logo: Option<&RgbaImage>) -> Result<Vec<Overlay>, Error> {
        let name = self.name(fonts)?;
        let logo = logo.and_then(|logo| self.logo(logo));
        let between = (BETWEEN * self.frame_size.shorter() as f32 / 1080.0) as u32;
        let mut parts: Vec<Overlay> = [logo, name].into_iter().flatten().collect();
        let width: u32 = parts.iter().map(|part| part.place.width()).sum::<u32>()
            + between * parts.len().saturating_sub(1) as u32;
        let height = parts.iter().map(|part| part.place.height()).max().unwrap_or(0);
        let area = self.mark.area;
        let left = match self.mark.corner {
            Corner::TopLeft | Corner::BottomLeft => area.left,
            Corner::TopRight | Corner::BottomRight => area.right.saturating_sub(width),
        };
        let top = match self.mark.corner {
            Corner::TopLeft | Corner::TopRight => area.top,
            Corner::BottomLeft | Corner::BottomRight => area.bottom.saturating_sub(height),
        };
        let mut x = left;
        for part in &mut parts {
            let (wide, high) = (part.place.width(), part.place.height());
            // Even places: chroma has half the samples.
            let (left, top) = (x.next_multiple_of(2), (top + (height - high) / 2).next_multiple_of(2));
            part.place = Rect { left, top, right: left + wide, bottom: top + high };
            x += wide + between;
        }
        Ok(parts)
    }

    fn name(&self, fonts: &mut Fonts) -> Result<Option<Overlay>, Error> {
        let text = without(&self.mark.text, &self.undrawable);
        let setting = Setting {
            face: &self.face,
            area: self.mark.area,
            size: SIZE * self.frame_size.shorter() as f32 / 1080.0,
            max_lines: 1,
            pitch: 1.2,
            gap: 0.0,
            margins: LOOK.margins(0.0),
            swell: 1.0,
        };
        let words: Vec<Word> =
            text.split_whitespace().map(|word| Word { text: word.to_owned(), space_before: true }).collect();
        let Some(block) = layout::set(fonts, &words, &setting)? else { return Ok(None) };
        Ok(draw::draw(fonts, &block, &LOOK, &[], Ink::flat(LETTERS), 1.0, self.frame_size))
    }

    /// The logo two lines high.
    fn logo(&self, logo: &RgbaImage) -> Option<Overlay> {
        let height = ((2.0 * SIZE * self.frame_size.shorter() as f32 / 1080.0) as u32).next_multiple_of(2);
        let room = self.mark.area.width().max(2);
        let width = (logo.width() * height / logo.height().max(1)).clamp(2, room) & !1;
        let small = imageops::resize(logo, width, height, imageops::FilterType::CatmullRom);
        let mut pixels = Pixmap::new(width, height)?;
        for (to, from) in pixels.pixels_mut().iter_mut().zip(small.pixels()) {
            let [r, g, b, a] = from.0;
            *to = ColorU8::from_rgba(r, g, b, a).premultiply();
        }
        Some(Overlay::new(&pixels, 0, 0))
    }
}
