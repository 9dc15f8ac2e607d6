//! The content-addressed store: nothing is computed twice, nothing is lost.
//! (Placeholder of the real room, which is being built on its own branch.)
#![allow(missing_docs)]
use crate::digest::Digest;
use std::path::{Path, PathBuf};

#[derive(Debug, thiserror::Error)]
#[error("the store at {}: {source}", path.display())]
pub struct Error {
    path: PathBuf,
    #[source]
    source: std::io::Error,
}

#[derive(Debug)]
pub struct Store {
    root: PathBuf,
}

#[derive(Debug, serde::Serialize)]
pub struct Stat {
    pub records: u64,
    pub objects: u64,
    pub bytes: u64,
}

impl Store {
    pub fn open(root: &Path) -> Result<Self, Error> {
        let at = |source| Error { path: root.into(), source };
        std::fs::create_dir_all(root.join("v1")).map_err(at)?;
        Ok(Self { root: root.into() })
    }
    pub fn root(&self) -> &Path {
        &self.root
    }
    pub fn get(&self, digest: Digest) -> Result<Option<Vec<u8>>, Error> {
        Ok(std::fs::read(self.root.join("v1").join(digest.to_string())).ok())
    }
    pub fn put(&self, bytes: &[u8]) -> Result<Digest, Error> {
        let digest = Digest::of(bytes);
        write_atomically(&self.root.join("v1").join(digest.to_string()), bytes)
            .map_err(|source| Error { path: self.root.clone(), source })?;
        Ok(digest)
    }
    pub fn stat(&self) -> Result<Stat, Error> {
        Ok(Stat { records: 0, objects: 0, bytes: 0 })
    }
    pub fn prune(&self, _max: u64) -> Result<(), Error> {
        Ok(())
    }
    pub fn clear(&self) -> Result<(), Error> {
        Ok(())
    }
}

pub fn write_atomically(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let part = path.with_extension("part");
    std::fs::write(&part, bytes)?;
    std::fs::rename(part, path)
}
