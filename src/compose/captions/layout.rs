//! Where each word of a caption stands: as large as fits, in as few lines as read well.

use tiny_skia::Rect as Bounds;

use super::{
    phrases,
    shaping::{self, Glyph, REFERENCE, Row},
};
use crate::{
    compose::{
        Error,
        fonts::{Face, Fonts},
    },
    story::{Rect, Size},
};

/// A word to set.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Word {
    pub(super) text: String,
    pub(super) space_before: bool,
}

/// What surrounds the letters' outlines, in em.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Margins {
    pub(super) side: f32,
    pub(super) above: f32,
    pub(super) below: f32,
}

/// How text is to be set.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Setting<'a> {
    pub(super) face: &'a Face,
    /// The box that holds every drawn pixel.
    pub(super) area: Rect,
    /// The largest font size, in pixels.
    pub(super) size: f32,
    pub(super) max_lines: usize,
    /// From baseline to baseline, in em.
    pub(super) pitch: f32,
    /// What words stand farther apart than the font has it, in em.
    pub(super) gap: f32,
    pub(super) margins: Margins,
    /// The largest factor by which the finished text is ever enlarged around its centre.
    pub(super) swell: f32,
}

/// A glyph in its place.
#[derive(Debug, Clone)]
pub(super) struct Placed {
    pub(super) glyph: Glyph,
    /// Its origin in the frame.
    pub(super) at: (f32, f32),
    /// The word it belongs to.
    pub(super) word: usize,
}

/// A word, or as much of it as stands on one line.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Part {
    pub(super) word: usize,
    pub(super) line: usize,
    /// What its letters draw, without margins.
    pub(super) ink: Bounds,
    pub(super) right_to_left: bool,
}

/// Text in its place.
#[derive(Debug, Clone)]
pub(super) struct Block {
    /// The font size, in pixels.
    pub(super) size: f32,
    pub(super) glyphs: Vec<Placed>,
    pub(super) parts: Vec<Part>,
    /// The baselines, from the top.
    pub(super) baselines: Vec<f32>,
    /// Where it is enlarged from.
    pub(super) centre: (f32, f32),
}

impl Block {
    /// The same text with only those glyphs that `keep` wants; what it reserves stays.
    pub(super) fn only(&self, keep: impl Fn(&Placed) -> bool) -> Self {
        let glyphs = self.glyphs.iter().filter(|placed| keep(placed)).cloned().collect();
        Self { glyphs, ..self.clone() }
    }

    /// One word of it, to be enlarged from its own middle.
    pub(super) fn word(&self, word: usize) -> Option<Self> {
        let parts: Vec<Part> = self.parts.iter().filter(|part| part.word == word).cloned().collect();
        let ink = parts.iter().map(|part| part.ink).reduce(united)?;
        let centre = ((ink.left() + ink.right()) / 2.0, (ink.top() + ink.bottom()) / 2.0);
        Some(Self { parts, centre, ..self.only(|placed| placed.word == word) })
    }
}

/// The height of capitals in the built-in font, in em.
pub(super) const CAPITALS: f32 = 0.727;
/// Text smaller than this share of the size asked for is rather set in one line more.
const WORTH_A_LINE: f32 = 0.97;
/// Anti-aliasing and rounding, in pixels on each side.
const ROUNDING: f32 = 2.0;

/// Sets `words`; none if they draw nothing.
pub(super) fn set(fonts: &mut Fonts, words: &[Word], setting: &Setting<'_>) -> Result<Option<Block>, Error> {
    let text = Text::join(words);
    let whole = shaping::shape(fonts, &text.text, setting.face, setting.gap);
    let mut best: Option<(f32, Draft)> = None;
    for count in 1..=setting.max_lines {
        let lines = text.broken(&whole, count);
        if best.is_some() && lines.len() < count {
            break;
        }
        let Some(draft) = Draft::new(fonts, &text, &lines, whole.right_to_left, setting) else {
            return Ok(None);
        };
        let size = draft.fitting_size(setting);
        if best.as_ref().is_none_or(|(other, _)| size > *other) {
            best = Some((size, draft));
        }
        if size >= setting.size * WORTH_A_LINE {
            break;
        }
    }
    let Some((size, draft)) = best.filter(|(size, _)| *size >= 4.0) else {
        let area = Size::new(setting.area.width(), setting.area.height());
        return Err(Error::NoRoom { text: text.text, area });
    };
    Ok(Some(draft.placed(size, setting)))
}

