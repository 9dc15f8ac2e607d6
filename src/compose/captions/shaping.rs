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

#[cfg(test)]
mod tests {
    use std::process::Command;

    use cosmic_text::fontdb::Source;

    use super::*;

    /// Glyph, and where it lies in em: as HarfBuzz's own program shapes `text` in the font at `path`.
    fn by_harfbuzz(path: &std::path::Path, weight: u16, text: &str) -> Vec<(u16, f64, f64)> {
        let output = Command::new("hb-shape")
            .args(["--output-format=json", "--no-glyph-names", "--font-size=1000"])
            .arg(format!("--variations=wght={weight}"))
            .arg(path)
            .arg(text)
            .output()
            .unwrap_or_else(|error| panic!("hb-shape: {error} (`just test` installs it)"));
        let glyphs: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let mut at = 0.0;
        let glyph = |glyph: &serde_json::Value| {
            let figure = |name: &str| glyph[name].as_f64().unwrap() / 1e3;
            let placed = (glyph["g"].as_u64().unwrap() as u16, at + figure("dx"), figure("dy"));
            at += figure("ax");
            placed
        };
        glyphs.as_array().unwrap().iter().map(glyph).collect()
    }

    #[test]
    fn letters_join_and_lie_as_harfbuzz_has_them() {
        let mut fonts = Fonts::load().unwrap();
        let face = fonts.family("").unwrap();
        for text in [
            "السلام عليكم",
            "يا أصدقائي في هذا اليوم",
            "لا إله، قالَ الجَبَلُ",
            "שלום חברים",
            "कृष्ण र्ज्ञि रौशनी",
            "সমুদ্র রাত্রি",
            "வெளிச்சம்",
            "ที่นี่ น้ำ ผู้ใหญ่",
        ] {
            let mut row = shape(&mut fonts, text, &face, 0.0);
            let key = row.glyphs[0].key;
            assert!(row.glyphs.iter().all(|glyph| glyph.key.font_id == key.font_id), "{text}: two fonts");
            let path = match &fonts.system.db().face(key.font_id).unwrap().source {
                Source::File(path) | Source::SharedFile(path, _) => path.clone(),
                Source::Binary(_) => panic!("{text} is drawn in the built-in font"),
            };
            // Marks lie on their letters, where the order is nobody's concern.
            let place = |x: f64| (x * 1e3).round() as i64;
            row.glyphs.sort_by_key(|glyph| (place(f64::from(glyph.x / REFERENCE)), glyph.key.glyph_id));
            let mut wanted = by_harfbuzz(&path, key.font_weight.0, text);
            wanted.sort_by_key(|(glyph, x, _)| (place(*x), *glyph));
            let glyphs = |of: &mut dyn Iterator<Item = u16>| of.collect::<Vec<_>>();
            let ours = glyphs(&mut row.glyphs.iter().map(|glyph| glyph.key.glyph_id));
            assert_eq!(ours, glyphs(&mut wanted.iter().map(|(glyph, ..)| *glyph)), "{text}");
            for (glyph, (_, x, y)) in row.glyphs.iter().zip(&wanted) {
                let (dx, dy) = (f64::from(glyph.x / REFERENCE) - x, f64::from(glyph.rise / REFERENCE) - y);
                assert!(dx.abs() < 2e-3 && dy.abs() < 2e-3, "{text}: {glyph:?} is {dx}, {dy} em off");
            }
            let right_to_left = text.chars().next().is_some_and(|c| ('\u{590}'..'\u{780}').contains(&c));
            assert_eq!(row.right_to_left, right_to_left, "{text}");
        }
    }
}
