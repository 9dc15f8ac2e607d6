//! NVIDIA's cards.
//!
//! None of this has been measured by us yet: `just bench-gpu` does it where there is a card.

use ort::ep::ExecutionProviderDispatch;
use serde::{Deserialize, Serialize};

use super::super::Options;

/// How sessions use an NVIDIA card.
///
/// Always: an arena that grows by what is asked for (`kSameAsRequested`). The default doubles each growth, and a
/// session would hold up to twice what it needs; the price is more calls of the driver while the first run warms
/// the arena up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize)]
pub struct Cuda {
    /// How cuDNN's way to convolve is chosen.
    pub conv_search: ConvSearch,
    /// How much cuDNN may hold while it convolves.
    pub workspace: Workspace,
    /// The most bytes that the arena of one session may take; none for no limit. It is the placement's budget: a
    /// session that would take more fails, and the drawing steps down, before anything else on the card suffers.
    pub limit: Option<u64>,
}

/// How cuDNN's way to convolve is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConvSearch {
    /// By cuDNN's own knowledge of the card. No trial run, no memory for one.
    #[default]
    Heuristic,
    /// By trying all at the first run of each shape: seconds, and the workspace of the greediest one. It may win
    /// a little time in every run after it.
    Exhaustive,
    /// Always the same one, with the least workspace, and the slowest.
    Default,
}

/// How much cuDNN may hold while it convolves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Workspace {
    /// A little for a VAE, whose convolutions see the whole picture; what it likes for all others.
    #[default]
    Auto,
    /// What it likes: the fastest convolutions, at up to gigabytes for large pictures.
    Large,
    /// 32 MiB for each convolution.
    Small,
}

#[cfg(feature = "cuda")]
pub(super) fn provider(index: u32, options: &Options) -> Result<ExecutionProviderDispatch, String> {
    use super::Runs;
    use ort::ep::{ArenaExtendStrategy, CUDA, cuda::ConvAlgorithmSearch};
    let index = i32::try_from(index).map_err(|_| format!("there is no GPU {index}"))?;
    super::in_library::<CUDA>()?;
    let Cuda { conv_search, workspace, limit } = options.policy.cuda;
    let search = match conv_search {
        ConvSearch::Heuristic => ConvAlgorithmSearch::Heuristic,
        ConvSearch::Exhaustive => ConvAlgorithmSearch::Exhaustive,
        ConvSearch::Default => ConvAlgorithmSearch::Default,
    };
    let large = match workspace {
        Workspace::Auto => options.runs == Runs::Many,
        Workspace::Large => true,
        Workspace::Small => false,
    };
    let mut provider = CUDA::default()
        .with_device_id(index)
        .with_arena_extend_strategy(ArenaExtendStrategy::SameAsRequested)
        .with_conv_algorithm_search(search)
        .with_conv_max_workspace(large);
    if let Some(limit) = limit {
        provider = provider.with_memory_limit(usize::try_from(limit).unwrap_or(usize::MAX));
    }
    Ok(provider.build())
}

#[cfg(not(feature = "cuda"))]
pub(super) fn provider(_: u32, _: &Options) -> Result<ExecutionProviderDispatch, String> {
    Err("this program is built without it: build with `--features cuda`".into())
}
