//! Which video waits for which lane: the state that all workers share.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::{Lane, Stopped, Video, demand::Demand, told::Told};
use crate::{digest::Digest, run::Product, run::StageRecord, stages::Stage};

/// What is done with a video next, between two hand-overs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    /// The narration.
    Speak,
    /// The scenes.
    Direct,
    /// Pictures and stills, by models.
    Draw,
    /// Stills to the edit.
    Edit,
    /// The edit to finished files.
    Film,
}

/// What a video has come to.
#[derive(Debug, Default)]
pub(super) struct Track {
    pub(super) product: Product,
    /// What the device lane did for it, which the product then finds in the store.
    pub(super) device: BTreeMap<Stage, StageRecord>,
    pub(super) attempts: u32,
    pub(super) seconds: f64,
    /// What was said last.
    pub(super) log: Vec<String>,
}

/// Everything that changes while a batch runs.
pub(super) struct State {
    /// Videos waiting, by what for; numbers are places in the order of urgency.
    waiting: BTreeMap<Step, BTreeSet<usize>>,
    /// Videos whose narration is not yet there, waiting or at work.
    unspoken: BTreeSet<usize>,
    pub(super) tracks: Vec<Track>,
    /// Videos neither finished nor given up.
    pub(super) open: BTreeSet<usize>,
    pub(super) made: usize,
    pub(super) failed: usize,
    pub(super) stopped: Option<Stopped>,
    /// Why the device is not used any more.
    pub(super) quarantined: Option<String>,
    /// Bytes that steps at work are expected to take.
    reserved: u64,
    /// Bytes that the device lane waits for.
    wanted: u64,
    /// Waves begun so far.
    waves: u32,
}

/// The shared state and the bell that rings when it changes.
pub(super) struct Board {
    state: Mutex<State>,
    changed: Condvar,
    /// Videos whose pictures can be drawn by the same call of the stage have the same.
    groups: Vec<Digest>,
    demands: Vec<Demand>,
    memory: u64,
    largest_wave: usize,
}

/// How long a worker sleeps before it looks by itself.
const NAP: Duration = Duration::from_millis(100);

impl Board {
    /// `todo` are places in `videos`, which are in order of urgency.
    pub(super) fn new(videos: &[Video], todo: &BTreeSet<usize>, memory: u64, largest_wave: usize) -> Self {
        let state = State {
            waiting: BTreeMap::from([(Step::Speak, todo.clone())]),
            unspoken: todo.clone(),
            tracks: videos.iter().map(|_| Track::default()).collect(),
            open: todo.clone(),
            made: 0,
            failed: 0,
            stopped: None,
            quarantined: None,
            reserved: 0,
            wanted: 0,
            waves: 0,
        };
        let groups = videos.iter().map(group).collect();
        let demands = videos.iter().map(|video| Demand::of(&video.job)).collect();
        Self { state: Mutex::new(state), changed: Condvar::new(), groups, demands, memory, largest_wave }
    }

    /// Whether any video asks a server for anything.
    pub(super) fn asks(&self) -> bool {
        self.demands.iter().any(Demand::asks)
    }

    /// The state; others wait meanwhile, so nothing slow is done with it.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets everyone look again.
    pub(super) fn ring(&self) {
        self.changed.notify_all();
    }

