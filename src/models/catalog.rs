//! Where models lie and how they are found.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{
    Adapter, Error, Model, Upscaler,
    embedded::{POCKET, POCKET_UPSCALER},
    lock::check_name,
};

/// The models of this machine: a folder of model folders, and those inside the program.
#[derive(Debug, Clone)]
pub struct Catalog {
    folder: PathBuf,
    unpacked: PathBuf,
}

/// Where an installed model comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// It came inside the program.
    Embedded,
    /// It lies in the folder of models.
    Folder,
}

/// A name that [`Catalog::find`] knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    /// The name.
    pub name: String,
    /// Where it comes from.
    pub origin: Origin,
}

impl Catalog {
    /// The models in `folder`, or in `models` of our data folder.
    pub fn new(folder: Option<PathBuf>) -> Self {
        // Without a home there is no data folder; the system's temporary one always exists.
        let data = directories::ProjectDirs::from("", "", "shortform")
            .map_or_else(|| std::env::temp_dir().join("shortform"), |dirs| dirs.data_dir().to_owned());
        Self { folder: folder.unwrap_or_else(|| data.join("models")), unpacked: data.join("embedded") }
    }

    /// The folder of models.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What is installed, by name.
    pub fn installed(&self) -> Vec<Installed> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if !name.starts_with('.') && entry.path().is_dir() {
                found.push(Installed { name, origin: Origin::Folder });
            }
        }
        for embedded in [&POCKET, &POCKET_UPSCALER] {
            if embedded.is_built_in() && found.iter().all(|known| known.name != embedded.name) {
                found.push(Installed { name: embedded.name.into(), origin: Origin::Embedded });
            }
        }
        found.sort_by(|a, b| a.name.cmp(&b.name));
        found
    }

    /// Whether `name` is that of a model inside the program, and of no folder.
    pub(super) fn is_built_in(&self, name: &str) -> bool {
        let is_it = |known: &Installed| known.name == name && known.origin == Origin::Embedded;
        self.installed().iter().any(is_it)
    }

    /// Whether a model may be installed as `name`.
    pub(super) fn check_name(&self, name: &str) -> Result<(), Error> {
        if self.is_built_in(&name.to_lowercase()) {
            let reason = "a model inside the program is called that";
            return Err(Error::Name { name: name.to_owned(), reason });
        }
        check_name(name)
    }

    /// Finds a model: a folder of that name in the folder of models, then the embedded one,
    /// then a path (whatever has a `/`, or starts with a `.`).
    pub fn find(&self, name: &str) -> Result<Model, Error> {
        Model::open(name, &self.folder_of(name)?)
    }

    /// Finds an upscaler, in the same places as [`find`](Self::find); a path may be that of an
    /// ONNX file.
    pub fn upscaler(&self, name: &str) -> Result<Upscaler, Error> {
        Upscaler::open(name, &self.folder_of(name)?)
    }

    /// Finds an IP-Adapter, in the same places as [`find`](Self::find).
    pub fn adapter(&self, name: &str) -> Result<Adapter, Error> {
        Adapter::open(name, &self.folder_of(name)?)
    }

    /// The upscaler for pictures that the model `drawn_by` drew, if there is one that should be taken
    /// unasked: for `pocket` its own; for others, and where nobody knows, the first by name in the
    /// folder of models. `pocket`'s learned from flat illustration alone and is no good to a photograph.
    pub fn upscaler_for(&self, drawn_by: Option<&str>) -> Result<Option<Upscaler>, Error> {
        let own = POCKET_UPSCALER.name;
        let there = POCKET_UPSCALER.is_built_in() || self.folder.join(own).is_dir();
        if drawn_by == Some(POCKET.name) && there {
            return self.upscaler(own).map(Some);
        }
        let suits = |known: &Installed| {
            let path = self.folder.join(&known.name);
            known.origin == Origin::Folder && known.name != own && Upscaler::is_one(&path)
        };
        let first = self.installed().into_iter().find(suits);
        first.map(|known| self.upscaler(&known.name)).transpose()
    }

    /// The folder of the model that [`Catalog::find`] or [`Catalog::upscaler`] finds.
    pub fn folder_of(&self, name: &str) -> Result<PathBuf, Error> {
        if name.starts_with('.') || name.contains(std::path::is_separator) {
            return Ok(name.into());
        }
        let path = self.folder.join(name);
        if path.is_dir() {
            return Ok(path);
        }
        if let Some(embedded) = [&POCKET, &POCKET_UPSCALER].into_iter().find(|known| known.name == name) {
            return embedded.unpack(&self.unpacked);
        }
        let installed = self.installed().into_iter().map(|known| known.name).collect();
        Err(Error::Missing { name: name.to_owned(), folder: self.folder.clone(), installed })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_model_is_told_with_what_there_is() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("mine")).unwrap();
        let catalog = Catalog::new(Some(folder.path().to_owned()));
        let error = catalog.find("other").unwrap_err().to_string();
        assert!(error.contains("no model `other`") && error.contains("mine"), "{error}");
        let error = catalog.find("mine").unwrap_err().to_string();
        assert!(error.contains("unet/model.onnx"), "{error}");
        let error = catalog.find("./nowhere").unwrap_err().to_string();
        assert!(error.contains("not a folder"), "{error}");
    }
}
