//! Pipeline files, and the files they extend.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    kind,
    layers::GENERAL,
    nearest::{list, nearest},
    node::{Node, Value, quote},
    presets::{Family, Origin, Presets},
    problem::{Problem, Problems},
    source::{Source, Spot},
    stages::{Chain, is_stage, read_chain},
    tree,
};

/// The version of the format that this program reads.
const VERSION: &str = "1";

/// The pipeline under every other.
pub(crate) const BASE: &str = "default";

/// A pipeline file as written.
pub(crate) struct PipelineFile {
    pub(crate) name: String,
    pub(crate) summary: String,
    extends: Option<(String, Spot)>,
    pub(crate) chain: Option<Chain>,
    /// Its general settings; those of its stages are in `chain`.
    pub(crate) settings: Node,
}

impl PipelineFile {
    /// All its settings by stage name, and the stages that run where it says so.
    pub(crate) fn into_layer(self) -> (Node, Option<Chain>) {
        let Self { mut settings, chain, .. } = self;
        if let (Value::Map(entries), Some(chain)) = (&mut settings.value, &chain) {
            entries.extend(chain.stages.iter().cloned());
        }
        (settings, chain)
    }
}

/// Reads a pipeline file; `stem` names it where it does not name itself.
pub(crate) fn read(source: &Arc<Source>, stem: &str, problems: &mut Problems) -> Option<PipelineFile> {
    let before = problems.len();
    let Some(mut root) = tree::parse(source, 0..source.text().len(), problems) else {
        if problems.len() == before {
            problems.push(empty(source));
        }
        return None;
    };
    let kind = root.kind();
    match &root.value {
        Value::Map(_) => {}
        Value::Null => {
            problems.push(empty(source));
            return None;
        }
        _ => {
            problems.push(
                Problem::new(format!("a pipeline is a mapping, this is {kind}"))
                    .at(&root.spot, "expected settings such as `version: 1`"),
            );
            return None;
        }
    }
    check_version(&mut root, problems);
    let mut word = |name: &str| {
        let (_, node) = root.remove(name)?;
        match kind::name("a name").read(&node) {
            Ok(word) => Some((word, node.spot)),
            Err(wrong) => {
                problems
                    .push(Problem::new(format!("`{name}` {}", wrong.what)).at(&node.spot, "expected a name"));
                None
            }
        }
    };
    let name = word("name").map_or_else(|| stem.to_owned(), |(name, _)| name);
    let summary = word("summary").map(|(summary, _)| summary).unwrap_or_default();
    let extends = word("extends");
    let chain = root.remove("stages").and_then(|(key, node)| read_chain(&key, node, problems));
    check_names(&mut root, problems);
    Some(PipelineFile { name, summary, extends, chain, settings: root })
}

fn empty(source: &Arc<Source>) -> Problem {
    Problem::new(format!("`{}` is empty", source.name())).help("a pipeline begins with `version: 1`")
}

fn check_version(root: &mut Node, problems: &mut Problems) {
    let help = "write `version: 1` at the top";
    match root.remove("version") {
        None => problems
            .push(Problem::new("`version` is missing").at(&root.spot, "expected `version: 1`").help(help)),
        Some((_, node)) => match &node.value {
            Value::Scalar { text, quoted: false } if text == VERSION => {}
            _ => problems.push(
                Problem::new(format!("`version` is {}, which this program does not know", node.kind()))
                    .at(&node.spot, "expected `1`")
                    .help(help),
            ),
        },
    }
}

/// Takes out of a file's top level what has no place there.
fn check_names(root: &mut Node, problems: &mut Problems) {
    let Value::Map(entries) = &mut root.value else { return };
    entries.retain(|(key, _)| {
        let name = key.name.as_str();
        if GENERAL.contains(&name) {
            return true;
        }
        let known = || ["version", "name", "summary", "extends", "stages"].into_iter().chain(GENERAL);
        let problem = Problem::new(format!("unknown setting {}", quote(name)));
        problems.push(if is_stage(name) {
            Problem::new(format!("the stage {} is outside of the list of stages", quote(name)))
                .at(&key.spot, "expected under `stages`")
                .help(format!("write `stages:` and below it `- {name}: ...`"))
        } else {
            problem.at(&key.spot, "no such setting").help(match nearest(name, known()) {
                Some(name) => format!("did you mean `{name}`?"),
                None => format!("known here: {}", list(known(), "and")),
            })
        });
        false
    });
}

/// Reads the pipeline called `wanted`, and whatever it extends: the lowest first.
///
/// `asked` is where the name was written.
pub(crate) fn read_with_ancestors(
    wanted: &str,
    asked: &Spot,
    presets: &Presets,
    problems: &mut Problems,
) -> Option<Vec<PipelineFile>> {
    let mut files = Vec::new();
    let mut seen: Vec<Origin> = Vec::new();
    let mut next = Some((wanted.to_owned(), asked.clone(), None));
    while let Some((wanted, asked, folder)) = next.take() {
        let origin = find(&wanted, &asked, folder.as_deref(), presets, problems)?;
        if seen.contains(&origin) {
            problems.push(
                Problem::new(format!("{} extends itself", quote(&wanted)))
                    .at(&asked, "this closes the circle")
                    .help("extend `default`, or nothing"),
            );
            return None;
        }
        let source = origin.read().map_err(|problem| problems.push(problem)).ok()?;
        let mut file = read(&source, &origin.stem(), problems)?;
        next = match file.extends.take() {
            Some((name, spot)) => Some((name, spot, origin.folder())),
            None if origin.is_built_in(BASE) => None,
            None => Some((BASE.to_owned(), asked, None)),
        };
        seen.push(origin);
        files.push(file);
    }
    files.reverse();
    Some(files)
}

/// The file that a name or a path means; paths are relative to `folder`.
fn find(
    wanted: &str,
    asked: &Spot,
    folder: Option<&Path>,
    presets: &Presets,
    problems: &mut Problems,
) -> Option<Origin> {
    let is_path = wanted.contains(['/', '\\']) || wanted.ends_with(".yaml") || wanted.ends_with(".yml");
    if is_path {
        let path = folder.map_or_else(|| PathBuf::from(wanted), |folder| folder.join(wanted));
        return match path.try_exists() {
            Ok(true) => Some(Origin::file(path)),
            _ => {
                problems.push(
                    Problem::new(format!("there is no pipeline file {}", quote(&path.display().to_string())))
                        .at(asked, "no such file"),
                );
                None
            }
        };
    }
    let found = presets.find(Family::Pipelines, wanted);
    if found.is_none() {
        let names = presets.names(Family::Pipelines);
        let names = || names.iter().map(String::as_str);
        problems.push(
            Problem::new(format!("there is no pipeline {}", quote(wanted)))
                .at(asked, "no such pipeline")
                .help(match nearest(wanted, names()) {
                    Some(name) => format!("did you mean `{name}`?"),
                    None => format!("known are {}; a file's name ends in `.yaml`", list(names(), "and")),
                }),
        );
    }
    found
}
