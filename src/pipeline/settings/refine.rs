//! The `refine` stage.

use serde::Serialize;

use crate::pipeline::{
    fields::Fields,
    kind::{count, name, number},
};

/// Settings of the `refine` stage.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Refine {
    /// The name of an installed model, or a folder.
    pub model: String,
    /// How much of each picture is drawn anew, 0 to 1.
    pub strength: f64,
    /// With how much of the way behind it the first model hands its latents over, instead of a picture.
    pub denoising_start: Option<f64>,
    /// Times the denoiser would run for a whole picture; none takes those of `images`.
    pub inference_steps: Option<u32>,
    /// How strongly the prompt pulls; none takes that of `images`.
    pub guidance_scale: Option<f32>,
}

/// How much is drawn anew where nobody says: surfaces, not shapes.
const STRENGTH: f64 = 0.25;

impl Refine {
    pub(crate) fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let model = fields.get("model", &name("the name or the folder of a model"));
        let strength = fields.optional("strength", &number(0.01..=1.0));
        let start = fields.optional("denoising_start", &number(0.01..=0.99).or_off());
        let steps = count(1..=150).map(Some).or_auto(None);
        let steps = fields.optional("inference_steps", &steps);
        let guidance = number(1.0..=30.0).map(Some).or_auto(None);
        let guidance = fields.optional("guidance_scale", &guidance);
        if let (Some(Some(_)), Some(Some(Some(_))), Some(spot)) = (strength, start, fields.spot("strength")) {
            let expected = "`denoising_start` says already how much is left to draw: keep one".to_owned();
            fields.problem("strength", "is given beside `denoising_start`", &spot, expected);
            return None;
        }
        Some(Self {
            model: model?,
            strength: strength?.unwrap_or(STRENGTH),
            denoising_start: start?.flatten(),
            inference_steps: steps?.flatten(),
            guidance_scale: guidance?.flatten().map(|scale| scale as f32),
        })
    }
}
