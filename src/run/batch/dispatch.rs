//! Hands videos to lanes until all are finished, given up, or the batch is stopped.

use std::{
    collections::BTreeSet,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant, SystemTime},
};

use super::{
    Batch, Error, Lane, Order, Outcome, Report, Stopped, Told, Video,
    board::{Board, Step},
    device::{self, Deaths, End, Verdict, Watchdog},
    folder::{Folder, state, sweep_parts},
    journal::Journal,
    making::{Worker, said},
    wave::{Canary, Say},
};
use crate::{
    run::{Event, Failed, Memory, StageRecord},
    stages::{Cancel, Happening, Kind, Stage},
    store::Store,
};

/// How often memory is measured for the report.
const MEASURED_EVERY: Duration = Duration::from_secs(2);
/// How often the wish to stop and the time are looked at.
const LOOKED_EVERY: Duration = Duration::from_millis(50);

/// Makes every video of `batch`, in lanes, and writes the report into its folder.
///
/// # Errors
/// When another batch writes into the same folder, or it or the store cannot be written at all.
/// A video that fails is no error: the outcome counts it.
pub fn run(batch: &mut Batch<'_>) -> Result<Outcome, Error> {
    let begun = Instant::now();
    let shard = batch.options.shard;
    // Stable: among equally urgent ones the order given.
    batch.videos.sort_by_key(|video| std::cmp::Reverse(video.priority));
    let batch = &*batch;
    let folder = Folder::open(&batch.output, shard)?;
    sweep_parts(&state(&batch.output).join("done"));
    sweep_parts(&batch.output);
    // Opened once here, so that a store that cannot be used is told before any work.
    Store::open(&batch.store)?;
    let journal = folder.journal(shard)?;
    let broken = Mutex::new(None);
    let tell = |told: &Told| {
        if told.stays()
            && let Err(error) = journal.tell(told)
        {
            broken.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error.to_string());
        }
        (batch.hooks.tell)(told);
    };
    tell(&Told::BatchStarted {
        videos: batch
            .videos
            .iter()
            .map(|video| video.id.clone())
            .chain(batch.refused.iter().map(|r| r.id.clone()))
            .collect(),
        shard: shard.map(|shard| shard.to_string()),
        memory: batch.options.memory,
    });

    let todo = not_yet_done(batch, &folder, &tell);
    let reused = batch.videos.len() - todo.len();
    let board = Board::new(&batch.videos, &todo, batch.options.memory, batch.options.wave);
    for refused in &batch.refused {
        let (video, kind, message) = (refused.id.clone(), refused.kind, refused.message.clone());
        tell(&Told::VideoFailed { video, stage: None, kind, message, log: Vec::new() });
        board.state().failed += 1;
        if batch.options.fail_fast {
            board.stop(Stopped::Failure);
        }
    }
    let dispatch = Dispatch {
        batch,
        board: &board,
        folder: &folder,
        journal: &journal,
        cancel: Cancel::default(),
        device_memory: AtomicU64::new(0),
        tell: &tell,
    };
    if !todo.is_empty() {
        dispatch.lanes()?;
    }

    let (made, failed, left, stopped) = {
        let state = board.state();
        (state.made, state.failed, state.open.clone(), state.stopped)
    };
    for &video in &left {
        tell(&Told::VideoLeft { video: batch.videos[video].id.clone() });
    }
    let outcome = Outcome { made, reused, failed, left: left.len(), stopped };
    let seconds = begun.elapsed().as_secs_f64();
    tell(&Told::BatchEnded { made, reused, failed, left: left.len(), seconds, stopped });
    if let Err(error) = journal.sync() {
        broken.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error.to_string());
    }
    if let Some(error) = broken.into_inner().unwrap_or_else(PoisonError::into_inner) {
        let text = format!("the journal {} is not whole: {error}", journal.path().display());
        (batch.hooks.tell)(&Told::Warning { text });
    }
    // What was made is made, whether or not the disk has room to tell of it.
    let written = Report::gather(std::slice::from_ref(&batch.output))
        .and_then(|report| report.write(&batch.output).map(drop));
    if let Err(error) = written {
        (batch.hooks.tell)(&Told::Warning { text: format!("the report cannot be written: {error}") });
    }
    Ok(outcome)
}

