//! The films the tests look at, each made once.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use image::RgbImage;
use serde_json::Value;

use super::program::{folder, shortform, succeed, words};

pub(crate) const SIZE: (u32, u32) = (1080, 1920);
pub(crate) const FPS: f64 = 30.0;

const SCRIPT: &str = "\
# The keepers of the coast

A lighthouse stands on the cliff. Its beam crosses the dark sea every night.

Sailors look for it in each storm, and steer for the harbour.
";

/// A finished video with what lies beside it.
pub(crate) struct Film {
    pub video: PathBuf,
    /// What it was made with, beside the script.
    pub arguments: String,
    /// `NAME.json`.
    pub description: Value,
}

impl Film {
    /// Makes a film of `script` in `folder`.
    pub(crate) fn make(folder: &Path, script: &str, arguments: &str) -> Self {
        Self::make_with(folder, script, arguments, &[])
    }

    fn make_with(folder: &Path, script: &str, arguments: &str, environment: &[(&str, &str)]) -> Self {
        fs::write(folder.join("film.md"), script).unwrap();
        let mut generate = shortform(folder);
        generate.args(words("generate film.md -o film.mp4")).args(words(arguments));
        succeed(generate.envs(environment.iter().copied()));
        let description = serde_json::from_slice(&fs::read(folder.join("film.json")).unwrap()).unwrap();
        Self { video: folder.join("film.mp4"), arguments: arguments.to_owned(), description }
    }

    /// The film with captions that mark the spoken word.
    pub(crate) fn captioned() -> &'static Self {
        static FILM: OnceLock<Film> = OnceLock::new();
        FILM.get_or_init(|| Self::make(&folder("film"), SCRIPT, &settings("highlight")))
    }

    /// The same film without captions.
    pub(crate) fn uncaptioned() -> &'static Self {
        static FILM: OnceLock<Film> = OnceLock::new();
        FILM.get_or_init(|| {
            let store = &Self::captioned().video.with_file_name("store");
            let arguments = format!("{} --cache-dir {}", settings("off"), store.display());
            Self::make(&folder("uncaptioned"), SCRIPT, &arguments)
        })
    }

    /// The captioned film once more, by the same command and from an empty store, in memory that
    /// the allocator fills with something else: a byte nobody wrote must not reach the file.
    pub(crate) fn captioned_again() -> Self {
        let dirty = [("MALLOC_PERTURB_", "170")];
        Self::make_with(&folder("film again"), SCRIPT, &settings("highlight"), &dirty)
    }

    /// When each word is heard, in seconds, and the word.
    pub(crate) fn words(&self) -> Vec<Word> {
        let words = self.description["narration"]["words"].as_array().unwrap();
        words.iter().map(Word::read).collect()
    }

    /// The frames shown at these moments, which must come in order.
    pub(crate) fn frames_at(&self, seconds: &[f64]) -> Vec<RgbImage> {
        let wanted: Vec<_> = seconds.iter().map(|at| format!("eq(n,{})", (at * FPS) as u64)).collect();
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg.args(["-v", "error", "-i"]).arg(&self.video);
        ffmpeg.args([
            "-vf",
            &format!("select={}", wanted.join("+").replace(',', "\\,")),
            "-fps_mode",
            "passthrough",
        ]);
        let bytes = succeed(ffmpeg.args(words("-f rawvideo -pix_fmt rgb24 -")));
        let frames: Vec<_> = bytes
            .chunks_exact((SIZE.0 * SIZE.1 * 3) as usize)
            .map(|frame| RgbImage::from_raw(SIZE.0, SIZE.1, frame.to_vec()).unwrap())
            .collect();
        assert_eq!(frames.len(), seconds.len(), "moments beyond the end, or two in one frame");
        frames
    }
}

/// A word and when it is heard.
pub(crate) struct Word {
    pub text: String,
    pub start: f64,
    pub end: f64,
}

impl Word {
    fn read(word: &Value) -> Self {
        Self {
            text: word["text"].as_str().unwrap().to_owned(),
            start: word["span"]["start"].as_f64().unwrap(),
            end: word["span"]["end"].as_f64().unwrap(),
        }
    }

    pub(crate) fn middle(&self) -> f64 {
        (self.start + self.end) / 2.0
    }
}

fn settings(captions: &str) -> String {
    format!(
        "--platform tiktok --voice nova --style cinematic --seed 7 --set timeline.captions.style={captions} \
         --set timeline.captions.color=#ffffff --set timeline.captions.highlight=#ffe500"
    )
}
