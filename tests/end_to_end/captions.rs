//! Captions fall on the spoken word, can be read, and keep out of the platform's way.

use std::{path::Path, process::Command};

use image::{GrayImage, Luma, Rgb, RgbImage};
use shortform::story::Platform;

use super::{
    film::{FPS, Film, Word},
    program::{folder, succeed, words},
};

const TEXT: [u8; 3] = [0xff, 0xff, 0xff];
const HIGHLIGHT: [u8; 3] = [0xff, 0xe5, 0x00];

/// Left, top, right, bottom.
type Bounds = (u32, u32, u32, u32);

/// A moment of the film, with captions and without.
struct Moment {
    word: Word,
    with: RgbImage,
    without: RgbImage,
}

/// The middle of every word.
fn moments() -> impl Iterator<Item = Moment> {
    let words = Film::captioned().words();
    let middles: Vec<f64> = words.iter().map(Word::middle).collect();
    let with = Film::captioned().frames_at(&middles);
    let without = Film::uncaptioned().frames_at(&middles);
    words.into_iter().zip(with.into_iter().zip(without)).map(|(word, (with, without))| Moment {
        word,
        with,
        without,
    })
}

impl Moment {
    /// The box around all pixels for which `is_meant` holds, given the pixel with and without captions.
    fn bounds(&self, is_meant: impl Fn(Rgb<u8>, Rgb<u8>) -> bool) -> Option<Bounds> {
        let meant = self
            .with
            .enumerate_pixels()
            .filter(|&(x, y, &with)| is_meant(with, *self.without.get_pixel(x, y)));
        meant.fold(None, |bounds, (x, y, _)| {
            let (left, top, right, bottom) = bounds.unwrap_or((x, y, x, y));
            Some((left.min(x), top.min(y), right.max(x), bottom.max(y)))
        })
    }

    /// Where ink lies: shadows and outlines too.
    fn ink(&self) -> Option<Bounds> {
        self.bounds(|with, without| difference(with.0, without.0) > 64)
    }

    /// Where the spoken word is marked.
    fn highlight(&self) -> Option<Bounds> {
        self.bounds(|with, without| {
            difference(with.0, HIGHLIGHT) < 48 && difference(without.0, HIGHLIGHT) > 96
        })
    }
}

/// The largest difference of a channel.
fn difference(a: [u8; 3], b: [u8; 3]) -> u8 {
    a.iter().zip(b).map(|(&a, b)| a.abs_diff(b)).max().unwrap()
}

#[test]
fn ink_stays_in_the_safe_area() {
    let platform = include_str!("../../assets/platforms/tiktok.yaml");
    let area = serde_yaml::from_str::<Platform>(platform).unwrap().safe_area.value.captions;
    for moment in moments() {
        let ink = moment.ink().unwrap_or_else(|| panic!("nothing is drawn at `{}`", moment.word.text));
        let inside = ink.0 >= area.left && ink.1 >= area.top && ink.2 < area.right && ink.3 < area.bottom;
        assert!(inside, "ink {ink:?} at `{}` leaves {area:?}", moment.word.text);
    }
}

#[test]
fn each_word_is_marked_while_it_is_spoken() {
    let mut places: Vec<(String, Bounds)> = Vec::new();
    for moment in moments() {
        let place = moment.highlight().unwrap_or_else(|| panic!("`{}` is not marked", moment.word.text));
        let (width, height) = (place.2 - place.0, place.3 - place.1);
        // One word on one line: no wider than its letters allow, no higher than one line.
        let letters = moment.word.text.chars().count() as u32;
        assert!(width > 8 && width < letters * 72 && height < 110, "`{}`: {place:?}", moment.word.text);
        places.push((moment.word.text, place));
    }
    for pair in places.windows(2) {
        assert_ne!(
            pair[0].1, pair[1].1,
            "the mark stays where it was from `{}` to `{}`",
            pair[0].0, pair[1].0
        );
    }
}

#[test]
fn captions_read_as_the_words_of_the_script() {
    let script: Vec<String> = Film::captioned().words().iter().map(|word| plain(&word.text)).collect();
    let mut misread = Vec::new();
    for (n, moment) in moments().enumerate() {
        let read = plain(&read_aloud(&moment, n));
        if !is_caption_of(&read, &script, n) {
            misread.push(format!("`{read}` while `{}` is spoken", moment.word.text));
        }
    }
    let share = 1.0 - misread.len() as f64 / script.len() as f64;
    assert!(share >= 0.95, "{:.0} % of {} frames: {misread:#?}", share * 100.0, script.len());
}

