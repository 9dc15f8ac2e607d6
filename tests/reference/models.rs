//! The tiny models, put together from their parts.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use shortform::models::Model;
use tempfile::TempDir;

use super::{fixtures, json};

#[derive(Deserialize)]
struct Recipe {
    parts: BTreeMap<String, String>,
}

/// A folder of models.
pub(crate) struct Studio {
    folder: TempDir,
    recipes: BTreeMap<String, Recipe>,
}

impl Studio {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), recipes: json("models/models.json") }
    }

    /// The folder of the model `name`.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        if !path.exists() {
            copy(&fixtures("models").join(name), &path);
            for (part, from) in &self.recipes[name].parts {
                copy(&fixtures("models/parts").join(from), &path.join(part));
            }
        }
        path
    }

    pub(crate) fn open(&self, name: &str) -> Model {
        Model::open(name, &self.path(name)).unwrap()
    }
}

pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), target).unwrap()),
        }
    }
}
