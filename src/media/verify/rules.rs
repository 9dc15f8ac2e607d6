//! The rules, one after the other.

use std::{collections::BTreeSet, fmt::Display, fs, path::Path};

use super::{Check, Measured, Options, Outcome, Report, boxes::Layout, pass::Pass};
use crate::{
    media::{AudioStream, Error, Probe, Result, VideoStream, probe, source::Source},
    story::{Figure, Platform, Size},
};

/// A rule that all three platforms' pages share or imply.
const UPLOAD: (&str, &str) = ("YouTube and Instagram upload specifications", "2026-11");
/// A rule of our own: what every player shows as it was meant.
const OURS: (&str, &str) = ("shortform", "2026-11");
/// How far the loudness may be from its target, in LU.
const LOUDNESS_TOLERANCE: f64 = 0.5;
/// The longest black run in seconds: a fade through black is shorter.
const BLACK: f64 = 0.75;
/// The longest time in seconds that nothing moves.
const FROZEN: f64 = 2.0;

/// Checks the file at `path` against the rules of `platform`.
///
/// The whole file is decoded. A broken rule is no error: it is in the report. An
/// error means that the file could not be examined, for example because it is no video.
pub fn verify(path: &Path, platform: &Platform, options: Options) -> Result<Report> {
    let read = |source| Error::File { doing: "read", path: path.into(), source };
    let bytes = fs::metadata(path).map_err(read)?.len();
    let mut source = Source::open(path)?;
    let probe = probe::describe(&source, bytes);
    let Some(video) = probe.video.clone() else {
        return Err(Error::NoStream { path: path.into(), kind: "picture" });
    };
    let layout = Layout::read(path).map_err(read)?;
    let pass = Pass::over(&mut source)?;
    let mut rules = Rules { platform, checks: Vec::new() };
    rules.container(&probe, &layout);
    rules.whole(&video, &layout, &pass);
    rules.picture(&video, &pass);
    let spacing = Spacing::of(&pass);
    rules.timing(&video, &probe, &pass, &spacing);
    let video_bitrate = bits_a_second(pass.video_bytes, video.duration);
    rules.bitrate(video_bitrate, bytes);
    match &probe.audio {
        Some(audio) => rules.sound(audio, &pass),
        None => rules.add("sound", "one track", "none", Outcome::Failed, UPLOAD),
    }
    rules.movement(&video, &pass, options);
    let measured = Measured {
        frames: pass.frames,
        duration: video.duration,
        bytes,
        video_bitrate,
        integrated: pass.integrated,
        true_peak: pass.true_peak,
    };
    Ok(Report { path: path.into(), platform: platform.name.clone(), checks: rules.checks, measured })
}

/// Builds the list of checks.
struct Rules<'a> {
    platform: &'a Platform,
    checks: Vec<Check>,
}