/// Words joined, with the bytes of each.
struct Text {
    text: String,
    words: Vec<std::ops::Range<usize>>,
}

impl Text {
    fn join(words: &[Word]) -> Self {
        let mut joined = Self { text: String::new(), words: Vec::new() };
        for word in words {
            if word.space_before && !joined.text.is_empty() {
                joined.text.push(' ');
            }
            let start = joined.text.len();
            joined.text.push_str(&word.text);
            joined.words.push(start..joined.text.len());
        }
        joined
    }

    fn word_at(&self, byte: usize) -> usize {
        self.words.partition_point(|word| word.end <= byte).min(self.words.len().saturating_sub(1))
    }

    /// At most `count` lines of about the same width, broken where Unicode (UAX 14) and phrases allow.
    fn broken(&self, whole: &Row, count: usize) -> Vec<std::ops::Range<usize>> {
        let width = |bytes: std::ops::Range<usize>| -> f32 {
            let trimmed = bytes.start..bytes.start + self.text[bytes.clone()].trim_end().len();
            whole.glyphs.iter().filter(|g| trimmed.contains(&g.bytes.start)).map(|g| g.advance).sum()
        };
        let breaks = phrases::line_breaks(&self.text);
        let fill = |limit: f32| {
            let mut lines = Vec::new();
            let mut start = 0;
            for pair in breaks.windows(2) {
                if pair[0] > start && width(start..pair[1]) > limit {
                    lines.push(start..pair[0]);
                    start = pair[0];
                }
            }
            lines.push(start..self.text.len());
            lines
        };
        let (mut low, mut high) = (0.0, whole.width.max(1.0) * 1.01);
        while high - low > 0.5 {
            let middle = (low + high) / 2.0;
            if fill(middle).len() <= count { high = middle } else { low = middle }
        }
        fill(high)
    }
}

/// Lines at [`REFERENCE`], the first baseline at 0, each centred on 0.
struct Draft {
    glyphs: Vec<Placed>,
    parts: Vec<Part>,
    baselines: Vec<f32>,
    ink: Bounds,
}

impl Draft {
    fn new(
        fonts: &mut Fonts,
        text: &Text,
        lines: &[std::ops::Range<usize>],
        right_to_left: bool,
        setting: &Setting<'_>,
    ) -> Option<Self> {
        let mut draft = Self {
            glyphs: Vec::new(),
            parts: Vec::new(),
            baselines: Vec::new(),
            ink: Bounds::from_ltrb(0.0, 0.0, 1.0, 1.0)?,
        };
        let mut ink: Option<Bounds> = None;
        for (number, bytes) in lines.iter().enumerate() {
            let row = shape_line(fonts, text, bytes, right_to_left, setting);
            // Accents and vowel signs of tall scripts push lines apart.
            let above = row_ink(fonts, &row).map_or(0.0, |row| -row.top());
            let below = ink.map_or(0.0, |ink| ink.bottom());
            let baseline = match draft.baselines.last() {
                None => 0.0,
                Some(last) => (last + setting.pitch * REFERENCE).max(below + above + 0.04 * REFERENCE),
            };
            draft.baselines.push(baseline);
            for glyph in row.glyphs {
                let at = (glyph.x - row.width / 2.0, baseline - glyph.rise);
                let word = text.word_at(bytes.start + glyph.bytes.start);
                if let Some(drawn) = shaping::ink(fonts, &glyph).and_then(|drawn| moved(drawn, at)) {
                    ink = Some(ink.map_or(drawn, |all| united(all, drawn)));
                    match draft.parts.iter_mut().find(|part| part.word == word && part.line == number) {
                        Some(part) => part.ink = united(part.ink, drawn),
                        None => draft.parts.push(Part {
                            word,
                            line: number,
                            ink: drawn,
                            right_to_left: glyph.right_to_left,
                        }),
                    }
                }
                draft.glyphs.push(Placed { glyph, at, word });
            }
        }
        draft.ink = ink?;
        Some(draft)
    }

    /// The largest size, up to the one asked for, at which everything lies in the area.
    fn fitting_size(&self, setting: &Setting<'_>) -> f32 {
        let outer = self.outer(REFERENCE, setting);
        let room = |side: u32| (side as f32 - 2.0 * ROUNDING).max(0.0);
        let scale =
            (room(setting.area.width()) / outer.width()).min(room(setting.area.height()) / outer.height());
        (scale * REFERENCE).min(setting.size)
    }

