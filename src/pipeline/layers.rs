//! Layers of settings, one over the other, while every value remembers where it was written.

use super::{
    nearest::{list, nearest},
    node::{Key, Node, Value, quote},
    problem::{Problem, Problems},
    source::{Source, Spot},
    stages::{CHAIN, is_stage},
    tree,
};
use crate::story::FrontMatter;

/// Settings of a video that are not part of a stage.
pub(crate) const GENERAL: [&str; 8] =
    ["platform", "format", "deliver", "style", "seed", "title", "hashtags", "memory"];

/// What a script may write at the top level instead of under its stage.
const SHORT: [(&str, &[&str]); 3] = [
    ("voice", &["narration", "voice"]),
    ("characters", &["scenes", "characters"]),
    ("music", &["timeline", "music"]),
];

/// Groups for which a plain value stands for their first setting: `captions: karaoke`.
const FIRST: [(&str, &str); 7] = [
    ("timeline.transition", "kind"),
    ("timeline.captions", "style"),
    ("timeline.music", "mood"),
    ("timeline.effects", "transitions"),
    ("timeline.hook", "text"),
    ("timeline.end_card", "text"),
    ("timeline.watermark", "text"),
];

/// In this group, whoever says the first takes back what was said earlier about the second.
const INSTEAD: [(&str, &str, &str); 1] = [("timeline.music", "mood", "file")];

/// What choosing a preset decides, until a later word.
const DECIDES: [(&str, &[&[&str]]); 2] = [
    ("platform", &[&["video", "fps"]]),
    (
        "style",
        &[
            &["timeline", "camera"],
            &["timeline", "transition", "kind"],
            &["timeline", "captions", "style"],
            &["timeline", "grade"],
        ],
    ),
];

/// What other programs of ours, or the command line itself, read from the environment.
const NOT_SETTINGS: &[&str] = &[
    "PIPELINE",
    "OUTPUT",
    "MODELS_DIR",
    "CACHE_DIR",
    "CONFIG_DIR",
    "OFFLINE",
    "STOP_AFTER",
    "DRAFT",
    "JSON",
    "QUIET",
    "VERBOSE",
    "COLOR",
    "LOG",
    "FAULT",
    "BENCH_DIR",
    "BENCH_PYTHON",
];

/// Lays `over` onto `base`.
///
/// A layer that chooses a platform or a style takes back what earlier layers said about the settings
/// that the preset decides; what the same layer says about them itself counts.
pub(crate) fn apply(base: &mut Node, over: Node, problems: &mut Problems) {
    for (preset, paths) in DECIDES {
        let Some(chosen) = over.get(preset) else { continue };
        for path in paths {
            let auto = Node::plain("auto", &chosen.spot);
            let keys = path.iter().map(|name| Key { name: (*name).to_owned(), spot: chosen.spot.clone() });
            merge(base, nest(keys, auto), "", problems);
        }
    }
    merge(base, over, "", problems);
}

/// `keys` as mappings one within the other, around `node`.
fn nest(keys: impl DoubleEndedIterator<Item = Key>, node: Node) -> Node {
    keys.rev().fold(node, |node, key| {
        let spot = key.spot.to(&node.spot);
        Node::map(vec![(key, node)], &spot)
    })
}

