//! Whole frames, drawn from whole timelines.

use image::{Rgb, RgbImage};
use proptest::prelude::*;
use shortform::{
    compose::{CueRules, Fonts, Renderer, camera_move, cues, push, to_image},
    digest::Digest,
    story::{
        CameraKind, CaptionStyle, Captions, Clip, Color, Corner, Cue, CueWord, Extras, Frame, FrameRate,
        Grade, Rect, Seed, Size, Span, Time, Timeline, TimingQuality, Title, Transition, TransitionKind,
        Watermark, WordTiming,
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
        camera: camera_move(camera, 1.2, Seed(5), scene),
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
            gradient: None,
            highlight: Color { r: 255, g: 229, b: 0, a: 255 },
            font_size: 96.0,
            font: String::from("Inter"),
            uppercase: false,
            cues: Vec::new(),
        },
        title: None,
        extras: Extras::default(),
        grade: Grade::default(),
        lut: None,
        narration: Digest::of(b""),
        music: None,
        effects: Vec::new(),
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
            // Its core alone: where it is flat, whole rings of it round up or down together, far from its middle.
            let light = (f64::from(luma) - 90.0).max(0.0);
            sum += light;
            x_sum += light * x as f64;
            y_sum += light * y as f64;
        }
    }
    (x_sum / sum, y_sum / sum)
}

/// How to tell the acceleration that a move is meant to have from the tremble on top: what of the values around a
/// frame makes up its own.
fn wanted(kind: CameraKind) -> Vec<f64> {
    match kind {
        // A hand sways up to once a second: parabolas over nine frames (A. Savitzky, M. Golay, "Smoothing and
        // differentiation of data", 1964, table I) follow that within a hundredth.
        CameraKind::Handheld => {
            [-21.0, 14.0, 39.0, 54.0, 59.0, 54.0, 39.0, 14.0, -21.0].map(|w| w / 231.0).to_vec()
        }
        // What the ease accelerates is slow: a mean over half a second has all of it.
        _ => vec![1.0 / 15.0; 15],
    }
}

#[test]
fn the_camera_moves_without_trembling() {
    let mut fonts = Fonts::load().unwrap();
    let kinds = [
        CameraKind::KenBurns,
        CameraKind::ZoomIn,
        CameraKind::ZoomOut,
        CameraKind::Pan,
        CameraKind::Push,
        CameraKind::Drift,
        CameraKind::Handheld,
    ];
    for kind in kinds {
        let mut timeline = timeline(1, 6.0, kind, TransitionKind::Cut);
        let camera = match kind {
            CameraKind::Push => push([0.6, 0.35], 1.12),
            _ => camera_move(kind, 1.12, Seed(5), 0),
        };
        timeline.clips[0].camera = camera;
        let mut renderer = Renderer::new(&timeline, Box::new(|_| Ok(dot())), &mut fonts).unwrap();
        let mut frame = Frame::black(FRAME);
        let track: Vec<(f64, f64)> = (0..timeline.frames)
            .map(|n| {
                renderer.render(n, &mut frame).unwrap();
                centroid(&frame)
            })
            .collect();
        let (first, last) = (track[0], track[track.len() - 1]);
        let travelled = (last.0 - first.0).hypot(last.1 - first.1);
        assert!(travelled > 4.0, "{kind:?}: the dot moved by {travelled} pixels: nothing is tested");
        let trembling = |of: fn(&(f64, f64)) -> f64| {
            let steps: Vec<f64> = track.windows(3).map(|w| of(&w[2]) - 2.0 * of(&w[1]) + of(&w[0])).collect();
            // Rounding trembles from one frame to the next: a slow curve holds nothing of it.
            let wanted = wanted(kind);
            let left =
                |w: &[f64]| w[w.len() / 2] - w.iter().zip(&wanted).map(|(a, share)| a * share).sum::<f64>();
            let squares: Vec<f64> = steps.windows(wanted.len()).map(|w| left(w).powi(2)).collect();
            (squares.iter().sum::<f64>() / squares.len() as f64).sqrt()
        };
        let (x, y) = (trembling(|p| p.0), trembling(|p| p.1));
        eprintln!("{kind:?}: trembles by {x:.4} {y:.4} px/frame^2 over {travelled:.1} px");
        assert!(x <= 0.01 && y <= 0.01, "{kind:?} trembles by {x:.4}, {y:.4} pixels a frame squared");
    }
}