impl Rules<'_> {
    fn add(
        &mut self,
        name: &'static str,
        expected: impl Display,
        found: impl Display,
        outcome: Outcome,
        (source, date): (&str, &str),
    ) {
        self.checks.push(Check {
            name: name.to_owned(),
            expected: expected.to_string(),
            found: found.to_string(),
            outcome,
            source: source.to_owned(),
            date: date.to_owned(),
        });
    }

    fn container(&mut self, probe: &Probe, layout: &Layout) {
        let mp4 = !layout.brands.is_empty() && layout.brands[0] != "qt  ";
        let found = match layout.brands.first() {
            Some(brand) if mp4 => format!("MP4 ({})", brand.trim()),
            Some(_) => "QuickTime".to_owned(),
            None => probe.container.clone(),
        };
        self.add("container", "MP4", found, must(mp4), UPLOAD);
        if !mp4 {
            return;
        }
        let (first, found) = match (layout.moov, layout.mdat, layout.fragments) {
            (_, _, true) => (false, "in fragments"),
            (Some(moov), Some(mdat), _) if moov < mdat => (true, "before the media data"),
            _ => (false, "after the media data"),
        };
        self.add("index", "before the media data", found, must(first), UPLOAD);
        let lists = layout.edit_lists;
        let found = if lists == 0 { "none".to_owned() } else { lists.to_string() };
        self.add("edit lists", "none", found, must(lists == 0), UPLOAD);
        let streams = probe.streams;
        self.add(
            "streams",
            "one picture, one sound",
            streams,
            must(streams == 2 && probe.audio.is_some()),
            OURS,
        );
    }

    fn whole(&mut self, video: &VideoStream, layout: &Layout, pass: &Pass) {
        let (good, found) = match &pass.damage {
            Some((what, count)) => (false, format!("{count} damaged: {what}")),
            None if layout.truncated => (false, "cut off".to_owned()),
            None if video.frames != 0 && video.frames != pass.frames => {
                (false, format!("{} frames decoded of {}", pass.frames, video.frames))
            }
            None => (true, format!("{} frames decoded", pass.frames)),
        };
        self.add("whole", "decodes to the end", found, must(good && pass.frames > 0), OURS);
    }

    fn picture(&mut self, video: &VideoStream, pass: &Pass) {
        let profile = video.profile.as_deref().unwrap_or("unknown");
        let codecs = &self.platform.video.codecs;
        let outcome = match (video.codec.as_str(), profile) {
            ("h264", "High") => Outcome::Passed,
            (codec, _) if codecs.value.iter().any(|taken| taken.name() == codec) => Outcome::Advice,
            _ => Outcome::Failed,
        };
        self.add("video codec", "h264 High", format!("{} {profile}", video.codec), outcome, of(codecs));
        let format = video.pixel_format.as_deref().unwrap_or("unknown");
        self.add("pixel format", "yuv420p", format, must(format == "yuv420p"), UPLOAD);
        let progressive = !pass.interlaced && video.progressive != Some(false);
        let found = if progressive { "progressive" } else { "interlaced" };
        self.add("scan", "progressive", found, must(progressive), UPLOAD);

        let (width, height) = (u64::from(video.size.width), u64::from(video.size.height));
        let same_shape = |size: &Size| width * u64::from(size.height) == height * u64::from(size.width);
        let mut sizes = vec![self.platform.frame_size(None)];
        sizes
            .extend(self.platform.formats.value.iter().map(|&format| self.platform.frame_size(Some(format))));
        // What is said is the size of the file's own shape, where the platform takes that shape.
        let wanted = sizes.iter().copied().find(same_shape);
        let outcome = match wanted {
            Some(wanted) if wanted == video.size => Outcome::Passed,
            Some(_) => Outcome::Advice,
            None => Outcome::Failed,
        };
        let expected = wanted.map_or_else(
            || {
                sizes.dedup();
                sizes.iter().map(Size::to_string).collect::<Vec<_>>().join(" or ")
            },
            |wanted| wanted.to_string(),
        );
        let source = if sizes.len() > 1 { of(&self.platform.formats) } else { OURS };
        self.add("frame size", expected, video.size, outcome, source);
        let (across, down) = video.sample_aspect;
        self.add("pixel shape", "1:1", format!("{across}:{down}"), must(across == down || across == 0), OURS);

        let tags = [&video.primaries, &video.transfer, &video.matrix, &video.range];
        let found: Vec<&str> = tags.iter().map(|tag| tag.as_deref().unwrap_or("unknown")).collect();
        let expected = ["bt709", "bt709", "bt709", "tv"];
        let outcome = if found == expected {
            Outcome::Passed
        } else if found.iter().zip(expected).all(|(&found, expected)| found == expected || found == "unknown")
        {
            Outcome::Advice
        } else {
            Outcome::Failed
        };
        self.add("color", expected.join(" "), found.join(" "), outcome, UPLOAD);
    }

    fn timing(&mut self, video: &VideoStream, probe: &Probe, pass: &Pass, spacing: &Spacing) {
        let rules = &self.platform.video;
        let (least, most) = (rules.min_fps.value, rules.max_fps.value);
        let fps = video.average_frame_rate.fps();
        let constant = spacing.constant && pass.untimed == 0;
        let found = format!("{fps:.3}, {}", if constant { "constant" } else { "varying" });
        // A rate such as 30000/1001 is written as 29.97 in the rules.
        let within = (least - 0.01..=most + 0.01).contains(&fps);
        self.add(
            "frame rate",
            format!("{least} to {most}, constant"),
            found,
            must(constant && within),
            of(&rules.min_fps),
        );

        let interval = rules.keyframe_interval.value;
        let outcome = advise(spacing.keyframes <= u64::from(interval));
        self.add(
            "keyframes",
            format!("every {interval} frames or fewer"),
            spacing.keyframes,
            outcome,
            of(&rules.keyframe_interval),
        );
        let found = if spacing.closed { "closed" } else { "open" };
        self.add("groups of pictures", "closed", found, must(spacing.closed), UPLOAD);
        let b_frames = rules.b_frames.value;
        let outcome = advise(pass.b_frames <= b_frames);
        self.add(
            "b-frames",
            format!("{b_frames} in a row or fewer"),
            pass.b_frames,
            outcome,
            of(&rules.b_frames),
        );

        let frame = if fps > 0.0 { 1.0 / fps } else { 0.0 };
        let audio = probe.audio.as_ref();
        let start = audio.map_or(0.0, |audio| audio.start);
        let zero = video.start.abs() < 1e-6 && start.abs() < 1e-6;
        self.add(
            "start",
            "picture 0 s, sound 0 s",
            format!("picture {:.4} s, sound {start:.4} s", video.start),
            must(zero),
            OURS,
        );
        if let Some(audio) = audio {
            let difference = video.duration - audio.duration;
            // A tenth of a millisecond: the time bases of both streams round differently.
            let good = (-1e-4..=frame + 1e-4).contains(&difference);
            let found = format!("{:.0} ms", difference * 1e3);
            self.add(
                "picture longer than sound",
                format!("0 to {:.0} ms", frame * 1e3),
                found,
                must(good),
                OURS,
            );
        }
        let length = &self.platform.duration;
        let (least, most) = (length.min.value, length.max.value);
        let good = (least..=most).contains(&video.duration);
        let source = if video.duration < least { of(&length.min) } else { of(&length.max) };
        self.add(
            "length",
            format!("{least} to {most} s"),
            format!("{:.3} s", video.duration),
            must(good),
            source,
        );
    }

    fn bitrate(&mut self, video: u64, bytes: u64) {
        let most = &self.platform.video.max_bitrate;
        let megabits = |bits: u64| format!("{:.1} Mbit/s", bits as f64 / 1e6);
        let expected = format!("at most {}", megabits(most.value));
        self.add("video bitrate", expected, megabits(video), must(video <= most.value), of(most));
        let most = &self.platform.max_bytes;
        let expected = format!("at most {:.1} MB", most.value as f64 / 1e6);
        self.add(
            "file size",
            expected,
            format!("{:.1} MB", bytes as f64 / 1e6),
            must(bytes <= most.value),
            of(most),
        );
    }

    fn sound(&mut self, audio: &AudioStream, pass: &Pass) {
        let profile = audio.profile.as_deref().unwrap_or("unknown");
        let found = format!("{} {profile}", audio.codec);
        self.add("audio codec", "aac LC", &found, must(found == "aac LC"), UPLOAD);
        let rules = &self.platform.audio;
        let outcome = at_most(audio.sample_rate, rules.sample_rate.value);
        self.add(
            "sample rate",
            format!("{} Hz", rules.sample_rate.value),
            format!("{} Hz", audio.sample_rate),
            outcome,
            of(&rules.sample_rate),
        );
        let outcome = at_most(audio.channels, rules.channels.value);
        self.add("channels", rules.channels.value, audio.channels, outcome, of(&rules.channels));

        let target = &self.platform.loudness.integrated;
        let good = pass.integrated.is_some_and(|lufs| (lufs - target.value).abs() <= LOUDNESS_TOLERANCE);
        let expected = format!("{} LUFS within {LOUDNESS_TOLERANCE}", target.value);
        self.add("loudness", expected, measured(pass.integrated, "LUFS"), must(good), of(target));
        let most = &self.platform.loudness.true_peak;
        // A hundredth of a decibel: what meters differ by.
        let good = pass.true_peak.is_some_and(|peak| peak <= most.value + 0.01);
        let expected = format!("at most {} dBTP", most.value);
        self.add("true peak", expected, measured(pass.true_peak, "dBTP"), must(good), of(most));
    }

    fn movement(&mut self, video: &VideoStream, pass: &Pass, options: Options) {
        let Some(motion) = &pass.motion else { return };
        let fps = video.average_frame_rate.fps();
        let seconds = |frames: u64| if fps > 0.0 { frames as f64 / fps } else { 0.0 };
        let black = seconds(motion.longest_black);
        self.add("black", format!("at most {BLACK} s"), format!("{black:.2} s"), must(black <= BLACK), OURS);
        if !options.still {
            let frozen = seconds(motion.longest_frozen);
            self.add(
                "frozen",
                format!("at most {FROZEN} s"),
                format!("{frozen:.2} s"),
                must(frozen <= FROZEN),
                OURS,
            );
        }
    }
}

