//! What was learned about memory: how far down a model had to step on a device.
//!
//! It lies beside the store's entries. A file that cannot be read or written costs a step down at most.

use std::{fmt, path::PathBuf};

use serde::{Deserialize, Serialize};

use crate::{
    digest::Digest,
    engine::{Bytes, Device, Residency},
    store::{self, Store},
    story::Size,
};

/// What is raised when older files are not understood any more; they are forgotten then.
const VERSION: u32 = 2;
/// How much more memory there must be, in hundredths, before it is tried again: what is free breathes.
const MORE: u64 = 110;

/// Where a model ended up on a device that ran out of memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Learned {
    /// What the model is called.
    pub name: String,
    /// Its digest.
    pub model: Digest,
    /// The device.
    pub device: String,
    /// The size that was wished for; of an upscaler, that of the picture it was given.
    pub wished: Size,
    /// The bytes that might be used then.
    pub allowed: u64,
    /// Where it ended up.
    pub ended: Ended,
}

/// What did after memory ran out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// The device drew in less.
    Drawing {
        /// The size that was drawn.
        size: Size,
        /// Rows of one run of the denoiser.
        rows: usize,
        /// What stayed loaded.
        residency: Residency,
        /// The most bytes that a part in pieces held.
        limit: u64,
    },
    /// The device drew nothing any more: the processor did.
    OnProcessor,
    /// The device enlarged in tiles.
    Enlarging {
        /// The most bytes that those took.
        budget: u64,
    },
}

impl fmt::Display for Learned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, device, wished, allowed, ended, .. } = self;
        match ended {
            Ended::Drawing { size, residency, limit, .. } => {
                write!(f, "`{name}` on {device} draws {size} for {wished}, {residency}, in {}", Bytes(*limit))
            }
            Ended::OnProcessor => write!(f, "`{name}` draws {wished} on the processor instead of {device}"),
            Ended::Enlarging { budget } => {
                write!(f, "`{name}` on {device} enlarges {wished} in tiles of {} at most", Bytes(*budget))
            }
        }?;
        write!(f, ", since it ran out of {}", Bytes(*allowed))
    }
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
        let begins = match self.ended {
            Ended::Drawing { size, residency, limit, .. } => {
                format!("memory: begins at {size}, {residency}, in {}", Bytes(limit))
            }
            Ended::OnProcessor => format!("memory: begins on the processor instead of {}", self.device),
            Ended::Enlarging { budget } => format!("upscale: begins in {}", Bytes(budget)),
        };
        format!("{begins}, where an earlier run ended up; `shortform cache forget` forgets it")
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
        let size = Size::new(256, 448);
        Learned {
            name: "pocket".into(),
            model: Digest::of(b"pocket"),
            device: "cpu".into(),
            wished: Size::new(288, 512),
            allowed,
            ended: Ended::Drawing { size, rows: 1, residency: Residency::Sequential, limit: 50 << 20 },
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

    #[test]
    fn each_end_is_told_and_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let drawing = learned(1 << 30);
        let processor = Learned { device: "cuda:0".into(), ended: Ended::OnProcessor, ..learned(2 << 30) };
        let (x4, model) = ("x4".to_owned(), Digest::of(b"x4"));
        let enlarging =
            Learned { name: x4, model, ended: Ended::Enlarging { budget: 20 << 20 }, ..learned(1 << 30) };
        let all = [drawing, processor, enlarging];
        all.iter().for_each(|one| one.clone().keep(&store));
        assert_eq!(Learned::all(&store), all);
        let told = all.each_ref().map(Learned::to_string);
        assert_eq!(
            told,
            [
                "`pocket` on cpu draws 256x448 for 288x512, sequential, in 50 MiB, since it ran out of 1.0 GiB",
                "`pocket` draws 288x512 on the processor instead of cuda:0, since it ran out of 2.0 GiB",
                "`x4` on cpu enlarges 288x512 in tiles of 20 MiB at most, since it ran out of 1.0 GiB",
            ]
        );
        for one in &all {
            assert!(one.line().contains("where an earlier run ended up"), "{}", one.line());
        }
    }
}