#[test]
#[ignore = "prints how long a frame takes"]
fn time_a_frame() {
    let still = dot();
    let words = spoken(&"the quick brown fox jumps over the lazy dog ".repeat(3), 0.2, true);
    for style in [CaptionStyle::Off, CaptionStyle::Highlight, CaptionStyle::Karaoke, CaptionStyle::Pop] {
        let mut timeline = timeline(3, 10.0 / 3.0, CameraKind::KenBurns, TransitionKind::Crossfade);
        timeline.captions.style = style;
        timeline.captions.cues = cues(words.iter(), &[], CueRules::of(style));
        let mut fonts = Fonts::load().unwrap();
        let mut renderer = Renderer::new(&timeline, Box::new(|_| Ok(still.clone())), &mut fonts).unwrap();
        let mut frame = Frame::black(FRAME);
        let mut times: Vec<f64> = (0..timeline.frames)
            .map(|n| {
                let start = std::time::Instant::now();
                renderer.render(n, &mut frame).unwrap();
                start.elapsed().as_secs_f64() * 1e3
            })
            .collect();
        let mean = times.iter().sum::<f64>() / times.len() as f64;
        times.sort_by(f64::total_cmp);
        println!(
            "{style:?}: median {:.2} ms, mean {mean:.2}, worst {:.1}",
            times[times.len() / 2],
            times[times.len() - 1]
        );
    }
}

/// Ranges of hills under a sky; `light` from 0 (night) to 1 (noon).
fn mountains(light: f64, seed: u64) -> RgbImage {
    let hill = |x: f64, layer: f64| {
        let s = seed as f64 + layer * 7.3;
        (x * 0.004 + s).sin() * 90.0 + (x * 0.011 + s * 2.0).sin() * 40.0 + (x * 0.037 + s * 3.0).sin() * 9.0
    };
    RgbImage::from_fn(1296, 2304, |x, y| {
        let (fx, fy) = (f64::from(x), f64::from(y));
        let grain = f64::from((x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(40_503)) >> 24 & 15) - 8.0;
        let mut color = [90.0 + fy * 0.06, 130.0 + fy * 0.05, 220.0 - fy * 0.02];
        let (dx, dy) = (fx - 900.0, fy - 520.0);
        let sun = (-(dx * dx + dy * dy) / 30_000.0).exp() * 160.0;
        color = color.map(|c| c + sun);
        for layer in 0..4 {
            let layer = f64::from(layer);
            if fy > 900.0 + layer * 320.0 + hill(fx, layer) {
                let near = layer / 3.0;
                color = [110.0 - 70.0 * near, 130.0 - 60.0 * near, 150.0 - 110.0 * near].map(|c| c + grain);
            }
        }
        Rgb(color.map(|c| (c * (0.12 + 0.88 * light)).clamp(0.0, 255.0) as u8))
    })
}

/// `text` spoken at an even pace from `start` on.
fn spoken(text: &str, start: f64, spaced: bool) -> Vec<WordTiming> {
    let words: Vec<&str> = if spaced { text.split(' ').collect() } else { text.split('|').collect() };
    let word = |(i, word): (usize, &&str)| {
        let at = start + i as f64 * 0.36;
        WordTiming {
            text: (*word).to_owned(),
            spoken: (*word).to_owned(),
            span: Span::new(Time::from_seconds(at), Time::from_seconds(at + 0.34)),
            space_before: spaced,
            quality: TimingQuality::Exact,
        }
    };
    words.iter().enumerate().map(word).collect()
}

const STYLES: [CaptionStyle; 6] = [
    CaptionStyle::Highlight,
    CaptionStyle::Karaoke,
    CaptionStyle::Box,
    CaptionStyle::Pop,
    CaptionStyle::Clean,
    CaptionStyle::Typewriter,
];

