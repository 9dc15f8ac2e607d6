use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::{
    fs::{self, File},
    io,
    time::SystemTime,
};

use super::{Error, Field, Key, Store, Warning, fault, layout::files};
use crate::digest::Digest;

/// A record as kept: the result, what it depended on, and the objects that belong to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The key's digest.
    pub key: Digest,
    /// The kind of work.
    pub stage: String,
    /// The version of its code.
    pub version: u32,
    /// What the key was made of.
    pub fields: Vec<Field>,
    /// The objects that the result names.
    pub objects: Vec<Object>,
    /// The result.
    pub value: Value,
}

/// An object of a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Object {
    /// Its digest.
    pub digest: Digest,
    /// Its length.
    pub bytes: u64,
}

/// How closely a record's objects are looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Care {
    /// They are there and as long as they were.
    Quick,
    /// They still hash to their names.
    Full,
}

impl Store {
    /// The result kept under `key`, or nothing. A quick look: of its objects only presence and
    /// length are checked; [`Store::obtain`] and [`Store::get`] read them.
    ///
    /// # Errors
    /// When the record is there but cannot be read from disk.
    pub fn lookup<T: DeserializeOwned>(&self, key: &Key) -> Result<Option<T>, Error> {
        self.find(key, Care::Quick)
    }

    /// Keeps `value` under `key`; `objects` are the digests of all that belongs to it, which
    /// must be in the store already.
    ///
    /// # Errors
    /// When an object is missing or the record cannot be written.
    pub fn record<T: Serialize>(&self, key: &Key, value: &T, objects: &[Digest]) -> Result<(), Error> {
        let objects = objects
            .iter()
            .map(|&digest| {
                let path = self.object_path(digest);
                let bytes = fs::metadata(&path).map_err(Error::io("find the object", path))?.len();
                Ok(Object { digest, bytes })
            })
            .collect::<Result<_, Error>>()?;
        let unwritable =
            |source| Error::Unwritable { what: format!("the result of a `{}` step", key.stage), source };
        let entry = Entry {
            key: key.digest,
            stage: key.stage.clone(),
            version: key.version,
            fields: key.fields.clone(),
            objects,
            value: serde_json::to_value(value).map_err(unwritable)?,
        };
        let body = serde_json::to_string(&entry).map_err(unwritable)?;
        self.commit(seal(&body).as_bytes(), &self.record_path(key.digest))
    }

    /// Every readable record, the one used last first; for `shortform cache`.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn entries(&self) -> Result<Vec<Entry>, Error> {
        let mut records = files(&self.root.join("ac"))?;
        records.sort_by_key(|(_, metadata)| std::cmp::Reverse(metadata.modified().ok()));
        Ok(records
            .iter()
            .filter_map(|(path, _)| fs::read(path).ok())
            .filter_map(|text| open(&text).ok())
            .collect())
    }

    pub(super) fn find<T: DeserializeOwned>(&self, key: &Key, care: Care) -> Result<Option<T>, Error> {
        let path = self.record_path(key.digest);
        let text = match fault::at("store.read").and_then(|()| fs::read(&path)) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::io("read", path)(error)),
        };
        let broken = |reason: String| {
            self.quarantine(&path);
            self.warn(Warning::BrokenRecord { key: key.digest, reason });
        };
        let entry = match open(&text) {
            Ok(entry) if entry.key == key.digest => entry,
            Ok(entry) => {
                broken(format!("it belongs to {}", entry.key.short()));
                return Ok(None);
            }
            Err(reason) => {
                broken(reason);
                return Ok(None);
            }
        };
        for object in &entry.objects {
            if !self.holds(object, care)? {
                self.warn(Warning::MissingObject { key: key.digest, object: object.digest });
                return Ok(None);
            }
        }
        match serde_json::from_value(entry.value) {
            Ok(value) => {
                // The time of last use decides what prune keeps; a store that cannot note it still serves.
                let _ = File::open(&path).and_then(|file| file.set_modified(SystemTime::now()));
                Ok(Some(value))
            }
            Err(error) => {
                broken(error.to_string());
                Ok(None)
            }
        }
    }

    fn holds(&self, object: &Object, care: Care) -> Result<bool, Error> {
        match care {
            Care::Quick => {
                Ok(fs::metadata(self.object_path(object.digest)).is_ok_and(|m| m.len() == object.bytes))
            }
            Care::Full => Ok(self.get(object.digest)?.is_some()),
        }
    }
}

const SEAL: &str = "{\"digest\":\"";
const BODY: &str = "\",\"record\":";
const DIGITS: usize = 64;