/// The videos that are not finished yet, by their places; all cores look at once.
fn not_yet_done(batch: &Batch<'_>, folder: &Folder, tell: &(dyn Fn(&Told) + Sync)) -> BTreeSet<usize> {
    let next = AtomicU64::new(0);
    let todo = Mutex::new(BTreeSet::new());
    thread::scope(|scope| {
        for _ in 0..batch.options.jobs.max(1) {
            scope.spawn(|| {
                loop {
                    let place = next.fetch_add(1, Ordering::Relaxed) as usize;
                    let Some(Video { id, key, .. }) = batch.videos.get(place) else { return };
                    match folder.done(id, *key) {
                        Some(_) => tell(&Told::VideoReused { video: id.clone() }),
                        None => {
                            todo.lock().unwrap_or_else(PoisonError::into_inner).insert(place);
                        }
                    }
                }
            });
        }
    });
    todo.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// What all workers share.
struct Dispatch<'a> {
    batch: &'a Batch<'a>,
    board: &'a Board,
    folder: &'a Folder,
    journal: &'a Journal,
    /// Stops the work of this batch, for whatever reason.
    cancel: Cancel,
    /// Bytes the process with the models holds.
    device_memory: AtomicU64,
    tell: &'a (dyn Fn(&Told) + Sync),
}

