//! Why a stage could not go on.

use std::{error::Error as StdError, fmt};

use crate::{diffusion, engine, upscale};

/// What kind of trouble it was; the command line turns it into the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The work itself failed.
    Failed,
    /// The pipeline or the script asks for something impossible.
    Invalid,
    /// Something is not installed: a model, a voice, a library, a font.
    Missing,
    /// A server could not be reached, or refused.
    Network,
    /// Memory ran out after every step down.
    OutOfMemory,
    /// The finished file is not what the platform asks for.
    Rejected,
    /// The user asked to stop.
    Cancelled,
}

/// Why a stage could not go on: what, where, and the cause below it.
#[derive(Debug)]
pub struct Error {
    /// What kind of trouble.
    pub kind: Kind,
    /// Where: `scene 3 (line 12)`; empty when it is the whole stage.
    pub place: String,
    source: Box<dyn StdError + Send + Sync>,
}

impl Error {
    /// Trouble of `kind` at `place` because of `source`.
    pub fn new(
        kind: Kind,
        place: impl Into<String>,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        Self { kind, place: place.into(), source: source.into() }
    }

    /// The user asked to stop.
    pub fn cancelled() -> Self {
        Self::new(Kind::Cancelled, "", "interrupted")
    }

    /// The engine's error at its root, if there is one.
    pub(super) fn engine(&self) -> Option<&engine::Error> {
        let cause = self.cause();
        let drawing = cause.downcast_ref().and_then(|error| match error {
            diffusion::Error::Engine(error) => Some(error),
            _ => None,
        });
        drawing.or_else(|| match cause.downcast_ref()? {
            upscale::Error::Engine(error) => Some(error),
            _ => None,
        })
    }

    /// What happened, without advice: for when it goes on all the same.
    pub(super) fn briefly(&self) -> String {
        let Some(engine::Error::OutOfMemory { path, device, loading, .. }) = self.engine() else {
            return self.to_string();
        };
        let place = if self.place.is_empty() { String::new() } else { format!("{}: ", self.place) };
        let at = if *loading { "loading" } else { "in" };
        format!("{place}out of memory on {device} {at} `{}`", path.display())
    }

    /// The cause.
    pub fn cause(&self) -> &(dyn StdError + Send + Sync + 'static) {
        &*self.source
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.place.is_empty() {
            write!(f, "{}: ", self.place)?;
        }
        write!(f, "{}", self.source)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        // The cause is part of the message already; what lies below it is not.
        self.source.source()
    }
}

impl From<crate::store::Error> for Error {
    fn from(source: crate::store::Error) -> Self {
        Self::new(Kind::Failed, "", source)
    }
}
