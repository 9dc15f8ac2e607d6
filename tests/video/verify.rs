//! Files that keep the rules, files that break one, and files that are broken themselves.

use std::{f64::consts::TAU, fs, path::Path};

use shortform::{
    media::{self, Encoding, Error, Options, Outcome, Report, Video},
    story::{Frame, FrameRate, Samples, Span, Time},
};

use crate::material::*;

#[test]
fn our_own_files_keep_every_rule() {
    let folder = tempfile::tempdir().unwrap();
    let report = media::verify(&good(folder.path(), 4), &platform(SMALL), Options::default()).unwrap();
    let kept = report.flawless();
    assert!(kept, "{}", report.checks.iter().map(|c| format!("{:?} {c}\n", c.outcome)).collect::<String>());
    assert_eq!(report.measured.frames, 120);
    assert!(report.checks.len() > 20);
}

/// Remakes `good` with ffmpeg and says which rules the result breaks.
fn remade(good: &Path, name: &str, arguments: &[&str]) -> Report {
    let path = good.with_file_name(name);
    ffmpeg(&[&["-i", text(good)], arguments, &[text(&path)]].concat());
    media::verify(&path, &platform(SMALL), Options::default()).unwrap()
}

#[test]
fn each_broken_rule_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let good = good(folder.path(), 4);
    // What keeps all other rules intact while the packets are copied.
    let copy = ["-c", "copy", "-movflags", "+faststart+negative_cts_offsets", "-use_editlist", "0"];
    let with = |more: &[&'static str]| [&copy[..], more].concat();
    for (name, arguments, broken) in [
        ("default.mp4", vec!["-c", "copy"], vec!["index", "edit lists"]),
        ("edited.mp4", vec!["-c", "copy", "-movflags", "+faststart"], vec!["edit lists"]),
        (
            "late.mp4",
            vec!["-c", "copy", "-movflags", "+negative_cts_offsets", "-use_editlist", "0"],
            vec!["index"],
        ),
        (
            "fragments.mp4",
            with(&["-movflags", "+frag_keyframe+empty_moov+negative_cts_offsets"]),
            vec!["index"],
        ),
        ("matroska.mkv", vec!["-c", "copy"], vec!["container"]),
        ("quicktime.mov", with(&[]), vec!["container"]),
        (
            "601.mp4",
            with(&[
                "-bsf:v",
                "h264_metadata=colour_primaries=6:transfer_characteristics=6:matrix_coefficients=6",
            ]),
            vec!["color"],
        ),
        ("wide.mp4", with(&["-bsf:v", "h264_metadata=sample_aspect_ratio=4/3"]), vec!["pixel shape"]),
        ("mute.mp4", with(&["-an"]), vec!["streams", "sound"]),
        ("two.mp4", with(&["-map", "0:v", "-map", "0:a", "-map", "0:a"]), vec!["streams"]),
        ("short.mp4", with(&["-t", "2"]), vec!["length"]),
    ] {
        let report = remade(&good, name, &arguments);
        let found = failed(&report);
        for rule in broken {
            assert!(found.contains(&rule), "{name}: `{rule}` is not among {found:?}");
        }
        assert!(found.len() <= 3, "{name}: {found:?}");
    }
    let encode = ["-c:a", "copy", "-c:v", "libx264", "-preset", "ultrafast", "-bf", "2"];
    for (name, arguments, broken) in [
        (
            "open.mp4",
            vec!["-x264-params", "open-gop=1:keyint=15:scenecut=0:bframes=3:b-adapt=0"],
            "groups of pictures",
        ),
        ("422.mp4", vec!["-pix_fmt", "yuv422p", "-profile:v", "high422"], "pixel format"),
        ("varying.mp4", vec!["-vf", "select='gt(mod(n,7),1)'", "-vsync", "vfr"], "frame rate"),
        ("square.mp4", vec!["-vf", "crop=180:180"], "frame size"),
        ("fields.mp4", vec!["-flags", "+ildct+ilme", "-vf", "setfield=tff"], "scan"),
        ("mpeg4.mp4", vec!["-c:v", "mpeg4"], "video codec"),
        ("mp3.mp4", vec!["-c:a", "libmp3lame"], "audio codec"),
    ] {
        let report = remade(&good, name, &[&encode[..], &arguments].concat());
        let found = failed(&report);
        assert!(found.contains(&broken), "{name}: `{broken}` is not among {found:?}");
    }
}

