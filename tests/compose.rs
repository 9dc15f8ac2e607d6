//! Whole frames, drawn from whole timelines.

use image::{Rgb, RgbImage};
use shortform::{
    compose::{Fonts, Renderer, camera_move},
    digest::Digest,
    story::{
        CameraKind, CaptionStyle, Captions, Clip, Color, Frame, FrameRate, Grade, Rect, Seed, Size, Span,
        Time, Timeline, Transition, TransitionKind,
    },
};

const FRAME: Size = Size::new(1080, 1920);
const RATE: FrameRate = FrameRate::new(30, 1);

fn still_digest(scene: usize) -> Digest {
    Digest::of(&scene.to_le_bytes())
}

/// A timeline of `scenes` clips of `seconds` each, without captions.
fn timeline(scenes: usize, seconds: f64, camera: CameraKind, transition: TransitionKind) -> Timeline {
    let at = |scene: usize| Time::from_seconds(scene as f64 * seconds);
    let clip = |scene: usize| Clip {
        scene,
        still: still_digest(scene),
        span: Span::new(at(scene), at(scene + 1)),
        camera: camera_move(camera, 1.18, Seed(5), scene),
        transition: Some(Transition { kind: transition, length: Time::from_seconds(0.5) }),
    };
    Timeline {
        frame_size: FRAME,
        frame_rate: RATE,
        frames: at(scenes).frame(RATE),
        clips: (0..scenes).map(clip).collect(),
        captions: Captions {
            style: CaptionStyle::Off,
            area: Rect { left: 90, top: 1040, right: 990, bottom: 1400 },
            color: Color { r: 255, g: 255, b: 255, a: 255 },
            highlight: Color { r: 255, g: 229, b: 0, a: 255 },
            font_size: 96.0,
            font: String::from("Inter"),
            uppercase: false,
            cues: Vec::new(),
        },
        title: None,
        grade: Grade::default(),
        narration: Digest::of(b""),
        seed: Seed(5),
    }
}

/// A still with one soft white dot on grey.
fn dot() -> RgbImage {
    RgbImage::from_fn(FRAME.width, FRAME.height, |x, y| {
        let (dx, dy) = (f64::from(x) - 700.0, f64::from(y) - 500.0);
        let light = 40.0 + 200.0 * (-(dx * dx + dy * dy) / (2.0 * 14.0 * 14.0)).exp();
        Rgb([light.round() as u8; 3])
    })
}

/// Where the light above the background has its centre.
fn centroid(frame: &Frame) -> (f64, f64) {
    let (mut sum, mut x_sum, mut y_sum) = (0.0, 0.0, 0.0);
    for y in 0..frame.y.height {
        for (x, &luma) in frame.y.row(y).iter().enumerate() {
            let light = (f64::from(luma) - 56.0).max(0.0);
            sum += light;
            x_sum += light * x as f64;
            y_sum += light * y as f64;
        }
    }
    (x_sum / sum, y_sum / sum)
}

#[test]
fn the_camera_moves_without_trembling() {
    let timeline = timeline(1, 4.0, CameraKind::ZoomIn, TransitionKind::Cut);
    let mut fonts = Fonts::load().unwrap();
    let mut renderer = Renderer::new(&timeline, Box::new(|_| Ok(dot())), &mut fonts).unwrap();
    let mut frame = Frame::black(FRAME);
    let track: Vec<(f64, f64)> = (0..60)
        .map(|n| {
            renderer.render(n, &mut frame).unwrap();
            centroid(&frame)
        })
        .collect();
    let travelled = (track[59].0 - track[0].0).hypot(track[59].1 - track[0].1);
    assert!(travelled > 20.0, "the dot moved by {travelled} pixels: nothing is tested");
    let second = |of: fn(&(f64, f64)) -> f64| {
        let squares = track.windows(3).map(|w| (of(&w[2]) - 2.0 * of(&w[1]) + of(&w[0])).powi(2));
        (squares.sum::<f64>() / 58.0).sqrt()
    };
    let (x, y) = (second(|p| p.0), second(|p| p.1));
    eprintln!("acceleration {x:.4} {y:.4} px/frame^2 over {travelled:.1} px");
    assert!(x < 0.05 && y < 0.05, "acceleration of {x:.4}, {y:.4} pixels a frame squared");
}

#[test]
#[ignore = "prints how long a frame takes"]
fn time_a_frame() {
    for transition in [TransitionKind::Cut, TransitionKind::Crossfade] {
        let timeline = timeline(3, 3.0, CameraKind::KenBurns, transition);
        let mut fonts = Fonts::load().unwrap();
        let dot = dot();
        let mut renderer = Renderer::new(&timeline, Box::new(|_| Ok(dot.clone())), &mut fonts).unwrap();
        let mut frame = Frame::black(FRAME);
        let mut times: Vec<f64> = (0..timeline.frames)
            .map(|n| {
                let start = std::time::Instant::now();
                renderer.render(n, &mut frame).unwrap();
                start.elapsed().as_secs_f64() * 1e3
            })
            .collect();
        let total: f64 = times.iter().sum();
        times.sort_by(f64::total_cmp);
        println!(
            "median {:.2} ms, mean {:.2}, worst {:.1}",
            times[times.len() / 2],
            total / times.len() as f64,
            times[times.len() - 1]
        );
    }
}
