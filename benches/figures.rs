//! What `just bench` prints: figures as ratios, both sides measured in the same run on this machine.
//!
//! Ratios of processor time hold on a busy machine too; the two of wall time need a quiet one.

use std::{
    error::Error,
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use image::RgbImage;
use rustix::time::{ClockId, clock_gettime};
use shortform::{
    compose::{Fonts, Renderer},
    digest::Digest,
    media::{Encoding, encode},
    pipeline::Presets,
    story::{
        CameraMove, CaptionStyle, Captions, Clip, Cue, CueWord, Extras, Frame, Grade, Platform, Quality,
        SAMPLE_RATE, Samples, Seed, Span, Time, Timeline, Transition, TransitionKind, VideoEncoder,
    },
};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// Length of the clips that are composed and encoded.
const SECONDS: u64 = 5;

/// Videos of the batch.
const VIDEOS: usize = 20;

fn main() -> Result<()> {
    // `cargo test --benches` builds this to see that it builds.
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    let platform = Presets::built_in().platform("tiktok").map_err(|problems| problems.to_string())?;

    println!("{:<64} {:>7} {:>8}", "", "ratio", "at most");
    batch(folder.path())?;
    let stills = generate(folder.path())?;
    let compositor = Bench { folder: folder.path(), platform: &platform, stills: &stills };
    for quality in [Quality::Standard, Quality::High] {
        compositor.against_the_encoder(quality)?;
        compositor.against_zoompan(quality)?;
    }
    Ok(())
}

fn print(what: &str, ratio: f64, limit: f64) {
    let verdict = if ratio <= limit { "" } else { "  missed" };
    println!("{what:<64} {ratio:>7.3} {limit:>8.2}{verdict}");
}

/// A batch of [`VIDEOS`]: how well its lanes are kept at work, and what a second run costs.
fn batch(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder.join("scripts"))?;
    let subjects = ["sea", "forest", "desert", "city", "river"];
    for n in 0..VIDEOS {
        let subject = subjects[n % subjects.len()];
        let script = format!(
            "Number {n} is about the {subject}.\n\nA castle stands near the {subject} of tale {n}.\n"
        );
        fs::write(folder.join(format!("scripts/{n:02}.md")), script)?;
    }
    let run = || -> Result<(f64, serde_json::Value)> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_shortform"));
        command.args(["batch", "scripts", "-o", "out", "--quiet", "--cache-dir", "batch-store"]);
        let begun = Instant::now();
        let status = command.current_dir(folder).status()?;
        if !status.success() {
            return Err(format!("{command:?} ended with {status}").into());
        }
        let report = serde_json::from_slice(&fs::read(folder.join("out/report.json"))?)?;
        Ok((begun.elapsed().as_secs_f64(), report))
    };
    let (_, report) = run()?;
    let run_report = &report["runs"][0];
    let spans = run_report["spans"].as_array().ok_or("the report has no spans")?;
    let lanes = run_report["busy"].as_object().ok_or("the report has no lanes")?;
    let own = lanes.iter().map(|(lane, busy)| {
        let workers =
            spans.iter().filter(|span| span["lane"] == **lane).filter_map(|span| span["worker"].as_u64());
        busy.as_f64().unwrap_or(0.0) / (workers.max().unwrap_or(0) + 1) as f64
    });
    let busiest = own.fold(0.0, f64::max);
    let makespan = run_report["seconds"].as_f64().ok_or("the report has no time")?;
    print(&format!("batch of {VIDEOS}: time / the busiest lane's own work"), makespan / busiest, 1.10);
    let (again, _) = run()?;
    print(&format!("the same batch again: seconds for each of {VIDEOS} videos"), again / VIDEOS as f64, 0.02);
    Ok(())
}

/// The sample script by the real program; the stills it made.
fn generate(folder: &Path) -> Result<Vec<RgbImage>> {
    let shortform = |arguments: &[&str]| -> Result<Duration> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_shortform"));
        command.args(["generate", concat!(env!("CARGO_MANIFEST_DIR"), "/assets/demo.md"), "--quiet"]);
        command.args(arguments).arg("--cache-dir").arg(folder.join("store")).current_dir(folder);
        let begun = Instant::now();
        let status = command.status()?;
        if status.success() {
            Ok(begun.elapsed())
        } else {
            Err(format!("{command:?} ended with {status}").into())
        }
    };
    let first = shortform(&["-o", "demo.mp4"])?;
    let again = shortform(&["-o", "again.mp4"])?;
    shortform(&["--stop-after", "upscale", "-o", "stills.mp4"])?;

    let description: serde_json::Value = serde_json::from_slice(&fs::read(folder.join("demo.json"))?)?;
    let length = description["duration"].as_f64().ok_or("the description names no duration")?;
    print("generate, embedded default: time / the video's own duration", first.as_secs_f64() / length, 1.0);
    print(
        "the same again, nothing to make: time / the first run's",
        again.as_secs_f64() / first.as_secs_f64(),
        0.1,
    );

    let mut paths: Vec<PathBuf> = fs::read_dir(folder)?.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "png"));
    paths.sort();
    paths.iter().take(2).map(|path| Ok(image::open(path)?.to_rgb8())).collect()
}

