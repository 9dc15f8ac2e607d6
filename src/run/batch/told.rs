//! What a batch says while it works; the journal keeps it, the command line prints it.

use serde::{Deserialize, Serialize};

use crate::{
    run::Event,
    stages::{Happening, Kind, Stage},
};

/// Where a step runs: what shares a lane takes turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lane {
    /// What needs no model: speaking, directing, editing.
    Cpu,
    /// Speaking and directing by a server.
    Network,
    /// Models: one at a time.
    Device,
    /// Rendering and encoding.
    Encoder,
}

impl Lane {
    /// Every lane, as shown.
    pub const ALL: [Self; 4] = [Self::Cpu, Self::Network, Self::Device, Self::Encoder];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Network => "network",
            Self::Device => "device",
            Self::Encoder => "encoder",
        }
    }
}

impl std::fmt::Display for Lane {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

/// What a batch says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Told {
    /// It begins.
    BatchStarted {
        /// The videos, the most urgent first.
        videos: Vec<String>,
        /// Which part of a batch dealt over several machines this is: `3/8`.
        shard: Option<String>,
        /// The bytes that may be taken by steps at work at once.
        memory: u64,
    },
    /// A video was finished by an earlier run, and its files are as that run left them.
    VideoReused {
        /// Which.
        video: String,
    },
    /// A video goes through one of its stages.
    Video {
        /// Which.
        video: String,
        /// What happened.
        happened: Event,
    },
    /// A lane takes up a stage of a video.
    StepStarted {
        /// Which video.
        video: String,
        /// Where.
        lane: Lane,
        /// Which of the lane's workers.
        worker: usize,
        /// The stage.
        stage: Stage,
    },
    /// The lane is through with it.
    StepEnded {
        /// Which video.
        video: String,
        /// Where.
        lane: Lane,
        /// Which of the lane's workers.
        worker: usize,
        /// The stage.
        stage: Stage,
        /// Wall time in seconds.
        seconds: f64,
        /// Whether it led to what it should.
        ok: bool,
    },
    /// The device lane loads its models, for all of these.
    WaveStarted {
        /// The videos.
        videos: Vec<String>,
        /// The model that draws.
        model: String,
    },
    /// The device lane has given its models back.
    WaveEnded {
        /// Wall time in seconds.
        seconds: f64,
        /// The most memory its process held, in bytes.
        peak: u64,
        /// The most it was expected to hold, in bytes.
        #[serde(default)]
        expected: u64,
    },
    /// The process that holds the models had grown and gave way to a fresh one.
    DeviceRenewed {
        /// Bytes it held after its first steps.
        from: u64,
        /// Bytes it held at last.
        to: u64,
    },
    /// The process that holds the models died or hung; a new one goes on.
    DeviceDied {
        /// At which video's picture or still.
        video: String,
        /// How.
        why: String,
        /// What it printed last.
        log: Vec<String>,
    },
    /// A video and its sidecars stand under their names.
    VideoFinished {
        /// Which.
        video: String,
        /// Its own length in seconds; 0 where the batch stops before the video.
        duration: f64,
        /// Wall time of its stages in seconds.
        seconds: f64,
    },
    /// A video is tried again.
    VideoRetried {
        /// Which.
        video: String,
        /// Why.
        message: String,
    },
    /// A video is given up.
    VideoFailed {
        /// Which.
        video: String,
        /// Where; none when its script or pipeline cannot be read.
        stage: Option<Stage>,
        /// What kind of trouble.
        kind: Kind,
        /// Why.
        message: String,
        /// What was said last.
        log: Vec<String>,
    },
    /// A video was not finished because the batch ended first.
    VideoLeft {
        /// Which.
        video: String,
    },
    /// Memory, every few seconds, in bytes.
    Memory {
        /// What this process holds.
        own: u64,
        /// What the process with the models holds.
        device: u64,
        /// What the steps at work were expected to take.
        reserved: u64,
    },
    /// Something the user should look at.
    Warning {
        /// In one line.
        text: String,
    },
    /// It ends.
    BatchEnded {
        /// Videos finished by this run.
        made: usize,
        /// Videos that were finished before.
        reused: usize,
        /// Videos given up.
        failed: usize,
        /// Videos not finished.
        left: usize,
        /// Wall time in seconds.
        seconds: f64,
        /// Why it ended early, if it did.
        stopped: Option<Stopped>,
    },
}

/// Why a batch ended before everything was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stopped {
    /// A signal.
    Interrupted,
    /// The time was up.
    Deadline,
    /// A video failed, and the first failure was to end it.
    Failure,
}

impl Told {
    /// Whether the journal keeps it: everything but what passes.
    pub(super) fn stays(&self) -> bool {
        let passing = |event: &Event| matches!(event, Event::Stage { happening: Happening::Progress(_), .. });
        !matches!(self, Self::Video { happened, .. } if passing(happened))
    }
}
