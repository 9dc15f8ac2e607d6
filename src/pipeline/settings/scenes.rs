//! The `scenes` stage.

use serde::Serialize;
use std::collections::BTreeMap;

/// Who turns beats into scenes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DirectorEngine {
    /// Written rules: no download, the same answer every time.
    Rules,
}

/// Settings of the `scenes` stage.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Scenes {
    /// Who turns beats into scenes.
    pub engine: DirectorEngine,
    /// The shortest and the longest scene in seconds.
    pub seconds: [f64; 2],
    /// Put at the end of every prompt, after the style's.
    pub prompt_suffix: String,
    /// What no picture shows, after the style's.
    pub negative_prompt: String,
    /// Who the people of the script are: name to description.
    pub characters: BTreeMap<String, String>,
}
