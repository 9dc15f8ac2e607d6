//! The `scenes` stage.

use serde::Serialize;
use std::collections::BTreeMap;

use crate::pipeline::{
    fields::Fields,
    kind::{name, one_of, span, text},
};

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

impl Scenes {
    pub(crate) fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let engine = one_of(vec!["rules".to_owned()]).map(|_| DirectorEngine::Rules).later(&["llm", "file"]);
        let engine = fields.get("engine", &engine);
        let seconds = fields.get("seconds", &span(0.5..=60.0));
        let prompt_suffix = fields.get("prompt_suffix", &text());
        let negative_prompt = fields.get("negative_prompt", &text());
        let characters = fields.names("characters", &name("a description"));
        Some(Self {
            engine: engine?,
            seconds: seconds?,
            prompt_suffix: prompt_suffix?,
            negative_prompt: negative_prompt?,
            characters: characters?.into_iter().collect(),
        })
    }
}
