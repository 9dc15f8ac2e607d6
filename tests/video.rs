//! The encoder's files: decoded again, compared, and checked against the platforms' rules.
#![cfg(feature = "video")]

use std::{
    f64::consts::TAU,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use shortform::{
    media::{self, Encoding, Error, Options, Report, Video},
    story::{
        AudioRules, Duration, Figure, Frame, FrameRate, Generation, Loudness, Plane, Platform, Quality, Rect,
        SafeArea, Samples, Size, TextRules, VideoRules,
    },
};

const RATE: usize = 48_000;
const FPS: FrameRate = FrameRate::new(30, 1);
const SMALL: Size = Size::new(180, 320);

fn figure<T>(value: T) -> Figure<T> {
    Figure { value, source: "test".into(), date: "2026-11".into() }
}

/// Rules as the three platforms share them, for frames of `size`.
fn platform(size: Size) -> Platform {
    let rect = Rect { left: 0, top: 0, right: size.width, bottom: size.height };
    Platform {
        name: "all".into(),
        title: "All".into(),
        generation: Generation { size, delivery: size },
        video: VideoRules {
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

fn encoding(size: Size, frames: u64) -> Encoding {
    Encoding::for_platform(&platform(size), frames, Quality::Standard)
}

/// A moving pattern with soft edges: rings that drift, over a gradient that turns.
fn draw(index: u64, frame: &mut Frame) {
    let t = index as f64 / 30.0;
    fill(&mut frame.y, |x, y| {
        let (dx, dy) = (x - 0.5 - 0.2 * (t * 1.3).sin(), y - 0.5 - 0.2 * (t * 0.9).cos());
        126.0 + 80.0 * ((dx * dx + dy * dy).sqrt() * 40.0 - t * 4.0).sin()
    });
    fill(&mut frame.u, |x, _| 128.0 + 60.0 * (x * 3.0 + t).sin());
    fill(&mut frame.v, |_, y| 128.0 + 60.0 * (y * 3.0 - t).cos());
}

fn fill(plane: &mut Plane, value: impl Fn(f64, f64) -> f64) {
    let (width, height) = (plane.width, plane.height);
    for y in 0..height {
        for (x, sample) in plane.row_mut(y).iter_mut().enumerate() {
            *sample = value(x as f64 / width as f64, y as f64 / height as f64).round() as u8;
        }
    }
}

/// Two tones at -14 LUFS, as long as `frames`.
fn tones(frames: u64) -> Samples {
    tones_at(frames, 0.1993)
}

fn tones_at(frames: u64, level: f64) -> Samples {
    let length = frames as usize * RATE / 30;
    let tone = |hertz: f64| {
        (0..length).map(|i| (level * (TAU * hertz * i as f64 / RATE as f64).sin()) as f32).collect::<Vec<_>>()
    };
    Samples { rate: RATE as u32, channels: vec![tone(997.0), tone(997.0)] }
}

fn write(path: &Path, encoding: &Encoding, sound: &Samples) -> media::Encoded {
    media::encode(path, encoding, sound, |index, frame| {
        draw(index, frame);
        Ok::<_, Error>(())
    })
    .unwrap()
}

/// A good video of `seconds`, small.
fn good(folder: &Path, seconds: u64) -> PathBuf {
    let path = folder.join("good.mp4");
    let frames = seconds * 30;
    write(&path, &encoding(SMALL, frames), &tones(frames));
    path
}

fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    text
}

/// Makes a file with the ffmpeg program.
fn ffmpeg(arguments: &[&str]) {
    run("ffmpeg", &[&["-v", "error", "-nostdin", "-y"], arguments].concat());
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn psnr(a: &Plane, b: &Plane) -> f64 {
    let sum: f64 = a.data.iter().zip(&b.data).map(|(&a, &b)| f64::from(a.abs_diff(b)).powi(2)).sum();
    10.0 * (255.0 * 255.0 / (sum / a.data.len() as f64).max(1e-9)).log10()
}

fn failed(report: &Report) -> Vec<&str> {
    report.failures().map(|check| check.name.as_str()).collect()
}

#[test]
fn what_is_drawn_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    for (rate, frames, quality, least) in [
        (FPS, 75, Quality::Draft, 33.0),
        (FrameRate::new(30_000, 1001), 40, Quality::Standard, 38.0),
        (FrameRate::new(60, 1), 61, Quality::High, 40.0),
    ] {
        let path = folder.path().join(format!("{quality:?}.mp4"));
        let encoding = Encoding { frame_rate: rate, quality, ..encoding(SMALL, frames) };
        let sound = Samples::silence(48_000, 1, 1_000);
        write(&path, &encoding, &sound);
        let video = Video::open(&path).unwrap();
        let stream = video.probe().video.clone().unwrap();
        assert_eq!(stream.profile.as_deref(), Some("High"), "{quality:?}");
        assert_eq!((stream.real_frame_rate, stream.average_frame_rate), (rate, rate));
        let mut expected = Frame::black(SMALL);
        let mut count = 0;
        for (index, frame) in video.enumerate() {
            let frame = frame.unwrap();
            draw(index as u64, &mut expected);
            for (found, drawn) in [(&frame.y, &expected.y), (&frame.u, &expected.u), (&frame.v, &expected.v)]
            {
                let psnr = psnr(found, drawn);
                assert!(psnr > least, "{quality:?} frame {index}: {psnr:.1} dB");
            }
            count += 1;
        }
        assert_eq!(count, frames);
    }
}

#[test]
fn primaries_are_those_of_bt709() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("primaries.mp4");
    // Y, Cb, Cr of ITU-R BT.709 in 8 bits, limited range; every half second another one.
    let colors = [
        [235, 128, 128],
        [63, 102, 240],
        [173, 42, 26],
        [32, 240, 118],
        [188, 154, 16],
        [78, 214, 230],
        [219, 16, 138],
    ];
    let frames = 15 * colors.len() as u64;
    media::encode(&path, &encoding(SMALL, frames), &tones(frames), |index, frame| {
        let color = colors[index as usize / 15];
        for (plane, value) in [&mut frame.y, &mut frame.u, &mut frame.v].into_iter().zip(color) {
            plane.data.fill(value);
        }
        Ok::<_, Error>(())
    })
    .unwrap();
    for (index, frame) in Video::open(&path).unwrap().enumerate() {
        let frame = frame.unwrap();
        for (plane, value) in [&frame.y, &frame.u, &frame.v].into_iter().zip(colors[index / 15]) {
            let far = plane.data.iter().find(|found| found.abs_diff(value) > 2);
            assert!(far.is_none(), "frame {index}: {far:?} instead of {value}");
        }
    }
}

#[test]
fn a_click_stays_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let frames = 90;
    for channels in [1, 2] {
        let mut sound = Samples::silence(48_000, channels, frames as usize * 1_600);
        let clicks = [1_500, 4_800, 48_000, 100_003, 143_000];
        for channel in &mut sound.channels {
            for &at in &clicks {
                channel[at] = 0.9;
            }
        }
        let path = folder.path().join(format!("clicks{channels}.mp4"));
        write(&path, &encoding(SMALL, frames), &sound);
        let probe = media::probe(&path).unwrap();
        let (video, audio) = (probe.video.unwrap(), probe.audio.unwrap());
        assert_eq!((video.start, audio.start, audio.channels), (0.0, 0.0, channels as u32));
        assert!(
            (video.duration - 3.0).abs() < 1e-9 && (audio.duration - 3.0).abs() < 1e-9,
            "{video:?} {audio:?}"
        );
        let heard = media::sound(&path).unwrap();
        assert_eq!((heard.rate, heard.channels.len()), (48_000, channels));
        let foretold = media::coded(&sound, 128_000).unwrap();
        assert!(heard.channels.iter().zip(&foretold.channels).all(|(a, b)| a[..b.len()] == b[..]));
        for channel in &heard.channels {
            for &at in &clicks {
                let near = at - 400..at + 400;
                let loudest = near.max_by(|&a, &b| channel[a].abs().total_cmp(&channel[b].abs())).unwrap();
                assert!(loudest.abs_diff(at) <= 1, "the click at {at} is heard at {loudest}");
            }
        }
    }
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (folder.path().join("one.mp4"), folder.path().join("two.mp4"));
    let encoding = Encoding { title: Some("A title".into()), ..encoding(SMALL, 60) };
    for path in [&one, &two] {
        let encoded = write(path, &encoding, &tones(60));
        assert_eq!(encoded.bytes, fs::metadata(path).unwrap().len());
    }
    let bytes = fs::read(&one).unwrap();
    assert!(bytes == fs::read(&two).unwrap());
    let found = run("ffprobe", &["-v", "error", "-show_entries", "format_tags", "-of", "json", text(&one)]);
    assert!(
        found.contains("A title") && !found.contains("Lavf") && !found.contains("creation_time"),
        "{found}"
    );
}

#[test]
fn ffprobe_sees_what_the_platforms_ask_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = good(folder.path(), 3);
    let json = run(
        "ffprobe",
        &["-v", "error", "-show_streams", "-show_format", "-count_packets", "-of", "json", text(&path)],
    );
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let (video, audio) = (&json["streams"][0], &json["streams"][1]);
    for (key, value) in [
        ("codec_name", "h264"),
        ("profile", "High"),
        ("pix_fmt", "yuv420p"),
        ("color_range", "tv"),
        ("color_space", "bt709"),
        ("color_transfer", "bt709"),
        ("color_primaries", "bt709"),
        ("sample_aspect_ratio", "1:1"),
        ("field_order", "progressive"),
        ("r_frame_rate", "30/1"),
        ("avg_frame_rate", "30/1"),
        ("start_time", "0.000000"),
        ("duration", "3.000000"),
        ("nb_read_packets", "90"),
    ] {
        assert_eq!(video[key], value, "{key}");
    }
    for (key, value) in [
        ("codec_name", "aac"),
        ("profile", "LC"),
        ("sample_rate", "48000"),
        ("start_time", "0.000000"),
        ("duration", "3.000000"),
    ] {
        assert_eq!(audio[key], value, "{key}");
    }
    assert_eq!(json["format"]["start_time"], "0.000000");
    let ours = media::probe(&path).unwrap();
    assert_eq!(ours.video.unwrap().frames, 90);
    assert_eq!(ours.streams, 2);
}

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
fn sound_is_read_from_other_files() {
    let folder = tempfile::tempdir().unwrap();
    let sound = tones(90);
    let wav = folder.path().join("tone.wav");
    let format = hound::WavSpec {
        channels: 2,
        sample_rate: 48_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(&wav, format).unwrap();
    for index in 0..sound.len() {
        for channel in &sound.channels {
            writer.write_sample((channel[index] * 32_768.0) as i16).unwrap();
        }
    }
    writer.finalize().unwrap();
    for name in ["tone.flac", "tone.mp3", "tone.ogg", "tone.m4a", "tone.u8.wav"] {
        let path = folder.path().join(name);
        let codec: &[&str] = if name.contains("u8") { &["-c:a", "pcm_u8"] } else { &[] };
        ffmpeg(&[&["-i", text(&wav)], codec, &[text(&path)]].concat());
        let heard = media::sound(&path).unwrap();
        assert_eq!((heard.rate, heard.channels.len()), (48_000, 2), "{name}");
        assert!(heard.len().abs_diff(sound.len()) < 3_000, "{name}: {}", heard.len());
        // The delay of each encoder is taken away: the tones still agree sample by sample.
        let middle = 40_000..60_000;
        let error = middle
            .map(|i| f64::from(heard.channels[1][i] - sound.channels[1][i]).powi(2))
            .sum::<f64>()
            .sqrt()
            / (20_000.0_f64).sqrt();
        assert!(error < 0.02, "{name}: {error}");
    }
}

#[derive(Debug, thiserror::Error)]
enum Stop {
    #[error("cancelled")]
    Cancelled,
    #[error(transparent)]
    Media(#[from] Error),
}

#[test]
fn the_first_error_ends_both_sides() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stopped.mp4");
    let usual = encoding(SMALL, 90);
    let sound = tones(90);
    let mut drawn = 0;
    let error = media::encode(&path, &usual, &sound, |index, frame| {
        drawn = index;
        draw(index, frame);
        if index == 20 { Err(Stop::Cancelled) } else { Ok(()) }
    });
    assert!(matches!(error, Err(Stop::Cancelled)) && drawn == 20);

    let encode = |path: &Path, encoding: &Encoding, sound: &Samples| {
        let result = media::encode(path, encoding, sound, |index, frame| {
            if index == 7 && encoding.frames == 77 {
                *frame = Frame::black(Size::new(64, 64));
            }
            Ok::<_, Stop>(())
        });
        match result {
            Err(Stop::Media(error)) => error,
            other => panic!("{other:?}"),
        }
    };
    let nowhere = folder.path().join("no/such/folder.mp4");
    let error = encode(&nowhere, &usual, &sound);
    assert!(error.to_string().contains("No such file"), "{error}");
    let odd = Encoding { size: Size::new(181, 320), ..usual.clone() };
    assert!(matches!(encode(&path, &odd, &sound), Error::Size(_)));
    let short = Encoding { frames: 1, ..usual.clone() };
    assert!(matches!(encode(&path, &short, &sound), Error::TooShort(1)));
    let other = Encoding { frames: 77, ..usual.clone() };
    assert!(matches!(encode(&path, &other, &tones(77)), Error::FrameSize { index: 7, .. }));
    assert!(matches!(encode(&path, &usual, &tones(91)), Error::Sound(_)));
    let wrong_rate = Samples::silence(44_100, 1, 100);
    assert!(matches!(encode(&path, &usual, &wrong_rate), Error::Sound(_)));
    let mut broken = sound.clone();
    broken.channels[1][5] = f32::NAN;
    assert!(matches!(encode(&path, &usual, &broken), Error::Sound(_)));
}
