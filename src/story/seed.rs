//! Where every random choice of a video comes from.

use serde::{Deserialize, Serialize};

/// Fixes every random choice below it; the same seed gives the same video.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seed(pub u64);

impl Seed {
    /// The seed of part `index` of `kind`, for example scene 3: independent of its siblings.
    ///
    /// The result stays below 2^53 so that JSON readers keep it exact.
    pub fn derive(self, kind: &str, index: u64) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("shortform seed v1");
        hasher.update(&self.0.to_le_bytes());
        hasher.update(&(kind.len() as u64).to_le_bytes());
        hasher.update(kind.as_bytes());
        hasher.update(&index.to_le_bytes());
        let bytes: [u8; 8] = hasher.finalize().as_bytes()[..8].try_into().expect("a digest has 32 bytes");
        Self(u64::from_le_bytes(bytes) >> 11)
    }

    /// A number in 0.0 .. 1.0 fixed by this seed, `kind` and `index`.
    pub fn fraction(self, kind: &str, index: u64) -> f64 {
        self.derive(kind, index).0 as f64 / (1u64 << 53) as f64
    }
}
