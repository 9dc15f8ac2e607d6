//! What was learned about memory: how far down a model had to step on a device.
//!
//! It lies beside the store's entries. A file that cannot be read or written costs a step down at most.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::{
    digest::Digest,
    engine::{Bytes, Device, Residency},
    store::{self, Store},
    story::Size,
};

/// What is raised when older files are not understood any more; they are forgotten then.
const VERSION: u32 = 1;
/// How much more memory there must be, in hundredths, before it is tried again: what is free breathes.
const MORE: u64 = 110;

/// How a model was drawn with in the end, on a device that ran out of memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Learned {
    /// What the model is called.
    pub name: String,
    /// Its digest.
    pub model: Digest,
    /// The device.
    pub device: String,
    /// The size that was wished for.
    pub wished: Size,
    /// The size that was drawn.
    pub size: Size,
    /// Rows of one run of the denoiser.
    pub rows: usize,
    /// What stayed loaded.
    pub residency: Residency,
    /// The most bytes that a part in pieces held.
    pub limit: u64,
    /// The bytes that might be used then.
    pub allowed: u64,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct File {
    version: u32,
    ways: Vec<Learned>,
}

impl Learned {
    /// All that was learned in runs over `store`.
    pub fn all(store: &Store) -> Vec<Self> {
        let file = std::fs::read(path(store)).ok();
        let file = file.and_then(|bytes| serde_json::from_slice::<File>(&bytes).ok());
        file.filter(|file| file.version == VERSION).map_or_else(Vec::new, |file| file.ways)
    }

    /// Forgets all of it; answers how much it was.
    pub fn forget(store: &Store) -> usize {
        let known = Self::all(store).len();
        write(store, Vec::new());
        known
    }

    /// What was learned, in a line.
    pub(super) fn line(&self) -> String {
        format!(
            "memory: begins at {}, {}, in {}, where an earlier run ended up; `shortform cache forget` forgets it",
            self.size,
            self.residency,
            Bytes(self.limit)
        )
    }

    /// What was learned of this model on this device; forgotten when there is more memory than then.
    pub(super) fn recall(
        store: &Store,
        model: Digest,
        device: Device,
        wished: Size,
        allowed: u64,
    ) -> Option<Self> {
        let mut known = Self::all(store);
        let device = device.to_string();
        let at = known.iter().position(|one| one.is_of(model, &device, wished))?;
        if allowed <= known[at].allowed / 100 * MORE {
            return Some(known.swap_remove(at));
        }
        known.remove(at);
        write(store, known);
        None
    }

    /// Keeps it for the next run.
    pub(super) fn keep(self, store: &Store) {
        let mut known = Self::all(store);
        known.retain(|one| !one.is_of(self.model, &self.device, self.wished));
        known.push(self);
        write(store, known);
    }

    fn is_of(&self, model: Digest, device: &str, wished: Size) -> bool {
        (self.model, self.device.as_str(), self.wished) == (model, device, wished)
    }
}

fn write(store: &Store, ways: Vec<Learned>) {
    if ways.is_empty() && !path(store).exists() {
        return;
    }
    if let Ok(bytes) = serde_json::to_vec_pretty(&File { version: VERSION, ways }) {
        // Not to know it next time is no reason to fail a picture that was drawn.
        let _ = store::write_atomically(&path(store), &bytes);
    }
}

fn path(store: &Store) -> PathBuf {
    store.root().join("learned.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn learned(allowed: u64) -> Learned {
        Learned {
            name: "pocket".into(),
            model: Digest::of(b"pocket"),
            device: "cpu".into(),
            wished: Size::new(288, 512),
            size: Size::new(256, 448),
            rows: 1,
            residency: Residency::Sequential,
            limit: 50,
            allowed,
        }
    }

    #[test]
    fn what_was_learned_holds_until_there_is_more_memory() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let recall = |allowed| {
            Learned::recall(&store, Digest::of(b"pocket"), Device::Cpu, Size::new(288, 512), allowed)
        };
        assert_eq!(recall(1), None);
        learned(900).keep(&store);
        learned(1000).keep(&store);
        assert_eq!(Learned::all(&store), [learned(1000)]);
        assert_eq!(recall(1090), Some(learned(1000)));
        let other = Learned::recall(&store, Digest::of(b"other"), Device::Cpu, Size::new(288, 512), 1);
        assert_eq!(other, None);
        assert_eq!(recall(1200), None);
        assert_eq!(recall(1000), None, "it was to be forgotten");
        learned(1000).keep(&store);
        assert_eq!((Learned::forget(&store), Learned::all(&store)), (1, Vec::new()));
        std::fs::write(path(&store), b"{\"version\": 0, \"ways\": []}").unwrap();
        assert_eq!(recall(1), None);
    }
}
