//! Every caption style side by side, to choose from.

use image::{Rgb, RgbImage, imageops};

use super::{CueRules, Error, Fonts, Renderer, cues, yuv};
use crate::{
    digest::Digest,
    story::{
        CameraMove, CaptionStyle, Captions, Clip, Color, Corner, Extras, Frame, FrameRate, Grade, Progress,
        Rect, Seed, Size, Span, Time, Timeline, TimingQuality, Title, Watermark, WordTiming,
    },
};

/// One style's part of the gallery.
const TILE: Size = Size::new(540, 400);
/// Tiles side by side.
const ACROSS: u32 = 2;
/// Pixels between tiles.
const BETWEEN: u32 = 8;
const RATE: FrameRate = FrameRate::new(30, 1);
const WORDS: [&str; 7] = ["Light", "crosses", "the", "dark", "sea", "every", "night."];
/// Seconds that each word takes.
const PACE: f64 = 0.5;
/// The moment that is shown: in the middle of the second word.
const SHOWN: f64 = 0.75;

/// Draws each style of captions with its name, a moment into a line that is being spoken.
///
/// # Errors
/// When a font is missing.
pub fn gallery(fonts: &mut Fonts) -> Result<RgbImage, Error> {
    let gold = Color { r: 255, g: 184, b: 28, a: 255 };
    let mut tiles = Vec::new();
    for style in [
        CaptionStyle::Highlight,
        CaptionStyle::Karaoke,
        CaptionStyle::Box,
        CaptionStyle::Pop,
        CaptionStyle::Clean,
        CaptionStyle::Typewriter,
    ] {
        tiles.push(timeline(style, style.name(), None));
    }
    tiles.push(timeline(CaptionStyle::Highlight, "highlight, gradient: \"#ffb81c\"", Some(gold)));
    tiles.push(adorned());
    let down = (tiles.len() as u32).div_ceil(ACROSS);
    let side = |tile: u32, count: u32| count * (tile + BETWEEN) + BETWEEN;
    let mut wall = RgbImage::from_pixel(side(TILE.width, ACROSS), side(TILE.height, down), Rgb([255; 3]));
    for (n, timeline) in tiles.iter().enumerate() {
        let mut renderer = Renderer::new(timeline, Box::new(|_| Ok(night())), fonts)?;
        let mut frame = Frame::black(TILE);
        // Captions that grow are drawn frame by frame.
        for index in 0..=Time::from_seconds(SHOWN).frame(RATE) {
            renderer.render(index, &mut frame)?;
        }
        let (column, row) = (n as u32 % ACROSS, n as u32 / ACROSS);
        let (x, y) = (side(TILE.width, column), side(TILE.height, row));
        imageops::replace(&mut wall, &yuv::to_image(&frame), x.into(), y.into());
    }
    Ok(wall)
}

/// A tile of `style` under the name `label`.
fn timeline(style: CaptionStyle, label: &str, gradient: Option<Color>) -> Timeline {
    let end = Time::from_seconds(WORDS.len() as f64 * PACE);
    let word = |(n, text): (usize, &&str)| WordTiming {
        text: (*text).to_owned(),
        spoken: (*text).to_owned(),
        span: Span::new(Time::from_seconds(n as f64 * PACE), Time::from_seconds((n + 1) as f64 * PACE)),
        space_before: n > 0,
        quality: TimingQuality::Exact,
    };
    let words: Vec<WordTiming> = WORDS.iter().enumerate().map(word).collect();
    let clip = Clip {
        scene: 0,
        still: Digest::of(b"night"),
        span: Span::new(Time::ZERO, end),
        camera: CameraMove { from: [0.5, 0.5], zoom_from: 1.0, to: [0.5, 0.5], zoom_to: 1.0, sway: None },
        transition: None,
    };
    let mark = Watermark {
        text: label.to_owned(),
        logo: None,
        area: Rect { left: 20, top: 16, right: TILE.width - 20, bottom: 80 },
        corner: Corner::TopLeft,
        opacity: 1.0,
    };
    Timeline {
        frame_size: TILE,
        frame_rate: RATE,
        frames: end.frame(RATE),
        clips: vec![clip],
        captions: Captions {
            style,
            area: Rect { left: 24, top: 120, right: TILE.width - 24, bottom: 360 },
            color: Color { r: 255, g: 255, b: 255, a: 255 },
            gradient,
            highlight: Color { r: 255, g: 229, b: 0, a: 255 },
            font_size: 116.0,
            font: String::new(),
            uppercase: false,
            cues: cues(words.iter(), &[], CueRules::of(style)),
        },
        title: None,
        extras: Extras { watermark: Some(mark), ..Extras::default() },
        grade: Grade::default(),
        lut: None,
        narration: Digest::of(b""),
        music: None,
        effects: Vec::new(),
        seed: Seed(0),
    }
}

/// A tile with what else may lie over a picture.
fn adorned() -> Timeline {
    let mut timeline = timeline(CaptionStyle::Off, "hook, watermark, progress", None);
    let area = Rect { left: 30, top: 100, right: TILE.width - 30, bottom: 330 };
    let span = Span::new(Time::ZERO, Time::from_seconds(2.5));
    timeline.extras.hook = Some(Title { text: String::from("Nobody has ever come back"), span, area });
    timeline.extras.progress = Some(Progress {
        area: Rect { left: 0, top: TILE.height - 10, right: TILE.width, bottom: TILE.height },
        color: timeline.captions.highlight,
    });
    timeline
}

/// A picture of dusk over a sea: dark, light and coloured parts for letters to stand on.
fn night() -> RgbImage {
    RgbImage::from_fn(TILE.width, TILE.height, |x, y| {
        let (x, y) = (f64::from(x) / f64::from(TILE.width), f64::from(y) / f64::from(TILE.height));
        let glow = (-((x - 0.68).powi(2) * 5.0 + (y - 0.62).powi(2) * 22.0)).exp();
        let sky = if y < 0.64 { 1.0 } else { 0.55 + 0.12 * ((y * 190.0 + 3.0 * (x * 17.0).sin()).sin()) };
        let mixed = |night: f64, dusk: f64| ((night + (dusk - night) * glow) * sky + 18.0 * (1.0 - y)) as u8;
        Rgb([mixed(26.0, 250.0), mixed(42.0, 150.0), mixed(84.0, 96.0)])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tile_has_its_own_look() {
        let mut fonts = Fonts::load().unwrap();
        let wall = gallery(&mut fonts).unwrap();
        let tile = |n: u32| {
            let (x, y) =
                ((TILE.width + BETWEEN) * (n % 2) + BETWEEN, (TILE.height + BETWEEN) * (n / 2) + BETWEEN);
            // Without the label above.
            imageops::crop_imm(&wall, x, y + 90, TILE.width, TILE.height - 90).to_image()
        };
        let empty = imageops::crop_imm(&night(), 0, 90, TILE.width, TILE.height - 90).to_image();
        let apart = |a: &RgbImage, b: &RgbImage| {
            a.pixels()
                .zip(b.pixels())
                .filter(|(a, b)| a.0.iter().zip(b.0).any(|(a, b)| a.abs_diff(b) > 60))
                .count()
        };
        let tiles: Vec<RgbImage> = (0..8).map(tile).collect();
        for (n, one) in tiles.iter().enumerate() {
            assert!(apart(one, &empty) > 1_500, "tile {n} is empty");
            for (m, other) in tiles.iter().enumerate().skip(n + 1) {
                assert!(apart(one, other) > 400, "tiles {n} and {m} look alike");
            }
        }
    }
}
