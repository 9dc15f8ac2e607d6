use std::{fs, io, path::Path};

use tempfile::NamedTempFile;

use super::{Error, Store, Warning, fault, write_atomically};
use crate::digest::Digest;

impl Store {
    /// Keeps `bytes`; they are found again under their digest.
    ///
    /// # Errors
    /// When they cannot be written; nothing is left of them then.
    pub fn put(&self, bytes: &[u8]) -> Result<Digest, Error> {
        let digest = Digest::of(bytes);
        // Written even where a file of that name lies already: it may be broken.
        self.commit(bytes, &self.object_path(digest))?;
        Ok(digest)
    }

    /// A file of the store's own to write a result into that is too large for memory;
    /// gone when dropped, kept by [`adopt`](Self::adopt).
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn temporary(&self) -> Result<NamedTempFile, Error> {
        self.unfinished().map_err(Error::io("write in", self.root.join("tmp")))
    }

    /// Keeps a finished [`temporary`](Self::temporary) file, as [`put`](Self::put) keeps bytes.
    ///
    /// # Errors
    /// When it cannot be read, synced or renamed.
    pub fn adopt(&self, file: NamedTempFile) -> Result<Digest, Error> {
        let digest = Digest::of_file(file.path()).map_err(Error::io("read", file.path()))?;
        self.settle(file, &self.object_path(digest))?;
        Ok(digest)
    }

    /// The bytes of `digest`, or nothing if they are not here or no longer hash to it;
    /// a broken object is set aside with a [`Warning`].
    ///
    /// # Errors
    /// When the file is there but cannot be read.
    pub fn get(&self, digest: Digest) -> Result<Option<Vec<u8>>, Error> {
        let path = self.object_path(digest);
        let bytes = match fault::at("store.read").and_then(|()| fs::read(&path)) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::io("read", path)(error)),
        };
        if Digest::of(&bytes) == digest {
            return Ok(Some(bytes));
        }
        let quarantine = self.quarantine(&path);
        self.warn(Warning::BrokenObject { digest, quarantine });
        Ok(None)
    }

    /// Writes the bytes of `digest` as the file `target`, whole or not at all; `false` if they
    /// are not here. A copy, never a link: editing it cannot harm the store.
    ///
    /// # Errors
    /// When the object cannot be read or the file cannot be written.
    pub fn copy_to(&self, digest: Digest, target: &Path) -> Result<bool, Error> {
        match self.get(digest)? {
            Some(bytes) => write_atomically(target, &bytes).map(|()| true),
            None => Ok(false),
        }
    }
}
