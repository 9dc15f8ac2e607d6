//! A batch as it works: lanes on a terminal, lines elsewhere, JSON for programs.

use std::{collections::BTreeMap, io::Write, path::Path, time::Duration};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::super::{
    args::{Manner, OutputArgs},
    report::duration,
};
use crate::{
    engine::Bytes,
    run::{
        Event,
        batch::{Lane, Outcome, Stopped, Told},
    },
    stages::{Happening, Stage},
};

/// Prints what a batch says, in the manner the user asked for.
pub(super) struct View {
    manner: Manner<Box<Lanes>, ()>,
    verbose: u8,
    all: usize,
    ended: usize,
}

impl View {
    pub(super) fn new(output: &OutputArgs) -> Self {
        let manner = output.manner(|| Box::new(Lanes::new(output.color.wanted())), || ());
        Self { manner, verbose: output.verbose, all: 0, ended: 0 }
    }

    pub(super) fn told(&mut self, told: &Told) {
        if let Manner::Json = self.manner {
            let line = serde_json::to_string(told).expect("what is told is plain data");
            // A closed pipe ends the listening, not the work.
            let _ = writeln!(std::io::stdout().lock(), "{line}");
            return;
        }
        match told {
            Told::BatchStarted { videos, .. } => self.all = videos.len(),
            Told::VideoReused { .. } | Told::VideoFinished { .. } | Told::VideoFailed { .. } => {
                self.ended += 1
            }
            _ => {}
        }
        let line = self.line(told);
        match &mut self.manner {
            Manner::Drawn(lanes) => {
                lanes.told(told, self.all);
                if let Some(line) = line {
                    lanes.print(&line);
                }
            }
            Manner::Lines(()) => line.into_iter().for_each(|line| eprintln!("{line}")),
            Manner::Quiet => {
                let wrong =
                    matches!(told, Told::VideoFailed { .. } | Told::DeviceDied { .. } | Told::Warning { .. });
                line.filter(|_| wrong).into_iter().for_each(|line| eprintln!("{line}"));
            }
            Manner::Json => {}
        }
    }

    /// What is worth a line that stays.
    fn line(&self, told: &Told) -> Option<String> {
        let count = format!("{:>width$}/{}", self.ended, self.all, width = self.all.to_string().len());
        Some(match told {
            Told::BatchStarted { videos, shard, .. } => {
                let part = shard.as_ref().map_or_else(String::new, |shard| format!(", part {shard}"));
                format!("{}{part}", crate::run::count(videos.len(), "video"))
            }
            Told::VideoFinished { video, duration: long, seconds } => {
                format!("{count}  {video}  {} to watch, made in {}", duration(*long), duration(*seconds))
            }
            Told::VideoReused { video } if self.verbose > 0 => format!("{count}  {video}  was there"),
            Told::VideoFailed { video, stage, message, .. } => {
                let stage = stage.map_or_else(String::new, |stage| format!(" {stage}:"));
                format!("{count}  {video}  failed:{stage} {}", message.trim())
            }
            Told::VideoRetried { video, message } => format!("{video} is tried again: {message}"),
            Told::DeviceDied { video, why, .. } => {
                format!("warning: at {video}: {why}; going on with a new one")
            }
            Told::DeviceRenewed { from, to } if self.verbose > 0 => {
                format!(
                    "the process that draws grew from {} to {}: a fresh one goes on",
                    Bytes(*from),
                    Bytes(*to)
                )
            }
            Told::WaveEnded { peak, expected, .. } if self.verbose > 0 => {
                format!("models held {} at most, {} expected", Bytes(*peak), Bytes(*expected))
            }
            Told::Warning { text } => format!("warning: {text}"),
            Told::WaveStarted { videos, model } if self.verbose > 0 => {
                format!("{model} is loaded for {}", crate::run::count(videos.len(), "video"))
            }
            Told::StepEnded { video, lane, stage, seconds, ok: true, .. } if self.verbose > 0 => {
                format!("{lane:<8} {stage:<10} {video}  {}", duration(*seconds))
            }
            Told::Video {
                video,
                happened:
                    Event::Stage { stage, happening: Happening::Warning { text } | Happening::Fallback { text } },
            } => {
                format!("{video}  {stage}: warning: {text}")
            }
            Told::Video { video, happened: Event::Stage { stage, happening: Happening::Note { text } } }
                if self.verbose > 1 =>
            {
                format!("{video}  {stage}: {text}")
            }
            _ => return None,
        })
    }

