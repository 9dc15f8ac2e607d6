//! What the batch came to, gathered from what it left on disk: also after a crash, also of many shards.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{
    Asked, Error, Lane, Stopped, Told,
    folder::{self, read_done},
    html::html,
    journal::{self, Line},
};
use crate::{
    audio::Measurement,
    run::StageRecord,
    stages::{Kind, Stage},
    store::write_atomically,
};

/// How a video stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Given up.
    Failed,
    /// Not finished: the batch ended first.
    Left,
    /// Finished by the last run.
    Made,
    /// Finished by an earlier one.
    Reused,
}

/// One video.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VideoReport {
    /// Its name.
    pub id: String,
    /// How it stands.
    pub status: Status,
    /// What it is called in its own words.
    pub title: Option<String>,
    /// Where it will be shown.
    pub platform: Option<String>,
    /// Its own length in seconds.
    pub duration: Option<f64>,
    /// Wall time of its stages in seconds.
    pub seconds: Option<f64>,
    /// Loudness of the finished file.
    pub loudness: Option<Measurement>,
    /// What each stage took, what was reused, decisions, fallbacks.
    pub stages: Vec<StageRecord>,
    /// Which servers were asked when it was made.
    pub asked: Vec<Asked>,
    /// Where and why it failed.
    pub failure: Option<Failure>,
    /// Its files, below the folder of the report.
    pub files: Vec<PathBuf>,
    /// How often it was tried again.
    pub retries: u32,
    /// The folder it was made in.
    #[serde(skip)]
    pub(super) folder: PathBuf,
}

/// Where and why a video failed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// In which stage; none when its script or pipeline cannot be read.
    pub stage: Option<Stage>,
    /// What kind of trouble.
    pub kind: Kind,
    /// Why.
    pub message: String,
    /// What was said last.
    pub log: Vec<String>,
}

/// A stage of a video in a lane.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Span {
    /// Which video.
    pub video: String,
    /// Where: the lane, and which of its workers.
    pub lane: Lane,
    /// Which of the lane's workers.
    pub worker: usize,
    /// The stage.
    pub stage: Stage,
    /// Seconds after the batch began.
    pub start: f64,
    /// Seconds it took.
    pub seconds: f64,
}

/// Memory at a moment, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct MemoryAt {
    /// Seconds after the batch began.
    pub at: f64,
    /// What the batch's own process held.
    pub own: u64,
    /// What the process with the models held.
    pub device: u64,
    /// What the steps at work were expected to take.
    pub reserved: u64,
}

/// What a process with models held at most, and was expected to, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// By the plan.
    pub expected: u64,
    /// Measured.
    pub peak: u64,
}

/// One run, of all or of a shard.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RunReport {
    /// Which shard, if it was one.
    pub shard: Option<String>,
    /// When it began, in seconds since 1970.
    pub begun: f64,
    /// Wall time in seconds.
    pub seconds: f64,
    /// Whether it came to its end; if not, it was killed or still runs.
    pub ended: bool,
    /// Why it ended early.
    pub stopped: Option<Stopped>,
    /// Seconds each lane was at work, its workers added up.
    pub busy: BTreeMap<Lane, f64>,
    /// Bytes that steps at work at once were allowed to take.
    pub memory_limit: u64,
    /// Each stage of each video in its lane.
    pub spans: Vec<Span>,
    /// Memory over time.
    pub memory: Vec<MemoryAt>,
    /// How often models were loaded, each time for how many videos.
    pub waves: Vec<usize>,
    /// What the processes with the models held at most, and were expected to, in bytes; one a wave.
    pub held: Vec<Held>,
    /// How often such a process gave way to a fresh one because it had grown.
    pub renewed: usize,
    /// What the user should look at.
    pub warnings: Vec<String>,
}

/// What a batch came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Which program wrote it.
    pub shortform: String,
    /// How many videos stand how.
    pub totals: BTreeMap<Status, usize>,
    /// Each run: one, or one a shard.
    pub runs: Vec<RunReport>,
    /// Each video: what needs looking at first.
    pub videos: Vec<VideoReport>,
    /// Lines of journals that a killed process left unfinished.
    pub torn_lines: usize,
}

impl Report {
    /// Gathers the last run of each journal in `folders`.
    ///
    /// # Errors
    /// When a folder holds no batch, or cannot be read.
    pub fn gather(folders: &[PathBuf]) -> Result<Self, Error> {
        let (mut runs, mut torn_lines) = (Vec::new(), 0);
        let mut videos: BTreeMap<String, VideoReport> = BTreeMap::new();
        for root in folders {
            for path in folder::journals(root)? {
                let (lines, torn) = journal::read(&path).map_err(Error::io("read", &path))?;
                torn_lines += torn;
                let started = |line: &Line| matches!(line.told, Told::BatchStarted { .. });
                let Some(begun) = lines.iter().rposition(started) else { continue };
                let (run, of_run) = read_run(root, &lines[begun..]);
                runs.push(run);
                for video in of_run {
                    let better = |known: &VideoReport| known.status < video.status;
                    if videos.get(&video.id).is_none_or(better) {
                        videos.insert(video.id.clone(), video);
                    }
                }
            }
        }
        let mut videos: Vec<_> = videos.into_values().collect();
        videos.sort_by(|a, b| (a.status.min(Status::Made), &a.id).cmp(&(b.status.min(Status::Made), &b.id)));
        let mut totals = BTreeMap::new();
        videos.iter().for_each(|video| *totals.entry(video.status).or_default() += 1);
        let shortform = env!("CARGO_PKG_VERSION").to_owned();
        Ok(Self { shortform, totals, runs, videos, torn_lines })
    }