    /// The next step for a worker of any lane but the device's, and its video; nothing when there
    /// will be none any more. The bytes answered are reserved until [`Board::give_back`].
    pub(super) fn take(&self, lane: Lane) -> Option<(Step, usize, u64)> {
        let mut state = self.state();
        loop {
            if state.stopped.is_some() || state.open.is_empty() {
                return None;
            }
            // What is nearer to its end goes first, so that the lanes behind have something to do.
            let next = state.waiting.iter().rev().find_map(|(&step, videos)| {
                let here = |video: &&usize| self.demands[**video].lane(step) == lane;
                videos.iter().find(here).map(|&video| (step, video))
            });
            if let Some((step, video)) = next {
                let bytes = self.demands[video].bytes(step);
                // What the device lane waits for nobody who comes later takes.
                let taken = state.reserved + state.wanted;
                // One that does not fit even alone is tried all the same: its demand is an estimate.
                if bytes == 0 || taken == 0 || taken + bytes <= self.memory {
                    state.reserved += bytes;
                    state.waiting.entry(step).or_default().remove(&video);
                    return Some((step, video, bytes));
                }
            }
            state = self.changed.wait_timeout(state, NAP).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Reserves `bytes` for the device lane until [`Board::give_back`], as soon as they fit beside what
    /// is at work; false when the batch is stopped first.
    pub(super) fn make_room(&self, bytes: u64) -> bool {
        let mut state = self.state();
        state.wanted = bytes;
        loop {
            if state.stopped.is_some() {
                state.wanted = 0;
                return false;
            }
            if state.reserved == 0 || state.reserved + bytes <= self.memory {
                state.wanted = 0;
                state.reserved += bytes;
                return true;
            }
            state = self.changed.wait_timeout(state, NAP).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// The next videos to draw, all with the same models; nothing when there will be none any more.
    ///
    /// The first waves are small, so that the first videos are finished soon, then they double, so that
    /// models are loaded seldom. A wave waits for narrations that are still being spoken: they take a
    /// moment, a model takes longer.
    pub(super) fn take_wave(&self) -> Option<Vec<usize>> {
        let mut state = self.state();
        loop {
            if state.stopped.is_some() || state.open.is_empty() {
                return None;
            }
            let size = (FIRST_WAVE << state.waves.min(16)).min(self.largest_wave);
            let ready = state.waiting.get(&Step::Draw).cloned().unwrap_or_default();
            if let Some(&first) = ready.first() {
                let alike = |video: &&usize| self.groups[**video] == self.groups[first];
                let wave: Vec<usize> = ready.iter().filter(alike).take(size).copied().collect();
                let more = state.unspoken.iter().any(|video| self.groups[*video] == self.groups[first]);
                if wave.len() == size || !more {
                    state.waves += 1;
                    for video in &wave {
                        state.waiting.entry(Step::Draw).or_default().remove(video);
                    }
                    return Some(wave);
                }
            }
            state = self.changed.wait_timeout(state, NAP).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// A video waits for its next step.
    pub(super) fn queue(&self, video: usize, step: Step) {
        let mut state = self.state();
        if step <= Step::Direct {
            state.unspoken.insert(video);
        } else {
            state.unspoken.remove(&video);
        }
        if state.open.contains(&video) {
            state.waiting.entry(step).or_default().insert(video);
        }
        drop(state);
        self.ring();
    }

    /// A video is finished or given up.
    pub(super) fn close(&self, video: usize, made: bool) {
        let mut state = self.state();
        state.unspoken.remove(&video);
        if state.open.remove(&video) {
            if made { state.made += 1 } else { state.failed += 1 }
        }
        // What it came to is on the disk; a thousand of them would fill the memory.
        state.tracks[video] = Track::default();
        drop(state);
        self.ring();
    }

    /// The first reason to stop counts.
    pub(super) fn stop(&self, why: Stopped) {
        self.state().stopped.get_or_insert(why);
        self.ring();
    }

    pub(super) fn give_back(&self, bytes: u64) {
        self.state().reserved -= bytes;
        self.ring();
    }

    /// The memory told of in the report.
    pub(super) fn memory(&self, own: u64, device: u64) -> Told {
        Told::Memory { own, device, reserved: self.state().reserved }
    }
}

/// Videos of the first wave.
const FIRST_WAVE: usize = 2;

/// What the device lane's stages take from the pipeline, whatever the script says.
fn group(video: &Video) -> Digest {
    let pipeline = &video.job.pipeline;
    let alike = serde_json::json!({
        "images": pipeline.images,
        "refine": pipeline.refine,
        "upscale": pipeline.upscale,
        "memory": pipeline.memory,
        // They say how much larger than the frame stills must be.
        "camera": (pipeline.timeline.camera, pipeline.timeline.zoom),
        "generation": pipeline.platform.generation,
        "draft": video.job.machine.draft,
        "models": video.job.machine.models_dir,
    });
    Digest::of(alike.to_string().as_bytes())
}
