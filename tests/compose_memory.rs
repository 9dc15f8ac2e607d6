//! Composing takes as much memory for a long video as for a short one.
#![cfg(target_os = "linux")]

use std::process::Command;

use image::{Rgb, RgbImage};
use shortform::{
    compose::{CueRules, Fonts, Renderer, camera_move, cues},
    digest::Digest,
    story::{
        CameraKind, CaptionStyle, Captions, Clip, Extras, Frame, FrameRate, Grade, Rect, Seed, Size, Span,
        Time, Timeline, TimingQuality, Transition, TransitionKind, WordTiming,
    },
};

const SIZE: Size = Size::new(540, 960);
const RATE: FrameRate = FrameRate::new(15, 1);
/// How the test tells a process of its own how long the video is.
const LENGTH: &str = "SHORTFORM_TEST_SECONDS";

fn timeline(seconds: usize) -> Timeline {
    let at = |scene: usize| Time::from_seconds(2.5 * scene as f64);
    let scenes = seconds * 2 / 5;
    let clip = |scene: usize| Clip {
        scene,
        still: Digest::of(&scene.to_le_bytes()),
        span: Span::new(at(scene), at(scene + 1)),
        camera: camera_move(CameraKind::KenBurns, 1.12, Seed(1), scene),
        transition: Some(Transition { kind: TransitionKind::Crossfade, length: Time::from_seconds(0.4) }),
    };
    let names = ["The", "oldest", "lighthouse", "stands", "on", "a", "cliff,", "alone."];
    let word = |n: usize| WordTiming {
        text: names[n % names.len()].to_owned(),
        spoken: String::new(),
        span: Span::new(Time::from_seconds(0.4 * n as f64), Time::from_seconds(0.4 * n as f64 + 0.35)),
        space_before: true,
        quality: TimingQuality::Exact,
    };
    let words: Vec<WordTiming> = (0..seconds * 5 / 2).map(word).collect();
    Timeline {
        frame_size: SIZE,
        frame_rate: RATE,
        frames: at(scenes).frame(RATE),
        clips: (0..scenes).map(clip).collect(),
        captions: Captions {
            style: CaptionStyle::Karaoke,
            area: Rect { left: 40, top: 500, right: 500, bottom: 700 },
            color: "#ffffff".parse().unwrap(),
            gradient: None,
            highlight: "#ffe500".parse().unwrap(),
            font_size: 92.0,
            font: String::from("Inter"),
            uppercase: false,
            cues: cues(words.iter(), &[], CueRules::of(CaptionStyle::Karaoke)),
        },
        title: None,
        extras: Extras::default(),
        grade: Grade { grain: 0.1, ..Grade::default() },
        lut: None,
        narration: Digest::of(b""),
        music: None,
        effects: Vec::new(),
        seed: Seed(1),
    }
}

/// The most this process has held, in bytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

#[test]
#[ignore = "run by the test below, in a process of its own"]
fn compose_and_say_the_peak() {
    let seconds = std::env::var(LENGTH).unwrap().parse().unwrap();
    let timeline = timeline(seconds);
    let still = |digest: Digest| {
        let shade = digest.to_string().as_bytes()[0];
        Ok(RgbImage::from_fn(SIZE.width * 9 / 8, SIZE.height * 9 / 8, |x, y| {
            Rgb([shade, (x % 256) as u8, (y % 256) as u8])
        }))
    };
    let before = peak();
    let mut fonts = Fonts::load().unwrap();
    let mut renderer = Renderer::new(&timeline, Box::new(still), &mut fonts).unwrap();
    let mut frame = Frame::black(SIZE);
    for number in 0..timeline.frames {
        renderer.render(number, &mut frame).unwrap();
    }
    println!("grew by {} to {}", peak() - before, peak());
}

#[test]
fn eighty_seconds_take_what_twenty_take() {
    let of = |seconds: u32| -> [f64; 2] {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "compose_and_say_the_peak", "--ignored", "--nocapture"])
            .env(LENGTH, seconds.to_string())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let after = said.split("grew by ").nth(1).unwrap_or_else(|| panic!("{said}"));
        let mut figures = after.split_whitespace().filter_map(|word| word.parse::<f64>().ok());
        [figures.next().unwrap(), figures.next().unwrap()]
    };
    let ([grew, short], [_, long]) = (of(20), of(80));
    eprintln!("20 s: {:.1} MB, 80 s: {:.1} MB, grown by {:.1} MB", short / 1e6, long / 1e6, grew / 1e6);
    assert!((long / short - 1.0).abs() <= 0.05, "{short} bytes for 20 s, {long} for 80 s");
    assert!(grew < 60e6, "composing took {grew} bytes");
}