/// Whether `read` is a few words of the script in a row, the `n`th among them.
fn is_caption_of(read: &str, script: &[String], n: usize) -> bool {
    let read: Vec<&str> = read.split(' ').collect();
    script
        .windows(read.len())
        .enumerate()
        .any(|(at, words)| words == read && (at..at + read.len()).contains(&n))
}

#[test]
fn subtitles_are_the_words_of_the_script() {
    let film = Film::captioned();
    let script: Vec<String> = film.words().iter().map(|word| plain(&word.text)).collect();
    let cues = cues(&film.video.with_extension("srt"));
    let shown: Vec<String> = cues.iter().map(|cue| plain(&cue.text)).collect();
    assert_eq!(shown.join(" "), script.join(" "));
    let length = film.description["duration"].as_f64().unwrap();
    assert!(cues.iter().all(|cue| cue.start < cue.end && cue.end <= length + 1.0 / FPS));
    assert!(cues.windows(2).all(|pair| pair[0].end <= pair[1].start), "two cues at once");
}

/// What tesseract reads in a frame.
fn read_aloud(moment: &Moment, n: usize) -> String {
    // The letters alone, dark on light, as tesseract likes them.
    let (left, top, right, bottom) = moment.ink().unwrap();
    let margin = 40;
    let is_white = |x: u32, y: u32| {
        let pixel = moment.with.get_pixel(x, y).0;
        difference(pixel, TEXT) < 70 || difference(pixel, HIGHLIGHT) < 70
    };
    let mut letters =
        GrayImage::from_pixel(right - left + 2 * margin, bottom - top + 2 * margin, Luma([255]));
    let mut seen = vec![false; (moment.with.width() * moment.with.height()) as usize];
    for (x, y) in (top..=bottom).flat_map(|y| (left..=right).map(move |x| (x, y))) {
        // All that hangs together; what is white without captions as well is a sail or a cloud.
        let (mut region, mut next) = (Vec::new(), vec![(x, y)]);
        while let Some((x, y)) = next.pop() {
            let inside = (left..=right).contains(&x) && (top..=bottom).contains(&y);
            if inside
                && is_white(x, y)
                && !std::mem::replace(&mut seen[(y * moment.with.width() + x) as usize], true)
            {
                region.push((x, y));
                next.extend([(x + 1, y), (x.wrapping_sub(1), y), (x, y + 1), (x, y.wrapping_sub(1))]);
            }
        }
        let is_new = |&(x, y): &(u32, u32)| {
            difference(moment.with.get_pixel(x, y).0, moment.without.get_pixel(x, y).0) > 64
        };
        if region.iter().any(is_new) {
            for (x, y) in region {
                letters.put_pixel(x - left + margin, y - top + margin, Luma([0]));
            }
        }
    }
    let path = folder("read aloud").join(format!("{n:02}.png"));
    letters.save(&path).unwrap();
    let mut tesseract = Command::new("tesseract");
    let text =
        succeed(tesseract.arg(&path).arg("-").args(words("--psm 6 -l eng")).env("OMP_THREAD_LIMIT", "1"));
    String::from_utf8(text).unwrap()
}

/// The words alone: no punctuation, no capitals.
fn plain(text: &str) -> String {
    let words =
        text.split_whitespace().map(|word| word.chars().filter(|c| c.is_alphanumeric()).collect::<String>());
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ").to_lowercase()
}

struct Cue {
    start: f64,
    end: f64,
    text: String,
}

/// The cues of an .srt file.
fn cues(srt: &Path) -> Vec<Cue> {
    let text = std::fs::read_to_string(srt).unwrap();
    let cue = |block: &str| {
        let mut lines = block.lines().skip(1);
        let (start, end) = lines.next().unwrap().split_once(" --> ").unwrap();
        Cue { start: seconds(start), end: seconds(end), text: lines.collect::<Vec<_>>().join(" ") }
    };
    text.split("\n\n").map(str::trim).filter(|block| !block.is_empty()).map(cue).collect()
}

/// `00:00:01,500` in seconds.
fn seconds(time: &str) -> f64 {
    time.replace(',', ".").split(':').fold(0.0, |sum, part| sum * 60.0 + part.parse::<f64>().unwrap())
}
