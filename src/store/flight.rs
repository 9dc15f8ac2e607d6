use serde::{Serialize, de::DeserializeOwned};
use std::{fs, fs::File, path::Path};

use super::{
    Error, Key, Store, Warning,
    layout::{is_named, open_lock},
    records::Care,
};
use crate::digest::Digest;

/// Where a result came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Origin {
    /// It was in the store.
    Hit,
    /// It was made just now.
    Made,
}

impl Store {
    /// The result under `key`: from the store, or from `make`, which then also says which objects
    /// belong to it. When several threads or processes ask for the same key at once, one makes it
    /// and the others wait for it.
    ///
    /// A hit's objects have all been read and verified. A result that cannot be recorded is
    /// returned all the same, with a [`Warning`].
    ///
    /// # Errors
    /// What `make` returns, and errors of reading the store.
    pub fn obtain<T, E>(
        &self,
        key: &Key,
        make: impl FnOnce() -> Result<(T, Vec<Digest>), E>,
    ) -> Result<(T, Origin), E>
    where
        T: Serialize + DeserializeOwned,
        E: From<Error>,
    {
        if let Some(value) = self.find(key, Care::Full)? {
            return Ok((value, Origin::Hit));
        }
        // One lock a key, not a stripe of keys: `make` may obtain other keys without waiting for itself.
        let path = self.root.join("locks").join(key.digest.to_string());
        let _held = Held::take(&path)?;
        if let Some(value) = self.find(key, Care::Full)? {
            return Ok((value, Origin::Hit));
        }
        let (value, objects) = make()?;
        if let Err(error) = self.record(key, &value, &objects) {
            self.warn(Warning::NotKept { key: key.digest, reason: error.to_string() });
        }
        Ok((value, Origin::Made))
    }
}

/// A key's lock; its file goes with it, or a store of a million steps would keep a million empty files.
struct Held<'a> {
    path: &'a Path,
    _file: File,
}

impl<'a> Held<'a> {
    /// Waits for whoever holds it; the kernel gives it back when a process dies.
    fn take(path: &'a Path) -> Result<Self, Error> {
        loop {
            let file = open_lock(path)?;
            file.lock().map_err(Error::io("lock", path))?;
            // The one waited for removed the file: others lock the one that is there now.
            if is_named(&file) {
                return Ok(Self { path, _file: file });
            }
        }
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        // Still locked: whoever waits finds it nameless. One that cannot be removed is swept up later.
        let _ = fs::remove_file(self.path);
    }
}
