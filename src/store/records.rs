use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::{
    fs::{self, File},
    io,
    time::SystemTime,
};

use super::{Error, Field, Key, Store, Warning, layout::files};
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

    /// Every readable record; for `shortform cache`.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn entries(&self) -> Result<Vec<Entry>, Error> {
        let records = files(&self.root.join("ac"))?;
        Ok(records
            .iter()
            .filter_map(|(path, _)| fs::read(path).ok())
            .filter_map(|text| open(&text).ok())
            .collect())
    }

    pub(super) fn find<T: DeserializeOwned>(&self, key: &Key, care: Care) -> Result<Option<T>, Error> {
        let path = self.record_path(key.digest);
        let text = match fs::read(&path) {
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
