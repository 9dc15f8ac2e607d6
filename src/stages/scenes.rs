//! The narration divided into scenes, each with its prompt.

use super::{Context, Error, Kind};
use crate::{
    diffusion::Tokenizer,
    models::Catalog,
    pipeline::{DirectorEngine, Pipeline},
    prompting::{self, Brief, Direction, Director, Rules},
    story::{Narration, Scene, Script},
};

/// Tokens of CLIP's text encoder: what a draft, which loads no model, writes its prompts for.
const CLIP_TOKENS: usize = 77;

/// Directs the script.
///
/// # Errors
/// When the settings contradict each other, or the image model's tokenizer is missing.
pub fn run(
    pipeline: &Pipeline,
    script: &Script,
    narration: &Narration,
    ctx: &mut Context<'_>,
) -> Result<Vec<Scene>, Error> {
    let tokenizer = if ctx.draft { None } else { Some(tokenizer(pipeline, ctx)?) };
    let words = |text: &str| text.split_whitespace().count() + 2;
    let token_count =
        |text: &str| tokenizer.as_ref().map_or_else(|| words(text), |tokenizer| tokenizer.count(text));
    let settings = &pipeline.scenes;
    let brief = Brief {
        script,
        narration,
        seconds: settings.seconds,
        style: &pipeline.style,
        prompt_suffix: &settings.prompt_suffix,
        negative_prompt: &settings.negative_prompt,
        characters: &settings.characters,
        token_count: &token_count,
        token_limit: tokenizer.as_ref().map_or(CLIP_TOKENS, Tokenizer::limit),
        seed: pipeline.seed,
    };
    let Direction { scenes, notes } = match settings.engine {
        DirectorEngine::Rules => Rules::new().and_then(|rules| rules.direct(&brief)),
    }
    .map_err(|error: prompting::Error| Error::new(Kind::Invalid, "", error))?;
    for note in notes {
        ctx.note(note.to_string());
    }
    Ok(scenes)
}

fn unusable(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::new(Kind::Missing, "", error)
}

fn tokenizer(pipeline: &Pipeline, ctx: &Context<'_>) -> Result<Tokenizer, Error> {
    let model = Catalog::new(ctx.models_dir.clone()).find(&pipeline.images.model).map_err(unusable)?;
    Tokenizer::open(&model).map_err(unusable)
}
