//! What stays loaded.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What stays loaded, the fastest way first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Residency {
    /// Every part, from the first picture to the last.
    Resident,
    /// One part at a time: opened for its work and dropped after it.
    Model,
    /// One part at a time, in pieces: the one that runs, and the next, which is loaded meanwhile.
    Group,
    /// One part at a time, in pieces: only the one that runs is loaded.
    Sequential,
}

impl Residency {
    /// Every way to hold a model, the fastest first.
    pub const ALL: [Self; 4] = [Self::Resident, Self::Model, Self::Group, Self::Sequential];

    /// Whether parts run in pieces, of which more stay loaded where there is more memory.
    pub fn is_in_pieces(self) -> bool {
        matches!(self, Self::Group | Self::Sequential)
    }
}

impl fmt::Display for Residency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Resident => "resident",
            Self::Model => "model",
            Self::Group => "group",
            Self::Sequential => "sequential",
        })
    }
}