#[test]
#[ignore = "writes pictures to $GALLERY, to be looked at"]
fn gallery() {
    let folder = std::path::PathBuf::from(std::env::var_os("GALLERY").expect("GALLERY names a folder"));
    let texts: [(&str, &str, bool); 9] = [
        ("en", "Nobody expected the quiet mountain to answer, yet it did.", true),
        ("de", "Donaudampfschifffahrtsgesellschaft fährt über große Brücken.", true),
        ("ar", "السلام عليكم يا أصدقائي في هذا اليوم", true),
        ("hi", "नमस्ते दोस्तों यह पहाड़ बहुत सुंदर है।", true),
        ("ja", "静かな|山が|答えるとは|誰も|思わなかった。", false),
        ("zh", "没有人|想到|安静的|大山|会回答。", false),
        ("emoji", "Wow 🔥 this ❤️ is 👨‍👩‍👧 great 🇩🇪 1️⃣ 👍🏽", true),
        ("he", "שלום חברים world זה נהדר", true),
        ("th", "สวัสดี|ครับ|ภูเขา|ที่นี่|สวยมาก", false),
    ];
    let mut fonts = Fonts::load().unwrap();
    let (day, night) = (mountains(1.0, 3), mountains(0.1, 3));
    for style in STYLES {
        for (name, text, spaced) in texts {
            let mut timeline = timeline(1, 6.0, CameraKind::KenBurns, TransitionKind::Cut);
            let words = spoken(text, 0.5, spaced);
            timeline.captions.style = style;
            timeline.captions.cues = cues(words.iter(), &[], CueRules::of(style));
            timeline.captions.uppercase = name == "de";
            if name == "en" {
                let span = Span::new(Time::ZERO, Time::from_seconds(2.5));
                let text = String::from("Five things mountains never tell you");
                let area = Rect { left: 90, top: 300, right: 990, bottom: 800 };
                timeline.title = Some(Title { text, span, area });
            }
            let still = if name == "emoji" || name == "de" { &night } else { &day };
            let mut renderer = Renderer::new(&timeline, Box::new(|_| Ok(still.clone())), &mut fonts).unwrap();
            for warning in renderer.warnings() {
                println!("{name}: {warning}");
            }
            let mut frame = Frame::black(FRAME);
            for n in [18, 32] {
                renderer.render(n, &mut frame).unwrap();
                to_image(&frame).save(folder.join(format!("{style:?}-{name}-{n}.png"))).unwrap();
            }
        }
    }
}

/// A grey whose luma code is whole, so that dithering leaves it alone.
fn grey(size: Size) -> RgbImage {
    RgbImage::from_pixel(size.width, size.height, Rgb([85; 3]))
}

/// One cue of `words`, each a third of a second long, and a timeline of one still grey clip.
fn captioned(style: CaptionStyle, words: &[&str], size: Size) -> Timeline {
    let mut timeline = timeline(1, 3.0, CameraKind::Hold, TransitionKind::Cut);
    timeline.frame_size = size;
    let text = words.join(" ");
    let words = spoken(&text, 0.5, true);
    timeline.captions.style = style;
    let span = Span::new(Time::from_seconds(0.4), Time::from_seconds(2.9));
    let word = |(i, word): (usize, &WordTiming)| CueWord {
        text: word.text.clone(),
        span: word.span,
        space_before: i > 0,
    };
    timeline.captions.cues = vec![Cue { span, words: words.iter().enumerate().map(word).collect() }];
    timeline
}

/// Pixels of frame `number` that are not the grey's, as the box that holds them.
fn ink(renderer: &mut Renderer<'_>, number: u64, frame: &mut Frame) -> Option<Rect> {
    renderer.render(number, frame).unwrap();
    let mut found: Option<Rect> = None;
    for (plane, level, by) in [(&frame.y, 89u8, 1), (&frame.u, 128, 2), (&frame.v, 128, 2)] {
        for y in 0..plane.height {
            for (x, _) in plane.row(y).iter().enumerate().filter(|(_, code)| code.abs_diff(level) > 1) {
                let (x, y) = ((x * by) as u32, (y * by) as u32);
                let one = Rect { left: x, top: y, right: x + 1, bottom: y + 1 };
                let all = found.unwrap_or(one);
                found = Some(Rect {
                    left: all.left.min(one.left),
                    top: all.top.min(one.top),
                    right: all.right.max(one.right),
                    bottom: all.bottom.max(one.bottom),
                });
            }
        }
    }
    found
}

