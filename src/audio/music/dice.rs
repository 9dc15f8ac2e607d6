//! Seeded choices of a composer.

use crate::story::Seed;

/// Throws that come out the same for the same seed.
pub(in crate::audio) struct Dice {
    state: u64,
}

impl Dice {
    /// Dice of their own for `what`.
    pub(in crate::audio) fn new(seed: Seed, what: &str) -> Self {
        Self { state: seed.derive(what, 0).0 }
    }

    /// The next number in 0.0 .. 1.0 (SplitMix64, S. Vigna).
    pub(in crate::audio) fn throw(&mut self) -> f64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A number from -1 to 1.
    pub(in crate::audio) fn sway(&mut self) -> f64 {
        2.0 * self.throw() - 1.0
    }

    /// A number between two.
    pub(super) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.throw()
    }

    /// True so often.
    pub(super) fn chance(&mut self, share: f64) -> bool {
        self.throw() < share
    }

    /// One of `choices`, which must not be empty.
    pub(super) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[(self.throw() * choices.len() as f64) as usize]
    }
}
