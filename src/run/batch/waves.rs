//! The parent's side of the device lane: wave after wave, each in a process of its own.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicU32, AtomicU64, Ordering},
    time::Instant,
};

use super::{
    Lane, Order, Told,
    board::Step,
    deaths::{Deaths, Verdict},
    device::{self, End, Listener, Watchdog},
    dispatch::Dispatch,
    making::said,
    wave::{Canary, Say},
};
use crate::{
    engine,
    run::{Event, StageRecord},
    stages::{Happening, Kind, Stage},
};

/// What the process with the models holds now.
#[derive(Debug, Default)]
pub(super) struct Gauge {
    /// Its number; 0 when there is none.
    process: AtomicU32,
    /// What it said last, in bytes.
    said: AtomicU64,
}

impl Gauge {
    fn begun(&self, process: u32) {
        self.said.store(0, Ordering::Relaxed);
        self.process.store(process, Ordering::Relaxed);
    }

    fn ended(&self) {
        self.begun(0);
    }

    /// Bytes, measured where the system tells of other processes, else as it said.
    pub(super) fn resident(&self) -> u64 {
        match self.process.load(Ordering::Relaxed) {
            0 => 0,
            id => {
                engine::process_of(id).map_or(self.said.load(Ordering::Relaxed), |process| process.resident)
            }
        }
    }
}

impl Dispatch<'_> {
    /// The device lane: wave after wave, each in a process of its own.
    pub(super) fn take_waves(&self) {
        let mut watchdog = Watchdog::new(self.batch.options.watchdog);
        let mut deaths = Deaths::default();
        while let Some(wave) = self.board.take_wave() {
            self.wave(wave, &mut watchdog, &mut deaths);
        }
    }

    /// Draws a wave, with as many processes as it takes.
    fn wave(&self, wave: Vec<usize>, watchdog: &mut Watchdog, deaths: &mut Deaths) {
        let videos = &self.batch.videos;
        let begun = Instant::now();
        let names = wave.iter().map(|&video| videos[video].id.clone()).collect();
        let model = videos[wave[0]].job.pipeline.images.model.clone();
        (self.tell)(&Told::WaveStarted { videos: names, model });
        let mut hearing = Hearing::new(self, wave, deaths);
        let mut canary = None;
        while !hearing.wave.is_empty() {
            let quarantined = self.board.state().quarantined.clone();
            if let Some(why) = quarantined {
                for &video in &hearing.wave {
                    self.failed(video, Stage::Images, Kind::Failed, why.clone());
                }
                break;
            }
            let orders = hearing.wave.iter().map(|&video| videos[video].order.clone()).collect();
            let order = Order { videos: orders, canary };
            // Loading the models is the first video's.
            hearing.begin(hearing.wave[0], Stage::Images);
            let end = device::run(self.batch.hooks.device, &order, watchdog, &self.cancel, &mut hearing);
            hearing.process_ends();
            let ordered = hearing.wave.clone();
            hearing.wave.retain(|video| !hearing.settled.contains(video));
            match end {
                End::Cancelled => break,
                End::Finished => {
                    // Whatever it did not settle it will not settle next time either.
                    let message = "the process that draws ended without having drawn all of it";
                    for &video in &hearing.wave {
                        self.failed(video, Stage::Images, Kind::Failed, message.to_owned());
                    }
                    break;
                }
                End::Grown { from, to } => {
                    (self.tell)(&Told::DeviceRenewed { from, to });
                    canary = None;
                }
                End::Died { video, scene, stage, why, log } => {
                    let Some(&place) = ordered.get(video) else { break };
                    self.died(&mut hearing, place, (scene, stage), &why, log);
                    canary = hearing.drawn.and_then(|(drawn, scene)| {
                        let video = hearing.wave.iter().position(|video| *video == drawn)?;
                        Some(Canary { video, scene })
                    });
                }
            }
        }
        let (peak, expected) = (hearing.peak, hearing.expected);
        (self.tell)(&Told::WaveEnded { seconds: begun.elapsed().as_secs_f64(), peak, expected });
    }

    /// The process died at a step of the video `place`: what becomes of that, and of the device.
    fn died(
        &self,
        hearing: &mut Hearing<'_>,
        place: usize,
        (scene, stage): (usize, Stage),
        why: &str,
        log: Vec<String>,
    ) {
        let id = self.batch.videos[place].id.clone();
        (self.tell)(&Told::DeviceDied { video: id.clone(), why: why.to_owned(), log: log.clone() });
        self.board.state().tracks[place].remember(log);
        match hearing.deaths.died(&id, scene, stage) {
            Verdict::Again => {}
            Verdict::SetAside => {
                let message = format!("scene {}: {why}, twice: it is set aside", scene + 1);
                // Tried twice already.
                self.board.state().tracks[place].attempts = self.batch.options.retries;
                self.failed(place, stage, Kind::Failed, message);
                hearing.wave.retain(|video| *video != place);
            }
            Verdict::Quarantine => {
                let message = format!(
                    "the device is no longer used: its process died three times without finishing anything, at last because {why}"
                );
                self.warn(message.clone());
                self.board.state().quarantined = Some(message);
            }
        }
    }
}

