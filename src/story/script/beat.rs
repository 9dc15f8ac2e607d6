use serde::{Deserialize, Serialize};
use std::time::Duration;

use super::saying::Saying;

/// The silence after a beat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pause {
    /// As long as the pipeline says for a sentence.
    Sentence,
    /// As long as the pipeline says for a paragraph.
    Paragraph,
    /// As long as the script says: `[pause: 800ms]`.
    Exactly(Duration),
}

/// One spoken sentence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beat {
    /// The sentence as written: shown in captions, normalized before it is spoken.
    pub text: String,
    /// The parts of it that are said in a way of their own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sayings: Vec<Saying>,
    /// The line it begins on, from 1.
    pub line: u32,
    /// The voice that `[voice: ...]` asked for.
    pub voice: Option<String>,
    /// The picture that `[scene: ...]` asked for; a scene begins here.
    pub scene: Option<String>,
    /// The silence after it.
    pub pause: Pause,
}

/// The YAML between `---` lines at the top of a script: settings for this video alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FrontMatter {
    /// The YAML, without the `---` lines.
    pub text: String,
    /// The script's line on which it begins, from 1.
    pub line: u32,
}

/// A script as read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Script {
    /// The first `#` heading; it is shown and used as the video's title, never spoken.
    pub title: Option<String>,
    /// Settings for this video alone, not interpreted yet.
    pub front_matter: Option<FrontMatter>,
    /// What is spoken, in order; never empty.
    pub beats: Vec<Beat>,
}

/// Why a text is no script.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct ScriptError {
    /// The line, from 1.
    pub line: u32,
    /// The byte range in the text that is meant, for an underline.
    pub range: (usize, usize),
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: String,
}
