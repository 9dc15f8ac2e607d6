//! The parent's side of the device lane: a process of its own holds the models, can be killed, and is
//! watched.
//!
//! A spoilt CUDA context, an abort in native code or a hang ends one process and costs one step; only
//! the end of a process gives all of a device's memory back.

use std::{
    collections::BTreeMap,
    process::Command,
    sync::mpsc::RecvTimeoutError,
    time::{Duration, Instant},
};

use super::{
    child::{Child, Order, ended},
    wave::Say,
};
use crate::stages::{Cancel, Happening, Stage};

/// A hanging step is ended after this many times what steps take.
const PATIENCE: f64 = 10.0;
/// Steps after which the median is known well enough.
const ENOUGH: usize = 1000;
/// How long loading a model may take, in times of the watchdog's least.
const LOADING: u32 = 10;

/// Steps of a stage after which its process holds what it needs; the first ones fill pools.
const SETTLED: usize = 2;
/// A process that holds so many times what it held then gives way to a fresh one...
const GROWN: f64 = 1.05;
/// ... if that is at least so much more: pools breathe.
const GROWN_LEAST: u64 = 64 << 20;

/// How the process of a wave ended.
#[derive(Debug)]
pub(super) enum End {
    /// It did what it could.
    Finished,
    /// It was asked to stop.
    Cancelled,
    /// It held more and more, and was asked to stop so that a fresh one goes on.
    Grown { from: u64, to: u64 },
    /// It died, hung, or draws wrongly; at this video and scene of the wave.
    Died { video: usize, scene: usize, stage: Stage, why: String, log: Vec<String> },
}

/// How long steps take, kept over the waves of a batch.
#[derive(Debug)]
pub(super) struct Watchdog {
    /// No step is ended sooner.
    least: Duration,
    /// Seconds of each unit of work, sorted, by what is counted: a band of a decoder says nothing about a step.
    steps: BTreeMap<String, Vec<f64>>,
}

impl Watchdog {
    pub(super) fn new(least: Duration) -> Self {
        Self { least, steps: BTreeMap::new() }
    }

    fn learn(&mut self, unit: &str, seconds: f64) {
        let known = self.steps.entry(unit.to_owned()).or_default();
        if known.len() >= ENOUGH {
            return;
        }
        let at = known.partition_point(|known| *known < seconds);
        known.insert(at, seconds);
    }

    /// How long the child may say nothing.
    fn patience(&self, loading: bool) -> Duration {
        // What comes next is not known: it may be of the slowest kind.
        let medians = self.steps.values().filter_map(|known| known.get(known.len() / 2));
        let slowest = medians.copied().fold(0.0, f64::max);
        let least = if loading { self.least * LOADING } else { self.least };
        least.max(Duration::from_secs_f64(slowest * PATIENCE))
    }
}

/// Whoever a process works for.
pub(super) trait Listener {
    /// It was started.
    fn begun(&mut self, process: u32);
    /// It said something.
    fn hear(&mut self, say: &Say);
    /// It is about to hold so many bytes: waits for room; false when there will be none any more.
    fn make_room(&mut self, bytes: u64) -> bool;
}

/// What a process held after its first steps in a stage, and whether that has grown since.
#[derive(Debug, Default)]
struct Growth {
    stage: Option<Stage>,
    steps: usize,
    settled: u64,
    now: u64,
}

impl Growth {
    fn step(&mut self, stage: Stage, resident: u64) {
        if self.stage.replace(stage) != Some(stage) {
            (self.steps, self.settled) = (0, 0);
        }
        self.steps += 1;
        self.now = resident;
        if self.steps <= SETTLED {
            self.settled = self.settled.max(resident);
        }
    }

    fn is_grown(&self) -> bool {
        let most = (self.settled as f64 * GROWN) as u64;
        self.steps > SETTLED && self.now > most.max(self.settled + GROWN_LEAST)
    }
}

