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
    /// Denoising diffusion probabilistic models.
    Ddpm,
    /// Pseudo numerical methods for diffusion models.
    Pndm,
    /// Euler's method on the probability flow.
    Euler,
    /// Euler's method with fresh noise in each step.
    EulerAncestral,
    /// Heun's method, which asks the denoiser twice a step.
    Heun,
    /// DPM-Solver++ of second order.
    #[serde(rename = "dpmpp-2m")]
    Dpmpp2m,
    /// The same over sigmas spaced after Karras.
    #[serde(rename = "dpmpp-2m-karras")]
    Dpmpp2mKarras,
    /// Its stochastic variant.
    #[serde(rename = "dpmpp-2m-sde")]
    Dpmpp2mSde,
    /// Its stochastic variant over sigmas spaced after Karras.
    #[serde(rename = "dpmpp-2m-sde-karras")]
    Dpmpp2mSdeKarras,
    /// A unified predictor-corrector.
    Unipc,
    /// Sampling of latent consistency models.
    Lcm,
    /// Euler's method on a flow, for models trained by flow matching.
    FlowMatchEuler,
}