fn holds(area: Rect, ink: Rect) -> bool {
    area.left <= ink.left && area.top <= ink.top && ink.right <= area.right && ink.bottom <= area.bottom
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn every_drawn_pixel_lies_inside_the_area(
        words in prop::collection::vec("[a-zA-ZäöüßÅéñçğŁжЩΩÑÇgjpqy,.!?]{1,18}", 1..7),
        style in 0usize..6,
        (left, top) in (0u32..120, 0u32..500),
        (width, height) in (120u32..400, 60u32..300),
        font_size in 40.0f32..220.0,
        uppercase: bool,
    ) {
        let size = Size::new(540, 960);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let mut timeline = captioned(STYLES[style], &words, size);
        let area = Rect { left, top, right: left + width, bottom: top + height };
        timeline.captions.area = area;
        timeline.captions.font_size = font_size;
        timeline.captions.uppercase = uppercase;
        let mut fonts = Fonts::load().unwrap();
        let mut renderer = Renderer::new(&timeline, Box::new(move |_| Ok(grey(size))), &mut fonts).unwrap();
        let mut frame = Frame::black(size);
        prop_assert!(ink(&mut renderer, 5, &mut frame).is_none(), "ink before the cue");
        for number in [12, 13, 14, 15, 16, 24, 40, 80] {
            let ink = ink(&mut renderer, number, &mut frame);
            if STYLES[style] == CaptionStyle::Typewriter && ink.is_none() && number < 40 {
                // Nothing is written before it is spoken.
                continue;
            }
            prop_assert!(ink.is_some_and(|ink| holds(area, ink)), "frame {number}: {ink:?} in {area:?}");
        }
        drop(renderer);
        prop_assert!(!fonts.has_scanned(), "the built-in font has all these letters");
    }
}

#[test]
fn titles_lie_inside_their_area() {
    let size = Size::new(540, 960);
    let area = Rect { left: 40, top: 150, right: 500, bottom: 400 };
    for text in ["Hi", "Five things mountains never tell you, and one that they do", "Wißbegierig"] {
        let mut timeline = captioned(CaptionStyle::Off, &["-"], size);
        timeline.title =
            Some(Title { text: text.into(), span: Span::new(Time::ZERO, Time::from_seconds(1.0)), area });
        let mut fonts = Fonts::load().unwrap();
        let mut renderer = Renderer::new(&timeline, Box::new(move |_| Ok(grey(size))), &mut fonts).unwrap();
        let mut frame = Frame::black(size);
        let drawn = ink(&mut renderer, 10, &mut frame).unwrap();
        assert!(holds(area, drawn), "{text}: {drawn:?}");
        assert!(ink(&mut renderer, 31, &mut frame).is_none());
        let cover = renderer.cover().unwrap();
        assert_eq!((cover.width(), cover.height()), (540, 960));
        assert!(cover.pixels().any(|pixel| pixel.0 == [255; 3]), "no title on the cover");
    }
}

/// Where the yellow is: the mean column of chroma samples that have it, and how many do.
fn yellow(frame: &Frame) -> (f64, usize) {
    let columns: Vec<usize> = (0..frame.u.height)
        .flat_map(|y| frame.u.row(y).iter().enumerate().filter(|(_, u)| **u < 70).map(|(x, _)| x))
        .collect();
    (columns.iter().sum::<usize>() as f64 / columns.len().max(1) as f64, columns.len())
}

#[test]
fn the_spoken_word_is_lit_from_its_own_frame_on() {
    for style in [CaptionStyle::Highlight, CaptionStyle::Box, CaptionStyle::Karaoke] {
        let timeline = captioned(style, &["one", "two", "three"], FRAME);
        let mut fonts = Fonts::load().unwrap();
        let mut renderer = Renderer::new(&timeline, Box::new(|_| Ok(grey(FRAME))), &mut fonts).unwrap();
        let mut frame = Frame::black(FRAME);
        let lit: Vec<(f64, usize)> = (0..60)
            .map(|number| {
                renderer.render(number, &mut frame).unwrap();
                yellow(&frame)
            })
            .collect();
        let starts: Vec<usize> =
            timeline.captions.cues[0].words.iter().map(|word| word.span.start.frame(RATE) as usize).collect();
        assert_eq!(lit[starts[0] - 1].1, 0, "{style:?}: lit before the first word");
        for &start in &starts[1..] {
            let (before, after) = (lit[start - 1], lit[start + 1]);
            assert!(after.0 > before.0 + 2.0, "{style:?}: {before:?} to {after:?} at frame {start}");
            if style != CaptionStyle::Karaoke {
                // The word grows while it is lit: its middle stays.
                let same = (lit[start].0 - after.0).abs() < 2.0 && lit[start].1 as f64 > 0.8 * after.1 as f64;
                assert!(same, "{style:?}: {:?}, not {after:?} on the frame itself", lit[start]);
                assert_eq!(lit[start - 1], lit[start - 2], "{style:?}: lit too early");
            }
        }
        if style == CaptionStyle::Karaoke {
            assert!(lit[starts[0]..58].windows(2).all(|pair| pair[1].1 >= pair[0].1), "the fill runs back");
        }
    }
}

