//! From INPUT... to videos: folders, globs, manifests, script files.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use super::{
    super::{
        args::PipelineArgs,
        exit::{Exit, Failure},
    },
    manifest,
    wish::{ScriptAt, Wish, name_of_file},
};

/// Endings of scripts; everything else in a folder is passed over.
const SCRIPTS: [&str; 3] = ["md", "txt", "markdown"];
const MANIFESTS: [&str; 5] = ["yaml", "yml", "jsonl", "ndjson", "csv"];

/// The videos that `inputs` ask for, in their order; folders and globs in the order of their names.
pub(in super::super) fn expand(inputs: &[String], pipeline: &PipelineArgs) -> Result<Vec<Wish>, Failure> {
    let mut wishes = Vec::new();
    for input in inputs {
        let path = Path::new(input);
        if path.is_dir() {
            let scripts = scripts_below(path)?;
            if scripts.is_empty() {
                return Err(missing(format!(
                    "the folder {input} holds no scripts (files ending in .md or .txt)"
                )));
            }
            wishes.extend(scripts.into_iter().map(|script| of_file(script, pipeline)));
        } else if path.is_file() && has_ending(path, &MANIFESTS) {
            wishes.extend(manifest::read(path, pipeline)?);
        } else if path.is_file() {
            wishes.push(of_file(path.to_owned(), pipeline));
        } else if input.contains(['*', '?', '[']) {
            wishes.extend(globbed(input)?.into_iter().map(|script| of_file(script, pipeline)));
        } else {
            return Err(missing(format!(
                "there is no file or folder {input}: name folders, globs, scripts or a manifest (.yaml, .jsonl, .csv)"
            )));
        }
    }
    unique(&wishes)?;
    Ok(wishes)
}

/// Whether this names several videos, and not one script or a text.
pub(in super::super) fn is_many(input: &str) -> bool {
    let path = Path::new(input);
    let globbed = || !input.contains(char::is_whitespace) && input.contains(['*', '?']);
    path.is_dir() || (path.is_file() && has_ending(path, &MANIFESTS)) || (!path.exists() && globbed())
}

fn missing(message: String) -> Failure {
    Failure::new(Exit::Invalid, message)
}

fn of_file(path: PathBuf, pipeline: &PipelineArgs) -> Wish {
    let id = name_of_file(&path);
    Wish { id, script: ScriptAt::File(path), pipeline: pipeline.clone(), priority: 0 }
}

fn has_ending(path: &Path, endings: &[&str]) -> bool {
    path.extension().is_some_and(|ending| endings.contains(&ending.to_string_lossy().to_lowercase().as_str()))
}

/// The scripts in a folder and in those below it; hidden ones are left alone.
fn scripts_below(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let unreadable = |error: std::io::Error| {
            Failure::new(Exit::Invalid, format!("the folder {} cannot be read: {error}", folder.display()))
        };
        for entry in std::fs::read_dir(&folder).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
            if hidden {
                continue;
            }
            // A link to a folder may lead in a circle.
            if path.is_dir() && !path.is_symlink() {
                folders.push(path);
            } else if path.is_file() && has_ending(&path, &SCRIPTS) {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

fn globbed(pattern: &str) -> Result<Vec<PathBuf>, Failure> {
    let paths = glob::glob(pattern)
        .map_err(|error| Failure::new(Exit::Usage, format!("`{pattern}` is no glob: {error}")))?;
    let mut found: Vec<_> = paths.flatten().filter(|path| path.is_file()).collect();
    found.sort();
    if found.is_empty() {
        return Err(missing(format!("no file matches {pattern}")));
    }
    Ok(found)
}

/// Refuses two videos of the same name: one would overwrite the other. Systems that take `A` and `a` for
/// one name are thought of.
fn unique(wishes: &[Wish]) -> Result<(), Failure> {
    let mut seen: BTreeMap<String, &Wish> = BTreeMap::new();
    let place = |wish: &Wish| match &wish.script {
        ScriptAt::File(path) => path.display().to_string(),
        ScriptAt::Text { place, .. } => place.clone(),
    };
    for wish in wishes {
        if let Some(other) = seen.insert(wish.id.to_lowercase(), wish) {
            let message = format!(
                "two videos would be called `{}`: {} and {}; rename one, or give them a `name` in a manifest",
                wish.id,
                place(other),
                place(wish)
            );
            return Err(Failure::new(Exit::Invalid, message));
        }
    }
    Ok(())
}