impl Dispatch<'_> {
    /// Runs all lanes until there is nothing left to do.
    fn lanes(&self) -> Result<(), Error> {
        let options = &self.batch.options;
        let mut workers = Vec::new();
        for (lane, count) in [(Lane::Cpu, options.jobs), (Lane::Encoder, options.encoders)] {
            for number in 0..count.max(1) {
                workers.push(self.worker(lane, number)?);
            }
        }
        let over = Cancel::default();
        thread::scope(|scope| {
            let named = |name: String| thread::Builder::new().name(name);
            let mut lanes = Vec::new();
            for worker in &workers {
                let name = format!("{} {}", worker.lane, worker.number);
                lanes.push(named(name).spawn_scoped(scope, || self.take_turns(worker)));
            }
            lanes.push(named("device".into()).spawn_scoped(scope, || self.take_waves()));
            let watch = named("watch".into()).spawn_scoped(scope, || self.watch(&over));
            for lane in lanes {
                match lane {
                    Ok(lane) => drop(lane.join()),
                    // A thread that cannot be started: the others do what they can.
                    Err(error) => self.warn(format!("a lane cannot be started: {error}")),
                }
            }
            over.cancel();
            if let Ok(watch) = watch {
                let _ = watch.join();
            }
        });
        Ok(())
    }

    fn worker(&self, lane: Lane, number: usize) -> Result<Worker<'_>, Error> {
        Ok(Worker {
            batch: self.batch,
            board: self.board,
            folder: self.folder,
            cancel: &self.cancel,
            store: Store::open(&self.batch.store)?,
            lane,
            number,
            tell: self.tell,
        })
    }

    fn warn(&self, text: String) {
        (self.tell)(&Told::Warning { text });
    }

    /// Measures memory, and looks whether somebody or the clock wants an end.
    fn watch(&self, over: &Cancel) {
        let mut measured = Instant::now();
        self.measure();
        while !over.is_cancelled() {
            thread::sleep(LOOKED_EVERY);
            if self.batch.cancel.is_cancelled() {
                self.board.stop(Stopped::Interrupted);
            }
            if self.batch.options.deadline.is_some_and(|deadline| SystemTime::now() >= deadline) {
                self.board.stop(Stopped::Deadline);
            }
            if self.board.state().stopped.is_some() && !self.cancel.is_cancelled() {
                self.cancel.cancel();
            }
            if measured.elapsed() >= MEASURED_EVERY {
                measured = Instant::now();
                self.measure();
            }
        }
        self.measure();
    }

    fn measure(&self) {
        let device = self.device_memory.load(Ordering::Relaxed);
        (self.tell)(&self.board.memory(Memory::now().resident, device));
    }

    /// A worker of the CPU or the encoder lane.
    fn take_turns(&self, worker: &Worker<'_>) {
        let demand = |video: usize| match worker.lane {
            Lane::Encoder => encoder_demand(&self.batch.videos[video]),
            _ => 0,
        };
        while let Some((step, video, bytes)) = self.board.take(worker.lane, demand) {
            let done = worker.work(step, video);
            self.board.give_back(bytes);
            match done {
                Ok(Some(next)) => self.board.queue(video, next),
                Ok(None) => {
                    self.board.close(video, true);
                    if let Err(error) = self.journal.sync() {
                        self.warn(format!("the journal cannot be synced: {error}"));
                    }
                }
                Err(Failed { stage, error }) => {
                    self.failed(video, stage, error.kind, super::wave::chain(&error))
                }
            }
        }
    }

    /// Tries a video again, or gives it up.
    fn failed(&self, video: usize, stage: Stage, kind: Kind, message: String) {
        if kind == Kind::Cancelled {
            return;
        }
        let id = self.batch.videos[video].id.clone();
        let again = {
            let mut state = self.board.state();
            let track = &mut state.tracks[video];
            track.attempts += 1;
            track.remember([format!("{stage}: {message}")]);
            may_pass(kind) && track.attempts <= self.batch.options.retries
        };
        if again {
            (self.tell)(&Told::VideoRetried { video: id, message });
            // From the start: what is finished is found, what was lost meanwhile is made again.
            self.board.state().tracks[video].product = Default::default();
            self.board.queue(video, Step::Speak);
            return;
        }
        let log = std::mem::take(&mut self.board.state().tracks[video].log);
        (self.tell)(&Told::VideoFailed { video: id, stage: Some(stage), kind, message, log });
        self.board.close(video, false);
        if self.batch.options.fail_fast {
            self.board.stop(Stopped::Failure);
        }
    }

    /// The device lane: wave after wave, each in a process of its own.
    fn take_waves(&self) {
        let mut watchdog = Watchdog::new(self.batch.options.watchdog);
        let mut deaths = Deaths::default();
        let mut peaks = 0;
        while let Some((wave, bytes)) = self.board.take_wave(|_| peaks) {
            peaks = self.wave(wave, &mut watchdog, &mut deaths).max(peaks);
            self.board.give_back(bytes);
        }
    }

    /// Draws a wave, with as many processes as it takes; the most memory one of them held.
    fn wave(&self, mut wave: Vec<usize>, watchdog: &mut Watchdog, deaths: &mut Deaths) -> u64 {
        let videos = &self.batch.videos;
        let begun = Instant::now();
        let names = wave.iter().map(|&video| videos[video].id.clone()).collect();
        let model = videos[wave[0]].job.pipeline.images.model.clone();
        (self.tell)(&Told::WaveStarted { videos: names, model });
        let mut hearing =
            Hearing { dispatch: self, at_work: None, drawn: None, peak: 0, settled: BTreeSet::new() };
        let mut canary = None;
        while !wave.is_empty() {
            let quarantined = self.board.state().quarantined.clone();
            if let Some(why) = quarantined {
                wave.iter().for_each(|&video| self.failed(video, Stage::Images, Kind::Failed, why.clone()));
                break;
            }
            let order =
                Order { videos: wave.iter().map(|&video| videos[video].order.clone()).collect(), canary };
            let ordered = wave.clone();
            // Loading the models is the first video's.
            hearing.begin(wave[0], Stage::Images);
            let end = device::run(self.batch.hooks.device, &order, watchdog, &self.cancel, &mut |say| {
                hearing.hear(&wave, say, deaths);
            });
            hearing.step_ends(false);
            self.device_memory.store(0, Ordering::Relaxed);
            wave.retain(|video| !hearing.settled.contains(video));
            match end {
                End::Cancelled => break,
                End::Finished => {
                    // Whatever it did not settle it will not settle next time either.
                    let message = "the process that draws ended without having drawn all of it";
                    for &video in &wave {
                        self.failed(video, Stage::Images, Kind::Failed, message.to_owned());
                    }
                    break;
                }
                End::Died { video, scene, stage, why, log } => {
                    let Some(&place) = ordered.get(video) else { break };
                    let id = videos[place].id.clone();
                    (self.tell)(&Told::DeviceDied { video: id.clone(), why: why.clone(), log: log.clone() });
                    self.board.state().tracks[place].remember(log);
                    match deaths.died(&id, scene, stage) {
                        Verdict::Again => {}
                        Verdict::SetAside => {
                            let message = format!("scene {}: {why}, twice: it is set aside", scene + 1);
                            // Tried twice already.
                            self.board.state().tracks[place].attempts = self.batch.options.retries;
                            self.failed(place, stage, Kind::Failed, message);
                            wave.retain(|video| *video != place);
                        }
                        Verdict::Quarantine => {
                            let message = format!(
                                "the device is no longer used: its process died three times without finishing anything, at last because {why}"
                            );
                            self.warn(message.clone());
                            self.board.state().quarantined = Some(message);
                        }
                    }
                    canary = hearing.drawn.and_then(|(drawn, scene)| {
                        Some(Canary { video: wave.iter().position(|video| *video == drawn)?, scene })
                    });
                }
            }
        }
        (self.tell)(&Told::WaveEnded { seconds: begun.elapsed().as_secs_f64(), peak: hearing.peak });
        hearing.peak
    }
}