#[test]
fn typed_letters_come_one_after_the_other_in_time_with_the_voice() {
    let timeline = captioned(CaptionStyle::Typewriter, &["wonder", "follows"], FRAME);
    let mut fonts = Fonts::load().unwrap();
    let mut renderer = Renderer::new(&timeline, Box::new(|_| Ok(grey(FRAME))), &mut fonts).unwrap();
    let mut frame = Frame::black(FRAME);
    let words = &timeline.captions.cues[0].words;
    let [first, second] = [0, 1].map(|word| words[word].span.start.frame(RATE));
    let mut seen = Vec::new();
    for number in 0..60 {
        renderer.render(number, &mut frame).unwrap();
        seen.push(frame.y.data.iter().filter(|&&luma| luma > 200).count());
    }
    assert_eq!(seen[first as usize - 1], 0, "written before it is spoken");
    assert!(seen[first as usize] > 0, "nothing is written on the word's own frame");
    assert!(seen.windows(2).all(|pair| pair[0] <= pair[1]), "letters vanish: {seen:?}");
    let steps = (first as usize..second as usize + 14).filter(|&n| seen[n] > seen[n - 1]).count();
    assert!((9..=13).contains(&steps), "{steps} steps for 13 letters: {seen:?}");
    // The first word is whole before the second begins.
    assert!(seen[second as usize - 1] == seen[second as usize - 2]);
}

#[test]
fn extras_lie_where_they_should_and_only_when() {
    let mut timeline = timeline(1, 4.0, CameraKind::Hold, TransitionKind::Cut);
    let area = Rect { left: 90, top: 300, right: 990, bottom: 800 };
    let seconds = |at: f64| Time::from_seconds(at);
    timeline.extras.hook =
        Some(Title { text: "Wait for it".into(), span: Span::new(Time::ZERO, seconds(1.0)), area });
    timeline.extras.end_card =
        Some(Title { text: "Part two?".into(), span: Span::new(seconds(3.0), seconds(4.0)), area });
    let corner = Rect { left: 24, top: 160, right: 1050, bottom: 1700 };
    timeline.extras.watermark = Some(Watermark {
        text: "@shortform".into(),
        logo: Some(still_digest(9)),
        area: corner,
        corner: Corner::TopRight,
        opacity: 0.7,
    });
    let mut fonts = Fonts::load().unwrap();
    let logo = image::RgbaImage::from_pixel(40, 40, image::Rgba([255, 0, 0, 255]));
    let mut renderer =
        Renderer::new(&timeline, Box::new(|_| Ok(grey(FRAME))), &mut fonts).unwrap().with_logo(logo);
    let mut frame = Frame::black(FRAME);
    let mark = ink(&mut renderer, 60, &mut frame).expect("the mark is there all the time");
    assert!(holds(corner, mark) && mark.left > 540 && mark.bottom < 260, "{mark:?}");
    assert!(mark.right + 8 >= corner.right, "{mark:?} is not in its corner");
    let opening = ink(&mut renderer, 2, &mut frame).unwrap();
    assert!(opening.bottom > 400 && opening.bottom <= area.bottom, "{opening:?}");
    // The end card darkens everything and stays to the last frame.
    renderer.render(119, &mut frame).unwrap();
    let corner_luma = frame.y.row(1_900)[20];
    assert!((16..60).contains(&corner_luma), "{corner_luma}");
    drop(renderer);
    let error = Renderer::new(&timeline, Box::new(|_| Ok(grey(FRAME))), &mut fonts)
        .unwrap()
        .render(0, &mut frame)
        .unwrap_err();
    assert!(error.to_string().contains("logo"), "{error}");
}