#[test]
fn rules_that_our_encoder_can_break_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wrong.mp4");
    let frames = 120;
    let verify = |encoding: &Encoding, sound: &Samples, shown: &dyn Fn(u64) -> Option<u64>| {
        media::encode(&path, encoding, sound, |index, frame| {
            match shown(index) {
                Some(index) => draw(index, frame),
                None => *frame = Frame::black(encoding.size),
            }
            Ok::<_, Error>(())
        })
        .unwrap();
        media::verify(&path, &platform(SMALL), Options::default()).unwrap()
    };
    let usual = encoding(SMALL, frames);
    let sound = tones(frames);
    let moving = |index| Some(index);

    let slow = Encoding { frame_rate: FrameRate::new(15, 1), ..usual.clone() };
    assert_eq!(failed(&verify(&slow, &sound, &moving)), ["frame rate"]);
    assert_eq!(failed(&verify(&usual, &tones_at(frames, 0.15), &moving)), ["loudness"]);
    assert_eq!(failed(&verify(&usual, &tones_at(frames, 0.26), &moving)), ["loudness"]);
    let silence = Samples::silence(48_000, 2, 0);
    assert_eq!(failed(&verify(&usual, &silence, &moving)), ["loudness", "true peak"]);
    let mut sharp = sound.clone();
    for (index, sample) in sharp.channels[0][70_000..70_240].iter_mut().enumerate() {
        *sample = 0.98 * (TAU * 997.0 * index as f64 / RATE as f64).sin() as f32;
    }
    assert_eq!(failed(&verify(&usual, &sharp, &moving)), ["true peak"]);

    let gap = |index| (!(40..70).contains(&index)).then_some(index);
    assert_eq!(failed(&verify(&usual, &sound, &gap)), ["black"]);
    let blink = |index| (!(40..58).contains(&index)).then_some(index);
    assert!(verify(&usual, &sound, &blink).passed());
    let stuck = |index| Some(if index < 30 { index } else { 30 });
    assert_eq!(failed(&verify(&usual, &sound, &stuck)), ["frozen"]);
    assert!(media::verify(&path, &platform(SMALL), Options { still: true }).unwrap().flawless());

    let rare = Encoding { keyframe_interval: 90, ..usual.clone() };
    let report = verify(&rare, &sound, &moving);
    assert!(report.passed() && !report.flawless(), "rare keyframes are advice");
}

#[test]
fn damage_is_an_error_or_a_finding_never_a_panic() {
    let folder = tempfile::tempdir().unwrap();
    let good = good(folder.path(), 3);
    let bytes = fs::read(&good).unwrap();
    let path = folder.path().join("damaged.mp4");
    let verify = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        let _ = Video::open(&path).map(|video| video.filter_map(Result::ok).count());
        let _ = media::sound(&path);
        media::verify(&path, &platform(SMALL), Options::default())
    };
    for percent in [0, 1, 5, 30, 60, 90, 99] {
        match verify(&bytes[..bytes.len() * percent / 100]) {
            Ok(report) => assert!(failed(&report).contains(&"whole"), "{percent} %: {:?}", failed(&report)),
            Err(error) => assert!(matches!(error, Error::Unreadable { .. }), "{percent} %: {error}"),
        }
    }
    // Everywhere in the index, and here and there in the data: always the same places.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let (mut errors, mut findings) = (0, 0);
    for round in 0..60 {
        let mut damaged = bytes.clone();
        for _ in 0..1 + round % 8 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let span = if round % 2 == 0 { 4_000.min(damaged.len()) } else { damaged.len() };
            let at = (state >> 33) as usize % span;
            damaged[at] ^= 1 << (state % 8);
        }
        match verify(&damaged) {
            Ok(report) => findings += usize::from(!report.passed()),
            Err(_) => errors += 1,
        }
    }
    assert!(errors > 0 && findings > 0, "{errors} errors, {findings} findings");
}

#[test]
fn what_is_no_video_is_said_so() {
    let folder = tempfile::tempdir().unwrap();
    let text_file = folder.path().join("notes.mp4");
    fs::write(&text_file, "these are only notes\n".repeat(50)).unwrap();
    let error = media::verify(&text_file, &platform(SMALL), Options::default()).unwrap_err();
    assert!(error.to_string().contains("notes.mp4"), "{error}");
    assert!(matches!(error, Error::Unreadable { .. }), "{error}");
    let missing = folder.path().join("missing.mp4");
    assert!(matches!(media::probe(&missing).unwrap_err(), Error::File { .. }));
    // A list of other files is not followed.
    let list = folder.path().join("list.m3u8");
    let good = good(folder.path(), 3);
    fs::write(&list, format!("#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:3,\n{}\n", text(&good))).unwrap();
    assert!(matches!(media::probe(&list).unwrap_err(), Error::Unreadable { .. }));
}

#[test]
fn captions_are_held_against_the_sound() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("spoken.mp4");
    let words: Vec<Span> = [(0.4, 1.3), (1.8, 2.2), (2.9, 3.6)]
        .map(|(start, end)| Span::new(Time::from_seconds(start), Time::from_seconds(end)))
        .to_vec();
    let mut sound = tones(120);
    for channel in &mut sound.channels {
        for (i, sample) in channel.iter_mut().enumerate() {
            let at = Time(i as u64);
            if !words.iter().any(|word| word.start <= at && at < word.end) {
                *sample *= 0.01;
            }
        }
    }
    write(&path, &encoding(SMALL, 120), &sound);
    let right = media::in_time(&path, &words).unwrap();
    assert_eq!(right.outcome, Outcome::Passed, "{right}");
    let late = |seconds: f64| -> Vec<Span> {
        let by = Time::from_seconds(seconds);
        words.iter().map(|word| Span::new(word.start + by, word.end + by)).collect()
    };
    assert_eq!(media::in_time(&path, &late(0.06)).unwrap().outcome, Outcome::Passed);
    let wrong = media::in_time(&path, &late(0.3)).unwrap();
    assert!(wrong.outcome == Outcome::Failed && wrong.found.starts_with("-"), "{wrong}");
}
