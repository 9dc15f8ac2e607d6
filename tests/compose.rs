//! Whole frames, drawn from whole timelines.

use image::{Rgb, RgbImage};
use proptest::prelude::*;
use shortform::{
    compose::{CueRules, Fonts, Renderer, camera_move, cues, to_image},
    digest::Digest,
    story::{
        CameraKind, CaptionStyle, Captions, Clip, Color, Cue, CueWord, Frame, FrameRate, Grade, Rect, Seed,
        Size, Span, Time, Timeline, TimingQuality, Title, Transition, TransitionKind, WordTiming,
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

const STYLES: [CaptionStyle; 5] = [
    CaptionStyle::Highlight,
    CaptionStyle::Karaoke,
    CaptionStyle::Box,
    CaptionStyle::Pop,
    CaptionStyle::Clean,
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
        style in 0usize..5,
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
                assert_eq!(lit[start], after, "{style:?}: not lit on the frame itself");
                assert_eq!(lit[start - 1], lit[start - 2], "{style:?}: lit too early");
            }
        }
        if style == CaptionStyle::Karaoke {
            assert!(lit[starts[0]..58].windows(2).all(|pair| pair[1].1 >= pair[0].1), "the fill runs back");
        }
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
