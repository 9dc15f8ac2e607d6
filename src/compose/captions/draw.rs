//! Letters to pixels: shadow, plates, outline, fill, colour pictures.

use tiny_skia::{
    Color as Paint4, FillRule, FilterQuality, GradientStop, LineJoin, LinearGradient, Paint, Path,
    PathBuilder, Pixmap, PixmapPaint, Point, Rect as Bounds, SpreadMode, Stroke, Transform,
};

use super::{
    layout::{Block, CAPITALS, Margins},
    overlay::Overlay,
    shaping::{self, REFERENCE},
};
use crate::{
    compose::fonts::Fonts,
    story::{Color, Size},
};

/// How letters look; lengths in em.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Look {
    /// The colour around the letters, and how far it reaches.
    pub(super) outline: Option<(Color, f32)>,
    /// How far the shadow falls downwards, how far it is blurred, and how dark it is (0 ..= 1).
    pub(super) shadow: Option<(f32, f32, f32)>,
}

impl Look {
    /// What it draws outside the letters and outside plates that reach `plate` beyond them.
    pub(super) fn margins(&self, plate: f32) -> Margins {
        let outline = self.outline.map_or(0.0, |(_, reach)| reach).max(plate);
        let (fall, blur) = self.shadow.map_or((0.0, 0.0), |(fall, blur, _)| (fall, blur + outline));
        Margins { side: outline.max(blur), above: outline.max(blur - fall), below: outline.max(blur + fall) }
    }
}

/// A filled box with round corners behind letters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Plate {
    pub(super) bounds: Bounds,
    pub(super) radius: f32,
    pub(super) color: Color,
}

/// The colour of letters: at their heads and, where it differs, at their feet.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Ink {
    pub(super) color: Color,
    pub(super) feet: Option<Color>,
}

impl Ink {
    /// Letters of one colour.
    pub(super) fn flat(color: Color) -> Self {
        Self { color, feet: None }
    }
}

/// Draws `block` in `ink` with `plates` behind it, enlarged by `swell` around its centre.
pub(super) fn draw(
    fonts: &mut Fonts,
    block: &Block,
    look: &Look,
    plates: &[Plate],
    ink: Ink,
    swell: f32,
    frame: Size,
) -> Option<Overlay> {
    let canvas = Canvas::new(block, look, plates, swell, frame)?;
    let outlines: Vec<(f32, Path)> = block
        .glyphs
        .iter()
        .filter_map(|placed| {
            let path = shaping::outline(fonts, &placed.glyph)?;
            let scale = block.size / REFERENCE;
            let place = Transform::from_row(scale, 0.0, 0.0, scale, placed.at.0, placed.at.1);
            Some((placed.at.1, path.transform(place)?))
        })
        .collect();
    let mut letters = canvas.blank()?;
    for plate in plates {
        canvas.fill(&mut letters, &rounded(plate)?, plate.color);
    }
    if let Some((around, reach)) = look.outline {
        for (_, path) in &outlines {
            canvas.stroke(&mut letters, path, around, 2.0 * reach * block.size);
        }
    }
    for (baseline, path) in &outlines {
        match ink.feet {
            None => canvas.fill(&mut letters, path, ink.color),
            Some(feet) => {
                let heads = baseline - CAPITALS * block.size;
                canvas.shade(&mut letters, path, (ink.color, heads), (feet, *baseline));
            }
        }
    }
    for placed in block.glyphs.iter().filter(|placed| placed.glyph.picture) {
        canvas.picture(&mut letters, fonts, &placed.glyph, block.size, placed.at);
    }
    if let Some((fall, blur, darkness)) = look.shadow {
        let em = block.size * swell;
        shadow(&mut letters, fall * em, blur * em, darkness);
    }
    Some(Overlay::new(&letters, canvas.left, canvas.top))
}

/// A part of the frame, its corners on even pixels.
struct Canvas {
    size: (u32, u32),
    left: u32,
    top: u32,
    transform: Transform,
}

