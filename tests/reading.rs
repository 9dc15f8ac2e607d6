//! Captions read by a stranger: what tesseract sees in the drawn frames.

use std::process::Command;

use image::{GrayImage, Luma, Rgb, RgbImage};
use shortform::{
    compose::{CueRules, Fonts, Renderer, camera_move, cues, to_image},
    digest::Digest,
    story::{
        CameraKind, CaptionStyle, Captions, Clip, Extras, Frame, FrameRate, Grade, Rect, Seed, Size, Span,
        Time, Timeline, TimingQuality, WordTiming,
    },
};

const FRAME: Size = Size::new(1080, 1920);
const RATE: FrameRate = FrameRate::new(30, 1);
const AREA: Rect = Rect { left: 227, top: 900, right: 853, bottom: 1200 };

/// What is read, in the language that tesseract knows by that name.
const TEXTS: [(&str, &str); 5] = [
    (
        "eng",
        "Long before maps, people found their way by the stars. Merchants crossed whole deserts in \
        caravans, with nothing above them but the sky. When storms hid the stars, fires burned on the cliffs. Why \
        would anyone sail through such a night? Because the harbour was near, and because somebody waited there. A \
        keeper climbed ninety steps each evening, carried oil, trimmed the wick, and never once complained. His \
        daughter counted every ship that passed. Years later she built a lighthouse of her own, taller than any \
        other along that coast.",
    ),
    (
        "deu",
        "Früher fuhren die Schiffe nachts ohne Karte über das Meer. Wer den Hafen suchte, hörte auf die Wellen und \
        schaute nach dem Feuer auf den Klippen. Jeden Abend stieg der Wärter neunzig Stufen hinauf, füllte Öl nach und \
        wartete. Seine größte Sorge war der Nebel. Später zählte seine Tochter alle Schiffe, die heil vorüberzogen.",
    ),
    (
        "fra",
        "Bien avant les cartes, les marins traversaient la mer en suivant les étoiles. Quand la tempête cachait le \
        ciel, des feux brûlaient sur les falaises. Chaque soir, le gardien montait les marches, portait l'huile et \
        veillait jusqu'au matin. Sa fille comptait les bateaux qui passaient près de la côte, été comme hiver.",
    ),
    (
        "spa",
        "Mucho antes de los mapas, la gente buscaba su camino mirando las estrellas. Cuando la tormenta ocultaba el \
        cielo, alguien encendía fuegos sobre las rocas. Cada noche el guardián subía noventa escalones, llevaba aceite \
        y nunca se quejaba. Su hija contaba todos los barcos que pasaban. Años después construyó su propio faro.",
    ),
    (
        "pol",
        "Dawno temu żeglarze szukali drogi po gwiazdach. Kiedy burza zakrywała niebo, na skałach płonęły ognie. Każdego \
        wieczoru latarnik wchodził po stromych schodach, dolewał oliwy i czekał do świtu. Jego córka liczyła wszystkie \
        statki, które przepływały obok. Później zbudowała własną latarnię, wyższą niż inne.",
    ),
];

/// `text` spoken at an even pace.
fn spoken(text: &str) -> Vec<WordTiming> {
    let word = |(n, text): (usize, &str)| WordTiming {
        text: text.to_owned(),
        spoken: text.to_owned(),
        span: Span::new(Time::from_seconds(0.3 * n as f64), Time::from_seconds(0.3 * n as f64 + 0.28)),
        space_before: n > 0,
        quality: TimingQuality::Exact,
    };
    text.split_whitespace().enumerate().map(word).collect()
}

fn timeline(style: CaptionStyle, text: &str) -> Timeline {
    let words = spoken(text);
    let end = words.last().unwrap().span.end + Time::from_seconds(0.5);
    Timeline {
        frame_size: FRAME,
        frame_rate: RATE,
        frames: end.frame(RATE),
        clips: vec![Clip {
            scene: 0,
            still: Digest::of(b""),
            span: Span::new(Time::ZERO, end),
            camera: camera_move(CameraKind::Hold, 1.0, Seed(0), 0),
            transition: None,
        }],
        captions: Captions {
            style,
            area: AREA,
            color: "#ffffff".parse().unwrap(),
            gradient: None,
            highlight: "#ffe500".parse().unwrap(),
            font_size: 92.0,
            font: String::from("Inter"),
            uppercase: false,
            cues: cues(words.iter(), &[], CueRules::of(style)),
        },
        title: None,
        extras: Extras::default(),
        grade: Grade::default(),
        lut: None,
        narration: Digest::of(b""),
        music: None,
        effects: Vec::new(),
        seed: Seed(0),
    }
}

