//! Why two keys differ.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Entry;

/// One place at which two keys differ.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Difference {
    /// Where: `voice`, `timeline.clips[3].still`.
    pub path: String,
    /// What it is in the first; none where it lacks it.
    pub one: Option<Value>,
    /// What it is in the second.
    pub other: Option<Value>,
}

/// Where the keys of two records differ, the deepest place each; none if they are one and the same.
pub fn differences(one: &Entry, other: &Entry) -> Vec<Difference> {
    let mut found = Vec::new();
    let whole = |entry: &Entry| {
        let head = [("stage", Value::from(entry.stage.as_str())), ("version", Value::from(entry.version))];
        let head = head.into_iter().map(|(name, value)| (name.to_owned(), value));
        let fields = entry.fields.iter().map(|field| (field.name.clone(), field.value.clone()));
        Value::Object(head.chain(fields).collect())
    };
    compare("", Some(&whole(one)), Some(&whole(other)), &mut found);
    found
}

fn compare(path: &str, one: Option<&Value>, other: Option<&Value>, found: &mut Vec<Difference>) {
    match (one, other) {
        (Some(one), Some(other)) if one == other => {}
        (Some(Value::Object(one)), Some(Value::Object(other))) => {
            for name in one.keys().chain(other.keys()).collect::<BTreeSet<_>>() {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                compare(&path, one.get(name), other.get(name), found);
            }
        }
        (Some(Value::Array(one)), Some(Value::Array(other))) => {
            for index in 0..one.len().max(other.len()) {
                compare(&format!("{path}[{index}]"), one.get(index), other.get(index), found);
            }
        }
        _ => found.push(Difference { path: path.to_owned(), one: one.cloned(), other: other.cloned() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Key, KeyBuilder, Store};
    use serde_json::json;

    fn entry(store: &Store, key: &Key) -> Entry {
        store.record(key, &1, &[]).unwrap();
        store.entries().unwrap().into_iter().find(|entry| entry.key == key.digest()).unwrap()
    }

    #[test]
    fn the_deepest_place_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let key = |clips: Value, version| {
            let timeline = json!({ "clips": clips, "seed": 7 });
            KeyBuilder::new("video", version).field("timeline", &timeline).field("title", &"A").finish()
        };
        let one = entry(&store, &key(json!([{ "still": "a" }]), 1).unwrap());
        let other = entry(&store, &key(json!([{ "still": "b" }, { "still": "c" }]), 2).unwrap());
        let found = differences(&one, &other);
        let paths: Vec<_> = found.iter().map(|difference| difference.path.as_str()).collect();
        assert_eq!(paths, ["timeline.clips[0].still", "timeline.clips[1]", "version"]);
        assert_eq!((&found[0].one, &found[0].other), (&Some(json!("a")), &Some(json!("b"))));
        assert_eq!(found[1].one, None);
        assert_eq!(differences(&one, &one), []);
    }
}
