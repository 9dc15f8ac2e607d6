//! What every stage is handed besides its settings and its input.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use serde::{Deserialize, Serialize};

use super::{Error, Stage};
use crate::{
    engine::{self, Measured},
    store::Store,
};

/// The user's wish to stop, shared by every thread of a run.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Asks everything to stop at the next step.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether somebody asked.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// An error when somebody asked.
    pub fn check(&self) -> Result<(), Error> {
        if self.is_cancelled() { Err(Error::cancelled()) } else { Ok(()) }
    }
}

/// How far a stage is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Units done.
    pub done: u64,
    /// Units in all.
    pub total: u64,
    /// What is counted: `sentences`, `inference steps`, `bands decoded`, `frames`.
    pub unit: String,
    /// The item at work, for example `scene 3 of 7`; empty when the stage has only one.
    pub item: String,
}

/// What a stage tells while it works.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "lowercase")]
pub enum Happening {
    /// It came farther.
    Progress(Progress),
    /// One step is finished: found in the store, or made.
    Step {
        /// Whether it lay in the store.
        hit: bool,
    },
    /// A decision worth knowing: the size drawn at, the device, a fallback.
    Note {
        /// In one line.
        text: String,
    },
    /// Something the user should look at, though the work goes on.
    Warning {
        /// In one line.
        text: String,
    },
    /// What a model took.
    Measured(Measured),
    /// What was to be done could not be, and is done in another way.
    Fallback {
        /// Why, and how it goes on, in one line.
        text: String,
    },
}

/// What every stage is handed besides its settings and its input.
pub struct Context<'a> {
    /// The stage at work.
    pub stage: Stage,
    /// Where finished steps are kept.
    pub store: &'a Store,
    /// Where models are looked for besides our own folders.
    pub models_dir: Option<PathBuf>,
    /// Whether to use the model-free voice and pictures.
    pub draft: bool,
    /// The user's wish to stop.
    pub cancel: Cancel,
    /// Who is told.
    pub tell: &'a mut dyn FnMut(Stage, Happening),
}

impl Context<'_> {
    /// Tells how far the stage is, and whether somebody asked to stop.
    pub fn progress(
        &mut self,
        done: u64,
        total: u64,
        unit: &str,
        item: impl Into<String>,
    ) -> Result<(), Error> {
        let progress = Progress { done, total, unit: unit.to_owned(), item: item.into() };
        (self.tell)(self.stage, Happening::Progress(progress));
        self.cancel.check()
    }

    /// Tells that one step is finished.
    pub fn step(&mut self, hit: bool) {
        (self.tell)(self.stage, Happening::Step { hit });
    }

    /// Tells a decision.
    pub fn note(&mut self, text: impl Into<String>) {
        (self.tell)(self.stage, Happening::Note { text: text.into() });
    }

    /// Tells what the user should look at.
    pub fn warn(&mut self, text: impl Into<String>) {
        (self.tell)(self.stage, Happening::Warning { text: text.into() });
    }

    /// Tells what models took since this was last told.
    pub fn measured(&mut self) {
        for measured in engine::take_measured() {
            (self.tell)(self.stage, Happening::Measured(measured));
        }
    }

    /// Tells why it goes on in another way than was decided.
    pub fn fall_back(&mut self, text: impl Into<String>) {
        (self.tell)(self.stage, Happening::Fallback { text: text.into() });
    }
}