    /// Everything that is ever drawn at font size `size`, from the centre.
    fn outer(&self, size: f32, setting: &Setting<'_>) -> Bounds {
        let (scale, swell) = (size / REFERENCE, setting.swell);
        let Margins { side, above, below } = setting.margins;
        let middle = self.middle();
        let edges = (
            self.ink.left() * scale - side * size,
            (self.ink.top() - middle) * scale - above * size,
            self.ink.right() * scale + side * size,
            (self.ink.bottom() - middle) * scale + below * size,
        );
        let edges = (edges.0 * swell, edges.1 * swell, edges.2 * swell, edges.3 * swell);
        Bounds::from_ltrb(edges.0, edges.1, edges.2, edges.3).unwrap_or(self.ink)
    }

    /// Half way between the first line's capitals and the last baseline: steady from cue to cue,
    /// whichever letters they have.
    fn middle(&self) -> f32 {
        (self.baselines.last().copied().unwrap_or(0.0) - CAPITALS * REFERENCE) / 2.0
    }

    fn placed(self, size: f32, setting: &Setting<'_>) -> Block {
        let area = setting.area;
        let outer = self.outer(size, setting);
        // Centred, unless that hangs out.
        let along = |low: u32, high: u32, first: f32, last: f32| {
            let (low, high) = (low as f32 + ROUNDING, high as f32 - ROUNDING);
            ((low + high) / 2.0).min(high - last).max(low - first)
        };
        let centre = (
            along(area.left, area.right, outer.left(), outer.right()),
            along(area.top, area.bottom, outer.top(), outer.bottom()),
        );
        let (scale, middle) = (size / REFERENCE, self.middle());
        let place = |(x, y): (f32, f32)| (centre.0 + x * scale, centre.1 + (y - middle) * scale);
        let place_box = |ink: Bounds| {
            let ((left, top), (right, bottom)) =
                (place((ink.left(), ink.top())), place((ink.right(), ink.bottom())));
            Bounds::from_ltrb(left, top, right, bottom).unwrap_or(ink)
        };
        Block {
            size,
            glyphs: self.glyphs.into_iter().map(|p| Placed { at: place(p.at), ..p }).collect(),
            parts: self.parts.into_iter().map(|p| Part { ink: place_box(p.ink), ..p }).collect(),
            baselines: self.baselines.iter().map(|&y| place((0.0, y)).1).collect(),
            centre,
        }
    }
}

/// One line, in the direction of the whole text, whatever letter it begins with.
fn shape_line(
    fonts: &mut Fonts,
    text: &Text,
    bytes: &std::ops::Range<usize>,
    right_to_left: bool,
    setting: &Setting<'_>,
) -> Row {
    let line = text.text[bytes.clone()].trim_end();
    let row = shaping::shape(fonts, line, setting.face, setting.gap);
    if row.right_to_left == right_to_left {
        return row;
    }
    let mark = if right_to_left { '\u{200F}' } else { '\u{200E}' };
    let mut row = shaping::shape(fonts, &format!("{mark}{line}"), setting.face, setting.gap);
    row.glyphs.retain(|glyph| glyph.bytes.start >= mark.len_utf8());
    for glyph in &mut row.glyphs {
        glyph.bytes = glyph.bytes.start - mark.len_utf8()..glyph.bytes.end - mark.len_utf8();
    }
    row
}

fn row_ink(fonts: &mut Fonts, row: &Row) -> Option<Bounds> {
    let inks =
        row.glyphs.iter().filter_map(|glyph| moved(shaping::ink(fonts, glyph)?, (glyph.x, -glyph.rise)));
    inks.reduce(united)
}

fn moved(ink: Bounds, by: (f32, f32)) -> Option<Bounds> {
    Bounds::from_ltrb(ink.left() + by.0, ink.top() + by.1, ink.right() + by.0, ink.bottom() + by.1)
}

fn united(a: Bounds, b: Bounds) -> Bounds {
    let edges =
        (a.left().min(b.left()), a.top().min(b.top()), a.right().max(b.right()), a.bottom().max(b.bottom()));
    Bounds::from_ltrb(edges.0, edges.1, edges.2, edges.3).unwrap_or(a)
}
