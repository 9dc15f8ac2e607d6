use std::{
    fs::{self, File, OpenOptions},
    io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};
use tempfile::NamedTempFile;

use super::{Error, Warning, atomic::sync_folder_of, disk::network_disk, fault};
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
            make_folder(&root.join(folder))?;
        }
        let users = open_lock(&root.join("locks").join("users.lock"))?;
        users.lock_shared().map_err(Error::io("lock", &root))?;
        let store = Self { root, users, warnings: Mutex::default() };
        if !tag.exists() {
            store.commit(TAG.as_bytes(), &tag)?;
        }
        store.sweep_dead();
        Ok(store)
    }

    /// The folder of everything kept.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Adds the [`Warning`] that the store lies on another machine's disk, if it does.
    pub fn look_at_disk(&self) {
        if let Some(disk) = network_disk(&self.root) {
            self.warn(Warning::FarAway { root: self.root.clone(), disk });
        }
    }

    /// What went wrong, and was put right, since this was last asked.
    pub fn take_warnings(&self) -> Vec<Warning> {
        std::mem::take(&mut *self.warnings.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn warn(&self, warning: Warning) {
        let mut warnings = self.warnings.lock().unwrap_or_else(PoisonError::into_inner);
        // A key is looked up again once its lock is held: what was found is said once.
        if warnings.last() != Some(&warning) {
            warnings.push(warning);
        }
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
        let mut temporary = self.unfinished().map_err(Error::io("write", target))?;
        fault::write_all("store.write", &mut temporary, bytes).map_err(Error::io("write", target))?;
        self.settle(temporary, target)
    }

    /// A temporary file, locked for as long as it is being written: what is not locked is nobody's.
    pub(super) fn unfinished(&self) -> io::Result<NamedTempFile> {
        fault::at("store.create")?;
        loop {
            let temporary = NamedTempFile::new_in(self.root.join("tmp"))?;
            temporary.as_file().lock()?;
            // Somebody may have swept it up between its making and its locking.
            if is_named(temporary.as_file()) {
                return Ok(temporary);
            }
        }
    }

    /// Gives a finished temporary file its name, read-only and durably; without having got one it is removed.
    ///
    /// The order is what a power cut cannot break: the bytes reach the disk, then the name, then the
    /// folder that holds the name. A record is written only after the objects it names, each in this
    /// order, so whatever record there is after a power cut, its objects are there too. What a disk
    /// loses all the same is found by its digest when it is read.
    pub(super) fn settle(&self, temporary: NamedTempFile, target: &Path) -> Result<(), Error> {
        make_folder(target.parent().unwrap_or(&self.root))?;
        read_only(&temporary)
            .and_then(|permissions| temporary.as_file().set_permissions(permissions))
            .and_then(|()| fault::at("store.sync"))
            // Never tried a second time: after a failure the kernel may have dropped the bytes and say all is well.
            .and_then(|()| temporary.as_file().sync_all())
            .map_err(Error::io("write", target))?;
        fault::at("store.rename").map_err(Error::io("name", target))?;
        temporary.persist(target).map_err(|failed| Error::io("name", target)(failed.error))?;
        fault::at("store.sync-folder").map_err(Error::io("sync the folder of", target))?;
        sync_folder_of(target)
    }

    /// Removes what killed processes left: temporary files and locks that nobody holds.
    fn sweep_dead(&self) {
        for folder in ["tmp", "locks"] {
            let Ok(left) = files(&self.root.join(folder)) else { continue };
            for (path, _) in left {
                if path.file_name().is_some_and(|name| name == "users.lock") {
                    continue;
                }
                // While this holds the lock, its writer cannot: a name that goes then is missed by its
                // writer, who looks for it after locking. Where it cannot be removed it does no harm.
                if let Ok(file) = File::open(&path)
                    && file.try_lock().is_ok()
                {
                    let _ = fs::remove_file(&path);
                }
            }
        }
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
    fault::at("store.lock")
        .and_then(|()| OpenOptions::new().create(true).truncate(false).write(true).open(path))
        .map_err(Error::io("open the lock", path))
}

/// Whether a file still has a name: it has none once it was removed.
pub(super) fn is_named(file: &File) -> bool {
    #[cfg(unix)]
    return file.metadata().is_ok_and(|metadata| std::os::unix::fs::MetadataExt::nlink(&metadata) > 0);
    // Elsewhere a file that is open cannot be removed.
    #[cfg(not(unix))]
    return true;
}

/// Makes a folder and those above it, durably: an object is not on the disk before its folder is.
fn make_folder(folder: &Path) -> Result<(), Error> {
    if folder.is_dir() {
        return Ok(());
    }
    if let Some(parent) = folder.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        make_folder(parent)?;
    }
    let made = fault::at("store.folder").and_then(|()| fs::create_dir(folder));
    match made {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(Error::io("make the folder", folder)(error))
        }
        _ => sync_folder_of(folder),
    }
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
