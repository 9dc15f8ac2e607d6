//! How a run ends: errors become exit codes and messages.

use std::process::ExitCode;

use crate::stages::Kind;

/// The documented exit codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Everything asked for is done.
    Done = 0,
    /// The render failed.
    Failed = 1,
    /// The command line is wrong.
    Usage = 2,
    /// A pipeline, preset or script is invalid.
    Invalid = 3,
    /// A model, voice, library or font is missing.
    Missing = 4,
    /// The network or a remote provider failed.
    Network = 5,
    /// Memory ran out after every step down.
    OutOfMemory = 6,
    /// Part of a batch failed or was not finished.
    Part = 7,
    /// Verification failed.
    Rejected = 8,
    /// Interrupted.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command ends without having done all: an exit code and what to print.
#[derive(Debug)]
pub(crate) struct Failure {
    /// The exit code.
    pub(crate) exit: Exit,
    /// What to print: one line, or a drawn diagnostic of several.
    pub(crate) message: String,
    /// Whether the message is drawn already, with its own heading.
    pub(crate) drawn: bool,
}

impl Failure {
    /// A failure with a message of one line.
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), drawn: false }
    }

    /// A failure whose message is a whole drawing.
    pub(crate) fn drawn(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), drawn: true }
    }

    /// A failure told by an error and what lies below it.
    pub(crate) fn because(exit: Exit, error: &dyn std::error::Error) -> Self {
        Self::new(exit, chain(error))
    }
}

impl From<crate::stages::Error> for Failure {
    fn from(error: crate::stages::Error) -> Self {
        let exit = match error.kind {
            Kind::Failed => Exit::Failed,
            Kind::Invalid => Exit::Invalid,
            Kind::Missing => Exit::Missing,
            Kind::Network => Exit::Network,
            Kind::OutOfMemory => Exit::OutOfMemory,
            Kind::Rejected => Exit::Rejected,
            Kind::Cancelled => Exit::Interrupted,
        };
        Self::because(exit, &error)
    }
}

impl From<crate::store::Error> for Failure {
    fn from(error: crate::store::Error) -> Self {
        Self::because(Exit::Failed, &error)
    }
}

impl From<crate::run::batch::Error> for Failure {
    fn from(error: crate::run::batch::Error) -> Self {
        use crate::run::batch::Error as E;
        let exit = match error {
            E::NoBatch { .. } => Exit::Missing,
            _ => Exit::Failed,
        };
        Self::because(exit, &error)
    }
}

/// The error's message and those of its causes, joined by colons, without repeating what one already says.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let message = error.to_string();
        if !text.contains(&message) {
            text.push_str(": ");
            text.push_str(&message);
        }
        cause = error.source();
    }
    text
}
