//! Whose random numbers a seed stands for.

use serde::{Deserialize, Serialize};

/// Whose random numbers a seed stands for: the same seed gives other noise on another generator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rng {
    /// PyTorch's generator on the processor, as in `torch.Generator().manual_seed(seed)`.
    #[default]
    TorchCpu,
    /// PyTorch's generator on a CUDA card.
    TorchCuda,
}
