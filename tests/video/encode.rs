//! The encoder's files, decoded again and compared.

use std::{fs, path::Path};

use shortform::{
    media::{self, Encoding, Error, Video},
    story::{Frame, FrameRate, Quality, Samples, Size, VideoEncoder},
};

use crate::material::*;

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
fn hevc_is_written_as_players_and_platforms_want_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hevc.mp4");
    let encoding = Encoding { encoder: VideoEncoder::X265, ..encoding(SMALL, 120) };
    let encoded = write(&path, &encoding, &tones(120));
    assert_eq!((encoded.encoder, encoded.refused.len()), ("libx265", 0));
    let mut expected = Frame::black(SMALL);
    for (index, frame) in Video::open(&path).unwrap().enumerate() {
        draw(index as u64, &mut expected);
        let psnr = psnr(&frame.unwrap().y, &expected.y);
        assert!(psnr > 35.0, "frame {index}: {psnr:.1} dB");
    }
    let report = media::verify(&path, &platform(SMALL), media::Options::default()).unwrap();
    let loud: Vec<_> = report
        .failures()
        .filter(|check| !check.name.contains("loud") && !check.name.contains("peak"))
        .collect();
    assert!(loud.is_empty(), "{loud:?}");
    let bytes = fs::read(&path).unwrap();
    assert!(bytes.windows(4).any(|tag| tag == b"hvc1") && !bytes.windows(4).any(|tag| tag == b"hev1"));
}

#[test]
fn av1_is_written_in_closed_groups_and_read_again() {
    let folder = tempfile::tempdir().unwrap();
    for quality in [Quality::Draft, Quality::High] {
        let path = folder.path().join("av1.mp4");
        let encoding = Encoding { encoder: VideoEncoder::Av1, quality, ..encoding(SMALL, 100) };
        let drawn = |index, frame: &mut Frame| {
            draw(index, frame);
            Ok::<_, Error>(())
        };
        let encoded = match media::encode(&path, &encoding, &tones(100), drawn) {
            Ok(encoded) => encoded,
            // A libav built without it says so by name, and nothing else is taken.
            Err(Error::NoEncoder(name)) => return assert_eq!(name, "libsvtav1"),
            Err(error) => panic!("{error}"),
        };
        assert_eq!((encoded.encoder, encoded.refused.len()), ("libsvtav1", 0));
        let mut expected = Frame::black(SMALL);
        for (index, frame) in Video::open(&path).unwrap().enumerate() {
            draw(index as u64, &mut expected);
            let psnr = psnr(&frame.unwrap().y, &expected.y);
            let least = if quality == Quality::Draft { 30.0 } else { 36.0 };
            assert!(psnr > least, "{quality:?} frame {index}: {psnr:.1} dB");
        }
        let report = media::verify(&path, &platform(SMALL), media::Options::default()).unwrap();
        assert!(report.passed(), "{:?}", report.failures().collect::<Vec<_>>());
        let found = |name: &str| report.checks.iter().find(|check| check.name == name).unwrap();
        assert_eq!(found("groups of pictures").found, "closed");
        assert_eq!(found("color").found, "bt709 bt709 bt709 tv");
        assert_eq!(found("keyframes").found, "15");
        assert!(found("video codec").found.starts_with("av1"), "{:?}", found("video codec"));
        // A platform that does not list it refuses it.
        let mut other = platform(SMALL);
        other.video.codecs.value.retain(|codec| codec.name() != "av1");
        let report = media::verify(&path, &other, media::Options::default()).unwrap();
        assert_eq!(failed(&report), ["video codec"]);
    }
}

/// Whether the kernel knows a card of NVIDIA's, or its driver.
fn has_card() -> bool {
    let known = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    // The second word of a line is the maker and the device.
    let is_nvidia = |line: &str| line.split('\t').nth(1).is_some_and(|word| word.starts_with("10de"));
    known("/proc/bus/pci/devices").lines().any(is_nvidia) || known("/proc/devices").contains("nvidia")
}

#[test]
fn what_cannot_be_opened_is_an_error_by_name_and_a_note_by_auto() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("any.mp4");
    let choice = |encoder| Encoding { encoder, ..encoding(SMALL, 30) };
    let sound = Samples::silence(48_000, 2, 100);
    let by_auto = write(&path, &choice(VideoEncoder::Auto), &sound);
    // Whichever it is, the file is a video; what was tried before it is told with its reason.
    assert_eq!(Video::open(&path).unwrap().count(), 30);
    for refused in &by_auto.refused {
        assert!(refused.starts_with("h264_") && refused.len() > 20, "{refused}");
    }
    let named = media::encode::<Error>(&path, &choice(VideoEncoder::Nvenc), &sound, |_, _| Ok(()));
    match (by_auto.encoder, named) {
        ("h264_nvenc", named) => assert!(named.is_ok()),
        (_, named) => {
            let error = named.unwrap_err().to_string();
            assert!(error.contains("encoder"), "{error}");
            let has_it = !matches!(
                media::encode::<Error>(&path, &choice(VideoEncoder::Nvenc), &sound, |_, _| Ok(())),
                Err(Error::NoEncoder(_))
            );
            let told = by_auto.refused.iter().any(|refused| refused.starts_with("h264_nvenc"));
            assert_eq!(told, has_it && has_card());
        }
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
