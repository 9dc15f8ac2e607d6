use serde::{Serialize, de::DeserializeOwned};

use super::{Error, Key, Store, Warning, layout::open_lock, records::Care};
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
        let lock = open_lock(&path)?;
        lock.lock().map_err(Error::io("lock", &path))?;
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
