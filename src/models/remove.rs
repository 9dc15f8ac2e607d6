//! Taking a model away.

use std::fs;

use super::{
    Catalog, Error, Event, Lock, content,
    lock::{alone, check_name},
    progress::Watch,
    staging::{discard, remove},
};

impl Catalog {
    /// Removes the model `name` from the folder of models, with what was fetched of it. A link is removed,
    /// not what it leads to.
    pub fn remove(&self, name: &str, watch: &mut Watch<'_>) -> Result<(), Error> {
        let path = self.folder().join(name);
        if self.is_built_in(name) {
            return Err(Error::BuiltIn(name.to_owned()));
        }
        check_name(name)?;
        let is_there = fs::symlink_metadata(&path).is_ok();
        if !is_there && !Lock::read(self.folder())?.models.contains_key(name) {
            let installed = self.installed().into_iter().map(|known| known.name).collect();
            return Err(Error::Missing {
                name: name.to_owned(),
                folder: self.folder().to_owned(),
                installed,
            });
        }
        let _alone = alone(self.folder(), name, watch)?;
        let is_link = fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_symlink());
        let bytes = if is_link { 0 } else { content::bytes_below(&path) };
        // The files first: a model that is half gone must still be known as one.
        remove(&path)?;
        discard(self.folder(), name)?;
        Lock::change(self.folder(), |lock| drop(lock.models.remove(name)))?;
        watch.say(Event::Removed { name: name.to_owned(), bytes })?;
        Ok(())
    }
}