/// Whether trying again may help.
fn may_pass(kind: Kind) -> bool {
    matches!(kind, Kind::Failed | Kind::Network | Kind::OutOfMemory)
}

/// Bytes that rendering and encoding a video takes: measured as the growth of `generate` over its last
/// stage, with everything before it in the store.
fn encoder_demand(video: &Video) -> u64 {
    let size = video.job.pipeline.frame_size();
    ENCODER_BYTES_A_PIXEL * u64::from(size.width) * u64::from(size.height)
}

/// 1080x1920 at quality `high` took 500 MiB.
const ENCODER_BYTES_A_PIXEL: u64 = 256;

/// Passes on what the device's process says.
struct Hearing<'a> {
    dispatch: &'a Dispatch<'a>,
    /// The video and stage the device is at, and since when.
    at_work: Option<(usize, Stage, Instant)>,
    /// A picture that was drawn, to try the device with after a restart.
    drawn: Option<(usize, usize)>,
    peak: u64,
    settled: BTreeSet<usize>,
}

impl Hearing<'_> {
    fn hear(&mut self, wave: &[usize], say: &Say, deaths: &mut Deaths) {
        let board = self.dispatch.board;
        match say {
            Say::Happened { video, scene, stage, happening } => {
                let concerned: Vec<usize> = match video {
                    Some(video) => wave.get(*video).copied().into_iter().collect(),
                    None => wave.to_vec(),
                };
                for place in concerned {
                    self.happened(place, *scene, *stage, happening, video.is_some());
                }
                if matches!(happening, Happening::Step { hit: false }) {
                    deaths.works();
                }
            }
            Say::Ready { video } => {
                self.step_ends(true);
                let Some(&place) = wave.get(*video) else { return };
                if self.settled.insert(place) {
                    board.queue(place, Step::Edit);
                }
            }
            Say::Failed { video, stage, kind, message } => {
                self.step_ends(false);
                let Some(&place) = wave.get(*video) else { return };
                if self.settled.insert(place) {
                    self.dispatch.failed(place, *stage, *kind, message.clone());
                }
            }
            Say::Memory(memory) => {
                self.peak = self.peak.max(memory.peak.unwrap_or(memory.resident));
                self.dispatch.device_memory.store(memory.resident, Ordering::Relaxed);
            }
            Say::Unfit { .. } | Say::Finished => {}
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
            let record = track.device.entry(stage).or_insert_with(|| StageRecord {
                stage,
                seconds: 0.0,
                hits: 0,
                made: 0,
                memory: Memory::now(),
                notes: Vec::new(),
                warnings: Vec::new(),
            });
            match happening {
                Happening::Step { hit: false } => {
                    record.made += 1;
                    if stage == Stage::Images {
                        self.drawn = Some((place, scene));
                    }
                }
                Happening::Note { text } => record.notes.push(text.clone()),
                Happening::Warning { text } => record.warnings.push(text.clone()),
                Happening::Step { hit: true } | Happening::Progress(_) => {}
            }
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
}