    /// Writes `report.json` and `report.html` into `folder`.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn write(&self, folder: &Path) -> Result<[PathBuf; 2], Error> {
        let [json, page] = [folder.join("report.json"), folder.join("report.html")];
        let text =
            serde_json::to_vec_pretty(self).map_err(|error| Error::io("write", &json)(error.into()))?;
        write_atomically(&json, &text)?;
        write_atomically(&page, html(self, folder).as_bytes())?;
        Ok([json, page])
    }

    /// How many videos stand so.
    pub fn total(&self, status: Status) -> usize {
        self.totals.get(&status).copied().unwrap_or(0)
    }
}

/// Reads the lines of one run, the first of which began it.
fn read_run(root: &Path, lines: &[Line]) -> (RunReport, Vec<VideoReport>) {
    let mut run = RunReport::default();
    let mut videos: BTreeMap<String, VideoReport> = BTreeMap::new();
    for Line { at, told } in lines {
        let since = (at - run.begun).max(0.0);
        run.seconds = since.max(run.seconds);
        let mut mark = |id: &String, status| {
            if let Some(video) = videos.get_mut(id) {
                video.status = status;
            }
        };
        match told {
            Told::BatchStarted { videos: all, shard, memory } => {
                (run.begun, run.shard, run.memory_limit) = (*at, shard.clone(), *memory);
                run.seconds = 0.0;
                videos = all.iter().map(|id| (id.clone(), unfinished(root, id))).collect();
            }
            Told::VideoReused { video } => mark(video, Status::Reused),
            Told::VideoFinished { video, .. } => mark(video, Status::Made),
            Told::VideoFailed { video, stage, kind, message, log } => {
                mark(video, Status::Failed);
                if let Some(video) = videos.get_mut(video) {
                    let (message, log) = (message.clone(), log.clone());
                    video.failure = Some(Failure { stage: *stage, kind: *kind, message, log });
                }
            }
            Told::VideoRetried { video, message } => {
                run.warnings.push(format!("{video} is tried again: {message}"));
                if let Some(video) = videos.get_mut(video) {
                    video.retries += 1;
                }
            }
            Told::StepEnded { video, lane, worker, stage, seconds, .. } => {
                *run.busy.entry(*lane).or_default() += seconds;
                let (video, start) = (video.clone(), (since - seconds).max(0.0));
                let (lane, worker, stage, seconds) = (*lane, *worker, *stage, *seconds);
                run.spans.push(Span { video, lane, worker, stage, start, seconds });
            }
            Told::WaveStarted { videos, .. } => run.waves.push(videos.len()),
            Told::WaveEnded { peak, expected, .. } => {
                run.held.push(Held { expected: *expected, peak: *peak });
            }
            Told::DeviceRenewed { .. } => run.renewed += 1,
            Told::DeviceDied { video, why, .. } => run.warnings.push(format!("at {video}: {why}")),
            Told::Memory { own, device, reserved } => {
                run.memory.push(MemoryAt { at: since, own: *own, device: *device, reserved: *reserved });
            }
            Told::Warning { text } => run.warnings.push(text.clone()),
            Told::BatchEnded { seconds, stopped, .. } => {
                (run.ended, run.stopped, run.seconds) = (true, *stopped, *seconds);
            }
            Told::Video { .. } | Told::StepStarted { .. } | Told::VideoLeft { .. } => {}
        }
    }
    let mut videos: Vec<_> = videos.into_values().collect();
    videos.iter_mut().for_each(|video| look_up(root, video));
    (run, videos)
}

fn unfinished(root: &Path, id: &str) -> VideoReport {
    VideoReport {
        id: id.to_owned(),
        status: Status::Left,
        title: None,
        platform: None,
        duration: None,
        seconds: None,
        loudness: None,
        stages: Vec::new(),
        asked: Vec::new(),
        failure: None,
        files: Vec::new(),
        retries: 0,
        folder: root.to_owned(),
    }
}

/// Adds what is known of a finished video.
fn look_up(root: &Path, video: &mut VideoReport) {
    if video.status < Status::Made {
        return;
    }
    let Some(done) = read_done(root, &video.id) else { return };
    video.title = done.title;
    video.platform = Some(done.platform);
    video.duration = Some(done.duration);
    video.seconds = Some(done.seconds);
    video.loudness = done.loudness;
    video.stages = done.stages;
    video.asked = done.asked;
    video.files = done.files.into_iter().map(|file| file.path).collect();
}