/// The record's file: JSON whose first member is the digest of the bytes of the second.
fn seal(body: &str) -> String {
    format!("{SEAL}{}{BODY}{body}}}\n", Digest::of(body.as_bytes()))
}

/// Reads what [`seal`] wrote.
fn open(text: &[u8]) -> Result<Entry, String> {
    let parts = || {
        let rest = text.strip_prefix(SEAL.as_bytes())?;
        let (digest, rest) = rest.split_at_checked(DIGITS)?;
        let body = rest.strip_prefix(BODY.as_bytes())?.strip_suffix(b"}\n")?;
        Some((digest, body))
    };
    let (digest, body) = parts().ok_or("it is cut short or not a record")?;
    if Digest::of(body).to_string().as_bytes() != digest {
        return Err("its bytes have changed".to_owned());
    }
    serde_json::from_slice(body).map_err(|error| format!("another version wrote it: {error}"))
}

/// The objects of a record's file, or nothing if it is broken.
pub(super) fn objects_of(text: &[u8]) -> Option<Vec<Object>> {
    open(text).ok().map(|entry| entry.objects)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{KeyBuilder, Origin};
    use std::path::PathBuf;

    fn filled() -> (tempfile::TempDir, Store, Key, Digest) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let key = KeyBuilder::new("images", 1).field("seed", &7).finish().unwrap();
        let object = store.put(b"a picture").unwrap();
        store.record(&key, &vec![object], &[object]).unwrap();
        (folder, store, key, object)
    }

    fn overwrite(path: &PathBuf, bytes: &[u8]) {
        fs::remove_file(path).unwrap();
        fs::write(path, bytes).unwrap();
    }

    #[test]
    fn any_flipped_bit_of_a_record_is_a_miss() {
        let (_folder, store, key, object) = filled();
        let path = store.record_path(key.digest);
        let good = fs::read(&path).unwrap();
        assert!(fs::metadata(&path).unwrap().permissions().readonly());
        for at in (0..good.len()).step_by(5) {
            let mut bad = good.clone();
            bad[at] ^= 1 << (at % 8);
            overwrite(&path, &bad);
            assert_eq!(store.lookup::<Vec<Digest>>(&key).unwrap(), None, "byte {at}");
            assert!(matches!(store.take_warnings()[..], [Warning::BrokenRecord { .. }]));
            store.record(&key, &vec![object], &[object]).unwrap();
        }
        for length in (0..good.len()).step_by(23) {
            overwrite(&path, &good[..length]);
            assert_eq!(store.lookup::<Vec<Digest>>(&key).unwrap(), None, "cut to {length}");
            store.record(&key, &vec![object], &[object]).unwrap();
        }
        assert_eq!(store.lookup(&key).unwrap(), Some(vec![object]));
    }

    #[test]
    fn a_broken_object_is_set_aside_and_made_again() {
        let (folder, store, key, object) = filled();
        for bad in [&b"a pictura"[..], b"", b"a picture and more"] {
            overwrite(&store.object_path(object), bad);
            let (value, origin) = store
                .obtain::<Vec<Digest>, Error>(&key, || {
                    let made = store.put(b"a picture")?;
                    Ok((vec![made], vec![made]))
                })
                .unwrap();
            assert_eq!((value, origin), (vec![object], Origin::Made));
            let warnings = store.take_warnings();
            let Warning::BrokenObject { quarantine: Some(aside), .. } = &warnings[0] else {
                panic!("{warnings:?}")
            };
            assert_eq!(fs::read(aside).unwrap(), bad);
            assert!(aside.starts_with(folder.path()));
            assert_eq!(store.get(object).unwrap().as_deref(), Some(&b"a picture"[..]));
        }
    }

    #[test]
    fn a_record_whose_object_is_gone_or_whose_type_changed_is_a_miss() {
        let (_folder, store, key, object) = filled();
        assert_eq!(store.lookup::<u64>(&key).unwrap(), None);
        assert!(store.take_warnings()[0].to_string().contains("invalid type"));
        store.record(&key, &1, &[object]).unwrap();
        fs::remove_file(store.object_path(object)).unwrap();
        assert_eq!(store.lookup::<u64>(&key).unwrap(), None);
        assert!(matches!(store.take_warnings()[..], [Warning::MissingObject { .. }]));
        assert!(store.record(&key, &1, &[object]).is_err());
    }

    #[test]
    fn records_tell_what_they_depend_on() {
        let (_folder, store, key, object) = filled();
        let [entry] = &store.entries().unwrap()[..] else { panic!() };
        assert_eq!((entry.key, &entry.fields[..]), (key.digest(), key.fields()));
        assert_eq!(entry.objects, [Object { digest: object, bytes: 9 }]);
    }
}
