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
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|argument| argument == COMPOSE) {
        return compose(Path::new(&arguments[at + 1]), arguments[at + 2].parse()?);
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
        compositor.against_moviepy(quality)?;
    }
    memory(folder.path())
}

/// How the program asks itself to compose a video of so many seconds of the stills in a folder, and to say
/// what that took.
const COMPOSE: &str = "--compose";

/// How much memory composing takes over the stills, and whether that grows with the video.
fn memory(folder: &Path) -> Result<()> {
    let peak = |seconds: u64| -> Result<f64> {
        let mut command = Command::new(std::env::current_exe()?);
        let output = command.args(["--bench", COMPOSE]).arg(folder).arg(seconds.to_string()).output()?;
        let said = String::from_utf8_lossy(&output.stdout);
        Ok(said
            .trim()
            .parse()
            .map_err(|_| format!("{command:?} said {said:?} and ended with {}", output.status))?)
    };
    let (short, long) = (peak(20)?, peak(600)?);
    print("composing ten minutes: MB over the stills", long / 1e6, 150.0);
    print("the same / composing twenty seconds", long / short, 1.05);
    Ok(())
}

/// Composes without encoding, and prints by how many bytes the process grew at most.
fn compose(folder: &Path, seconds: u64) -> Result<()> {
    let platform = Presets::built_in().platform("tiktok").map_err(|problems| problems.to_string())?;
    let stills = stills(folder)?;
    let bench = Bench { folder, platform: &platform, stills: &stills };
    let mut timeline = bench.timeline_of(seconds, (seconds / 4) as usize, CaptionStyle::Highlight);
    // The same two stills, over and over.
    timeline.clips.iter_mut().for_each(|clip| clip.still = name_of(clip.scene % stills.len()));
    let before = resident("VmRSS")?;
    let mut fonts = Fonts::load()?;
    let mut renderer = Renderer::new(&timeline, Box::new(|still| bench.still(still)), &mut fonts)?;
    let mut frame = Frame::black(timeline.frame_size);
    for index in 0..timeline.frames {
        renderer.render(index, &mut frame)?;
    }
    println!("{}", resident("VmHWM")?.saturating_sub(before));
    Ok(())
}

/// A figure of this process's memory in bytes, as Linux counts it.
fn resident(name: &str) -> Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with(name)).ok_or("no such figure")?;
    let kilobytes = line.split_whitespace().nth(1).ok_or("no number")?;
    Ok(kilobytes.parse::<u64>()? * 1024)
}

/// The first two stills in `folder`.
fn stills(folder: &Path) -> Result<Vec<RgbImage>> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)?.flatten().map(|entry| entry.path()).collect();
    // `stills.scene-01.png`, not what a comparison leaves beside them.
    let is_scene = |path: &PathBuf| path.to_string_lossy().contains(".scene-");
    paths.retain(is_scene);
    paths.sort();
    paths.iter().take(2).map(|path| Ok(image::open(path)?.to_rgb8())).collect()
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

    stills(folder)
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
        self.floor(&timeline, quality, "ffmpeg zoompan", plain)?;
        let what = format!("{name}: compose + encode / the same from a still enlarged to 4320");
        print(&what, ratio(ours, smoothed), 0.45);
        Ok(())
    }

    /// moviepy, as most generators of short videos use it; left out where it is not installed.
    fn against_moviepy(&self, quality: Quality) -> Result<()> {
        let python = std::env::var("SHORTFORM_BENCH_PYTHON").unwrap_or_else(|_| "python3".to_owned());
        let name = format!("{}: compose + encode / moviepy, processor time", preset(quality).0);
        let there = Command::new(&python).args(["-c", "import moviepy"]).output();
        if !there.is_ok_and(|output| output.status.success()) {
            println!("{name:<64} {python} has no moviepy: SHORTFORM_BENCH_PYTHON names one that has");
            return Ok(());
        }
        let timeline = self.timeline(2, CaptionStyle::Off);
        let ours = self.compose_and_encode(&timeline, quality)?;
        let paths: Vec<PathBuf> = (0..2).map(|n| self.folder.join(format!("moviepy-{n}.png"))).collect();
        for (path, still) in paths.iter().zip(self.stills) {
            still.save(path)?;
        }
        let (preset, crf) = preset(quality);
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/moviepy_clip.py");
        let before = children_time();
        let mut command = Command::new(&python);
        command.arg(script).args(&paths).arg(self.folder.join("moviepy.mp4"));
        let output = command.args([&SECONDS.to_string(), preset, &crf.to_string()]).output()?;
        if !output.status.success() {
            return Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr)).into());
        }
        let theirs = children_time() - before;
        print(&name, ratio(ours, theirs), 0.14);
        self.floor(&timeline, quality, "moviepy", theirs)
    }

    /// What would be left of the ratio to others if composing cost nothing: x264 takes its time.
    fn floor(&self, timeline: &Timeline, quality: Quality, other: &str, theirs: Duration) -> Result<()> {
        let floor = self.encode_only(timeline, quality)?;
        let what = format!("{}: encoding alone / {other}, the floor", preset(quality).0);
        println!("{what:<64} {:>7.3}", ratio(floor, theirs));
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

    fn timeline(&self, clips: usize, captions: CaptionStyle) -> Timeline {
        self.timeline_of(SECONDS, clips, captions)
    }

    /// So many clips of equal length, zooming in, one fading into the next.
    fn timeline_of(&self, seconds: u64, clips: usize, captions: CaptionStyle) -> Timeline {
        let frame_rate = self.platform.video.frame_rate;
        let frames = Time::from_seconds(seconds as f64).frame(frame_rate);
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
                cues: (0..seconds).map(cue).collect(),
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

/// What the programs that this one ran and that have ended used, theirs included.
fn children_time() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name in brackets may hold spaces; user and system time of children are the 16th and 17th field.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<u64>().ok()).unwrap_or(0);
    Duration::from_millis((ticks(13) + ticks(14)) * 10)
}

fn ratio(ours: Duration, theirs: Duration) -> f64 {
    ours.as_secs_f64() / theirs.as_secs_f64()
}
