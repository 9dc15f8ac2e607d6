//! The folder a batch writes into: one folder a video, and what the batch knows beside them.
//!
//! ```text
//! out/<video>/<video>.mp4 ...     what the user wants
//!     report.html, report.json
//!     .shortform/lock             held while a batch runs here
//!                journal.jsonl    what happened; journal-3-of-8.jsonl of a shard
//!                done/<video>.json, .jpg
//! ```

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::ErrorKind,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{
    Asked, Error, Shard,
    journal::{Journal, seal, unseal},
};
use crate::{audio::Measurement, digest::Digest, run::StageRecord, store::write_atomically};

/// The folder, locked for one run.
#[derive(Debug)]
pub(super) struct Folder {
    root: PathBuf,
    /// The kernel gives them back when the process dies, however it dies.
    _locks: Vec<File>,
}

/// A video that was finished, and how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Done {
    /// Everything it depends on.
    pub key: Digest,
    /// Its files.
    pub files: Vec<Finished>,
    /// What it is called in its own words.
    pub title: Option<String>,
    /// Where it will be shown.
    pub platform: String,
    /// Its own length in seconds.
    pub duration: f64,
    /// Wall time of its stages in seconds.
    pub seconds: f64,
    /// Loudness of the finished file.
    pub loudness: Option<Measurement>,
    /// What each stage took.
    pub stages: Vec<StageRecord>,
    /// Which servers were asked.
    #[serde(default)]
    pub asked: Vec<Asked>,
}

/// A finished file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finished {
    /// Its path below the batch's folder.
    pub path: PathBuf,
    /// Its length.
    pub bytes: u64,
    /// Its content.
    pub digest: Digest,
}

impl Folder {
    /// Takes the folder `root` for one run. A whole batch has it alone; shards share it with one another.
    pub(super) fn open(root: &Path, shard: Option<Shard>) -> Result<Self, Error> {
        let state = state(root);
        for folder in [root, &state, &state.join("done")] {
            fs::create_dir_all(folder).map_err(Error::io("make the folder", folder))?;
        }
        let whole = lock_file(&state.join("lock"))?;
        let mut locks = Vec::new();
        let taken = match shard {
            None => whole.try_lock(),
            Some(shard) => {
                let own = lock_file(&state.join(format!("lock-{}", shard.file())))?;
                let taken = own.try_lock();
                locks.push(own);
                taken.and_then(|()| whole.try_lock_shared())
            }
        };
        locks.push(whole);
        match taken {
            Ok(()) => Ok(Self { root: root.to_owned(), _locks: locks }),
            Err(TryLockError::WouldBlock) => Err(Error::Locked { folder: root.to_owned() }),
            Err(TryLockError::Error(source)) => Err(Error::io("lock", state.join("lock"))(source)),
        }
    }

    pub(super) fn journal(&self, shard: Option<Shard>) -> Result<Journal, Error> {
        let name = shard.map_or_else(String::new, |shard| format!("-{}", shard.file()));
        let path = state(&self.root).join(format!("journal{name}.jsonl"));
        Journal::open(&path).map_err(Error::io("write", path))
    }

    /// The record of `video`, if it was finished with this key and its files are as they were left.
    ///
    /// Every byte is read: a file that was cut, changed or lost is made again.
    pub(super) fn done(&self, video: &str, key: Digest) -> Option<Done> {
        let done = read_done(&self.root, video).filter(|done| done.key == key)?;
        let whole = |file: &Finished| {
            let path = self.root.join(&file.path);
            let as_long = || fs::metadata(&path).is_ok_and(|metadata| metadata.len() == file.bytes);
            as_long() && Digest::of_file(&path).is_ok_and(|digest| digest == file.digest)
        };
        done.files.iter().all(whole).then_some(done)
    }

    /// Keeps that `video` is finished; its files are on the disk already.
    pub(super) fn finish(&self, video: &str, done: &Done, thumbnail: Option<&[u8]>) -> Result<(), Error> {
        let path = done_path(&self.root, video);
        if let Some(thumbnail) = thumbnail {
            write_atomically(&path.with_extension("jpg"), thumbnail)?;
        }
        let sealed = seal(done).map_err(Error::io("write", &path))?;
        Ok(write_atomically(&path, sealed.as_bytes())?)
    }
}

/// What a killed run left half written among a video's files; nobody else writes there.
pub(super) fn sweep_parts(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with('.') && name.ends_with(".part") {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Where what a batch knows lies.
pub(super) fn state(root: &Path) -> PathBuf {
    root.join(".shortform")
}

fn done_path(root: &Path, video: &str) -> PathBuf {
    state(root).join("done").join(format!("{video}.json"))
}

/// The record of a finished video, if there is one that can be read.
pub(super) fn read_done(root: &Path, video: &str) -> Option<Done> {
    unseal(&fs::read(done_path(root, video)).ok()?)
}

/// The small picture of a finished video, a JPEG.
pub(super) fn thumbnail(root: &Path, video: &str) -> Option<Vec<u8>> {
    fs::read(done_path(root, video).with_extension("jpg")).ok()
}

/// The journals of all shards that wrote into `root`.
pub(super) fn journals(root: &Path) -> Result<Vec<PathBuf>, Error> {
    let state = state(root);
    let entries = match fs::read_dir(&state) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(Error::NoBatch { folder: root.to_owned() });
        }
        Err(error) => return Err(Error::io("read the folder", state)(error)),
    };
    let is_journal = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("journal") && name.ends_with(".jsonl")
    };
    let mut journals: Vec<_> = entries.flatten().map(|entry| entry.path()).filter(is_journal).collect();
    journals.sort();
    match journals.is_empty() {
        true => Err(Error::NoBatch { folder: root.to_owned() }),
        false => Ok(journals),
    }
}

fn lock_file(path: &Path) -> Result<File, Error> {
    let opened = OpenOptions::new().create(true).truncate(false).write(true).open(path);
    opened.map_err(Error::io("open the lock", path))
}
