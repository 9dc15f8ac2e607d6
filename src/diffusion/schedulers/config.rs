//! `scheduler_config.json`.

use serde_json::{Map, Value};

use crate::story::SchedulerKind;

use super::{Spacing, betas::BetaSchedule};

/// A configuration that cannot be followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SchedulerError(pub String);

/// What the denoiser predicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prediction {
    /// The noise.
    Epsilon,
    /// The clean latents.
    Sample,
    /// The velocity between both (Salimans and Ho, 2022, <https://arxiv.org/abs/2202.00512>).
    Velocity,
}

/// Sigmas spaced as in Karras et al., 2022 (<https://arxiv.org/abs/2206.00364>), equation 5.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Karras {
    /// The least sigma, if it is not the schedule's own.
    pub min: Option<f64>,
    /// The greatest.
    pub max: Option<f64>,
}

/// A configuration as run. `None` means that the file leaves it to the scheduler's own default,
/// which differs between them.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    class: Option<String>,
    /// Steps of the training.
    pub train_steps: usize,
    /// How the variance of the noise grows.
    pub betas: BetaSchedule,
    /// Whether betas are rescaled so that the last step is pure noise (Lin et al., 2023,
    /// <https://arxiv.org/abs/2305.08891>).
    pub zero_terminal_snr: bool,
    /// What the denoiser predicts.
    pub prediction: Prediction,
    /// How inference steps spread over training steps.
    pub spacing: Option<Spacing>,
    /// Added to the timesteps of the spacing `leading`.
    pub steps_offset: i64,
    /// DDIM: predicted clean latents are kept within plus and minus this.
    pub clip: Option<f32>,
    /// DDIM: the last step goes to no noise at all rather than to the first training step.
    pub set_alpha_to_one: bool,
    /// Euler: sigmas after Karras.
    pub karras: Option<Karras>,
    /// Euler: sigmas interpolated in their logarithm, not in time.
    pub log_linear: bool,
    /// Euler: ends at the least sigma, not at 0.
    pub ends_at_sigma_min: bool,
}

/// What other schedulers of diffusers write into the same file and DDIM and Euler drop.
const OTHERS: &[&str] = &[
    "algorithm_type",
    "dynamic_thresholding_ratio",
    "euler_at_final",
    "flow_shift",
    "lambda_min_clipped",
    "lower_order_final",
    "original_inference_steps",
    "predict_x0",
    "sample_max_value",
    "skip_prk_steps",
    "solver_order",
    "solver_p",
    "solver_type",
    "timestep_scaling",
    "use_flow_sigmas",
    "use_lu_lambdas",
    "variance_type",
];

impl Config {
    /// Reads a configuration. A field that changes the picture and is not understood is an
    /// error, as is one nobody knows.
    pub fn read(json: &Value) -> Result<Self, SchedulerError> {
        let object = json.as_object().ok_or_else(|| SchedulerError("is not a JSON object".into()))?;
        let mut fields = Fields { object, seen: Vec::new() };
        let train_steps = fields.number("num_train_timesteps")?.unwrap_or(1000.0);
        if !(2.0..=100_000.0).contains(&train_steps) || train_steps.fract() != 0.0 {
            return Err(fields.wrong("num_train_timesteps", "a whole number from 2 to 100000"));
        }
        let range =
            (fields.number("beta_start")?.unwrap_or(0.0001), fields.number("beta_end")?.unwrap_or(0.02));
        let betas = match (fields.get("trained_betas"), fields.text("beta_schedule")?.unwrap_or("linear")) {
            (Some(betas), _) => {
                let betas = betas
                    .as_array()
                    .and_then(|list| list.iter().map(|b| b.as_f64().map(|b| b as f32)).collect());
                BetaSchedule::Trained(
                    betas.ok_or_else(|| fields.wrong("trained_betas", "a list of numbers"))?,
                )
            }
            (None, "linear") => BetaSchedule::Linear(range.0, range.1),
            (None, "scaled_linear") => BetaSchedule::ScaledLinear(range.0, range.1),
            (None, "squaredcos_cap_v2") => BetaSchedule::Cosine,
            _ => return Err(fields.wrong("beta_schedule", "linear, scaled_linear or squaredcos_cap_v2")),
        };
        let prediction = match fields.text("prediction_type")?.unwrap_or("epsilon") {
            "epsilon" => Prediction::Epsilon,
            "sample" => Prediction::Sample,
            "v_prediction" => Prediction::Velocity,
            _ => return Err(fields.wrong("prediction_type", "epsilon, sample or v_prediction")),
        };
        let spacing = match fields.text("timestep_spacing")? {
            None => None,
            Some("leading") => Some(Spacing::Leading),
            Some("trailing") => Some(Spacing::Trailing),
            Some("linspace") => Some(Spacing::Linspace),
            _ => return Err(fields.wrong("timestep_spacing", "leading, trailing or linspace")),
        };
        let clip_range = fields.number("clip_sample_range")?.unwrap_or(1.0) as f32;
        let (min, max) = (fields.number("sigma_min")?, fields.number("sigma_max")?);
        let config = Self {
            class: fields.text("_class_name")?.map(str::to_owned),
            train_steps: train_steps as usize,
            betas,
            zero_terminal_snr: fields.flag("rescale_betas_zero_snr")?.unwrap_or(false),
            prediction,
            spacing,
            steps_offset: fields.number("steps_offset")?.unwrap_or(0.0) as i64,
            clip: fields.flag("clip_sample")?.unwrap_or(true).then_some(clip_range),
            set_alpha_to_one: fields.flag("set_alpha_to_one")?.unwrap_or(true),
            karras: fields.flag("use_karras_sigmas")?.unwrap_or(false).then_some(Karras { min, max }),
            log_linear: fields.one_of("interpolation_type", ["linear", "log_linear"])? == 1,
            ends_at_sigma_min: fields.one_of("final_sigmas_type", ["zero", "sigma_min"])? == 1,
        };
        fields.must_be_off("thresholding")?;
        fields.must_be_off("use_exponential_sigmas")?;
        fields.must_be_off("use_beta_sigmas")?;
        if fields.text("timestep_type")?.is_some_and(|kind| kind != "discrete") {
            return Err(fields.wrong("timestep_type", "discrete, the only one built in"));
        }
        fields.nothing_is_left()?;
        Ok(config)
    }

