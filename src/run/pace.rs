//! How long steps take on this machine, as measured by earlier runs.

use std::{collections::BTreeMap, path::PathBuf};

use serde::{Deserialize, Serialize};

use super::local::{Job, StageRecord};
use crate::{
    stages::Stage,
    store::{self, Store},
};

/// Seconds a step, by stage and by what makes its steps alike; kept beside the store's entries.
///
/// Only an estimate hangs on it: a file that cannot be read or written is no error.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Pace {
    seconds: BTreeMap<String, f64>,
}

impl Pace {
    /// What earlier runs over `store` measured.
    pub(super) fn load(store: &Store) -> Self {
        std::fs::read(path(store))
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default()
    }

    /// Takes in what the stages of a run took; of a video's single step each frame counts.
    pub(super) fn learn(job: &Job, records: &[StageRecord], frames: u64, store: &Store) {
        let mut pace = Self::load(store);
        for record in records.iter().filter(|record| record.made > 0) {
            let units = if record.stage == Stage::Video { frames as f64 } else { record.made as f64 };
            pace.seconds.insert(kind(job, record.stage), record.seconds / units.max(1.0));
        }
        if let Ok(bytes) = serde_json::to_vec_pretty(&pace) {
            // Losing an estimate is no reason to fail a finished video.
            let _ = store::write_atomically(&path(store), &bytes);
        }
    }

    /// Seconds for `units` steps (frames, for the video) of `stage`; none before the first run.
    pub(super) fn estimate(&self, job: &Job, stage: Stage, units: u64) -> Option<f64> {
        self.seconds.get(&kind(job, stage)).map(|seconds| seconds * units as f64)
    }
}

/// Steps of one kind take about equally long.
fn kind(job: &Job, stage: Stage) -> String {
    let pipeline = &job.pipeline;
    let draft = if job.machine.draft { "draft " } else { "" };
    let detail = match stage {
        Stage::Images => format!(" {} {} steps", pipeline.images.model, pipeline.images.inference_steps),
        Stage::Refine => {
            pipeline.refine.as_ref().map_or_else(String::new, |refine| format!(" {}", refine.model))
        }
        Stage::Video => format!(" {:?} {}", pipeline.video.quality, pipeline.frame_size()),
        _ => String::new(),
    };
    format!("{draft}{stage}{detail}")
}

fn path(store: &Store) -> PathBuf {
    store.root().join("pace.json")
}