#[test]
fn no_transition_shows_what_neither_picture_has() {
    use TransitionKind as T;
    let size = Size::new(180, 320);
    let colors = [Rgb([60, 60, 60]), Rgb([180, 180, 180])];
    let mut fonts = Fonts::load().unwrap();
    for kind in [
        T::Crossfade,
        T::Slide,
        T::SlideRight,
        T::SlideUp,
        T::SlideDown,
        T::Wipe,
        T::WipeLeft,
        T::WipeUp,
        T::WipeDown,
        T::WhipPan,
        T::Zoom,
        T::Circle,
        T::Dissolve,
    ] {
        let mut timeline = timeline(2, 1.0, CameraKind::Hold, kind);
        timeline.frame_size = size;
        let stills = Box::new(|digest| {
            Ok(RgbImage::from_pixel(size.width, size.height, colors[usize::from(digest != still_digest(0))]))
        });
        let mut renderer = Renderer::new(&timeline, stills, &mut fonts).unwrap();
        let mut frame = Frame::black(size);
        let mut means = Vec::new();
        for number in 0..60 {
            renderer.render(number, &mut frame).unwrap();
            let (low, high) = frame.y.data.iter().fold((255, 0), |(a, b), &v| (v.min(a), v.max(b)));
            assert!(low >= 66 && high <= 172, "{kind:?}, frame {number}: {low} to {high}");
            means.push(frame.y.data.iter().map(|&v| f64::from(v)).sum::<f64>() / frame.y.data.len() as f64);
        }
        assert!(means.windows(2).all(|pair| pair[1] >= pair[0] - 0.6), "{kind:?} turns back: {means:?}");
        assert!(means[59] - means[0] > 95.0, "{kind:?} does not arrive");
    }
}

#[test]
fn letters_without_a_font_are_an_error_and_symbols_a_warning() {
    let mut fonts = Fonts::load().unwrap();
    // A letter of Kirat Rai (Unicode 16), and a private one.
    let timeline = captioned(CaptionStyle::Highlight, &["say", "\u{16D43}"], FRAME);
    let error = Renderer::new(&timeline, Box::new(|_| Ok(grey(FRAME))), &mut fonts).err().unwrap();
    assert!(
        error.to_string().contains("U+16D43") && error.to_string().contains("fonts-noto-core"),
        "{error}"
    );
    let timeline = captioned(CaptionStyle::Highlight, &["say\u{E777}", "it"], FRAME);
    let renderer = Renderer::new(&timeline, Box::new(|_| Ok(grey(FRAME))), &mut fonts).unwrap();
    let warnings = renderer.warnings();
    drop(renderer);
    assert!(warnings.len() == 1 && warnings[0].to_string().contains("U+E777"), "{warnings:?}");
    let mut timeline = captioned(CaptionStyle::Highlight, &["hello"], FRAME);
    timeline.captions.font = String::from("DejaVu Snas");
    let error = Renderer::new(&timeline, Box::new(|_| Ok(grey(FRAME))), &mut fonts).err().unwrap();
    assert!(error.to_string().starts_with("the font `DejaVu Snas` is not installed"), "{error}");
}

#[test]
fn every_script_is_drawn_and_looked_up_only_when_needed() {
    let size = Size::new(540, 960);
    let mut fonts = Fonts::load().unwrap();
    let texts = [
        "Привет мир",
        "مرحبا بالعالم",
        "नमस्ते दुनिया",
        "你好 世界",
        "こんにちは 世界",
        "안녕 세상",
        "שלום עולם",
        "🔥 ❤️ 👍🏽",
    ];
    for (i, text) in texts.iter().enumerate() {
        let words: Vec<&str> = text.split(' ').collect();
        let timeline = captioned(CaptionStyle::Clean, &words, size);
        let timeline = Timeline {
            captions: Captions {
                area: Rect { left: 40, top: 500, right: 500, bottom: 700 },
                ..timeline.captions.clone()
            },
            ..timeline
        };
        let mut renderer = Renderer::new(&timeline, Box::new(move |_| Ok(grey(size))), &mut fonts)
            .unwrap_or_else(|error| panic!("{text}: {error} (`just setup` installs fonts)"));
        assert!(renderer.warnings().is_empty(), "{:?}", renderer.warnings());
        let mut frame = Frame::black(size);
        let drawn = ink(&mut renderer, 40, &mut frame).unwrap();
        assert!(holds(timeline.captions.area, drawn) && drawn.width() > 60, "{text}: {drawn:?}");
        let colourful = frame.v.data.iter().filter(|v| v.abs_diff(128) > 40).count();
        assert_eq!(colourful > 200, i == 7, "{text}: {colourful} colourful samples");
        drop(renderer);
        assert_eq!(fonts.has_scanned(), i > 0, "{text}");
    }
}

