//! Where a model is put together before it gets its name: whole, or not there.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{
    Error, Event,
    lock::{Lock, Locked, sync_folder, unwritable},
    progress::Watch,
};

/// The hidden folder, in the folder of models, of everything that is not a model yet.
pub(super) const STAGING: &str = ".staging";

/// A model being put together.
#[derive(Debug)]
pub(super) struct Staging<'a> {
    models: &'a Path,
    name: &'a str,
    /// Where its files go.
    pub(super) folder: PathBuf,
}

impl<'a> Staging<'a> {
    /// The place for the model `name` at the state `key`: what an interrupted attempt left there is kept,
    /// what belongs to another state is not.
    pub(super) fn open(models: &'a Path, name: &'a str, key: &str) -> Result<Self, Error> {
        let all = models.join(STAGING).join(name);
        let folder = all.join(key);
        fs::create_dir_all(&folder).map_err(Error::io("make", &folder))?;
        for entry in fs::read_dir(&all).map_err(Error::io("read", &all))?.flatten() {
            if entry.path() != folder {
                remove(&entry.path())?;
            }
        }
        Ok(Self { models, name, folder })
    }

    /// Gives the finished model its name, in the place of an earlier one.
    pub(super) fn finish(self, locked: Locked, watch: &mut Watch<'_>) -> Result<(), Error> {
        let (target, bytes) = (self.models.join(self.name), locked.bytes());
        // The list first: should the program be killed between the two, then a later attempt finds all
        // files here and renames again; the other way round there would be a model nobody can verify.
        Lock::change(self.models, |lock| drop(lock.models.insert(self.name.to_owned(), locked)))?;
        let old = self.models.join(STAGING).join(self.name).join("old");
        if fs::symlink_metadata(&target).is_ok() {
            remove(&old)?;
            fs::rename(&target, &old).map_err(unwritable(&target))?;
        }
        fs::rename(&self.folder, &target).map_err(unwritable(&target))?;
        sync_folder(self.models).map_err(unwritable(self.models))?;
        discard(self.models, self.name)?;
        watch.say(Event::Installed { name: self.name.to_owned(), folder: target, bytes })?;
        Ok(())
    }
}

/// Removes whatever was being put together as `name`.
pub(super) fn discard(models: &Path, name: &str) -> Result<(), Error> {
    remove(&models.join(STAGING).join(name))
}

/// Removes a folder, or a link to one but not what it leads to; nothing there is fine too.
pub(super) fn remove(path: &Path) -> Result<(), Error> {
    let Ok(metadata) = fs::symlink_metadata(path) else { return Ok(()) };
    let removed = if metadata.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    removed.map_err(Error::io("remove", path))
}
