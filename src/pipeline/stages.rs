//! The chain of stages: which there are, in which order, which may be left out.

use super::{
    nearest::{list, nearest},
    node::{Key, Node, Value, quote},
    problem::{Problem, Problems},
    source::Spot,
};

/// A kind of work in the chain.
pub(crate) struct Stage {
    /// What a pipeline file calls it.
    pub(crate) name: &'static str,
    /// Whether a chain without it makes no video.
    pub(crate) required: bool,
}

const fn stage(name: &'static str, required: bool) -> Stage {
    Stage { name, required }
}

/// Every stage in the one order that makes sense.
pub(crate) const CHAIN: [Stage; 7] = [
    stage("narration", true),
    stage("scenes", true),
    stage("images", true),
    stage("refine", false),
    stage("upscale", false),
    stage("timeline", true),
    stage("video", true),
];

fn names() -> impl Iterator<Item = &'static str> {
    CHAIN.iter().map(|stage| stage.name)
}

/// Whether `name` is a stage.
pub(crate) fn is_stage(name: &str) -> bool {
    CHAIN.iter().any(|stage| stage.name == name)
}

/// The stages of a file's `stages` list, each with its settings.
pub(crate) struct Chain {
    pub(crate) stages: Vec<(Key, Node)>,
    /// Where the list was written.
    pub(crate) spot: Spot,
}

impl Chain {
    /// Whether stage `name` runs.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.stages.iter().any(|(key, _)| key.name == name)
    }
}

/// Reads a list such as `[{ narration: {...} }, video]`; `key` is the word `stages` before it.
pub(crate) fn read_chain(key: &Key, node: Node, problems: &mut Problems) -> Option<Chain> {
    const SHAPE: &str = "expected a list such as `- images: { inference_steps: 12 }`";
    let spot = node.spot.clone();
    let Value::List(items) = node.value else {
        problems.push(Problem::new(format!("`stages` is {}", node.kind())).at(&spot, SHAPE));
        return None;
    };
    let mut stages: Vec<(Key, Node)> = Vec::new();
    let mut furthest = 0;
    for item in items {
        let Some((key, settings)) = entry(item, problems) else { continue };
        let Some(place) = CHAIN.iter().position(|stage| stage.name == key.name) else {
            let help = match nearest(&key.name, names()) {
                Some(name) => format!("did you mean `{name}`?"),
                None => format!("the stages are {}", list(names(), "and")),
            };
            let problem = Problem::new(format!("unknown stage {}", quote(&key.name)));
            problems.push(problem.at(&key.spot, "no such stage").help(help));
            continue;
        };
        if let Some((first, _)) = stages.iter().find(|(known, _)| known.name == key.name) {
            problems.push(
                Problem::new(format!("the stage {} is there twice", quote(&key.name)))
                    .at(&key.spot, "again here")
                    .at(&first.spot, "first here")
                    .help("put all its settings into one"),
            );
            continue;
        }
        if place < furthest {
            problems.push(
                Problem::new(format!("the stage {} is out of order", quote(&key.name)))
                    .at(&key.spot, format!("expected before `{}`", CHAIN[furthest].name))
                    .help(format!("the order is {}", list(names(), "and"))),
            );
        }
        furthest = furthest.max(place);
        stages.push((key, settings));
    }
    for stage in CHAIN.iter().filter(|stage| stage.required) {
        if !stages.iter().any(|(key, _)| key.name == stage.name) {
            problems.push(
                Problem::new(format!("the stage `{}` is missing", stage.name))
                    .at(&key.spot, "expected it in this list")
                    .help(format!("add `- {}`; a stage without settings takes the defaults", stage.name)),
            );
        }
    }
    Some(Chain { stages, spot: key.spot.clone() })
}

/// A stage with its settings out of `images: {...}`, `images:` or `images`.
fn entry(item: Node, problems: &mut Problems) -> Option<(Key, Node)> {
    let spot = item.spot.clone();
    let what = item.kind();
    match item.value {
        Value::Scalar { text, .. } => {
            Some((Key { name: text, spot: spot.clone() }, Node::map(Vec::new(), &spot)))
        }
        Value::Map(mut entries) if entries.len() == 1 => entries.pop(),
        // `- images:` with its settings not indented below it reads as one long mapping.
        Value::Map(mut entries) if entries.len() > 1 => {
            problems.push(
                Problem::new("an entry of `stages` has more than one key")
                    .at(&entries[1].0.spot, "expected one stage with its settings")
                    .help("indent a stage's settings further, and begin each stage with `-`"),
            );
            Some(entries.swap_remove(0))
        }
        _ => {
            problems.push(
                Problem::new(format!("an entry of `stages` is {what}"))
                    .at(&spot, "expected a stage with its settings"),
            );
            None
        }
    }
}
