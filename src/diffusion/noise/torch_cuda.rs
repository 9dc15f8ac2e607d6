//! PyTorch's generator on a CUDA card.

use std::f32::consts::PI;

const BLOCK: u64 = 256;

/// Philox4x32-10 (Salmon et al., 2011, "Parallel random numbers: as easy as 1, 2, 3") as
/// `torch.randn(.., device="cuda")` draws from it.
///
/// Thread i of a launch draws from subsequence i. One draw gives it four normal numbers, for the
/// elements i, i + g, i + 2 g and i + 3 g, where g is how many threads are launched: one an element,
/// rounded up to whole blocks, but no more than the card runs at once. So a seed's noise depends on
/// the card from some 40,000 numbers on; here no card is too small, as in the tools that made such
/// seeds exchangeable. A card's fast sine and cosine may differ in the last bits.
#[derive(Debug, Clone)]
pub struct Philox {
    key: [u32; 2],
    draws: u64,
    threads: u64,
}

impl Philox {
    /// Like `torch.Generator("cuda").manual_seed(seed)`.
    pub fn new(seed: u64) -> Self {
        Self::on_card(seed, u64::MAX)
    }

    /// The same on a card that runs `threads` at once: multiprocessors times what each runs,
    /// in whole blocks of 256.
    pub fn on_card(seed: u64, threads: u64) -> Self {
        Self { key: [seed as u32, (seed >> 32) as u32], draws: 0, threads }
    }

    /// Fills `values` with standard normal numbers and goes on from there.
    pub(super) fn fill(&mut self, values: &mut [f32]) {
        let launched = (values.len() as u64).next_multiple_of(BLOCK).min(self.threads).max(1);
        for round in values.chunks_mut(4 * launched as usize) {
            for (of_four, part) in round.chunks_mut(launched as usize).enumerate() {
                for (thread, value) in part.iter_mut().enumerate() {
                    let words = self.words(thread as u64);
                    let pair = if of_four < 2 { [words[0], words[1]] } else { [words[2], words[3]] };
                    *value = normal(pair, of_four % 2 == 1);
                }
            }
            self.draws += 1;
        }
    }

    /// Ten rounds over the counter of this draw and `thread`.
    fn words(&self, thread: u64) -> [u32; 4] {
        let mut x = [self.draws as u32, (self.draws >> 32) as u32, thread as u32, (thread >> 32) as u32];
        let mut key = self.key;
        for _ in 0..10 {
            let a = u64::from(x[0]) * 0xd251_1f53;
            let b = u64::from(x[2]) * 0xcd9e_8d57;
            x = [(b >> 32) as u32 ^ x[1] ^ key[0], b as u32, (a >> 32) as u32 ^ x[3] ^ key[1], a as u32];
            key = [key[0].wrapping_add(0x9e37_79b9), key[1].wrapping_add(0xbb67_ae85)];
        }
        x
    }
}

/// Box-Muller as cuRAND's: the sine comes first.
fn normal([x, y]: [u32; 2], second: bool) -> f32 {
    const SCALE: f32 = 1.0 / (1u64 << 32) as f32;
    const TURN: f32 = SCALE * (2.0 * PI);
    // One rounding, as the card's multiply-add has.
    let fused = |word: u32, factor: f32| (word as f32).mul_add(factor, factor / 2.0);
    let (u, v) = (fused(x, SCALE), f64::from(fused(y, TURN)));
    let radius = (-2.0 * f64::from(u).ln() as f32).sqrt();
    radius * if second { v.cos() as f32 } else { v.sin() as f32 }
}
