use std::{io, path::PathBuf};

/// Why a batch could not begin, or its report could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another run writes into the same folder.
    #[error("another batch is writing into {folder}: wait until it ends, or choose another --output", folder = .folder.display())]
    Locked {
        /// The folder.
        folder: PathBuf,
    },
    /// There is no batch in this folder.
    #[error("there is no batch in {folder}: it has no .shortform/journal.jsonl; name the --output of a `shortform batch`", folder = .folder.display())]
    NoBatch {
        /// The folder.
        folder: PathBuf,
    },
    /// The system refused.
    #[error("cannot {doing} {path}", path = .path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The store could not be opened or written.
    #[error(transparent)]
    Store(#[from] crate::store::Error),
}

impl Error {
    pub(super) fn io(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { doing, path, source }
    }
}