impl Canvas {
    fn new(block: &Block, look: &Look, plates: &[Plate], swell: f32, frame: Size) -> Option<Self> {
        let Margins { side, above, below } = look.margins(0.0);
        let (side, above, below) = (side * block.size, above * block.size, below * block.size);
        let boxes = block.parts.iter().map(|part| part.ink).chain(plates.iter().map(|plate| plate.bounds));
        let edges = boxes.map(|b| [b.left() - side, b.top() - above, b.right() + side, b.bottom() + below]);
        let edges = edges.reduce(|a, b| [a[0].min(b[0]), a[1].min(b[1]), a[2].max(b[2]), a[3].max(b[3])])?;
        let (cx, cy) = block.centre;
        let low = |edge: f32, centre: f32| ((centre + (edge - centre) * swell - 1.0).max(0.0) as u32) & !1;
        let high = |edge: f32, centre: f32, limit: u32| {
            (((centre + (edge - centre) * swell + 1.0).ceil() as u32).next_multiple_of(2)).min(limit)
        };
        let (left, top) = (low(edges[0], cx), low(edges[1], cy));
        let (right, bottom) = (high(edges[2], cx, frame.width), high(edges[3], cy, frame.height));
        let size = (right.checked_sub(left)?, bottom.checked_sub(top)?);
        let transform = Transform::from_translate(-cx, -cy)
            .post_scale(swell, swell)
            .post_translate(cx - left as f32, cy - top as f32);
        Some(Self { size, left, top, transform })
    }

    fn blank(&self) -> Option<Pixmap> {
        Pixmap::new(self.size.0, self.size.1)
    }

    fn fill(&self, pixels: &mut Pixmap, path: &Path, color: Color) {
        pixels.fill_path(path, &paint(color), FillRule::Winding, self.transform, None);
    }

    /// Fills with one colour down to a height, another from a height on, and what lies between them.
    fn shade(&self, pixels: &mut Pixmap, path: &Path, above: (Color, f32), below: (Color, f32)) {
        let stop = |at: f32, color: Color| GradientStop::new(at, skia(color));
        let shader = LinearGradient::new(
            Point::from_xy(0.0, above.1),
            Point::from_xy(0.0, below.1),
            vec![stop(0.0, above.0), stop(1.0, below.0)],
            SpreadMode::Pad,
            Transform::identity(),
        );
        let flat = paint(above.0);
        let paint = shader.map_or(flat, |shader| Paint { shader, anti_alias: true, ..Paint::default() });
        pixels.fill_path(path, &paint, FillRule::Winding, self.transform, None);
    }

    fn stroke(&self, pixels: &mut Pixmap, path: &Path, color: Color, width: f32) {
        let stroke = Stroke { width, line_join: LineJoin::Round, ..Stroke::default() };
        pixels.stroke_path(path, &paint(color), &stroke, self.transform, None);
    }

    fn picture(
        &self,
        pixels: &mut Pixmap,
        fonts: &mut Fonts,
        glyph: &shaping::Glyph,
        size: f32,
        at: (f32, f32),
    ) {
        let image = fonts.outlines.get_image_uncached(&mut fonts.system, glyph.key_at(size));
        let Some((image, mut picture)) = image.and_then(|image| {
            let picture = Pixmap::new(image.placement.width, image.placement.height)?;
            (image.data.len() == picture.pixels().len() * 4).then_some((image, picture))
        }) else {
            return;
        };
        for (to, from) in picture.pixels_mut().iter_mut().zip(image.data.chunks_exact(4)) {
            *to = tiny_skia::ColorU8::from_rgba(from[0], from[1], from[2], from[3]).premultiply();
        }
        let (x, y) = (at.0 + image.placement.left as f32, at.1 - image.placement.top as f32);
        let paint = PixmapPaint { quality: FilterQuality::Bilinear, ..PixmapPaint::default() };
        pixels.draw_pixmap(0, 0, picture.as_ref(), &paint, self.transform.pre_translate(x, y), None);
    }
}

/// Puts the blurred opacity of `letters` behind them in black, `fall` pixels lower.
fn shadow(letters: &mut Pixmap, fall: f32, blur: f32, darkness: f32) {
    let (width, height) = (letters.width() as usize, letters.height() as usize);
    let fall = fall.round() as usize;
    let mut opacity = vec![0u8; width * height];
    for y in fall..height {
        let row = &letters.pixels()[(y - fall) * width..][..width];
        for (to, from) in opacity[y * width..][..width].iter_mut().zip(row) {
            *to = from.alpha();
        }
    }
    let radius = ((blur / 3.0) as usize).min(WIDEST);
    if radius > 0 {
        // Three boxes come near a Gaussian and reach three radii far.
        for _ in 0..3 {
            blur_rows(&mut opacity, width, radius);
            blur_columns(&mut opacity, width, radius);
        }
    }
    for (letter, opacity) in letters.data_mut().chunks_exact_mut(4).zip(opacity) {
        let dark = (f32::from(opacity) * darkness + 0.5) as i32 as u32;
        // Of black only the opacity counts, where letters leave any through.
        let through = dark * u32::from(255 - letter[3]) + 128;
        letter[3] += ((through + (through >> 8)) >> 8) as u8;
    }
}