#[test]
fn each_still_is_read_once_and_only_when_it_is_seen() {
    let size = Size::new(64, 64);
    let mut timeline = timeline(120, 0.4, CameraKind::KenBurns, TransitionKind::Crossfade);
    timeline.frame_size = size;
    let (tell, told) = std::sync::mpsc::channel();
    let mut fonts = Fonts::load().unwrap();
    let stills = move |digest| {
        tell.send(digest)?;
        Ok(grey(size))
    };
    let mut renderer = Renderer::new(&timeline, Box::new(stills), &mut fonts).unwrap();
    let mut frame = Frame::black(size);
    let mut read = Vec::new();
    for number in 0..timeline.frames {
        renderer.render(number, &mut frame).unwrap();
        read.extend(told.try_iter());
        let scene = (number / 12) as usize;
        assert!((scene + 1..=scene + 2).contains(&read.len()), "frame {number}: {} stills read", read.len());
    }
    assert_eq!(read, (0..120).map(still_digest).collect::<Vec<_>>());
    assert!(renderer.render(timeline.frames, &mut frame).is_err(), "a frame after the last");
}

/// Words of twelve scripts, tall and wide ones among them.
const SCRIPTS: [(&str, &[&str]); 12] = [
    ("Latin", &["Åpril", "fjord", "quickly,", "extraordinary", "(it)", "Çağ", "gypsy", "WAVE!"]),
    ("Greek", &["ταξίδι", "φως", "Ψυχή,", "θάλασσα", "ήλιος"]),
    ("Cyrillic", &["Щука", "подъём", "ёж,", "фотография", "дом"]),
    ("Arabic", &["مرحبا", "بالعالم", "الصحراء", "ضوء", "قصة"]),
    ("Hebrew", &["שלום", "עולם", "ירושלים", "אור", "לילה"]),
    ("Devanagari", &["नमस्ते", "दुनिया", "कृष्ण", "र्ज्ञि", "रौशनी"]),
    ("Bengali", &["বাংলা", "আলো", "সমুদ্র", "রাত্রি"]),
    ("Tamil", &["தமிழ்", "கடல்", "வெளிச்சம்", "இரவு"]),
    ("Thai", &["สวัสดี", "ภูเขา", "ที่นี่", "น้ำ", "ผู้ใหญ่"]),
    ("Han", &["静寂的", "大山", "灯塔", "回答。", "海"]),
    ("Kana", &["しずかな", "ヤマ", "こたえる", "ぎょ"]),
    ("Hangul", &["안녕", "세상", "바닷가의", "빛"]),
];

#[test]
fn five_hundred_texts_of_twelve_scripts_stay_inside() {
    let size = Size::new(270, 480);
    let mut fonts = Fonts::load().unwrap();
    let mut frame = Frame::black(size);
    for n in 0..500u64 {
        let pick = |what: &str, count: usize| (Seed(n).fraction(what, 0) * count as f64) as usize;
        let (name, words) = SCRIPTS[n as usize % SCRIPTS.len()];
        let text: Vec<&str> = (0..1 + pick("count", 6))
            .map(|i| words[(Seed(n).fraction("word", i as u64) * words.len() as f64) as usize])
            .collect();
        let style = STYLES[pick("style", STYLES.len())];
        let mut timeline = captioned(style, &text, size);
        let (left, top) = (10 + pick("left", 40) as u32, 100 + pick("top", 150) as u32);
        let area = Rect {
            left,
            top,
            right: left + 120 + pick("width", 90) as u32,
            bottom: top + 50 + pick("height", 70) as u32,
        };
        timeline.captions.area = area;
        timeline.captions.font_size = 60.0 + 90.0 * Seed(n).fraction("size", 0) as f32;
        let mut renderer = match Renderer::new(&timeline, Box::new(|_| Ok(grey(size))), &mut fonts) {
            Ok(renderer) => renderer,
            Err(error) => panic!("{name}: {error} (`just setup` installs fonts)"),
        };
        // Just come, at the height of a pop, and with all words lit or written.
        for number in [13, 15, 80] {
            if let Some(ink) = ink(&mut renderer, number, &mut frame) {
                assert!(holds(area, ink), "{n}: {name}, {style:?}, {text:?}: {ink:?} outside {area:?}");
            }
        }
    }
}
