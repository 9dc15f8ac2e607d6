//! The `scenes` stage.

use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, path::PathBuf};

use super::Server;
use crate::{
    pipeline::{
        fields::Fields,
        kind::{file, name, number, span, text, variant},
    },
    story::Likeness,
};

/// Who turns beats into scenes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DirectorEngine {
    /// Written rules: no download, the same answer every time.
    Rules,
    /// A language model at a server.
    Llm,
    /// A storyboard that a person or a program wrote.
    File,
}

/// The language model, for when it directs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Llm {
    /// Which, and how it is asked.
    pub server: Server,
    /// What a million tokens that it reads cost.
    pub price_in: f64,
    /// What a million tokens that it writes cost.
    pub price_out: f64,
    /// How freely it writes, 0 to 2.
    pub temperature: f64,
}

impl Llm {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let server = Server::read(fields);
        let price_in = fields.get("price_in", &number(0.0..=1e6));
        let price_out = fields.get("price_out", &number(0.0..=1e6));
        let temperature = fields.get("temperature", &number(0.0..=2.0));
        Some(Self { server: server?, price_in: price_in?, price_out: price_out?, temperature: temperature? })
    }
}

/// Somebody of the script.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Character {
    /// How they look, in words.
    pub prompt: String,
    /// A picture of them, for `images.ip_adapter` to look at.
    pub image: Option<PathBuf>,
    /// How much that picture counts beside the prompt.
    pub likeness: Likeness,
}

/// How much a picture counts where nobody says: enough to recognise somebody, with room for the scene.
const LIKENESS: f64 = 0.6;

impl Character {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let prompt = fields.get("prompt", &name("a description"));
        let image = fields.optional("image", &file("the path of a picture"));
        let likeness = fields.optional("likeness", &number(0.0..=1.0));
        let likeness = Likeness::of(likeness?.unwrap_or(LIKENESS));
        Some(Self { prompt: prompt?, image: image?, likeness })
    }
}

/// Settings of the `scenes` stage.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Scenes {
    /// Who turns beats into scenes.
    pub engine: DirectorEngine,
    /// The storyboard; none is `NAME.scenes.yaml` beside the script.
    pub file: Option<PathBuf>,
    /// The language model.
    pub llm: Llm,
    /// The shortest and the longest scene in seconds.
    pub seconds: [f64; 2],
    /// Put at the end of every prompt, after the style's.
    pub prompt_suffix: String,
    /// What no picture shows, after the style's.
    pub negative_prompt: String,
    /// Who the people of the script are, by name.
    pub characters: BTreeMap<String, Character>,
}

impl Scenes {
    pub(crate) fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let engine = fields.get("engine", &variant::<DirectorEngine>());
        let file = name("the path of a storyboard").map(|path| Some(PathBuf::from(path))).or_auto(None);
        let file = fields.get("file", &file);
        let llm = fields.group("llm", Llm::read);
        let seconds = fields.get("seconds", &span(0.5..=60.0));
        let prompt_suffix = fields.get("prompt_suffix", &text());
        let negative_prompt = fields.get("negative_prompt", &text());
        let described = name("a description, or a mapping with `prompt` and `image`")
            .map(|prompt| Character { prompt, image: None, likeness: Likeness::of(LIKENESS) });
        let characters = fields.names_or_groups("characters", &described, Character::read);
        Some(Self {
            engine: engine?,
            file: file?,
            llm: llm?,
            seconds: seconds?,
            prompt_suffix: prompt_suffix?,
            negative_prompt: negative_prompt?,
            characters: characters?.into_iter().collect(),
        })
    }
}
