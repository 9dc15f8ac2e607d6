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
    Tokenizer::open(&model, "tokenizer").map_err(|error| failed(error, ""))
}

fn undirected(error: prompting::Error) -> Error {
    use prompting::Error as E;
    let kind = match error {
        E::Lengths { .. } => Kind::Invalid,
        E::OtherScript { .. } | E::Silent | E::Asset { .. } => Kind::Failed,
    };
    Error::new(kind, "", error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        pipeline,
        stages::{Cancel, Happening, Stage, narration},
        store::Store,
    };

    /// The demo, spoken by espeak-ng and directed for the embedded model's own tokenizer.
    #[test]
    fn the_demo_becomes_scenes_that_its_model_can_read() {
        let script = Script::parse(include_str!("../../assets/demo.md")).unwrap();
        let set = |path: &str, value: &str| ("--set".to_owned(), path.to_owned(), value.to_owned());
        let model = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/models/pocket");
        let sets = vec![set("images.model", model), set("scenes.prompt_suffix", "sharp focus, vertical")];
        let request = pipeline::Request { sets, ..pipeline::Request::default() };
        let pipeline = pipeline::load(&request).unwrap_or_else(|problems| panic!("{problems:?}"));
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let mut told = Vec::new();
        let mut ctx = Context {
            stage: Stage::Scenes,
            store: &store,
            models_dir: None,
            draft: false,
            cancel: Cancel::default(),
            tell: &mut |_, happening| told.push(happening),
        };
        let spoken = narration::run(&pipeline, &script, &mut ctx).unwrap();
        let scenes = run(&pipeline, &script, &spoken.narration, &mut ctx).unwrap();
        assert_eq!(scenes, run(&pipeline, &script, &spoken.narration, &mut ctx).unwrap());

        assert_eq!(scenes[0].span.start.0, 0);
        assert_eq!(scenes.last().unwrap().span.end, spoken.narration.duration);
        assert!(scenes.windows(2).all(|pair| pair[0].span.end == pair[1].span.start));
        let tokenizer = tokenizer(&pipeline, &ctx).unwrap();
        for scene in &scenes {
            assert_eq!(tokenizer.encode(&scene.prompt).dropped, 0, "{}", scene.prompt);
            assert_eq!(tokenizer.encode(&scene.negative_prompt).dropped, 0);
        }
        let directed = "a lighthouse on a cliff by the sea, at night, in a thunderstorm";
        assert!(scenes.iter().any(|scene| scene.subject == directed));
        let shown = |words: &str| {
            let scene = scenes.iter().find(|scene| scene.text.contains(words)).unwrap();
            scene.subject.clone()
        };
        assert_eq!(shown("caravans"), "desert");
        assert_eq!(shown("campfire"), "campfire");
        let warned = |happening: &Happening| matches!(happening, Happening::Warning { .. });
        assert!(!told.iter().any(warned), "{told:?}");
    }
}
