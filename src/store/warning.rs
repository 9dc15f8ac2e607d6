use std::{fmt, path::PathBuf};

use crate::digest::Digest;

/// Something about the store that the user should know although the work goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Warning {
    /// An object's bytes no longer hash to its name; it was set aside and counts as absent.
    BrokenObject {
        /// The object.
        digest: Digest,
        /// Where it lies now, if it could be moved.
        quarantine: Option<PathBuf>,
    },
    /// A record is damaged or was written by another version; it counts as absent.
    BrokenRecord {
        /// The record's key.
        key: Digest,
        /// What is wrong with it.
        reason: String,
    },
    /// A record names an object that is gone; the record counts as absent.
    MissingObject {
        /// The record's key.
        key: Digest,
        /// The object.
        object: Digest,
    },
    /// The store lies on another machine's disk.
    FarAway {
        /// Its root.
        root: PathBuf,
        /// What kind of disk.
        disk: &'static str,
    },
    /// The result could not be kept: it will be computed again next time.
    NotKept {
        /// The key it would have been found under.
        key: Digest,
        /// Why.
        reason: String,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BrokenObject { digest, quarantine: Some(path) } => write!(
                f,
                "cache object {} is damaged and was moved to {}; it is computed again",
                digest.short(),
                path.display()
            ),
            Self::BrokenObject { digest, quarantine: None } => {
                write!(f, "cache object {} is damaged; it is computed again", digest.short())
            }
            Self::BrokenRecord { key, reason } => {
                write!(f, "cache record {} is not usable ({reason}); it is computed again", key.short())
            }
            Self::MissingObject { key, object } => write!(
                f,
                "cache record {} names object {}, which is gone; it is computed again",
                key.short(),
                object.short()
            ),
            Self::FarAway { root, disk } => write!(
                f,
                "the cache in {} lies on {disk}, whose locks do not hold everywhere: several machines may make the \
                 same step at once, though never a wrong one; better give each a --cache-dir on a disk of its own",
                root.display()
            ),
            Self::NotKept { key, reason } => {
                write!(f, "the result {} could not be kept in the cache: {reason}", key.short())
            }
        }
    }
}
