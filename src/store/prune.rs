use std::{
    collections::BTreeSet,
    fs::{self, TryLockError},
    path::Path,
    time::{Duration, SystemTime},
};

use super::{Error, Store, layout::files, records};

/// What a store holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Stat {
    /// Results.
    pub records: u64,
    /// Objects: pictures, sounds, videos.
    pub objects: u64,
    /// The bytes of both.
    pub bytes: u64,
    /// Broken files set aside.
    pub quarantined: u64,
}

/// What may stay when a store is pruned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// At most this many bytes of records and objects, the ones used last; `None` is no limit.
    pub bytes: Option<u64>,
    /// Nothing unused for longer; `None` is no limit.
    pub age: Option<Duration>,
}

/// What was removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Removed {
    /// Results.
    pub records: u64,
    /// Objects.
    pub objects: u64,
    /// The bytes set free, those of broken and unfinished files included.
    pub bytes: u64,
}

impl Store {
    /// Counts what the store holds.
    ///
    /// # Errors
    /// When its folders cannot be read.
    pub fn stat(&self) -> Result<Stat, Error> {
        let mut stat = Stat::default();
        for (_, metadata) in files(&self.root.join("ac"))? {
            stat.records += 1;
            stat.bytes += metadata.len();
        }
        for (_, metadata) in files(&self.root.join("cas"))? {
            stat.objects += 1;
            stat.bytes += metadata.len();
        }
        stat.quarantined = files(&self.root.join("quarantine"))?.len() as u64;
        Ok(stat)
    }

    /// Removes the results used longest ago until the rest is within `limits`, and whatever no
    /// result needs: lone objects, unfinished and broken files.
    ///
    /// # Errors
    /// [`Error::InUse`] while anyone else has the store open; when a folder cannot be read.
    pub fn prune(&mut self, limits: Limits) -> Result<Removed, Error> {
        self.users.unlock().map_err(Error::io("unlock", &self.root))?;
        let alone = self.users.try_lock().map_err(|refused| match refused {
            TryLockError::WouldBlock => Error::InUse { root: self.root.clone() },
            TryLockError::Error(error) => Error::io("lock", &self.root)(error),
        });
        let removed = alone.and_then(|()| self.sweep(limits));
        self.users.lock_shared().map_err(Error::io("lock", &self.root))?;
        removed
    }

    /// Removes everything.
    ///
    /// # Errors
    /// As [`Store::prune`].
    pub fn clear(&mut self) -> Result<Removed, Error> {
        self.prune(Limits { bytes: Some(0), age: None })
    }

    fn sweep(&self, limits: Limits) -> Result<Removed, Error> {
        let mut removed = Removed::default();
        let mut kept = BTreeSet::new();
        let mut bytes = 0;
        let mut newest_first = files(&self.root.join("ac"))?;
        newest_first.sort_by_key(|(_, m)| std::cmp::Reverse(m.modified().unwrap_or(SystemTime::UNIX_EPOCH)));
        for (path, metadata) in newest_first {
            let objects = fs::read(&path).ok().and_then(|text| records::objects_of(&text));
            let fresh: Vec<_> =
                objects.iter().flatten().filter(|object| !kept.contains(&object.digest)).collect();
            let grown = bytes + metadata.len() + fresh.iter().map(|object| object.bytes).sum::<u64>();
            let old = limits.age.is_some_and(|age| unused_for(&metadata) > age);
            if objects.is_none() || old || limits.bytes.is_some_and(|limit| grown > limit) {
                removed.bytes += remove(&path, &metadata)?;
                removed.records += 1;
            } else {
                bytes = grown;
                kept.extend(fresh.iter().map(|object| object.digest));
            }
        }
        let kept: BTreeSet<_> = kept.iter().map(|digest| self.object_path(*digest)).collect();
        for (path, metadata) in files(&self.root.join("cas"))? {
            if !kept.contains(&path) {
                removed.bytes += remove(&path, &metadata)?;
                removed.objects += 1;
            }
        }
        for folder in ["tmp", "quarantine", "locks"] {
            for (path, metadata) in files(&self.root.join(folder))? {
                if path.file_name().is_none_or(|name| name != "users.lock") {
                    removed.bytes += remove(&path, &metadata)?;
                }
            }
        }
        Ok(removed)
    }
}

fn unused_for(metadata: &fs::Metadata) -> Duration {
    metadata.modified().ok().and_then(|time| time.elapsed().ok()).unwrap_or_default()
}

fn remove(path: &Path, metadata: &fs::Metadata) -> Result<u64, Error> {
    match fs::remove_file(path) {
        Ok(()) => Ok(metadata.len()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(Error::io("remove", path)(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Key, KeyBuilder};

    fn key(number: u64) -> Key {
        KeyBuilder::new("images", 1).field("number", &number).finish().unwrap()
    }

    fn fill(store: &Store, count: u64) {
        for number in 0..count {
            let object = store.put(&vec![number as u8; 10_000]).unwrap();
            store.record(&key(number), &number, &[object]).unwrap();
            let used = SystemTime::now() - Duration::from_secs(3600 * (count - number));
            fs::File::open(store.record_path(key(number).digest())).unwrap().set_modified(used).unwrap();
        }
    }

    #[test]
    fn what_was_used_last_stays() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(folder.path()).unwrap();
        fill(&store, 10);
        store.put(b"belongs to nothing").unwrap();
        fs::write(store.root.join("tmp").join("left"), b"by a killed process").unwrap();
        assert_eq!(store.lookup::<u64>(&key(0)).unwrap(), Some(0));

        let removed = store.prune(Limits { bytes: Some(35_000), age: None }).unwrap();
        assert_eq!((removed.records, removed.objects), (7, 8));
        let left: Vec<u64> = (0..10).filter_map(|n| store.lookup(&key(n)).unwrap()).collect();
        assert_eq!(left, [0, 8, 9]);

        store.prune(Limits { bytes: None, age: Some(Duration::from_secs(600)) }).unwrap();
        let left: Vec<u64> = (0..10).filter_map(|n| store.lookup(&key(n)).unwrap()).collect();
        assert_eq!(left, [0, 8, 9], "a lookup counts as use");

        store.clear().unwrap();
        assert_eq!(store.stat().unwrap(), Stat::default());
    }

    #[test]
    fn nothing_is_removed_while_someone_else_has_it_open() {
        let folder = tempfile::tempdir().unwrap();
        let other = Store::open(folder.path()).unwrap();
        let mut store = Store::open(folder.path()).unwrap();
        fill(&store, 2);
        assert!(matches!(store.clear(), Err(Error::InUse { .. })));
        assert_eq!(store.stat().unwrap().records, 2);
        drop(other);
        assert_eq!(store.clear().unwrap().records, 2);
    }
}
