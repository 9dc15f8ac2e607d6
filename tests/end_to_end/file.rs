//! The file is what the platforms ask for.

use std::{fs, path::Path, process::Command};

use super::{
    film::{FPS, Film},
    program::{ffprobe, finish, said, shortform, succeed, words},
};

#[test]
fn picture_and_sound_are_of_the_asked_kind() {
    let film = Film::captioned();
    let probe = ffprobe(&film.video, "-show_streams");
    let [picture, sound] = &probe["streams"].as_array().unwrap()[..] else { panic!("two streams: {probe}") };
    for (key, value) in [
        ("codec_name", "h264"),
        ("profile", "High"),
        ("pix_fmt", "yuv420p"),
        ("color_range", "tv"),
        ("color_space", "bt709"),
        ("color_primaries", "bt709"),
        ("color_transfer", "bt709"),
        ("field_order", "progressive"),
        ("r_frame_rate", "30/1"),
        ("avg_frame_rate", "30/1"),
    ] {
        assert_eq!(picture[key], value, "{key}");
    }
    assert_eq!((&picture["width"], &picture["height"]), (&1080.into(), &1920.into()));
    for (key, value) in [("codec_name", "aac"), ("profile", "LC"), ("sample_rate", "48000")] {
        assert_eq!(sound[key], value, "{key}");
    }
    for stream in [picture, sound] {
        assert_eq!(stream["start_pts"], 0, "{stream}");
    }
}

#[test]
fn every_frame_lasts_as_long_as_the_next() {
    let probe = ffprobe(&Film::captioned().video, "-select_streams v -show_entries packet=pts_time");
    let mut times: Vec<f64> = probe["packets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|packet| packet["pts_time"].as_str().unwrap().parse().unwrap())
        .collect();
    times.sort_by(f64::total_cmp);
    for (n, time) in times.iter().enumerate() {
        assert!((time - n as f64 / FPS).abs() < 1e-4, "frame {n} is shown at {time}");
    }
}

#[test]
fn the_video_lasts_as_long_as_the_narration() {
    let film = Film::captioned();
    let folder = film.video.parent().unwrap();
    let speak = "speak film.md -o film.wav --platform tiktok --voice nova --style cinematic --seed 7";
    succeed(shortform(folder).args(words(speak)));
    let spoken = hound::WavReader::open(folder.join("film.wav")).unwrap();
    let narration = f64::from(spoken.duration()) / f64::from(spoken.spec().sample_rate);

    let probe = ffprobe(&film.video, "-show_streams");
    let [picture, sound] =
        [0, 1].map(|at| probe["streams"][at]["duration"].as_str().unwrap().parse::<f64>().unwrap());
    assert!((picture - narration).abs() <= 1.0 / FPS, "picture {picture} s, narration {narration} s");
    assert!((sound - picture).abs() <= 1.0 / FPS, "sound {sound} s, picture {picture} s");
    let tail = narration - film.words().last().unwrap().end;
    assert!((0.55..0.75).contains(&tail), "{tail} s after the last word, 0.6 s are set");
}

#[test]
fn the_index_comes_first_and_nothing_is_edited_away() {
    let bytes = fs::read(&Film::captioned().video).unwrap();
    let boxes = boxes(&bytes);
    let place = |kind: &[u8; 4]| boxes.iter().position(|(name, _)| name == kind);
    assert!(place(b"moov").unwrap() < place(b"mdat").unwrap(), "moov comes after mdat");
    let moov = boxes[place(b"moov").unwrap()].1;
    assert!(!moov.windows(4).any(|name| name == b"elst"), "there is an edit list");
}

/// The outermost boxes of an MP4: name and content.
fn boxes(mut bytes: &[u8]) -> Vec<([u8; 4], &[u8])> {
    let mut boxes = Vec::new();
    while bytes.len() >= 8 {
        let size = u32::from_be_bytes(bytes[..4].try_into().unwrap()) as usize;
        assert!((8..=bytes.len()).contains(&size), "a box of {size} bytes where {} are left", bytes.len());
        boxes.push((bytes[4..8].try_into().unwrap(), &bytes[8..size]));
        bytes = &bytes[size..];
    }
    boxes
}

#[test]
fn it_is_as_loud_as_the_platform_asks() {
    let heard = filtered(&Film::captioned().video, "-af", "ebur128=peak=true");
    let summary = &heard[heard.rfind("Summary:").unwrap()..];
    let figure = |name: &str| -> f64 {
        let after = summary.split(name).nth(1).unwrap_or_else(|| panic!("no {name} in {summary}"));
        after.split_whitespace().next().unwrap().parse().unwrap()
    };
    let (loudness, peak) = (figure("I:"), figure("Peak:"));
    assert!((loudness + 14.0).abs() <= 0.5, "{loudness} LUFS");
    assert!(peak <= -1.5, "{peak} dBTP");
}

#[test]
fn no_stretch_is_black_or_frozen() {
    let seen = filtered(&Film::captioned().video, "-vf", "blackdetect=d=0.2,freezedetect=n=0.0001:d=0.5");
    assert!(!seen.contains("black_start") && !seen.contains("freeze_start"), "{seen}");
}

/// What ffmpeg says while a filter of its own goes over the whole file.
fn filtered(video: &Path, kind: &str, filter: &str) -> String {
    let mut ffmpeg = Command::new("ffmpeg");
    let output = finish(
        ffmpeg
            .args(["-hide_banner", "-nostdin", "-i"])
            .arg(video)
            .args([kind, filter])
            .args(words("-f null -")),
    );
    assert!(output.status.success());
    said(&output)
}

#[test]
fn the_same_command_makes_the_same_bytes() {
    let (first, again) = (Film::captioned(), Film::captioned_again());
    for ending in ["mp4", "srt", "vtt", "jpg"] {
        let [first, again] = [first, &again].map(|film| fs::read(film.video.with_extension(ending)).unwrap());
        assert!(first == again, "{ending}: {} and {} bytes differ", first.len(), again.len());
    }
}

#[test]
fn nothing_is_made_twice() {
    let film = Film::captioned();
    let folder = film.video.parent().unwrap();
    let before = fs::read(&film.video).unwrap();
    // A library that cannot be loaded proves that no model is opened when everything lies in the store.
    let mut again = shortform(folder);
    again.args(words("generate film.md -o again.mp4")).args(words(&film.arguments));
    succeed(again.env("ORT_DYLIB_PATH", "/nonexistent"));
    assert!(fs::read(folder.join("again.mp4")).unwrap() == before);
}
