//! `scheduler_config.json`.

use serde_json::{Map, Value};

/// A configuration or a schedule that cannot be followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SchedulerError(pub String);

/// What `scheduler_config.json` says. Each scheduler reads the fields it knows, with its own
/// defaults, so that one can run with the file of another.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    fields: Map<String, Value>,
}

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Flag,
    Whole,
    Number,
    Text,
    Numbers,
}

/// The fields of the schedulers here.
const FIELDS: &[(Kind, &[&str])] = &[
    (
        Kind::Flag,
        &[
            "clip_sample",
            "euler_at_final",
            "invert_sigmas",
            "lower_order_final",
            "predict_x0",
            "rescale_betas_zero_snr",
            "set_alpha_to_one",
            "skip_prk_steps",
            "stochastic_sampling",
            "thresholding",
            "use_beta_sigmas",
            "use_dynamic_shifting",
            "use_exponential_sigmas",
            "use_flow_sigmas",
            "use_karras_sigmas",
            "use_lu_lambdas",
        ],
    ),
    (
        Kind::Whole,
        &[
            "base_image_seq_len",
            "max_image_seq_len",
            "num_train_timesteps",
            "original_inference_steps",
            "solver_order",
            "steps_offset",
        ],
    ),
    (
        Kind::Number,
        &[
            "base_shift",
            "beta_end",
            "beta_start",
            "clip_sample_range",
            "dynamic_thresholding_ratio",
            "flow_shift",
            "lambda_min_clipped",
            "max_shift",
            "sample_max_value",
            "shift",
            "shift_terminal",
            "sigma_max",
            "sigma_min",
            "timestep_scaling",
        ],
    ),
    (
        Kind::Text,
        &[
            "_class_name",
            "algorithm_type",
            "beta_schedule",
            "final_sigmas_type",
            "interpolation_type",
            "prediction_type",
            "solver_type",
            "time_shift_type",
            "timestep_spacing",
            "timestep_type",
            "variance_type",
        ],
    ),
    (Kind::Numbers, &["disable_corrector", "trained_betas"]),
];

/// Fields that may be `null`, which is none.
const NULLABLE: &[&str] = &[
    "base_shift",
    "lambda_min_clipped",
    "max_shift",
    "shift_terminal",
    "sigma_max",
    "sigma_min",
    "trained_betas",
    "variance_type",
];

/// What further schedulers of diffusers write into the same file, and those here drop.
const OTHERS: &[&str] =
    &["corrector_order", "noise_sampler_seed", "predictor_order", "sigma_data", "sigma_schedule", "tau_func"];

impl Config {
    /// Reads the text of the file: JSON as Python writes it, where the `lambda_min_clipped` of
    /// DPM-Solver may be `-Infinity`, which stands for none.
    pub fn parse(text: &str) -> Result<Self, SchedulerError> {
        // Strings are left alone; one with an escaped quotation mark is no field's name or word.
        let mut quoted = false;
        let parts = text.split('"').map(|part| {
            quoted = !quoted;
            if quoted { part.replace("-Infinity", "null") } else { part.to_owned() }
        });
        let text = parts.collect::<Vec<_>>().join("\"");
        let json =
            serde_json::from_str(&text).map_err(|error| SchedulerError(format!("is not JSON: {error}")))?;
        Self::read(&json)
    }

    /// Reads a configuration. A field nobody knows is an error: it might change the picture.
    pub fn read(json: &Value) -> Result<Self, SchedulerError> {
        let object = json.as_object().ok_or_else(|| SchedulerError("is not a JSON object".into()))?;
        // What its writer marked as its class's own defaults is no wish of anybody's.
        let defaults =
            object.get("_use_default_values").and_then(Value::as_array).cloned().unwrap_or_default();
        let unmarked = |key: &str| !defaults.iter().any(|name| name.as_str() == Some(key));
        let fields = object.iter().filter(|(key, _)| unmarked(key));
        let config = Self { fields: fields.map(|(key, value)| (key.clone(), value.clone())).collect() };
        for (key, value) in &config.fields {
            let kind = FIELDS.iter().find(|(_, names)| names.contains(&key.as_str())).map(|(kind, _)| *kind);
            match kind {
                Some(kind) => config.check(key, value, kind)?,
                None if key == "solver_p" && !value.is_null() => {
                    return Err(config.wrong(key, &["null, because no second solver is built in"]));
                }
                None if key.starts_with('_') || key == "solver_p" || OTHERS.contains(&key.as_str()) => {}
                None => {
                    return Err(SchedulerError(format!(
                        "`{key}` is not a field of any scheduler known here"
                    )));
                }
            }
        }
        match config.number("num_train_timesteps") {
            Some(steps) if !(2.0..=100_000.0).contains(&steps) => {
                Err(config.wrong("num_train_timesteps", &["a whole number from 2 to 100000"]))
            }
            _ => Ok(config),
        }
    }