/// A picture with hills and a bright window, none of it as light as letters are.
fn picture() -> RgbImage {
    RgbImage::from_fn(FRAME.width, FRAME.height, |x, y| {
        let hill = 1100.0 + 120.0 * (f64::from(x) * 0.01).sin();
        let window = (400..560).contains(&x) && (1010..1130).contains(&y);
        match (window, f64::from(y) > hill) {
            (true, _) => Rgb([170, 120, 60]),
            (_, true) => Rgb([30, 60, 50]),
            _ => Rgb([60, 80, (120 + y / 40) as u8]),
        }
    })
}

/// The letters alone, dark on light.
fn letters(frame: &RgbImage) -> GrayImage {
    GrayImage::from_fn(AREA.width() + 80, AREA.height() + 20, |x, y| {
        let [r, g, _] = frame.get_pixel(x + AREA.left - 40, y + AREA.top - 10).0;
        Luma([if r > 200 && g > 185 { 0 } else { 255 }])
    })
}

/// The words alone: no punctuation, no capitals.
fn plain(text: &str) -> Vec<String> {
    let words = text
        .split_whitespace()
        .map(|word| word.chars().filter(|c| c.is_alphanumeric()).collect::<String>().to_lowercase());
    words.filter(|word| !word.is_empty()).collect()
}

/// How many words of `wanted` are in `read`, in their order.
fn in_order(wanted: &[String], read: &[String]) -> usize {
    let mut best = vec![vec![0; read.len() + 1]; wanted.len() + 1];
    for (i, word) in wanted.iter().enumerate() {
        for (j, other) in read.iter().enumerate() {
            let same = best[i][j] + usize::from(word == other);
            best[i + 1][j + 1] = same.max(best[i][j + 1]).max(best[i + 1][j]);
        }
    }
    best[wanted.len()][read.len()]
}

/// How many words of `text` drawn in `style` are read, and of how many.
fn read(style: CaptionStyle, language: &str, text: &str) -> (usize, usize) {
    let folder = tempfile::tempdir().unwrap();
    let timeline = timeline(style, text);
    let mut fonts = Fonts::load().unwrap();
    let still = picture();
    let mut renderer = Renderer::new(&timeline, Box::new(|_| Ok(still.clone())), &mut fonts).unwrap();
    let mut frame = Frame::black(FRAME);
    let mut page: Option<GrayImage> = None;
    for (n, cue) in timeline.captions.cues.iter().enumerate() {
        let last = cue.words.last().unwrap().span;
        renderer.render((last.end.frame(RATE)).saturating_sub(1), &mut frame).unwrap();
        let letters = letters(&to_image(&frame));
        // Captions under each other: one call reads them all.
        let page = page.get_or_insert_with(|| {
            let height = letters.height() * timeline.captions.cues.len() as u32;
            GrayImage::from_pixel(letters.width(), height, Luma([255]))
        });
        image::imageops::replace(page, &letters, 0, i64::from(letters.height()) * n as i64);
    }
    let path = folder.path().join("page.png");
    page.unwrap().save(&path).unwrap();
    let output = Command::new("tesseract")
        .arg(&path)
        .args(["-", "--psm", "6", "-l", language])
        .env("OMP_THREAD_LIMIT", "1")
        .output()
        .expect("tesseract runs (`just test` installs it)");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let (wanted, read) = (plain(text), plain(&String::from_utf8_lossy(&output.stdout)));
    let right = in_order(&wanted, &read);
    eprintln!("{language}, {style:?}: {right} of {} words", wanted.len());
    if right * 100 < wanted.len() * 98 {
        eprintln!("{read:?}");
    }
    (right, wanted.len())
}

fn assert_read(counts: impl Iterator<Item = (usize, usize)>) {
    let (found, all) = counts.fold((0, 0), |(found, all), (right, of)| (found + right, all + of));
    assert!(found * 100 >= all * 98, "{found} of {all} words are read");
}

#[test]
fn ninety_eight_words_of_a_hundred_are_read() {
    let styles =
        [CaptionStyle::Highlight, CaptionStyle::Karaoke, CaptionStyle::Clean, CaptionStyle::Typewriter];
    let (language, text) = TEXTS[0];
    assert_read(styles.into_iter().map(|style| read(style, language, text)));
}

#[test]
fn letters_with_marks_are_read_too() {
    assert_read(TEXTS[1..].iter().map(|(language, text)| read(CaptionStyle::Highlight, language, text)));
}