    /// Which scheduler runs: the one asked for, or the one the file names.
    pub fn kind(&self, asked: SchedulerKind) -> Result<SchedulerKind, SchedulerError> {
        match (asked, self.class.as_deref()) {
            (SchedulerKind::Auto, Some("DDIMScheduler")) => Ok(SchedulerKind::Ddim),
            (SchedulerKind::Auto, Some("EulerDiscreteScheduler")) => Ok(SchedulerKind::Euler),
            (SchedulerKind::Auto, class) => Err(SchedulerError(format!(
                "names the scheduler {}, which is not built in: ask for `ddim` or `euler` by name",
                class.unwrap_or("of no class")
            ))),
            (asked, _) => Ok(asked),
        }
    }
}

/// Whether the training has that many steps to spread over.
pub(super) fn check_steps(config: &Config, inference_steps: usize) -> Result<(), SchedulerError> {
    match inference_steps {
        steps if (1..=config.train_steps).contains(&steps) => Ok(()),
        steps => {
            let trained = config.train_steps;
            Err(SchedulerError(format!("{steps} inference steps are asked for, expected 1 to {trained}")))
        }
    }
}

/// The fields of the file, remembering which were asked for.
struct Fields<'a> {
    object: &'a Map<String, Value>,
    seen: Vec<&'static str>,
}

impl<'a> Fields<'a> {
    fn get(&mut self, key: &'static str) -> Option<&'a Value> {
        self.seen.push(key);
        self.object.get(key).filter(|value| !value.is_null())
    }

    fn number(&mut self, key: &'static str) -> Result<Option<f64>, SchedulerError> {
        let value = self.get(key);
        value.map(|value| value.as_f64().ok_or_else(|| self.wrong(key, "a number"))).transpose()
    }

    fn text(&mut self, key: &'static str) -> Result<Option<&'a str>, SchedulerError> {
        let value = self.get(key);
        value.map(|value| value.as_str().ok_or_else(|| self.wrong(key, "a string"))).transpose()
    }

    fn flag(&mut self, key: &'static str) -> Result<Option<bool>, SchedulerError> {
        let value = self.get(key);
        value.map(|value| value.as_bool().ok_or_else(|| self.wrong(key, "true or false"))).transpose()
    }

    fn one_of(&mut self, key: &'static str, names: [&str; 2]) -> Result<usize, SchedulerError> {
        let Some(text) = self.text(key)? else { return Ok(0) };
        let found = names.iter().position(|name| *name == text);
        found.ok_or_else(|| self.wrong(key, &format!("{} or {}", names[0], names[1])))
    }

    fn must_be_off(&mut self, key: &'static str) -> Result<(), SchedulerError> {
        match self.flag(key)?.unwrap_or(false) {
            true => Err(self.wrong(key, "false, because it is not built in")),
            false => Ok(()),
        }
    }

    fn wrong(&self, key: &str, expected: &str) -> SchedulerError {
        let found = self.object.get(key).unwrap_or(&Value::Null);
        SchedulerError(format!("`{key}` is {found}, expected {expected}"))
    }

    fn nothing_is_left(&self) -> Result<(), SchedulerError> {
        let known = |key: &str| key.starts_with('_') || self.seen.contains(&key) || OTHERS.contains(&key);
        match self.object.keys().find(|key| !known(key)) {
            None => Ok(()),
            Some(key) => Err(SchedulerError(format!("`{key}` is not a field of any scheduler known here"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_file_of_stable_diffusion_1_5_is_understood() {
        let config = Config::read(&json!({
            "_class_name": "PNDMScheduler", "_diffusers_version": "0.6.0", "beta_end": 0.012,
            "beta_schedule": "scaled_linear", "beta_start": 0.00085, "num_train_timesteps": 1000,
            "set_alpha_to_one": false, "skip_prk_steps": true, "steps_offset": 1, "trained_betas": null,
            "clip_sample": false
        }))
        .unwrap();
        assert_eq!(config.betas, BetaSchedule::ScaledLinear(0.00085, 0.012));
        assert_eq!((config.spacing, config.steps_offset, config.clip), (None, 1, None));
        assert!(config.kind(SchedulerKind::Auto).unwrap_err().to_string().contains("PNDMScheduler"));
        assert_eq!(config.kind(SchedulerKind::Euler), Ok(SchedulerKind::Euler));
    }

    #[test]
    fn what_is_not_understood_is_refused_by_name() {
        for (json, word) in [
            (json!({"thresholding": true}), "thresholding"),
            (json!({"use_beta_sigmas": true}), "use_beta_sigmas"),
            (json!({"prediction_type": "flow"}), "v_prediction"),
            (json!({"timestep_spacing": 3}), "string"),
            (json!({"colour": "red"}), "colour"),
            (json!({"num_train_timesteps": -4}), "whole number"),
            (json!([1]), "object"),
        ] {
            let error = Config::read(&json).unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
    }
}