/// Passes on what the device's process says.
struct Hearing<'a> {
    dispatch: &'a Dispatch<'a>,
    /// The videos it was given.
    wave: Vec<usize>,
    deaths: &'a mut Deaths,
    /// The video and stage the device is at, and since when.
    at_work: Option<(usize, Stage, Instant)>,
    /// A picture that was drawn, to try the device with after a restart.
    drawn: Option<(usize, usize)>,
    /// The most bytes it held, and was expected to.
    peak: u64,
    expected: u64,
    /// Bytes that are reserved for it.
    reserved: u64,
    settled: BTreeSet<usize>,
}

impl Listener for Hearing<'_> {
    fn begun(&mut self, process: u32) {
        self.dispatch.device.begun(process);
    }

    fn make_room(&mut self, bytes: u64) -> bool {
        let there_is = self.dispatch.board.make_room(bytes);
        if there_is {
            self.reserved += bytes;
            self.expected = self.expected.max(bytes);
            self.dispatch.warn_of_little_room(Lane::Device, bytes);
        }
        there_is
    }

    fn hear(&mut self, say: &Say) {
        match say {
            Say::Happened { video, scene, stage, happening } => {
                let concerned: Vec<usize> = match video {
                    Some(video) => self.wave.get(*video).copied().into_iter().collect(),
                    None => self.wave.clone(),
                };
                for place in concerned {
                    self.happened(place, *scene, *stage, happening, video.is_some());
                }
                if matches!(happening, Happening::Step { hit: false }) {
                    self.deaths.works();
                }
            }
            Say::Ready { video } => {
                self.step_ends(true);
                let Some(&place) = self.wave.get(*video) else { return };
                if self.settled.insert(place) {
                    self.dispatch.board.queue(place, Step::Edit);
                }
            }
            Say::Failed { video, stage, kind, message } => {
                self.step_ends(false);
                let Some(&place) = self.wave.get(*video) else { return };
                if self.settled.insert(place) {
                    self.dispatch.failed(place, *stage, *kind, message.clone());
                }
            }
            Say::Memory(memory) => {
                self.peak = self.peak.max(memory.peak.unwrap_or(memory.resident));
                self.dispatch.device.said.store(memory.resident, Ordering::Relaxed);
            }
            Say::Expects { .. } | Say::Unfit { .. } | Say::Finished => {}
        }
    }
}

impl<'a> Hearing<'a> {
    fn new(dispatch: &'a Dispatch<'a>, wave: Vec<usize>, deaths: &'a mut Deaths) -> Self {
        Self {
            dispatch,
            wave,
            deaths,
            at_work: None,
            drawn: None,
            peak: 0,
            expected: 0,
            reserved: 0,
            settled: BTreeSet::new(),
        }
    }

    fn happened(&mut self, place: usize, scene: usize, stage: Stage, happening: &Happening, own: bool) {
        if own {
            self.begin(place, stage);
        }
        let id = self.dispatch.batch.videos[place].id.clone();
        let event = Event::Stage { stage, happening: happening.clone() };
        {
            let mut state = self.dispatch.board.state();
            let track = &mut state.tracks[place];
            track.remember(said(&event));
            let record = track.device.entry(stage).or_insert_with(|| StageRecord::new(stage));
            // What it finds the product finds too, and counts.
            if *happening != (Happening::Step { hit: true }) {
                record.count(happening);
            }
        }
        if stage == Stage::Images && matches!(happening, Happening::Step { hit: false }) {
            self.drawn = Some((place, scene));
        }
        (self.dispatch.tell)(&Told::Video { video: id, happened: event });
    }

    /// The device is at a stage of a video, if it was not already.
    fn begin(&mut self, place: usize, stage: Stage) {
        if self.at_work.is_none_or(|(video, at, _)| (video, at) != (place, stage)) {
            self.step_ends(true);
            self.at_work = Some((place, stage, Instant::now()));
            let video = self.dispatch.batch.videos[place].id.clone();
            (self.dispatch.tell)(&Told::StepStarted { video, lane: Lane::Device, worker: 0, stage });
        }
    }

    /// The device goes on to something else.
    fn step_ends(&mut self, ok: bool) {
        let Some((place, stage, begun)) = self.at_work.take() else { return };
        let seconds = begun.elapsed().as_secs_f64();
        {
            let mut state = self.dispatch.board.state();
            let track = &mut state.tracks[place];
            track.seconds += seconds;
            if let Some(record) = track.device.get_mut(&stage) {
                record.seconds += seconds;
            }
        }
        let video = self.dispatch.batch.videos[place].id.clone();
        (self.dispatch.tell)(&Told::StepEnded { video, lane: Lane::Device, worker: 0, stage, seconds, ok });
    }

    /// The process is gone, and what it held with it.
    fn process_ends(&mut self) {
        self.step_ends(false);
        self.dispatch.device.ended();
        self.dispatch.board.give_back(std::mem::take(&mut self.reserved));
    }
}
