//! From the narration to scenes with prompts, for the model that will draw them.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

use super::{
    Cached, Context, Error, Kind,
    images::{failed, unusable},
    narration::asked,
};
use crate::{
    diffusion::Tokenizer,
    models::Catalog,
    pipeline::{Character, DirectorEngine, Pipeline},
    prompting::{self, Brief, Direction, Director, LONGEST_STORYBOARD, Llm, Rules, Storyboard},
    service,
    store::{Key, KeyBuilder},
    story::{Narration, Scene, Script},
};

/// What is raised when the same script is put to a language model otherwise than before.
const VERSION: u32 = 1;

/// What the director answers.
#[derive(Debug, Clone, PartialEq)]
pub struct Directed {
    /// The scenes in order.
    pub scenes: Vec<Scene>,
    /// The video's title, where the director wrote one.
    pub title: Option<String>,
    /// What it is about, where the director wrote that.
    pub description: Option<String>,
    /// Hashtags, where the director chose some.
    pub hashtags: Vec<String>,
}

/// Divides the narration into scenes and writes their prompts, as long as the model's text
/// encoder reads. What a language model answers is kept in the store; the rest takes milliseconds.
///
/// # Errors
/// When the model is missing or its tokenizer unreadable, when settings contradict themselves, or when a
/// storyboard does not fit the script.
pub fn run(
    pipeline: &Pipeline,
    script: &Script,
    narration: &Narration,
    ctx: &mut Context<'_>,
) -> Result<Directed, Error> {
    ctx.cancel.check()?;
    let tokenizer = if ctx.draft { None } else { Some(tokenizer(pipeline, ctx)?) };
    // Start and end take a place each.
    let count = |prompt: &str| tokenizer.as_ref().map_or(0, |tokenizer| tokenizer.count(prompt) + 2);
    let limit = tokenizer.as_ref().map_or(usize::MAX, Tokenizer::limit);
    let looks = looks(pipeline);
    let brief = brief(pipeline, script, narration, &looks, (&count, limit));
    let (direction, board) = match pipeline.scenes.engine {
        DirectorEngine::Rules => (rules(&brief)?, Storyboard::default()),
        DirectorEngine::File => {
            let board = file(pipeline)?;
            (board.direct(&brief).map_err(undirected)?, board)
        }
        // A quick look asks nobody.
        DirectorEngine::Llm if ctx.draft => (rules(&brief)?, Storyboard::default()),
        DirectorEngine::Llm => language_model(pipeline, &brief, ctx)?,
    };
    for note in &direction.notes {
        ctx.note(note.to_string());
    }
    let Storyboard { title, description, hashtags, .. } = board;
    Ok(Directed { scenes: direction.scenes, title, description, hashtags })
}

/// Whether a language model need not be asked again; other directors are no steps.
///
/// # Errors
/// When the image model is missing or the store cannot be read.
pub fn cached(
    pipeline: &Pipeline,
    script: &Script,
    narration: &Narration,
    ctx: &Context<'_>,
) -> Result<Cached, Error> {
    if pipeline.scenes.engine != DirectorEngine::Llm || ctx.draft {
        return Ok(Cached { steps: 0, hits: 0 });
    }
    let tokenizer = tokenizer(pipeline, ctx)?;
    let count = |prompt: &str| tokenizer.count(prompt) + 2;
    let looks = looks(pipeline);
    let brief = brief(pipeline, script, narration, &looks, (&count, tokenizer.limit()));
    let hits = usize::from(ctx.store.lookup::<Storyboard>(&key(pipeline, &brief)?)?.is_some());
    Ok(Cached { steps: 1, hits })
}

/// How the people of the script look, in words.
fn looks(pipeline: &Pipeline) -> BTreeMap<String, String> {
    let look = |(name, character): (&String, &Character)| (name.clone(), character.prompt.clone());
    pipeline.scenes.characters.iter().map(look).collect()
}

fn brief<'a>(
    pipeline: &'a Pipeline,
    script: &'a Script,
    narration: &'a Narration,
    characters: &'a BTreeMap<String, String>,
    (token_count, token_limit): (&'a dyn Fn(&str) -> usize, usize),
) -> Brief<'a> {
    let settings = &pipeline.scenes;
    Brief {
        script,
        narration,
        seconds: settings.seconds,
        style: &pipeline.style,
        prompt_suffix: &settings.prompt_suffix,
        negative_prompt: &settings.negative_prompt,
        characters,
        token_count,
        token_limit,
        // The lists of subjects are what pocket was taught.
        knows_any_word: !std::path::Path::new(&pipeline.images.model).ends_with("pocket"),
        seed: pipeline.seed,
    }
}

fn rules(brief: &Brief<'_>) -> Result<Direction, Error> {
    Rules::new().and_then(|rules| rules.direct(brief)).map_err(undirected)
}

/// The storyboard that somebody wrote.
fn file(pipeline: &Pipeline) -> Result<Storyboard, Error> {
    let path: &PathBuf = pipeline.scenes.file.as_ref().ok_or_else(|| {
        let message = "there is no storyboard: `--stop-after scenes` writes NAME.scenes.yaml; put it beside the script, or \
                       name one as `scenes.file`";
        Error::new(Kind::Missing, "", message)
    })?;
    let wrong = |kind: Kind, reason: String| {
        Error::new(kind, "", format!("the storyboard {} cannot be used: {reason}", path.display()))
    };
    let length = std::fs::metadata(path).map_err(|error| wrong(Kind::Missing, error.to_string()))?.len();
    if length > LONGEST_STORYBOARD {
        return Err(wrong(Kind::Invalid, format!("it is larger than {} MiB", LONGEST_STORYBOARD >> 20)));
    }
    let text = std::fs::read_to_string(path).map_err(|error| wrong(Kind::Missing, error.to_string()))?;
    Storyboard::parse(&text).map_err(|reason| wrong(Kind::Invalid, reason))
}

