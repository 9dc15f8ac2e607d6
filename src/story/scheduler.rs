//! Names of the noise schedulers.

use serde::{Deserialize, Serialize};

/// A noise scheduler: how the denoiser's answers become the next latents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SchedulerKind {
    /// Whatever the model's own `scheduler_config.json` names.
    Auto,
    /// Denoising diffusion implicit models.
    Ddim,
    /// Euler's method on the probability flow.
    Euler,
}