/// Runs one wave in a fresh process made by `command`, passing on what it says.
pub(super) fn run(
    command: &dyn Fn() -> std::io::Result<Command>,
    order: &Order,
    watchdog: &mut Watchdog,
    cancel: &Cancel,
    listener: &mut dyn Listener,
) -> End {
    let died = |why: String, log| End::Died { video: 0, scene: 0, stage: Stage::Images, why, log };
    let mut running = match command().and_then(|command| Child::start(command, order)) {
        Ok(running) => running,
        Err(error) => return died(format!("the process that draws cannot be started: {error}"), Vec::new()),
    };
    listener.begun(running.id());
    let (mut video, mut scene, mut stage) = (0, 0, Stage::Images);
    let mut growth = Growth::default();
    let (mut heard, mut loading, mut stepped) = (Instant::now(), true, None::<Instant>);
    let mut unfit = None;
    loop {
        match running.said.recv_timeout(Duration::from_millis(50)) {
            Ok(said) => {
                heard = Instant::now();
                match &said {
                    Say::Finished if unfit.is_none() => {
                        listener.hear(&said);
                        running.end();
                        return End::Finished;
                    }
                    Say::Unfit { message } => unfit = Some(message.clone()),
                    Say::Expects { bytes } => {
                        if !listener.make_room(*bytes) {
                            running.end();
                            return End::Cancelled;
                        }
                        running.go();
                        heard = Instant::now();
                    }
                    Say::Memory(memory) => growth.step(stage, memory.resident),
                    // There is more to do, and too much held already to do it in.
                    Say::Happened { happening: Happening::Progress(_), .. } if growth.is_grown() => {
                        running.end();
                        return End::Grown { from: growth.settled, to: growth.now };
                    }
                    Say::Happened { video: at, scene: in_video, stage: in_stage, happening } => {
                        if *in_stage != stage {
                            (loading, stepped) = (true, None);
                        }
                        (video, scene, stage) = (at.unwrap_or(video), *in_video, *in_stage);
                        match happening {
                            Happening::Progress(progress) => {
                                if let Some(last) = stepped.replace(heard)
                                    && progress.done > 0
                                {
                                    watchdog.learn(&progress.unit, (heard - last).as_secs_f64());
                                }
                                loading = progress.done == 0 && loading;
                            }
                            // The next picture or still is at work from here on.
                            Happening::Step { .. } => (scene, stepped) = (*in_video + 1, None),
                            _ => {}
                        }
                    }
                    _ => {}
                }
                listener.hear(&said);
            }
            Err(RecvTimeoutError::Timeout) if cancel.is_cancelled() => {
                running.end();
                return End::Cancelled;
            }
            Err(RecvTimeoutError::Timeout) => {
                let patience = watchdog.patience(loading);
                if heard.elapsed() > patience {
                    let log = running.kill();
                    let seconds = patience.as_secs_f64();
                    let why = format!("the process that draws said nothing for {seconds:.0} s and was ended");
                    return End::Died { video, scene, stage, why, log };
                }
            }
            Err(RecvTimeoutError::Disconnected) => {
                let (status, log) = running.wait();
                let why = unfit.unwrap_or_else(|| format!("the process that draws {}", ended(status)));
                return End::Died { video, scene, stage, why, log };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keeps what it hears, and has room for so many bytes.
    #[derive(Default)]
    struct Ear {
        room: u64,
        asked: Vec<u64>,
        heard: Vec<Say>,
    }

    impl Listener for Ear {
        fn begun(&mut self, process: u32) {
            assert!(process > 0);
        }

        fn hear(&mut self, say: &Say) {
            self.heard.push(say.clone());
        }

        fn make_room(&mut self, bytes: u64) -> bool {
            self.asked.push(bytes);
            bytes <= self.room
        }
    }

    /// Runs what a shell says in the place of the process that draws.
    fn played(script: &str, ear: &mut Ear) -> End {
        let command = || {
            let mut command = Command::new("sh");
            command.args(["-c", script]);
            Ok(command)
        };
        let order = Order { videos: Vec::new(), canary: None };
        run(&command, &order, &mut Watchdog::new(Duration::from_secs(20)), &Cancel::default(), ear)
    }

    fn line(say: &Say) -> String {
        format!("echo '{}'\n", serde_json::to_string(say).unwrap())
    }

    /// A picture drawn, with so many MiB held after it.
    fn picture(scene: usize, mib: u64) -> String {
        let happened =
            |happening| line(&Say::Happened { video: Some(0), scene, stage: Stage::Images, happening });
        let progress =
            crate::stages::Progress { done: 1, total: 2, unit: "steps".into(), item: String::new() };
        let memory = crate::run::Memory { resident: mib << 20, peak: None };
        happened(Happening::Progress(progress))
            + &happened(Happening::Step { hit: false })
            + &line(&Say::Memory(memory))
    }

    #[test]
    fn a_process_that_grows_gives_way_and_one_that_breathes_does_not() {
        let of = |held: &[u64]| {
            let lines = held.iter().enumerate().map(|(scene, mib)| picture(scene, *mib));
            let script =
                format!("read order\n{}{}read rest", lines.collect::<String>(), line(&Say::Finished));
            played(&script, &mut Ear::default())
        };
        assert!(matches!(of(&[300, 400, 380, 440, 410, 460]), End::Finished));
        let End::Grown { from, to } = of(&[300, 400, 420, 470, 480]) else { panic!("it was not noticed") };
        assert_eq!((from >> 20, to >> 20), (400, 470));
        // What it holds at its very end nobody waits for.
        assert!(matches!(of(&[300, 400, 420, 470]), End::Finished));
    }

    #[test]
    fn it_waits_until_there_is_room() {
        let script = format!(
            "read order\n{}read go && [ \"$go\" = go ] && {}read rest",
            line(&Say::Expects { bytes: 700 }),
            line(&Say::Finished)
        );
        let mut ear = Ear { room: 700, ..Ear::default() };
        assert!(matches!(played(&script, &mut ear), End::Finished));
        assert_eq!(ear.asked, [700]);
        let mut ear = Ear { room: 699, ..Ear::default() };
        assert!(matches!(played(&script, &mut ear), End::Cancelled));
        assert!(!ear.heard.contains(&Say::Finished));
    }

    #[test]
    fn patience_grows_with_what_steps_take() {
        let mut watchdog = Watchdog::new(Duration::from_secs(60));
        assert_eq!(watchdog.patience(false), Duration::from_secs(60));
        assert_eq!(watchdog.patience(true), Duration::from_secs(600));
        [9.0, 30.0, 1.0].into_iter().for_each(|seconds| watchdog.learn("inference steps", seconds));
        assert_eq!(watchdog.patience(false), Duration::from_secs(90));
        (0..2 * ENOUGH).for_each(|_| watchdog.learn("bands decoded", 0.2));
        assert_eq!(watchdog.patience(false), Duration::from_secs(90));
    }
}
