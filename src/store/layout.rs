use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};
use tempfile::NamedTempFile;

use super::{Error, Warning, atomic::sync_folder_of};
use crate::digest::Digest;

/// A new layout is a new folder beside this one, never a migration.
const SCHEMA: &str = "v1";

const TAG: &str = "Signature: 8a477f597d28d172789f06886806bc55\n\
    # This folder is a cache of shortform: it may be deleted whenever no shortform runs.\n";

/// A store of results on disk, shared by any number of threads and processes.
///
/// As long as anyone has it open, nothing is removed from it.
#[derive(Debug)]
pub struct Store {
    pub(super) root: PathBuf,
    /// Locked shared by whoever has the store open, exclusively by whoever removes from it.
    pub(super) users: File,
    warnings: Mutex<Vec<Warning>>,
}

impl Store {
    /// Opens the store in the folder `root`, which is made if need be.
    /// Waits while another process removes from it.
    ///
    /// # Errors
    /// When the folder cannot be made, written or locked.
    pub fn open(root: &Path) -> Result<Self, Error> {
        let tag = root.join("CACHEDIR.TAG");
        let root = root.join(SCHEMA);
        for folder in ["ac", "cas", "tmp", "locks", "quarantine"] {
            let folder = root.join(folder);
            fs::create_dir_all(&folder).map_err(Error::io("make the folder", folder))?;
        }
        let users = open_lock(&root.join("locks").join("users.lock"))?;
        users.lock_shared().map_err(Error::io("lock", &root))?;
        let store = Self { root, users, warnings: Mutex::default() };
        if !tag.exists() {
            store.commit(TAG.as_bytes(), &tag)?;
        }
        Ok(store)
    }

    /// The folder of everything kept.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// What went wrong, and was put right, since this was last asked.
    pub fn take_warnings(&self) -> Vec<Warning> {
        std::mem::take(&mut *self.warnings.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn warn(&self, warning: Warning) {
        self.warnings.lock().unwrap_or_else(PoisonError::into_inner).push(warning);
    }

    pub(super) fn record_path(&self, key: Digest) -> PathBuf {
        let name = key.to_string();
        self.root.join("ac").join(&name[..2]).join(format!("{name}.json"))
    }

    pub(super) fn object_path(&self, digest: Digest) -> PathBuf {
        let name = digest.to_string();
        self.root.join("cas").join(&name[..2]).join(name)
    }

    /// Writes `bytes` as `target`, read-only, whole or not at all, and durably.
    pub(super) fn commit(&self, bytes: &[u8], target: &Path) -> Result<(), Error> {
        let mut temporary =
            NamedTempFile::new_in(self.root.join("tmp")).map_err(Error::io("write", target))?;
        temporary.write_all(bytes).map_err(Error::io("write", target))?;
        self.settle(temporary, target)
    }

    /// Gives a finished temporary file its name, read-only and durably; without having got one it is removed.
    pub(super) fn settle(&self, temporary: NamedTempFile, target: &Path) -> Result<(), Error> {
        let folder = target.parent().unwrap_or(&self.root);
        fs::create_dir_all(folder).map_err(Error::io("make the folder", folder))?;
        read_only(&temporary)
            .and_then(|permissions| temporary.as_file().set_permissions(permissions))
            .and_then(|()| temporary.as_file().sync_all())
            .map_err(Error::io("write", target))?;
        temporary.persist(target).map_err(|failed| Error::io("name", target)(failed.error))?;
        sync_folder_of(target)
    }

    /// Sets a broken file aside, where nobody reads it; says where, or nothing if it could not be moved.
    pub(super) fn quarantine(&self, path: &Path) -> Option<PathBuf> {
        let name = path.file_name()?.to_string_lossy();
        let aside = self.root.join("quarantine").join(format!("{name}.{}", std::process::id()));
        match fs::rename(path, &aside) {
            Ok(()) => Some(aside),
            Err(_) => {
                // Another reader may have moved it first; what cannot be moved must at least go.
                let _ = fs::remove_file(path);
                None
            }
        }
    }
}

fn read_only(file: &NamedTempFile) -> io::Result<fs::Permissions> {
    let mut permissions = file.as_file().metadata()?.permissions();
    #[cfg(unix)]
    std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o444);
    #[cfg(not(unix))]
    permissions.set_readonly(true);
    Ok(permissions)
}

pub(super) fn open_lock(path: &Path) -> Result<File, Error> {
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .map_err(Error::io("open the lock", path))
}

/// The files below `folder`, with what the system knows about them; files that vanish meanwhile are left out.
pub(super) fn files(folder: &Path) -> Result<Vec<(PathBuf, fs::Metadata)>, Error> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(Error::io("read the folder", &folder))? {
            let entry = entry.map_err(Error::io("read the folder", &folder))?;
            match entry.metadata() {
                Ok(metadata) if metadata.is_dir() => folders.push(entry.path()),
                Ok(metadata) => found.push((entry.path(), metadata)),
                Err(_) => {}
            }
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(found)
}