    /// The last word.
    pub(super) fn end(&mut self, outcome: &Outcome, output: &Path) {
        if let Manner::Drawn(lanes) = &self.manner {
            lanes.clear();
        }
        if matches!(self.manner, Manner::Json | Manner::Quiet) {
            return;
        }
        let Outcome { made, reused, failed, left, stopped } = outcome;
        let mut parts = vec![format!("{made} made"), format!("{reused} reused")];
        parts.extend((*failed > 0).then(|| format!("{failed} failed")));
        parts.extend((*left > 0).then(|| format!("{left} not finished")));
        parts.extend((*stopped == Some(Stopped::Deadline)).then(|| "the time was up".to_owned()));
        eprintln!("{}", parts.join(", "));
        eprintln!("  {}", output.join("report.html").display());
    }
}

/// Parts of a video's bar, about as its stages take time.
const SHARES: [(Stage, u64); 7] = [
    (Stage::Narration, 4),
    (Stage::Scenes, 1),
    (Stage::Images, 30),
    (Stage::Refine, 10),
    (Stage::Upscale, 10),
    (Stage::Timeline, 1),
    (Stage::Video, 44),
];
const WHOLE: u64 = 100;

/// One bar for the batch, one line for each worker of each lane.
struct Lanes {
    all: MultiProgress,
    batch: ProgressBar,
    workers: BTreeMap<(Lane, usize), ProgressBar>,
    /// How far each video is, of [`WHOLE`].
    progress: BTreeMap<String, u64>,
    /// The worker that a video's stage is with.
    at: BTreeMap<String, (Lane, usize)>,
    line: ProgressStyle,
}

impl Lanes {
    fn new(color: bool) -> Self {
        let cyan = if color { ".cyan" } else { "" };
        let style = |template: &str| {
            ProgressStyle::with_template(template).expect("the templates are constants").progress_chars("━╸─")
        };
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        let batch = all.add(ProgressBar::new(0));
        batch.set_style(style(&format!("{{bar:28{cyan}}} {{percent:>3}} %  {{msg}}  {{eta}} left")));
        batch.enable_steady_tick(Duration::from_millis(250));
        Self {
            all,
            batch,
            workers: BTreeMap::new(),
            progress: BTreeMap::new(),
            at: BTreeMap::new(),
            line: style("  {prefix:<8} {msg}"),
        }
    }

    fn print(&self, line: &str) {
        // A terminal that went away is no reason to stop.
        let _ = self.all.println(line);
    }

    fn clear(&self) {
        let _ = self.all.clear();
    }

    fn told(&mut self, told: &Told, all: usize) {
        match told {
            Told::BatchStarted { videos, .. } => {
                self.batch.set_length(videos.len() as u64 * WHOLE);
                self.batch.set_message(format!("0 of {all}"));
            }
            Told::StepStarted { video, lane, worker, stage } => {
                self.at.insert(video.clone(), (*lane, *worker));
                let line = self.worker(*lane, *worker);
                line.set_message(format!("{stage:<10} {video}"));
            }
            Told::StepEnded { video, lane, worker, stage, ok, .. } => {
                if *ok {
                    let share =
                        SHARES.iter().filter(|(known, _)| known <= stage).map(|(_, share)| share).sum();
                    self.advance(video, share);
                }
                self.worker(*lane, *worker).set_message("");
            }
            Told::Video {
                video,
                happened: Event::Stage { stage, happening: Happening::Progress(progress) },
            } => {
                let Some(&(lane, worker)) = self.at.get(video) else { return };
                let of = |share: u64| share * progress.done / progress.total.max(1);
                let before =
                    SHARES.iter().filter(|(known, _)| known < stage).map(|(_, share)| share).sum::<u64>();
                let own = SHARES.iter().find(|(known, _)| known == stage).map_or(0, |(_, share)| of(*share));
                if lane == Lane::Encoder {
                    self.advance(video, before + own);
                }
                let count = format!("{}/{} {}", progress.done, progress.total, progress.unit);
                let item =
                    if progress.item.is_empty() { String::new() } else { format!(", {}", progress.item) };
                self.worker(lane, worker).set_message(format!("{stage:<10} {video}  {count}{item}"));
            }
            Told::VideoReused { video }
            | Told::VideoFinished { video, .. }
            | Told::VideoFailed { video, .. } => {
                self.advance(video, WHOLE);
                let ended = self.progress.values().filter(|done| **done == WHOLE).count();
                self.batch.set_message(format!("{ended} of {all}"));
                if matches!(told, Told::VideoReused { .. }) {
                    // What was there says nothing about how long the rest takes.
                    self.batch.reset_eta();
                }
            }
            _ => {}
        }
    }

    fn advance(&mut self, video: &str, to: u64) {
        let known = self.progress.entry(video.to_owned()).or_default();
        if to > *known {
            self.batch.inc(to - *known);
            *known = to;
        }
    }

    fn worker(&mut self, lane: Lane, worker: usize) -> &ProgressBar {
        self.workers.entry((lane, worker)).or_insert_with(|| {
            let line = self.all.add(ProgressBar::new_spinner());
            line.set_style(self.line.clone());
            line.set_prefix(lane.name());
            line
        })
    }
}
