//! `models.lock`: exactly what is installed, and the locks that keep two processes apart.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions, TryLockError},
    io::Write,
    path::{Path, PathBuf},
    time::SystemTime,
};

use serde::{Deserialize, Serialize};

use super::{Error, Event, HubError, progress::Watch};

/// The file in the folder of models.
const NAME: &str = "models.lock";

/// The only version of its form so far.
const VERSION: u32 = 1;

/// What is installed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Lock {
    version: u32,
    /// Each model by its name.
    pub models: BTreeMap<String, Locked>,
}

/// An installed model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Locked {
    /// Where it came from.
    pub from: Provenance,
    /// Its licence, as its source names it.
    pub licence: Option<String>,
    /// When it was installed, as HTTP writes dates.
    pub installed: String,
    /// Each file, by its path below the model's folder.
    pub files: BTreeMap<String, LockedFile>,
}

/// Where a model came from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Provenance {
    /// The hub.
    Hub {
        /// `owner/name`.
        repository: String,
        /// What was asked for: a branch, a tag, a commit.
        revision: String,
        /// What that was then, and what this model is.
        commit: String,
    },
    /// A folder of this machine.
    Folder {
        /// Which.
        path: PathBuf,
    },
}

/// A file of a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockedFile {
    /// Its size in bytes.
    pub size: u64,
    /// The SHA-256 digest of its content.
    pub sha256: String,
}

impl Locked {
    /// A model installed just now.
    pub(super) fn now(
        from: Provenance,
        licence: Option<String>,
        files: BTreeMap<String, LockedFile>,
    ) -> Self {
        Self { from, licence, installed: httpdate::fmt_http_date(SystemTime::now()), files }
    }

    /// What its files take.
    pub fn bytes(&self) -> u64 {
        self.files.values().map(|file| file.size).sum()
    }
}

impl std::fmt::Display for Provenance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Hub { repository, commit, .. } => {
                write!(f, "{repository}@{}", commit.get(..7).unwrap_or(commit))
            }
            Self::Folder { path } => write!(f, "{}", path.display()),
        }
    }
}

impl Lock {
    /// Reads the one of the folder of models; an empty one if there is none.
    pub fn read(models: &Path) -> Result<Self, Error> {
        let path = models.join(NAME);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self { version: VERSION, models: BTreeMap::new() });
            }
            Err(error) => return Err(Error::io("read", &path)(error)),
        };
        let remedy = "move it away, and add or pull the models again";
        let wrong =
            |reason: String| Error::Json { path: path.clone(), reason: format!("{reason}; {remedy}") };
        let lock: Self = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        if lock.version != VERSION {
            return Err(wrong(format!("it has version {}, and this program knows {VERSION}", lock.version)));
        }
        Ok(lock)
    }

    /// Changes the one of the folder of models, alone: others wait.
    pub(super) fn change(models: &Path, change: impl FnOnce(&mut Self)) -> Result<(), Error> {
        let guard = models.join(".models.lock");
        let file = open(&guard)?;
        file.lock().map_err(Error::io("lock", &guard))?;
        let mut lock = Self::read(models)?;
        change(&mut lock);
        let path = models.join(NAME);
        let text = serde_json::to_string_pretty(&lock)
            .map_err(|error| Error::Json { path: path.clone(), reason: error.to_string() })?;
        let write = || {
            let mut fresh = tempfile::Builder::new().prefix(".models").tempfile_in(models)?;
            fresh.write_all(text.as_bytes())?;
            fresh.write_all(b"\n")?;
            fresh.as_file().sync_all()?;
            readable(fresh.as_file())?;
            fresh.persist(&path).map_err(|failed| failed.error)?;
            sync_folder(models)
        };
        write().map_err(Error::io("write", &path))
    }
}

/// A temporary file is its owner's alone; this one is for everyone who may read the folder.
fn readable(file: &File) -> std::io::Result<()> {
    #[cfg(unix)]
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))?;
    let _ = file;
    Ok(())
}

/// Makes the names in `folder` durable.
pub(super) fn sync_folder(folder: &Path) -> std::io::Result<()> {
    // A folder cannot be opened as a file everywhere (Windows), and needs no sync there.
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

/// The right to change the model `name`, until it is dropped. Says so when another process has it.
pub(super) fn alone(models: &Path, name: &str, watch: &mut Watch<'_>) -> Result<File, Error> {
    let folder = models.join(super::staging::STAGING);
    fs::create_dir_all(&folder).map_err(Error::io("make", &folder))?;
    let path = folder.join(format!("{name}.lock"));
    let file = open(&path)?;
    match file.try_lock() {
        Ok(()) => return Ok(file),
        Err(TryLockError::WouldBlock) => {}
        Err(TryLockError::Error(error)) => return Err(Error::io("lock", &path)(error)),
    }
    watch.say(Event::Waiting { name: name.to_owned() })?;
    file.lock().map_err(Error::io("lock", &path))?;
    Ok(file)
}

fn open(path: &Path) -> Result<File, Error> {
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .map_err(Error::io("open the lock", path))
}

/// Whether a model may be called `name`: one name of a folder, seen by everyone, on every system.
pub(super) fn check_name(name: &str) -> Result<(), Error> {
    let wrong = |reason| Err(Error::Name { name: name.to_owned(), reason });
    if name.is_empty() || name.len() > 80 {
        return wrong("a name has 1 to 80 characters");
    }
    if !name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)) {
        return wrong("a name is made of letters, digits, `-`, `_` and `.`");
    }
    if !name.starts_with(|c: char| c.is_ascii_alphanumeric()) || name.ends_with('.') {
        return wrong("a name begins with a letter or digit and does not end in a dot");
    }
    if name == NAME {
        return wrong("that is the list of models");
    }
    Ok(())
}

/// A failed write of a model's file.
pub(super) fn unwritable(path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Hub(HubError::Write { path, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_names_of_folders() {
        for fine in ["sd-1.5", "LCM_Dreamshaper_v7", "a", "1"] {
            check_name(fine).unwrap();
        }
        for wrong in ["", ".", "..", "a/b", "a\\b", "-a", ".a", "a.", "a b", "ü", "models.lock"] {
            assert!(check_name(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_change_keeps_what_others_wrote() {
        let folder = tempfile::tempdir().unwrap();
        let locked =
            |path: &str| Locked::now(Provenance::Folder { path: path.into() }, None, BTreeMap::new());
        Lock::change(folder.path(), |lock| drop(lock.models.insert("one".into(), locked("/one")))).unwrap();
        Lock::change(folder.path(), |lock| drop(lock.models.insert("two".into(), locked("/two")))).unwrap();
        let names: Vec<_> = Lock::read(folder.path()).unwrap().models.into_keys().collect();
        assert_eq!(names, ["one", "two"]);

        fs::write(folder.path().join(NAME), "{").unwrap();
        let said = Lock::read(folder.path()).unwrap_err().to_string();
        assert!(said.contains("models.lock") && said.contains("move it away"), "{said}");
    }
}
