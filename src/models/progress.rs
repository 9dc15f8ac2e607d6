//! What is said while models are fetched, copied and tried; only the command line prints it.

use std::{ops::ControlFlow, path::PathBuf};

use serde::Serialize;

use super::HubError;

/// What happens to a model.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// It is known what to fetch.
    Resolved {
        /// The name it will have here.
        name: String,
        /// Where it comes from.
        repository: String,
        /// Exactly which state of it.
        commit: String,
        /// Its licence, as the hub names it.
        licence: Option<String>,
        /// How many files are wanted.
        files: usize,
        /// How many bytes they have.
        bytes: u64,
    },
    /// Bytes of a model have arrived, been copied or been read.
    Progress {
        /// The file at work.
        file: String,
        /// How many bytes of the model are done.
        done: u64,
        /// How many there are.
        total: u64,
    },
    /// Something failed that may pass, and is tried again.
    Retried {
        /// What was asked for.
        url: String,
        /// What happened.
        reason: String,
        /// The wait before the next attempt.
        seconds: f64,
    },
    /// Another process is at work on the same model.
    Waiting {
        /// Which model.
        name: String,
    },
    /// A part has been run once, or was not.
    Tried {
        /// Which part: its file below the model's folder.
        part: String,
        /// Why it was not run.
        skipped: Option<String>,
    },
    /// A model is installed.
    Installed {
        /// Its name.
        name: String,
        /// Where it lies.
        folder: PathBuf,
        /// What it holds.
        bytes: u64,
    },
    /// A model has been looked through and is as it should be.
    Verified {
        /// Its name.
        name: String,
        /// How many files equal the ones in `models.lock`; nothing if it does not stand there.
        files: Option<usize>,
    },
    /// A model is gone.
    Removed {
        /// Its name.
        name: String,
        /// What its files took.
        bytes: u64,
    },
}

/// Whoever listens; may ask to stop.
pub struct Watch<'a>(&'a mut dyn FnMut(Event) -> ControlFlow<()>);

impl<'a> Watch<'a> {
    /// Tells `listener`, until it breaks.
    pub fn new(listener: &'a mut dyn FnMut(Event) -> ControlFlow<()>) -> Self {
        Self(listener)
    }

    /// Says it.
    pub(super) fn say(&mut self, event: Event) -> Result<(), HubError> {
        match (self.0)(event) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(HubError::Cancelled),
        }
    }
}

/// Counts the bytes of a model, of all its files.
#[derive(Debug, Default)]
pub(super) struct Count {
    /// How many there are.
    pub(super) total: u64,
    /// How many are done, whole files only.
    pub(super) before: u64,
}

impl Count {
    /// Says that `done` bytes of `file` are done.
    pub(super) fn say(&self, file: &str, done: u64, watch: &mut Watch<'_>) -> Result<(), HubError> {
        let done = self.before + done;
        watch.say(Event::Progress { file: file.to_owned(), done, total: self.total.max(done) })
    }
}