/// When frames and keyframes are shown.
struct Spacing {
    constant: bool,
    /// Frames between two keyframes, at most.
    keyframes: u64,
    closed: bool,
}

impl Spacing {
    fn of(pass: &Pass) -> Self {
        let times: BTreeSet<i64> = pass.packets.iter().map(|packet| packet.pts).collect();
        let times: Vec<i64> = times.into_iter().collect();
        let mean = match (times.first(), times.last()) {
            (Some(&first), Some(&last)) if times.len() > 1 => {
                (last as f64 - first as f64) / (times.len() - 1) as f64
            }
            _ => 0.0,
        };
        // One tick off is how a container writes a rate its time base cannot.
        let constant = times.len() == pass.packets.len()
            && times.windows(2).all(|pair| ((pair[1] as f64 - pair[0] as f64) - mean).abs() <= 1.0);
        let keys: BTreeSet<i64> =
            pass.packets.iter().filter(|packet| packet.key).map(|packet| packet.pts).collect();
        let (mut keyframes, mut run) = (0, 0);
        for time in &times {
            run = if keys.contains(time) { 1 } else { run + 1 };
            keyframes = keyframes.max(run);
        }
        // In an open group, frames that follow a keyframe in the file are shown before it.
        let mut key = i64::MIN;
        let closed = pass.packets.iter().all(|packet| {
            if packet.key {
                key = packet.pts;
            }
            packet.pts >= key
        });
        Self { constant, keyframes, closed }
    }
}

fn must(kept: bool) -> Outcome {
    if kept { Outcome::Passed } else { Outcome::Failed }
}

fn advise(kept: bool) -> Outcome {
    if kept { Outcome::Passed } else { Outcome::Advice }
}

/// The platform's own figure is best, less is taken, more is not.
fn at_most(found: u32, figure: u32) -> Outcome {
    match found {
        _ if found == figure => Outcome::Passed,
        0 => Outcome::Failed,
        _ if found < figure => Outcome::Advice,
        _ => Outcome::Failed,
    }
}

fn of<T>(figure: &Figure<T>) -> (&str, &str) {
    (&figure.source, &figure.date)
}

fn measured(value: Option<f64>, unit: &str) -> String {
    value.map_or_else(|| "silence".to_owned(), |value| format!("{value:.2} {unit}"))
}

fn bits_a_second(bytes: u64, seconds: f64) -> u64 {
    if seconds > 0.0 { (bytes as f64 * 8.0 / seconds).round() as u64 } else { 0 }
}
