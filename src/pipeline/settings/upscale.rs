//! The `upscale` stage.

use serde::Serialize;

/// How pictures reach the delivered size.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum UpscaleEngine {
    /// The best installed model, Lanczos where there is none; the plan says which.
    Auto,
    /// Lanczos resampling: no model.
    Lanczos,
    /// The upscaling model of this name, or an error.
    Model(String),
}

/// Settings of the `upscale` stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Upscale {
    /// How pictures reach the delivered size.
    pub engine: UpscaleEngine,
}