/// Composition and encoding of a clip, against others' ways.
struct Bench<'a> {
    folder: &'a Path,
    platform: &'a Platform,
    stills: &'a [RgbImage],
}

impl Bench<'_> {
    /// What composing costs on top of encoding frames that are there already.
    fn against_the_encoder(&self, quality: Quality) -> Result<()> {
        let timeline = self.timeline(2, CaptionStyle::Highlight);
        let encode_only = self.encode_only(&timeline, quality)?;
        let both = self.compose_and_encode(&timeline, quality)?;
        let what =
            format!("{}: compose + encode / encoding the same frames, processor time", preset(quality).0);
        print(&what, ratio(both, encode_only), 1.05);
        Ok(())
    }

    /// The processor time of encoding the frames of `timeline` when they are there already.
    fn encode_only(&self, timeline: &Timeline, quality: Quality) -> Result<Duration> {
        let mut frames = Vec::new();
        let mut fonts = Fonts::load()?;
        let mut renderer = Renderer::new(timeline, Box::new(|still| self.still(still)), &mut fonts)?;
        for index in 0..timeline.frames {
            let mut frame = Frame::black(timeline.frame_size);
            renderer.render(index, &mut frame)?;
            frames.push(frame);
        }
        self.encode(timeline, quality, |index, frame| {
            frame.clone_from(&frames[index as usize]);
            Ok(())
        })
    }

    /// The usual way of others: ffmpeg's zoompan, as it is and smoothed by enlarging the still first.
    fn against_zoompan(&self, quality: Quality) -> Result<()> {
        let timeline = self.timeline(1, CaptionStyle::Off);
        let ours = self.compose_and_encode(&timeline, quality)?;
        let plain = self.zoompan("", quality)?;
        let smoothed = self.zoompan("scale=4320:-2,", quality)?;
        let name = preset(quality).0;
        print(
            &format!("{name}: compose + encode / ffmpeg zoompan, processor time"),
            ratio(ours, plain),
            0.65,
        );
        let floor = self.encode_only(&timeline, quality)?;
        // What would be left of the ratio if composing cost nothing: zoompan itself is cheap, x264 is not.
        println!(
            "{:<64} {:>7.3}",
            format!("{name}: encoding alone / ffmpeg zoompan, the floor"),
            ratio(floor, plain)
        );
        let what = format!("{name}: compose + encode / the same from a still enlarged to 4320");
        print(&what, ratio(ours, smoothed), 0.45);
        Ok(())
    }

    fn compose_and_encode(&self, timeline: &Timeline, quality: Quality) -> Result<Duration> {
        let mut fonts = Fonts::load()?;
        let mut renderer = Renderer::new(timeline, Box::new(|still| self.still(still)), &mut fonts)?;
        self.encode(timeline, quality, |index, frame| Ok(renderer.render(index, frame)?))
    }

    /// The processor time of encoding what `draw` draws.
    fn encode(
        &self,
        timeline: &Timeline,
        quality: Quality,
        draw: impl FnMut(u64, &mut Frame) -> Result<()>,
    ) -> Result<Duration> {
        let encoder = VideoEncoder::X264;
        let encoding =
            Encoding { encoder, ..Encoding::for_platform(self.platform, timeline.frames, quality) };
        let silence = Samples::silence(SAMPLE_RATE, 2, encoding.samples());
        let begun = processor_time();
        encode(&self.folder.join("clip.mp4"), &encoding, &silence, draw)?;
        Ok(processor_time() - begun)
    }

    /// The processor time of ffmpeg zooming into the first still, with x264 set as ours is.
    fn zoompan(&self, before: &str, quality: Quality) -> Result<Duration> {
        let still = self.folder.join("still.png");
        self.stills[0].save(&still)?;
        let encoding = Encoding::for_platform(self.platform, self.frames(), quality);
        let (preset, crf) = preset(quality);
        let (frames, size) = (encoding.frames, encoding.size);
        let filter = format!(
            "{before}zoompan=z=1+0.12*on/{frames}:x=(iw-iw/zoom)/2:y=(ih-ih/zoom)/2:d={frames}:s={size}:fps=30,format=yuv420p"
        );
        let settings = format!(
            "-c:v libx264 -preset {preset} -crf {crf} -profile:v high -threads {} -g {} -bf {} -maxrate {} -bufsize {} -c:a aac -b:a {}",
            encoding.threads,
            encoding.keyframe_interval,
            encoding.b_frames,
            encoding.max_bitrate,
            2 * encoding.max_bitrate,
            encoding.audio_bitrate,
        );
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg.args(["-hide_banner", "-nostdin", "-benchmark", "-y", "-i"]).arg(&still);
        ffmpeg.args([
            "-f",
            "lavfi",
            "-i",
            "anullsrc=r=48000:cl=stereo",
            "-t",
            &SECONDS.to_string(),
            "-vf",
            &filter,
        ]);
        let output = ffmpeg.args(settings.split(' ')).arg(self.folder.join("zoompan.mp4")).output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        let time = |name: &str| -> Option<f64> {
            let after = said.rsplit_once(&format!("{name}="))?.1;
            after.split('s').next()?.parse().ok()
        };
        match (output.status.success(), time("utime"), time("stime")) {
            (true, Some(user), Some(system)) => Ok(Duration::from_secs_f64(user + system)),
            _ => Err(format!("{ffmpeg:?} failed: {said}").into()),
        }
    }

    fn still(&self, still: Digest) -> Result<RgbImage> {
        let known = (0..self.stills.len()).find(|&scene| name_of(scene) == still);
        known.map(|scene| self.stills[scene].clone()).ok_or_else(|| "no such still".into())
    }

    fn frames(&self) -> u64 {
        Time::from_seconds(SECONDS as f64).frame(self.platform.video.frame_rate)
    }

    /// So many clips of equal length, zooming in, one fading into the next.
    fn timeline(&self, clips: usize, captions: CaptionStyle) -> Timeline {
        let (frame_rate, frames) = (self.platform.video.frame_rate, self.frames());
        let moment = |clip: usize| Time::of_frame(frames * clip as u64 / clips as u64, frame_rate);
        let clip = |scene: usize| Clip {
            scene,
            still: name_of(scene),
            span: Span::new(moment(scene), moment(scene + 1)),
            camera: CameraMove {
                from: [0.5, 0.5],
                zoom_from: 1.0,
                to: [0.5, 0.5],
                zoom_to: 1.12,
                sway: None,
            },
            transition: (scene > 0)
                .then(|| Transition { kind: TransitionKind::Crossfade, length: Time::from_seconds(0.4) }),
        };
        Timeline {
            frame_size: self.platform.generation.delivery,
            frame_rate,
            frames,
            clips: (0..clips).map(clip).collect(),
            captions: Captions {
                style: captions,
                area: self.platform.safe_area.value.captions,
                color: "#ffffff".parse().expect("a color"),
                gradient: None,
                highlight: "#ffe500".parse().expect("a color"),
                font_size: 72.0,
                font: "Inter".into(),
                uppercase: false,
                cues: (0..SECONDS).map(cue).collect(),
            },
            title: None,
            extras: Extras::default(),
            grade: Grade::default(),
            lut: None,
            narration: Digest::of(b"silence"),
            music: None,
            effects: Vec::new(),
            seed: Seed(7),
        }
    }
}

/// x264's preset and constant rate factor of a quality, as the program sets them.
fn preset(quality: Quality) -> (&'static str, u32) {
    match quality {
        Quality::Draft => ("ultrafast", 26),
        Quality::Standard => ("veryfast", 20),
        Quality::High => ("medium", 18),
    }
}

/// Four words in the given second.
fn cue(second: u64) -> Cue {
    let moment = |quarter: usize| Time::from_seconds(second as f64 + quarter as f64 / 4.0);
    let words = ["the", "oldest", "map", "remains"].iter().enumerate().map(|(n, text)| CueWord {
        text: (*text).to_owned(),
        span: Span::new(moment(n), moment(n + 1)),
        space_before: n > 0,
    });
    Cue { span: Span::new(moment(0), moment(4)), words: words.collect() }
}

/// What the still of a scene is called.
fn name_of(scene: usize) -> Digest {
    Digest::of(&scene.to_le_bytes())
}

/// What this process has used so far, all its threads together.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

fn ratio(ours: Duration, theirs: Duration) -> f64 {
    ours.as_secs_f64() / theirs.as_secs_f64()
}
