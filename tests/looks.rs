//! What the looks of styles make of stills, measured on drawn frames.
//!
//! The stills in `fixtures/looks` were drawn by `pocket`: `a lighthouse, morning fog` and `a lighthouse on a cliff, at
//! night` as noir prompts them, and `a city street, golden hour`.

use std::path::Path;

use image::RgbImage;
use shortform::{
    compose::{Fonts, Renderer},
    digest::Digest,
    pipeline::Presets,
    story::{
        CameraMove, CaptionStyle, Captions, Clip, Color, Extras, Frame, FrameRate, Grade, Rect, Seed, Size,
        Span, Time, Timeline,
    },
};

fn still(name: &str) -> RgbImage {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/looks").join(name);
    image::open(file).unwrap().to_rgb8()
}

/// Noir's own, without grain, which is not of the still.
fn noir() -> Grade {
    Grade { grain: 0.0, ..Presets::built_in().style("noir").unwrap().grade }
}

/// The luma of a frame that shows all of `still`, 0 ..= 1, row after row.
fn shown(still: &RgbImage, grade: &Grade) -> Vec<f64> {
    let size = Size::new(still.width(), still.height());
    let white = Color { r: 255, g: 255, b: 255, a: 255 };
    let span = Span::new(Time::ZERO, Time::from_seconds(1.0));
    let camera = CameraMove { from: [0.5, 0.5], zoom_from: 1.0, to: [0.5, 0.5], zoom_to: 1.0, sway: None };
    let timeline = Timeline {
        frame_size: size,
        frame_rate: FrameRate::new(30, 1),
        frames: 30,
        clips: vec![Clip { scene: 0, still: Digest::of(b"still"), span, camera, transition: None }],
        captions: Captions {
            style: CaptionStyle::Off,
            area: Rect { left: 20, top: 300, right: size.width - 20, bottom: 400 },
            color: white,
            gradient: None,
            highlight: white,
            font_size: 20.0,
            font: String::from("Inter"),
            uppercase: false,
            cues: Vec::new(),
        },
        title: None,
        extras: Extras::default(),
        grade: grade.clone(),
        lut: None,
        narration: Digest::of(b""),
        music: None,
        effects: Vec::new(),
        seed: Seed(5),
    };
    let mut fonts = Fonts::load().unwrap();
    let mut frame = Frame::black(size);
    let mut renderer = Renderer::new(&timeline, Box::new(|_| Ok(still.clone())), &mut fonts).unwrap();
    renderer.render(0, &mut frame).unwrap();
    frame.y.data.iter().map(|&code| (f64::from(code) - 16.0) / 219.0).collect()
}

/// Mean and standard deviation.
fn moments(light: &[f64]) -> (f64, f64) {
    let mean = light.iter().sum::<f64>() / light.len() as f64;
    let square = light.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / light.len() as f64;
    (mean, square.sqrt())
}

#[test]
fn noir_keeps_the_shades_of_morning_fog() {
    let fog = still("fog.jpg");
    let (bright, spread) = moments(&shown(&fog, &Grade::default()));
    assert!(bright > 0.75, "the still is no fog: its mean is {bright:.2}");
    let light = shown(&fog, &noir());
    // A step and a half below white: dithering rounds both ways.
    let at_the_limit = light.iter().filter(|value| **value > 1.0 - 1.5 / 219.0).count() as f64;
    let at_the_limit = at_the_limit / light.len() as f64;
    assert!(at_the_limit < 0.02, "{:.1} % of the pixels are white", 100.0 * at_the_limit);
    let (mean, deviation) = moments(&light);
    assert!((0.5..0.72).contains(&mean), "the mean is {mean:.2}");
    assert!(deviation > 1.2 * spread, "shades deviate by {deviation:.3}, in the still by {spread:.3}");
}

#[test]
fn noir_leaves_an_ordinary_still_nearly_as_a_gain_and_a_gamma_make_it() {
    for name in ["night.jpg", "street.jpg"] {
        let still = still(name);
        let plain = shown(&still, &Grade { saturation: 0.0, ..Grade::default() });
        let noir = noir();
        let straight: Vec<f64> = plain
            .iter()
            .map(|value| {
                (value * f64::from(noir.gain[0])).min(1.0).powf(1.0 / f64::from(noir.gamma[0])) * 219.0
            })
            .collect();
        let grade = Grade { vignette: 0.0, ..noir };
        let apart =
            shown(&still, &grade).iter().zip(&straight).map(|(a, b)| (a * 219.0 - b).abs()).sum::<f64>();
        let apart = apart / straight.len() as f64;
        assert!(apart < 4.0, "{name}: {apart:.2} of 219 steps on average");
    }
}
