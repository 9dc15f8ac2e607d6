//! Letters in a row: bidirectional, joined and placed as their script wants.

use cosmic_text::{Buffer, CacheKey, CacheKeyFlags, Command, Metrics, Shaping, SubpixelBin, Wrap};
use tiny_skia::{Path, PathBuilder, Rect};

use crate::compose::fonts::{Face, Fonts};

/// The font size at which text is shaped and measured, in pixels; outlines scale from it.
pub(super) const REFERENCE: f32 = 100.0;

/// A glyph in its row, at [`REFERENCE`].
#[derive(Debug, Clone)]
pub(super) struct Glyph {
    /// Bytes of the text that it stands for.
    pub(super) bytes: std::ops::Range<usize>,
    /// Where its origin lies from the row's left end.
    pub(super) x: f32,
    /// How far its origin lies above the baseline.
    pub(super) rise: f32,
    /// From its left end to the next glyph's.
    pub(super) advance: f32,
    pub(super) right_to_left: bool,
    /// Whether it is a colour picture rather than an outline.
    pub(super) picture: bool,
    /// What draws it.
    pub(super) key: CacheKey,
}

impl Glyph {
    /// Its key at another font size.
    pub(super) fn key_at(&self, size: f32) -> CacheKey {
        CacheKey { font_size_bits: size.to_bits(), ..self.key }
    }
}

/// A row of glyphs.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) glyphs: Vec<Glyph>,
    pub(super) width: f32,
    pub(super) right_to_left: bool,
}

/// Shapes `text`; each space is `gap` em wider than its font has it.
pub(super) fn shape(fonts: &mut Fonts, text: &str, face: &Face, gap: f32) -> Row {
    let runs = fonts.runs(text, face);
    let mut spans = Vec::new();
    for run in &runs {
        for piece in text[run.text.clone()].split_inclusive(' ') {
            let letters = piece.trim_end_matches(' ');
            let attrs = run.face.attrs();
            spans.push((letters, attrs.clone()));
            spans.push((&piece[letters.len()..], if gap > 0.0 { attrs.letter_spacing(gap) } else { attrs }));
        }
    }
    spans.retain(|(piece, _)| !piece.is_empty());
    let mut buffer = Buffer::new(&mut fonts.system, Metrics::new(REFERENCE, REFERENCE));
    buffer.set_wrap(Wrap::None);
    buffer.set_size(None, None);
    buffer.set_rich_text(spans, &face.attrs(), Shaping::Advanced, None);
    buffer.shape_until_scroll(&mut fonts.system, false);
    let mut row = Row { glyphs: Vec::new(), width: 0.0, right_to_left: false };
    for run in buffer.layout_runs() {
        row.width = run.line_w;
        row.right_to_left = run.rtl;
        row.glyphs.extend(run.glyphs.iter().map(|glyph| Glyph {
            bytes: glyph.start..glyph.end,
            x: glyph.x + REFERENCE * glyph.x_offset,
            rise: REFERENCE * glyph.y_offset - glyph.y,
            advance: glyph.w,
            right_to_left: glyph.level.is_rtl(),
            picture: glyph.metadata == 1,
            key: CacheKey {
                font_id: glyph.font_id,
                glyph_id: glyph.glyph_id,
                font_size_bits: REFERENCE.to_bits(),
                x_bin: SubpixelBin::Zero,
                y_bin: SubpixelBin::Zero,
                font_weight: glyph.font_weight,
                flags: CacheKeyFlags::DISABLE_HINTING,
            },
        }));
    }
    row
}

/// The glyph's outline at [`REFERENCE`], y downwards from its origin; none for pictures and spaces.
pub(super) fn outline(fonts: &mut Fonts, glyph: &Glyph) -> Option<Path> {
    if glyph.picture {
        return None;
    }
    let commands = fonts.outlines.get_outline_commands(&mut fonts.system, glyph.key)?;
    let mut path = PathBuilder::new();
    for command in commands {
        match *command {
            Command::MoveTo(p) => path.move_to(p.x, -p.y),
            Command::LineTo(p) => path.line_to(p.x, -p.y),
            Command::QuadTo(a, p) => path.quad_to(a.x, -a.y, p.x, -p.y),
            Command::CurveTo(a, b, p) => path.cubic_to(a.x, -a.y, b.x, -b.y, p.x, -p.y),
            Command::Close => path.close(),
        }
    }
    path.finish()
}

/// The box of what the glyph draws at [`REFERENCE`], from its origin; none if it draws nothing.
pub(super) fn ink(fonts: &mut Fonts, glyph: &Glyph) -> Option<Rect> {
    if !glyph.picture {
        return Some(outline(fonts, glyph)?.bounds());
    }
    let image = fonts.outlines.get_image(&mut fonts.system, glyph.key).as_ref()?;
    let place = image.placement;
    let (left, top) = (place.left as f32, -place.top as f32);
    Rect::from_ltrb(left, top, left + place.width as f32, top + place.height as f32)
}
