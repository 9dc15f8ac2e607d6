//! The `upscale` stage.

use serde::{Deserialize, Serialize};

use crate::pipeline::{
    fields::Fields,
    kind::{name, variant},
};

/// How pictures reach the delivered size.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum UpscaleEngine {
    /// The model that suits what was drawn, Lanczos where there is none or it does not fit; the plan
    /// says which.
    Auto,
    /// Lanczos resampling: no model.
    Lanczos,
    /// The upscaling model of this name or path, or an error.
    Model(String),
}

/// Which part is kept of a picture whose shape is not the delivered one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cropping {
    /// The part around what draws the eye.
    Subject,
    /// The middle.
    Middle,
}

/// Settings of the `upscale` stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Upscale {
    /// How pictures reach the delivered size.
    pub engine: UpscaleEngine,
    /// What is kept where it is cropped.
    pub crop: Cropping,
}

impl Upscale {
    pub(crate) fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let engine =
            name("`auto`, `lanczos` or the name of an upscaling model").map(|word| match word.as_str() {
                "auto" => UpscaleEngine::Auto,
                "lanczos" => UpscaleEngine::Lanczos,
                _ => UpscaleEngine::Model(word),
            });
        let (engine, crop) = (fields.get("engine", &engine), fields.get("crop", &variant()));
        Some(Self { engine: engine?, crop: crop? })
    }
}
