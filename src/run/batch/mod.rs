//! Many videos: in lanes, resumed after any end, with a report.
//!
//! `dispatch` hands videos to lanes, `making` is what each lane does with one, `demand` where a step
//! runs and what memory it takes. `wave` is the work of the process that holds the models, `device` and
//! `waves` its parent's side, `deaths` what follows when it dies. `folder` and `journal` are what is kept
//! on disk, `report` and `html` what is told in the morning.
//!
//! ```text
//! cpu      speak, direct ─────────────┐            ┌─ edit ─┐
//! network  the same, by a server ─────┤            │        │
//! device                draw, enlarge (a wave) ────┘        │
//! encoder                                                   └─ render, encode, publish
//! ```
//!
//! Nothing here decides what is finished: the files and the store do. So a run that is killed at
//! any moment is gone on with by running the same command again.

mod asked;
mod board;
mod child;
mod deaths;
mod demand;
mod device;
mod dispatch;
mod drawings;
mod error;
mod folder;
mod html;
mod journal;
mod making;
mod report;
mod shard;
mod told;
mod wave;
mod waves;

pub use asked::Asked;
pub use child::Order;
pub use dispatch::run;
pub use error::Error;
pub use folder::{Done, Finished};
pub use html::html;
pub use journal::{Line, read as read_journal};
pub use report::{Report, Span, Status, VideoReport};
pub use shard::Shard;
pub use told::{Lane, Stopped, Told};
pub use wave::{Canary, Say, wave};

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, SystemTime},
};

use serde_json::Value;

use super::{Job, Product};
use crate::{
    digest::Digest,
    models::Catalog,
    stages::{self, Cancel, Kind},
    store::{KeyBuilder, Store},
};

/// Raised when the same video is made of more or other things than before.
const VERSION: u32 = 1;

/// One video of a batch.
#[derive(Debug)]
pub struct Video {
    /// Its name, its own among all of the batch.
    pub id: String,
    /// What is made.
    pub job: Job,
    /// The higher, the sooner.
    pub priority: i64,
    /// How the command line describes it to the process that draws.
    pub order: Value,
    /// Everything it depends on.
    pub key: Digest,
}

/// A video that cannot even be begun: its script or pipeline is wrong.
#[derive(Debug, Clone)]
pub struct Refused {
    /// Its name.
    pub id: String,
    /// What kind of trouble.
    pub kind: Kind,
    /// Why.
    pub message: String,
}

/// How a batch is made.
#[derive(Debug, Clone)]
pub struct Options {
    /// Workers of the CPU lane.
    pub jobs: usize,
    /// Scripts spoken or directed by servers at once.
    pub network: usize,
    /// Videos encoded at once.
    pub encoders: usize,
    /// How often a video that failed is tried again.
    pub retries: u32,
    /// Whether the first failure ends the batch.
    pub fail_fast: bool,
    /// When the batch ends, finished or not.
    pub deadline: Option<SystemTime>,
    /// Videos that are drawn with models loaded once, at most.
    pub wave: usize,
    /// The least a silent device process is waited for.
    pub watchdog: Duration,
    /// Bytes that steps at work at once may take together.
    pub memory: u64,
    /// Which part of the batch this is.
    pub shard: Option<Shard>,
}

/// What a batch needs from outside: the room above gives it.
pub struct Hooks<'a> {
    /// The process that draws, before it is told what.
    pub device: &'a (dyn Fn() -> std::io::Result<Command> + Sync),
    /// Puts a finished video's files into its folder; they are on the disk when it returns.
    pub publish: &'a Publish,
    /// Who is told.
    pub tell: &'a (dyn Fn(&Told) + Sync),
}

/// Publishes a product into a folder, answering the files.
pub type Publish = dyn Fn(&Job, &Product, &Store, &Path) -> Result<Vec<PathBuf>, stages::Error> + Sync;

/// How a batch ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// Videos finished by this run.
    pub made: usize,
    /// Videos that were finished before.
    pub reused: usize,
    /// Videos given up.
    pub failed: usize,
    /// Videos not finished.
    pub left: usize,
    /// Why it ended early, if it did.
    pub stopped: Option<Stopped>,
}

/// A batch as handed to [`run`].
pub struct Batch<'a> {
    /// What is made, in the order given.
    pub videos: Vec<Video>,
    /// What cannot be begun.
    pub refused: Vec<Refused>,
    /// How.
    pub options: Options,
    /// The folder of the store; each worker opens it for itself.
    pub store: PathBuf,
    /// The folder written into.
    pub output: PathBuf,
    /// The user's wish to stop.
    pub cancel: Cancel,
    /// What the room above does.
    pub hooks: Hooks<'a>,
}

/// Everything a finished video depends on: the script, all settings, the models, the program.
///
/// # Errors
/// When a model cannot be read.
pub fn key(job: &Job) -> Result<Digest, stages::Error> {
    let missing = |error: crate::models::Error| stages::Error::new(Kind::Missing, "", error);
    let mut models = Vec::new();
    if !job.machine.draft {
        let catalog = Catalog::new(job.machine.models_dir.clone());
        let model = catalog.find(&job.pipeline.images.model).map_err(missing)?;
        models.push(model.digest().map_err(missing)?);
        if let Some(upscaler) = wave::upscaler(job).map_err(missing)? {
            models.push(upscaler.digest().map_err(missing)?);
        }
    }
    let key = KeyBuilder::new("batch", VERSION)
        .field("script", &job.script)
        .field("pipeline", &job.pipeline)
        .field("draft", &job.machine.draft)
        .field("stop_after", &job.stop_after)
        .field("models", &models)
        .field("program", &env!("CARGO_PKG_VERSION"));
    #[cfg(feature = "video")]
    let key = key.field("library", &crate::media::library()?);
    Ok(key.finish()?.digest())
}
