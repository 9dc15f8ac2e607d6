//! What the check of a file found.

use std::{fmt, path::PathBuf};

use serde::{Deserialize, Serialize};

/// What the caller knows about a video that a check cannot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    /// The picture may stand still: a single image with a voice over it.
    pub still: bool,
}

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// The rule is kept.
    Passed,
    /// A recommendation is not followed; the platform takes the file.
    Advice,
    /// The rule is broken.
    Failed,
}

/// One rule and what was found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// What is checked: `container`, `edit lists`, `frame rate`, ...
    pub name: String,
    /// What the rule asks for.
    pub expected: String,
    /// What the file has.
    pub found: String,
    /// How it ended.
    pub outcome: Outcome,
    /// Who says so; `shortform` for our own choices.
    pub source: String,
    /// When it was read, `YYYY-MM`.
    pub date: String,
}

/// Figures measured on the decoded file.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Measured {
    /// Frames decoded.
    pub frames: u64,
    /// Seconds of picture.
    pub duration: f64,
    /// The file's size.
    pub bytes: u64,
    /// Bits a second of picture.
    pub video_bitrate: u64,
    /// Integrated loudness in LUFS; none for silence.
    pub integrated: Option<f64>,
    /// True peak in dBTP; none for silence.
    pub true_peak: Option<f64>,
}

/// Every rule and what was found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The file.
    pub path: PathBuf,
    /// The platform's name.
    pub platform: String,
    /// The rules, in the order a reader looks for them.
    pub checks: Vec<Check>,
    /// What was measured.
    pub measured: Measured,
}

impl Report {
    /// Whether no rule is broken; advice may be left.
    pub fn passed(&self) -> bool {
        self.failures().next().is_none()
    }

    /// The rules that are broken.
    pub fn failures(&self) -> impl Iterator<Item = &Check> {
        self.checks.iter().filter(|check| check.outcome == Outcome::Failed)
    }

    /// Whether every rule and every recommendation is kept.
    pub fn flawless(&self) -> bool {
        self.checks.iter().all(|check| check.outcome == Outcome::Passed)
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {}, expected {} ({}, {})",
            self.name, self.found, self.expected, self.source, self.date
        )
    }
}