fn merge(base: &mut Node, over: Node, path: &str, problems: &mut Problems) {
    let first = FIRST.iter().find(|(group, _)| *group == path).map(|(_, first)| *first);
    match (&mut base.value, over.value) {
        (Value::Map(entries), Value::Map(overs)) => {
            let has = |name: &str| overs.iter().find(|(key, _)| key.name == name);
            for (_, said, taken) in INSTEAD.iter().filter(|(group, ..)| *group == path) {
                if let (Some((_, node)), None) = (has(said), has(taken))
                    && let Some((_, below)) = entries.iter_mut().find(|(key, _)| key.name == *taken)
                {
                    *below = Node { value: Value::Null, spot: node.spot.clone() };
                }
            }
            for (key, node) in overs {
                let path = if path.is_empty() { key.name.clone() } else { format!("{path}.{}", key.name) };
                match entries.iter_mut().find(|(known, _)| known.name == key.name) {
                    Some((known, below)) => {
                        *known = key;
                        merge(below, node, &path, problems);
                    }
                    None => entries.push((key, node)),
                }
            }
        }
        // A group without settings changes none.
        (Value::Map(_), Value::Null) => {}
        (Value::Map(_), value @ Value::Scalar { .. }) if first.is_some() => {
            let key = Key { name: first.unwrap_or_default().to_owned(), spot: over.spot.clone() };
            merge(base, nest([key].into_iter(), Node { value, spot: over.spot }), path, problems);
        }
        (Value::Map(_), value) => {
            let node = Node { value, spot: over.spot };
            problems.push(
                Problem::new(format!("{} is {}", quote(path), node.kind()))
                    .at(&node.spot, "expected a mapping of settings"),
            );
        }
        (_, value) => *base = Node { value, spot: over.spot },
    }
}

/// The layer of settings written by stage name at the top level: front matter, environment, options.
pub(crate) struct Flat {
    root: Node,
}

impl Flat {
    fn new(spot: &Spot) -> Self {
        Self { root: Node::map(Vec::new(), spot) }
    }

    /// The layer as a mapping.
    pub(crate) fn into_node(self) -> Node {
        self.root
    }

    /// Reports a short form of something that is there already.
    fn refuse_repetition(&self, short: &Key, problems: &mut Problems) {
        let Some((_, path)) = SHORT.iter().find(|(name, _)| *name == short.name) else { return };
        if let Some(node) = path.iter().try_fold(&self.root, |node, name| node.get(name)) {
            problems.push(
                Problem::new(format!("`{}` is set twice", path.join(".")))
                    .at(&short.spot, "again here")
                    .at(&node.spot, "first here")
                    .help("keep one of them"),
            );
        }
    }

    /// Adds one setting; `keys` is its path, of which short forms are spelled out.
    fn add(&mut self, mut keys: Vec<Key>, node: Node, problems: &mut Problems) {
        let Some(first) = keys.first().cloned() else { return };
        let name = first.name.as_str();
        if let Some((_, path)) = SHORT.iter().find(|(short, _)| *short == name) {
            let long = path.iter().map(|name| Key { name: (*name).to_owned(), spot: first.spot.clone() });
            keys.splice(..1, long);
        } else if !GENERAL.contains(&name) && !is_stage(name) {
            let problem = Problem::new(format!("unknown setting {}", quote(name)));
            problems.push(match name {
                "version" | "name" | "summary" | "extends" => problem
                    .at(&first.spot, "only in a pipeline file")
                    .help("remove it; `--pipeline` chooses the pipeline"),
                "stages" => problem
                    .at(&first.spot, "only in a pipeline file")
                    .help("name the stage itself, as `images.inference_steps`"),
                _ => {
                    let problem = problem.at(&first.spot, "no such setting");
                    problem.help(match nearest(name, known()) {
                        Some(name) => format!("did you mean `{name}`?"),
                        None => format!("known here: {}", list(known(), "and")),
                    })
                }
            });
            return;
        }
        merge(&mut self.root, nest(keys.into_iter(), node), "", problems);
    }
}

fn known() -> impl Iterator<Item = &'static str> {
    let stages = CHAIN.iter().map(|stage| stage.name);
    GENERAL.into_iter().chain(SHORT.iter().map(|(name, _)| *name)).chain(stages)
}

/// The settings at the top of a script, with the lines of the script.
pub(crate) fn front_matter(name: &str, text: &str, front: &FrontMatter, problems: &mut Problems) -> Flat {
    let source = Source::new(name, text);
    let range = source.lines((front.line as usize).saturating_sub(1), front.text.lines().count());
    let mut flat = Flat::new(&Spot::new(&source, range.clone()));
    let Some(root) = tree::parse(&source, range, problems) else { return flat };
    let kind = root.kind();
    match root.value {
        Value::Map(entries) => {
            // Short forms last: they can only repeat what is there already.
            let (short, long): (Vec<_>, Vec<_>) =
                entries.into_iter().partition(|(key, _)| SHORT.iter().any(|(name, _)| *name == key.name));
            long.into_iter().for_each(|(key, node)| flat.add(vec![key], node, problems));
            for (key, node) in short {
                flat.refuse_repetition(&key, problems);
                flat.add(vec![key], node, problems);
            }
        }
        Value::Null => {}
        _ => problems.push(
            Problem::new(format!("the front matter is {kind}"))
                .at(&root.spot, "expected settings such as `voice: nova`"),
        ),
    }
    flat
}

