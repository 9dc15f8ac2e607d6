use std::{io, path::PathBuf};

/// Why the store, or a file beside it, could not be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The disk is full, or the quota is used up.
    #[error("no space left for {path}: free some, run `shortform cache prune`, or choose another folder", path = .path.display())]
    Full {
        /// What was being written.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The system refused.
    #[error("cannot {doing} {path}", path = .path.display())]
    Io {
        /// What was tried: `read`, `write`, ...
        doing: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// Another process uses the store, so nothing may be removed from it.
    #[error("another shortform process uses the cache in {root}: wait until it ends, then try again", root = .root.display())]
    InUse {
        /// The store's root.
        root: PathBuf,
    },
    /// A key's field, or a result, cannot be written as JSON.
    #[error("cannot write {what} as JSON")]
    Unwritable {
        /// Which field or result.
        what: String,
        /// Why.
        source: serde_json::Error,
    },
}

impl Error {
    /// Makes an [`Error`] of the system's answer to `doing` something with `path`.
    pub(super) fn io(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full { path, source },
            _ => Self::Io { doing, path, source },
        }
    }
}
