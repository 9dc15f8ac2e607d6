//! From the narration to scenes with prompts, for the model that will draw them.

use super::{
    Context, Error, Kind,
    images::{failed, unusable},
};
use crate::{
    diffusion::Tokenizer,
    models::Catalog,
    pipeline::{DirectorEngine, Pipeline},
    prompting::{self, Brief, Director, Rules},
    story::{Narration, Scene, Script},
};

/// Divides the narration into scenes and writes their prompts, as long as the model's text
/// encoder reads. Not kept in the store: it takes milliseconds.
///
/// # Errors
/// When the model is missing or its tokenizer unreadable, or when settings contradict themselves.
pub fn run(
    pipeline: &Pipeline,
    script: &Script,
    narration: &Narration,
    ctx: &mut Context<'_>,
) -> Result<Vec<Scene>, Error> {
    ctx.cancel.check()?;
    let settings = &pipeline.scenes;
    let tokenizer = if ctx.draft { None } else { Some(tokenizer(pipeline, ctx)?) };
    // Start and end take a place each.
    let count = |prompt: &str| tokenizer.as_ref().map_or(0, |tokenizer| tokenizer.count(prompt) + 2);
    let brief = Brief {
        script,
        narration,
        seconds: settings.seconds,
        style: &pipeline.style,
        prompt_suffix: &settings.prompt_suffix,
        negative_prompt: &settings.negative_prompt,
        characters: &settings.characters,
        token_count: &count,
        token_limit: tokenizer.as_ref().map_or(usize::MAX, Tokenizer::limit),
        seed: pipeline.seed,
    };
    let director = match settings.engine {
        DirectorEngine::Rules => Rules::new().map_err(undirected)?,
    };
    let direction = director.direct(&brief).map_err(undirected)?;
    for note in &direction.notes {
        ctx.note(note.to_string());
    }
    Ok(direction.scenes)
}

fn tokenizer(pipeline: &Pipeline, ctx: &Context<'_>) -> Result<Tokenizer, Error> {
    let model = Catalog::new(ctx.models_dir.clone()).find(&pipeline.images.model).map_err(unusable)?;
    Tokenizer::open(&model).map_err(|error| failed(error, ""))
}

fn undirected(error: prompting::Error) -> Error {
    use prompting::Error as E;
    let kind = match error {
        E::Lengths { .. } => Kind::Invalid,
        E::OtherScript { .. } | E::Silent | E::Asset { .. } => Kind::Failed,
    };
    Error::new(kind, "", error)
}