    fn check(&self, key: &str, value: &Value, kind: Kind) -> Result<(), SchedulerError> {
        let (right, expected) = match kind {
            Kind::Flag => (value.is_boolean() || value.is_null(), "true or false"),
            Kind::Whole => (value.as_f64().is_some_and(|number| number.fract() == 0.0), "a whole number"),
            Kind::Number => (value.is_number(), "a number"),
            Kind::Text => (value.is_string(), "a string"),
            Kind::Numbers => {
                let numbers = |list: &Vec<Value>| list.iter().all(Value::is_number);
                let filled = |list: &Vec<Value>| key != "trained_betas" || list.len() >= 2;
                (value.as_array().is_some_and(|list| numbers(list) && filled(list)), "a list of numbers")
            }
        };
        match right || (value.is_null() && NULLABLE.contains(&key)) {
            true => Ok(()),
            false => Err(self.wrong(key, &[expected])),
        }
    }

    /// Says a field otherwise than the file does, as the pipelines of diffusers do with some.
    pub fn set(&mut self, field: &'static str, value: impl Into<Value>) {
        self.fields.insert(field.to_owned(), value.into());
    }

    /// The number in a field, if there is one.
    pub fn number(&self, field: &str) -> Option<f64> {
        self.fields.get(field)?.as_f64()
    }

    /// The words in a field, if there are some.
    pub fn text(&self, field: &str) -> Option<&str> {
        self.fields.get(field)?.as_str()
    }

    /// What a field that is true or false says, if it is there; `null` is false, as in Python.
    pub fn flag(&self, field: &str) -> Option<bool> {
        self.fields.get(field).map(|value| value.as_bool().unwrap_or(false))
    }

    /// The numbers listed in a field, if there are some.
    pub(super) fn numbers(&self, field: &str) -> Option<Vec<f64>> {
        self.fields.get(field)?.as_array()?.iter().map(Value::as_f64).collect()
    }

    /// The class of diffusers that wrote the file.
    pub fn class(&self) -> Option<&str> {
        self.text("_class_name")
    }

    /// Steps of the training.
    pub fn train_steps(&self) -> usize {
        self.number("num_train_timesteps").map_or(1000, |steps| steps as usize)
    }

    /// How far the schedule of a picture of `image_seq_len` tokens is shifted with
    /// `use_dynamic_shifting`: linear in the tokens, as the pipelines of FLUX and Stable
    /// Diffusion 3 compute it.
    pub fn mu(&self, image_seq_len: usize) -> f64 {
        let number = |field, usual| self.number(field).unwrap_or(usual);
        let (least, most) = (number("base_image_seq_len", 256.0), number("max_image_seq_len", 4096.0));
        let (low, high) = (number("base_shift", 0.5), number("max_shift", 1.15));
        let slope = (high - low) / (most - least);
        image_seq_len as f64 * slope + (low - slope * least)
    }

    /// A field that is not one of `expected`.
    pub(super) fn wrong(&self, field: &str, expected: &[&str]) -> SchedulerError {
        let found = self.fields.get(field).unwrap_or(&Value::Null);
        let expected = match expected.split_last() {
            Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
            _ => expected.concat(),
        };
        SchedulerError(format!("`{field}` is {found}, expected {expected}"))
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
        assert_eq!((config.class(), config.train_steps()), (Some("PNDMScheduler"), 1000));
        assert_eq!((config.number("beta_end"), config.flag("clip_sample")), (Some(0.012), Some(false)));
        assert_eq!((config.numbers("trained_betas"), config.text("timestep_spacing")), (None, None));
    }

    #[test]
    fn what_is_not_understood_is_refused_by_name() {
        for (json, word) in [
            (json!({"thresholding": 1}), "true or false"),
            (json!({"timestep_spacing": 3}), "string"),
            (json!({"colour": "red"}), "colour"),
            (json!({"num_train_timesteps": -4}), "whole number"),
            (json!({"steps_offset": 0.5}), "whole number"),
            (json!({"beta_start": null}), "`beta_start` is null"),
            (json!({"trained_betas": [0.1, "b"]}), "list of numbers"),
            (json!({"solver_p": {}}), "solver_p"),
            (json!([1]), "object"),
        ] {
            let error = Config::read(&json).unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
    }

    #[test]
    fn files_are_json_as_python_writes_it() {
        let config =
            Config::parse(r#"{"_class_name": "-Infinity", "lambda_min_clipped": -Infinity}"#).unwrap();
        assert_eq!((config.class(), config.number("lambda_min_clipped")), (Some("-Infinity"), None));
        assert!(
            Config::parse(r#"{"shift": -Infinity}"#).unwrap_err().to_string().contains("`shift` is null")
        );
        assert!(Config::parse("{").unwrap_err().to_string().contains("is not JSON"));
    }

    #[test]
    fn defaults_of_the_writer_are_left_to_the_reader() {
        let config = Config::read(&json!({"clip_sample": true, "_use_default_values": ["clip_sample"]}));
        assert_eq!(config.unwrap().flag("clip_sample"), None);
    }

    #[test]
    fn larger_pictures_are_shifted_further() {
        let config = Config::read(&json!({})).unwrap();
        assert_eq!((config.mu(256), config.mu(4096)), (0.5, 1.15));
    }
}
