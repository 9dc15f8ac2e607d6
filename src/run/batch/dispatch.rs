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
    Batch, Error, Lane, Outcome, Report, Stopped, Told, Video,
    board::{Board, Step},
    folder::{Folder, state, sweep_parts},
    journal::Journal,
    making::Worker,
    waves::Gauge,
};
use crate::{
    engine::Bytes,
    run::{Failed, Memory},
    stages::{Cancel, Kind, Stage},
    store::{Store, network_disk},
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
    let store = Store::open(&batch.store)?;
    store.look_at_disk();
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

    for warning in store.take_warnings() {
        tell(&Told::Warning { text: warning.to_string() });
    }
    if let Some(disk) = network_disk(&batch.output) {
        let folder = batch.output.display();
        let text = format!(
            "{folder} lies on {disk}, whose locks do not hold everywhere: see that no other machine writes into it"
        );
        tell(&Told::Warning { text });
    }
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
        device: Gauge::default(),
        told_of_room: Mutex::default(),
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
pub(super) struct Dispatch<'a> {
    pub(super) batch: &'a Batch<'a>,
    pub(super) board: &'a Board,
    folder: &'a Folder,
    journal: &'a Journal,
    /// Stops the work of this batch, for whatever reason.
    pub(super) cancel: Cancel,
    /// What the process with the models holds.
    pub(super) device: Gauge,
    /// Lanes whose steps were said to be larger than the memory.
    told_of_room: Mutex<BTreeSet<Lane>>,
    pub(super) tell: &'a (dyn Fn(&Told) + Sync),
}

impl Dispatch<'_> {
    /// Runs all lanes until there is nothing left to do.
    fn lanes(&self) -> Result<(), Error> {
        let options = &self.batch.options;
        let mut workers = Vec::new();
        // No worker, with a store of its own, for servers that nobody asks.
        let asking = if self.board.asks() { options.network.max(1) } else { 0 };
        let counts = [
            (Lane::Cpu, options.jobs.max(1)),
            (Lane::Network, asking),
            (Lane::Encoder, options.encoders.max(1)),
        ];
        for (lane, count) in counts {
            for number in 0..count {
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

    pub(super) fn warn(&self, text: String) {
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
        (self.tell)(&self.board.memory(Memory::now().resident, self.device.resident()));
    }

    /// Says when a step is let through although it is expected to take more than there is.
    pub(super) fn warn_of_little_room(&self, lane: Lane, bytes: u64) {
        let room = self.batch.options.memory;
        if bytes > room && self.told_of_room.lock().unwrap_or_else(PoisonError::into_inner).insert(lane) {
            let (bytes, room) = (Bytes(bytes), Bytes(room));
            self.warn(format!(
                "a step of the {lane} lane is expected to take {bytes} of {room}: it is made alone"
            ));
        }
    }

    /// A worker of any lane but the device's.
    fn take_turns(&self, worker: &Worker<'_>) {
        while let Some((step, video, bytes)) = self.board.take(worker.lane) {
            self.warn_of_little_room(worker.lane, bytes);
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
    pub(super) fn failed(&self, video: usize, stage: Stage, kind: Kind, message: String) {
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
}

/// Whether trying again may help.
fn may_pass(kind: Kind) -> bool {
    matches!(kind, Kind::Failed | Kind::Network | Kind::OutOfMemory)
}