fn paint(color: Color) -> Paint<'static> {
    let mut paint = Paint { anti_alias: true, ..Paint::default() };
    paint.set_color(skia(color));
    paint
}

fn skia(color: Color) -> Paint4 {
    Paint4::from_rgba8(color.r, color.g, color.b, color.a)
}

/// The widest box of a blur, in pixels to each side: the shadow of letters 2,400 pixels high.
const WIDEST: usize = 127;

/// Divides sums of `window` bytes by it, rounding: a multiplication of 16 bits, of which a processor does many at once.
///
/// Exact up to a window of 15 (letters 140 pixels high), off by one here and there up to the widest.
#[derive(Clone, Copy)]
struct Mean {
    half: u16,
    /// 2^16 by the window, rounded up.
    inverse: u16,
}

impl Mean {
    /// Of `radius` values to each side and the one between them; at least 1.
    fn of(radius: usize) -> Self {
        let window = 2 * radius as u32 + 1;
        Self { half: window as u16 / 2, inverse: (1u32 << 16).div_ceil(window) as u16 }
    }

    #[inline(always)]
    fn round(self, sum: u16) -> u8 {
        (((u32::from(sum + self.half) * u32::from(self.inverse)) >> 16) as u16).min(255) as u8
    }
}

/// The mean of `2 * radius + 1` values along each row; outside is transparent.
fn blur_rows(values: &mut [u8], width: usize, radius: usize) {
    let mean = Mean::of(radius);
    // The row with what is transparent on both sides of it.
    let mut source = vec![0u8; width + 2 * radius];
    for row in values.chunks_exact_mut(width) {
        source[radius..][..width].copy_from_slice(row);
        let mut sum: u16 = source[..2 * radius].iter().map(|&v| u16::from(v)).sum();
        for ((to, &next), &first) in row.iter_mut().zip(&source[2 * radius..]).zip(&source) {
            sum += u16::from(next);
            *to = mean.round(sum);
            sum -= u16::from(first);
        }
    }
}

/// The same along columns, all of them side by side.
fn blur_columns(values: &mut [u8], width: usize, radius: usize) {
    let (source, height) = (values.to_vec(), values.len() / width);
    let mean = Mean::of(radius);
    let mut sums = vec![0u16; width];
    let row = |y: usize| &source[y * width..][..width];
    let add = |sums: &mut [u16], y: usize| {
        if y < height {
            sums.iter_mut().zip(row(y)).for_each(|(sum, &v)| *sum += u16::from(v));
        }
    };
    (0..radius).for_each(|y| add(&mut sums, y));
    for y in 0..height {
        add(&mut sums, y + radius);
        let to = &mut values[y * width..][..width];
        to.iter_mut().zip(&sums).for_each(|(to, &sum)| *to = mean.round(sum));
        if let Some(first) = y.checked_sub(radius) {
            sums.iter_mut().zip(row(first)).for_each(|(sum, &v)| *sum -= u16::from(v));
        }
    }
}

/// A box with round corners, of quarter circles as cubic curves (error below 0.03 %).
fn rounded(plate: &Plate) -> Option<Path> {
    const KAPPA: f32 = 0.447_715;
    let b = plate.bounds;
    let r = plate.radius.min(b.width() / 2.0).min(b.height() / 2.0);
    let k = r * KAPPA;
    let (left, top, right, bottom) = (b.left(), b.top(), b.right(), b.bottom());
    let mut path = PathBuilder::new();
    path.move_to(left + r, top);
    path.line_to(right - r, top);
    path.cubic_to(right - k, top, right, top + k, right, top + r);
    path.line_to(right, bottom - r);
    path.cubic_to(right, bottom - k, right - k, bottom, right - r, bottom);
    path.line_to(left + r, bottom);
    path.cubic_to(left + k, bottom, left, bottom - k, left, bottom - r);
    path.line_to(left, top + r);
    path.cubic_to(left, top + k, left + k, top, left + r, top);
    path.close();
    path.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_multiplication_divides() {
        for radius in 1..=WIDEST {
            let (mean, window) = (Mean::of(radius), 2 * radius as u32 + 1);
            let right = |sum: u32| (sum + window / 2) / window;
            let found = |sum: u32| u32::from(mean.round(sum as u16));
            let off = (0..=255 * window).map(|sum| found(sum).abs_diff(right(sum))).max();
            assert!(off <= Some(u32::from(window > 15)), "{window}: {off:?}");
        }
    }
}