/// All that a language model's answer depends on.
fn key(pipeline: &Pipeline, brief: &Brief<'_>) -> Result<Key, Error> {
    let llm = &pipeline.scenes.llm;
    Ok(KeyBuilder::new("storyboard", VERSION)
        .field("url", &llm.server.url)
        .field("model", &llm.server.model)
        .field("temperature", &llm.temperature)
        .field("seed", &brief.seed)
        .field("instructions", &prompting::instructions(brief))
        .field("question", &prompting::question(brief))
        .finish()?)
}

/// A storyboard by a language model; where it answers nothing of use, the rules take over and that is said.
fn language_model(
    pipeline: &Pipeline,
    brief: &Brief<'_>,
    ctx: &mut Context<'_>,
) -> Result<(Direction, Storyboard), Error> {
    let key = key(pipeline, brief)?;
    let llm = &pipeline.scenes.llm;
    let store = ctx.store;
    let written = store.obtain(&key, || {
        let settings = service::Settings::new("scenes.llm", &llm.server.url, llm.server.key.as_deref());
        let settings = settings.map_err(|error| asked(error, String::new()))?;
        let cancel = ctx.cancel.clone();
        let settings = service::Settings {
            offline: llm.server.offline,
            timeout: llm.server.timeout,
            retries: llm.server.retries as usize,
            patience: Duration::from_secs(300).max(llm.server.timeout),
            stop: Arc::new(move || cancel.is_cancelled()),
            longest_answer: 8 << 20,
            ..settings
        };
        check_cost(pipeline, brief)?;
        ctx.progress(0, 1, "storyboards", llm.server.model.clone())?;
        let board = Llm::open(settings, &llm.server.model, llm.temperature).and_then(|llm| llm.ask(brief));
        board.map(|board| (board, Vec::new())).map_err(undirected)
    });
    let (reason, board) = match written {
        Ok((board, origin)) => {
            ctx.step(origin == crate::store::Origin::Hit);
            match board.direct(brief) {
                Ok(direction) => {
                    ctx.note(format!("scenes by {} at {}", llm.server.model, llm.server.url));
                    return Ok((direction, board));
                }
                Err(error) => (error.to_string(), board),
            }
        }
        // What the user can mend at once is not covered up.
        Err(error) if matches!(error.kind, Kind::Cancelled | Kind::Invalid | Kind::Missing) => {
            return Err(error);
        }
        Err(error) => (error.to_string(), Storyboard::default()),
    };
    ctx.warn(format!("the rules direct instead of the language model: {reason}"));
    Ok((rules(brief)?, Storyboard { scenes: Vec::new(), ..board }))
}

/// Refuses what costs more than the pipeline allows, by the usual four characters a token.
fn check_cost(pipeline: &Pipeline, brief: &Brief<'_>) -> Result<(), Error> {
    let llm = &pipeline.scenes.llm;
    let characters = prompting::instructions(brief).len() + prompting::question(brief).len();
    let (read, written) = (characters as f64 / 4.0, 60.0 * brief.script.beats.len() as f64 + 200.0);
    // The answer may be sent back once.
    let cost = 2.0 * (read * llm.price_in + written * llm.price_out) / 1e6;
    match llm.server.max_cost {
        Some(most) if cost > most => {
            let message = format!(
                "asking {} may cost {cost:.4}, and `scenes.llm.max_cost` is {most}: nothing was sent; raise it, or use \
                 `scenes.engine: rules`",
                llm.server.model
            );
            Err(Error::new(Kind::Invalid, "", message))
        }
        _ => Ok(()),
    }
}

fn tokenizer(pipeline: &Pipeline, ctx: &Context<'_>) -> Result<Tokenizer, Error> {
    let model = Catalog::new(ctx.models_dir.clone()).find(&pipeline.images.model).map_err(unusable)?;
    Tokenizer::open(&model, "tokenizer").map_err(|error| failed(error, ""))
}

fn undirected(error: prompting::Error) -> Error {
    use prompting::Error as E;
    let kind = match error {
        E::Lengths { .. } | E::Storyboard { .. } => Kind::Invalid,
        E::OtherScript { .. } | E::Silent | E::Asset { .. } | E::Answer { .. } => Kind::Failed,
        E::Service(error) => return asked(error, String::new()),
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
        let scenes = run(&pipeline, &script, &spoken.narration, &mut ctx).unwrap().scenes;
        assert_eq!(scenes, run(&pipeline, &script, &spoken.narration, &mut ctx).unwrap().scenes);

        // What `--stop-after scenes` writes gives the same scenes again.
        let written = Storyboard::of(&scenes, &spoken.narration, &script).to_yaml();
        let path = folder.path().join("demo.scenes.yaml");
        std::fs::write(&path, written).unwrap();
        let mut reviewed = pipeline.clone();
        reviewed.scenes.engine = DirectorEngine::File;
        reviewed.scenes.file = Some(path);
        assert_eq!(run(&reviewed, &script, &spoken.narration, &mut ctx).unwrap().scenes, scenes);

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
