//! What the tests share: rules, pictures, sounds, and the ffmpeg program.

use std::{
    f64::consts::TAU,
    path::{Path, PathBuf},
    process::Command,
};

use shortform::{
    media::{self, Encoding, Error, Report},
    story::{
        AudioRules, Duration, Figure, Frame, FrameRate, Generation, Loudness, Plane, Platform, Quality, Rect,
        SafeArea, Samples, Size, TextRules, VideoCodec, VideoEncoder, VideoRules,
    },
};

pub(crate) const RATE: usize = 48_000;
pub(crate) const FPS: FrameRate = FrameRate::new(30, 1);
pub(crate) const SMALL: Size = Size::new(180, 320);

pub(crate) fn figure<T>(value: T) -> Figure<T> {
    Figure { value, source: "test".into(), date: "2026-11".into() }
}

/// Rules as the three platforms share them, for frames of `size`.
pub(crate) fn platform(size: Size) -> Platform {
    let rect = Rect { left: 0, top: 0, right: size.width, bottom: size.height };
    Platform {
        name: "all".into(),
        title: "All".into(),
        generation: Generation { size, delivery: size },
        formats: figure(vec![]),
        video: VideoRules {
            codecs: figure(vec![VideoCodec::H264, VideoCodec::Hevc, VideoCodec::Av1]),
            frame_rate: FPS,
            min_fps: figure(23.0),
            max_fps: figure(60.0),
            bitrate: figure(8_000_000),
            max_bitrate: figure(25_000_000),
            keyframe_interval: figure(15),
            b_frames: figure(2),
        },
        audio: AudioRules { bitrate: figure(128_000), sample_rate: figure(48_000), channels: figure(2) },
        duration: Duration { min: figure(3.0), max: figure(180.0) },
        max_bytes: figure(300_000_000),
        loudness: Loudness { integrated: figure(-14.0), true_peak: figure(-1.5) },
        safe_area: figure(SafeArea { captions: rect, organic: rect }),
        text: TextRules { title: figure(100), description: figure(2200), hashtags: figure(30) },
    }
}

pub(crate) fn encoding(size: Size, frames: u64) -> Encoding {
    let encoder = VideoEncoder::X264;
    Encoding { encoder, ..Encoding::for_platform(&platform(size), frames, Quality::Standard) }
}

/// A moving pattern with soft edges: rings that drift, over a gradient that turns.
pub(crate) fn draw(index: u64, frame: &mut Frame) {
    let t = index as f64 / 30.0;
    fill(&mut frame.y, |x, y| {
        let (dx, dy) = (x - 0.5 - 0.2 * (t * 1.3).sin(), y - 0.5 - 0.2 * (t * 0.9).cos());
        126.0 + 80.0 * ((dx * dx + dy * dy).sqrt() * 40.0 - t * 4.0).sin()
    });
    fill(&mut frame.u, |x, _| 128.0 + 60.0 * (x * 3.0 + t).sin());
    fill(&mut frame.v, |_, y| 128.0 + 60.0 * (y * 3.0 - t).cos());
}

pub(crate) fn fill(plane: &mut Plane, value: impl Fn(f64, f64) -> f64) {
    let (width, height) = (plane.width, plane.height);
    for y in 0..height {
        for (x, sample) in plane.row_mut(y).iter_mut().enumerate() {
            *sample = value(x as f64 / width as f64, y as f64 / height as f64).round() as u8;
        }
    }
}

/// Two tones at -14 LUFS, as long as `frames`.
pub(crate) fn tones(frames: u64) -> Samples {
    tones_at(frames, 0.1993)
}

pub(crate) fn tones_at(frames: u64, level: f64) -> Samples {
    let length = frames as usize * RATE / 30;
    let tone = |hertz: f64| {
        (0..length).map(|i| (level * (TAU * hertz * i as f64 / RATE as f64).sin()) as f32).collect::<Vec<_>>()
    };
    Samples { rate: RATE as u32, channels: vec![tone(997.0), tone(997.0)] }
}

pub(crate) fn write(path: &Path, encoding: &Encoding, sound: &Samples) -> media::Encoded {
    media::encode(path, encoding, sound, |index, frame| {
        draw(index, frame);
        Ok::<_, Error>(())
    })
    .unwrap()
}

/// A good video of `seconds`, small.
pub(crate) fn good(folder: &Path, seconds: u64) -> PathBuf {
    let path = folder.join("good.mp4");
    let frames = seconds * 30;
    write(&path, &encoding(SMALL, frames), &tones(frames));
    path
}

pub(crate) fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    text
}

/// Makes a file with the ffmpeg program.
pub(crate) fn ffmpeg(arguments: &[&str]) {
    run("ffmpeg", &[&["-v", "error", "-nostdin", "-y"], arguments].concat());
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

pub(crate) fn psnr(a: &Plane, b: &Plane) -> f64 {
    let sum: f64 = a.data.iter().zip(&b.data).map(|(&a, &b)| f64::from(a.abs_diff(b)).powi(2)).sum();
    10.0 * (255.0 * 255.0 / (sum / a.data.len() as f64).max(1e-9)).log10()
}

pub(crate) fn failed(report: &Report) -> Vec<&str> {
    report.failures().map(|check| check.name.as_str()).collect()
}
