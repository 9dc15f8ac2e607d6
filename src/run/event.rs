//! What the runner says; only the command line prints it.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

use crate::engine;
use crate::stages::{Happening, Stage};

/// Memory of this process at a stage's boundary, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// Resident now.
    pub resident: u64,
    /// The most that was resident so far, where the system tells.
    pub peak: Option<u64>,
}

impl Memory {
    /// Measures this process.
    pub fn now() -> Self {
        let engine::Process { resident, peak } = engine::process();
        Self { resident, peak }
    }
}

/// What the runner says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// A video is begun.
    Started {
        /// The script's name.
        script: String,
        /// The stages to go through, in order.
        stages: Vec<Stage>,
    },
    /// A stage is begun.
    StageStarted {
        /// Which.
        stage: Stage,
    },
    /// A stage tells something.
    Stage {
        /// Which.
        stage: Stage,
        /// What.
        #[serde(flatten)]
        happening: Happening,
    },
    /// A stage is finished.
    StageFinished {
        /// Which.
        stage: Stage,
        /// Wall time in seconds.
        seconds: f64,
        /// Steps found in the store.
        hits: usize,
        /// Steps made.
        made: usize,
        /// One line on what came out.
        summary: String,
        /// Memory afterwards.
        memory: Memory,
    },
    /// A file stands under its final name.
    Published {
        /// Which.
        path: PathBuf,
        /// Its size.
        bytes: u64,
    },
    /// The video is finished.
    Finished {
        /// The video's own length in seconds; 0 when the run stopped before the video.
        duration: f64,
        /// Wall time in seconds.
        seconds: f64,
    },
}