/// The settings in environment variables; `base` holds every setting there is.
pub(crate) fn environment(variables: &[(String, String)], base: &Node, problems: &mut Problems) -> Flat {
    let mut flat = Flat::new(&base.spot);
    let short = SHORT.iter().map(|(name, _)| vec![*name]);
    let paths = base.settings().into_iter().map(|(path, _)| path).chain(short);
    let named: Vec<(String, Vec<&str>)> = paths.map(|path| (path.join("_"), path)).collect();
    for (name, value) in variables {
        let Some(rest) = name.strip_prefix("SHORTFORM_") else { continue };
        if NOT_SETTINGS.contains(&rest) || secret(rest) {
            continue;
        }
        let wanted = rest.to_lowercase();
        let Some((_, path)) = named.iter().find(|(name, _)| *name == wanted) else {
            // Its value stays unseen: who knows what it is.
            let source = Source::new("environment", name);
            let help = nearest(&wanted, named.iter().map(|(name, _)| name.as_str()))
                .map(|name| format!("did you mean `SHORTFORM_{}`?", name.to_uppercase()));
            problems.push(
                Problem::new(format!("unknown environment variable {}", quote(name)))
                    .at(&Spot::new(&source, 0..name.len()), "no setting has this name")
                    .maybe_help(help),
            );
            continue;
        };
        let source = Source::new("environment", format!("{name}={value}"));
        let spot = Spot::new(&source, 0..name.len());
        let keys = path.iter().map(|name| Key { name: (*name).to_owned(), spot: spot.clone() }).collect();
        if let Some(node) = value_node(&Spot::new(&source, name.len() + 1..source.text().len()), problems) {
            flat.add(keys, node, problems);
        }
    }
    flat
}

/// Keys and tokens are never settings; nobody may see them in a message.
fn secret(name: &str) -> bool {
    ["KEY", "TOKEN", "SECRET", "PASSWORD"].iter().any(|word| name.ends_with(word))
}

/// The settings of the command line: origin (`--set`, `--voice`), path and value.
pub(crate) fn options(sets: &[(String, String, String)], base: &Node, problems: &mut Problems) -> Flat {
    let mut flat = Flat::new(&base.spot);
    for (origin, path, value) in sets {
        let written =
            if origin == "--set" { format!("--set {path}={value}") } else { format!("{origin} {value}") };
        let value_at = written.len() - value.len();
        let source = Source::new("command line", written);
        let value_spot = Spot::new(&source, value_at..source.text().len());
        let mut at = origin.len() + 1;
        let mut keys = Vec::new();
        for name in path.split('.') {
            let range = if origin == "--set" { at..at + name.len() } else { 0..origin.len() };
            keys.push(Key { name: name.to_owned(), spot: Spot::new(&source, range) });
            at += name.len() + 1;
        }
        if keys.iter().any(|key| key.name.trim().is_empty()) {
            problems.push(
                Problem::new(format!("{} is no path of a setting", quote(path)))
                    .at(&Spot::new(&source, origin.len() + 1..value_at), "expected names between the dots")
                    .help("write for example `--set images.inference_steps=12`"),
            );
        } else if let Some(node) = value_node(&value_spot, problems) {
            flat.add(keys, node, problems);
        }
    }
    flat
}

/// A value as typed into a shell: lists, mappings and quoted texts are YAML, everything else stands for itself.
fn value_node(spot: &Spot, problems: &mut Problems) -> Option<Node> {
    let text = spot.text();
    match text.trim_start().chars().next() {
        Some('[' | '{' | '"' | '\'') => tree::parse(spot.source(), spot.range(), problems),
        _ => Some(Node::plain(text.trim(), spot)),
    }
}
