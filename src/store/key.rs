use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Error;
use crate::digest::Digest;

/// Everything a result depends on, as one digest; it remembers what went in.
#[derive(Debug, Clone, PartialEq)]
pub struct Key {
    pub(super) digest: Digest,
    pub(super) stage: String,
    pub(super) version: u32,
    pub(super) fields: Vec<Field>,
}

/// One thing that a key was made of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Field {
    /// What it is: `voice`, `seed`, ...
    pub name: String,
    /// Its value; objects have their keys sorted.
    pub value: Value,
}

impl Key {
    /// The digest: the record's name in the store.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The kind of work, as given to [`KeyBuilder::new`].
    pub fn stage(&self) -> &str {
        &self.stage
    }

    /// What went into it, in order.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }
}

/// Gathers what a result depends on: settings, digests of inputs and model files, versions.
///
/// Put in what changes the result, and nothing else: never the time, the host, paths, thread
/// counts or secrets. Numbers are told apart by type and bits, every part is prefixed with its
/// length, and maps are sorted, so no two different inputs look the same.
#[derive(Debug)]
pub struct KeyBuilder {
    stage: String,
    version: u32,
    fields: Vec<Field>,
    failed: Option<Error>,
}

impl KeyBuilder {
    /// Begins the key of `stage`, whose code is at `version`: raised by hand whenever the same
    /// inputs give another result than before.
    pub fn new(stage: &str, version: u32) -> Self {
        Self { stage: stage.to_owned(), version, fields: Vec::new(), failed: None }
    }

    /// Adds one thing that the result depends on.
    #[must_use]
    pub fn field(mut self, name: &str, value: &impl Serialize) -> Self {
        match serde_json::to_value(value) {
            Ok(value) => self.fields.push(Field { name: name.to_owned(), value: sorted(value) }),
            Err(source) => {
                let what = format!("field `{name}` of a `{}` key", self.stage);
                self.failed.get_or_insert(Error::Unwritable { what, source });
            }
        }
        self
    }

    /// The key.
    ///
    /// # Errors
    /// When a field could not be written as JSON (a map whose keys are no strings, a path that is no UTF-8).
    pub fn finish(self) -> Result<Key, Error> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let mut hasher = blake3::Hasher::new_derive_key("shortform stage key v1");
        text(&mut hasher, &self.stage);
        hasher.update(&self.version.to_le_bytes());
        for field in &self.fields {
            text(&mut hasher, &field.name);
            hash(&mut hasher, &field.value);
        }
        let digest = Digest::from_hash(hasher.finalize());
        Ok(Key { digest, stage: self.stage, version: self.version, fields: self.fields })
    }
}

fn sorted(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.into_iter().map(|(k, v)| (k, sorted(v))).collect();
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(entries.into_iter().collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        other => other,
    }
}

fn length(hasher: &mut blake3::Hasher, length: usize) {
    hasher.update(&(length as u64).to_le_bytes());
}

fn text(hasher: &mut blake3::Hasher, text: &str) {
    length(hasher, text.len());
    hasher.update(text.as_bytes());
}

fn hash(hasher: &mut blake3::Hasher, value: &Value) {
    match value {
        Value::Null => {
            hasher.update(b"0");
        }
        Value::Bool(value) => {
            hasher.update(if *value { b"t" } else { b"f" });
        }
        Value::Number(number) => {
            if let Some(value) = number.as_u64() {
                hasher.update(b"u").update(&value.to_le_bytes());
            } else if let Some(value) = number.as_i64() {
                hasher.update(b"i").update(&value.to_le_bytes());
            } else {
                // A JSON number of this crate is one of three: what is neither is an f64.
                let bits = number.as_f64().unwrap_or(f64::NAN).to_bits();
                hasher.update(b"d").update(&bits.to_le_bytes());
            }
        }
        Value::String(value) => {
            hasher.update(b"s");
            text(hasher, value);
        }
        Value::Array(items) => {
            hasher.update(b"a");
            length(hasher, items.len());
            items.iter().for_each(|item| hash(hasher, item));
        }
        Value::Object(map) => {
            hasher.update(b"o");
            length(hasher, map.len());
            for (name, value) in map {
                text(hasher, name);
                hash(hasher, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeSet, HashMap};

    fn key(name: &str, value: impl Serialize) -> Digest {
        KeyBuilder::new("images", 1).field(name, &value).finish().unwrap().digest()
    }

    #[test]
    fn different_inputs_never_share_a_key() {
        let keys = [
            key("a", "b"),
            key("ab", ""),
            key("a", 1),
            key("a", 1.0),
            key("a", "1"),
            key("a", -1),
            key("a", true),
            key("a", ()),
            key("a", [1, 2]),
            key("a", [[1], [2]]),
            key("a", [[1, 2]]),
            key("a", [[12]]),
            KeyBuilder::new("images", 2).field("a", &1).finish().unwrap().digest(),
            KeyBuilder::new("image", 1).field("a", &1).finish().unwrap().digest(),
            KeyBuilder::new("images", 1).field("a", &1).field("a", &1).finish().unwrap().digest(),
        ];
        assert_eq!(keys.iter().collect::<BTreeSet<_>>().len(), keys.len());
    }

    #[test]
    fn the_order_of_a_map_does_not_matter() {
        let names = ["x", "y", "z", "model", "seed", "size"];
        let forward: HashMap<_, _> = names.iter().map(|n| (*n, n.len())).collect();
        let backward: HashMap<_, _> = names.iter().rev().map(|n| (*n, n.len())).collect();
        assert_eq!(key("map", forward), key("map", backward));
    }

    #[test]
    fn a_key_stays_the_same_from_release_to_release() {
        let key = KeyBuilder::new("narration", 3)
            .field("voice", &"nova")
            .field("rate", &1.25)
            .field("seed", &7)
            .finish()
            .unwrap();
        insta::assert_snapshot!(key.digest(), @"2b7822b63e19239a60a597284c562ae3aa92c5b75052c8dddf2002ac4e17a6c0");
        assert_eq!(key.fields()[1].name, "rate");
    }

    #[test]
    fn what_json_cannot_hold_is_an_error_that_names_the_field() {
        let map: HashMap<(u8, u8), u8> = [((1, 2), 3)].into();
        let error = KeyBuilder::new("images", 1).field("map", &map).field("b", &1).finish().unwrap_err();
        assert!(error.to_string().contains("field `map` of a `images` key"), "{error}");
    }
}
