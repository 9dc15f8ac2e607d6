//! What a model's files say of how it wants to be asked.

use crate::models::{Family, Model, PartKind};

use super::{
    Error,
    schedulers::{Config, SchedulerError},
};

/// What the model's files say of how it wants to be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Profile {
    /// Width of the guidance embedding of a model distilled from guidance: it takes one row.
    pub(super) guidance_width: Option<usize>,
    /// A latent consistency model, whose own pipeline of diffusers differs in small things.
    pub(super) consistency: bool,
    /// SDXL: a negative prompt that is not given is all zeros, not an empty text.
    pub(super) zeros_for_no_prompt: bool,
    /// SDXL refiner: is told how beautiful the picture is.
    pub(super) takes_aesthetic_score: bool,
}

impl Profile {
    pub(super) fn of(model: &Model) -> Result<Self, Error> {
        let denoiser = model.part(PartKind::Denoiser)?;
        let width = denoiser.config.as_ref().and_then(|config| config["time_cond_proj_dim"].as_u64());
        let index = model.json("model_index.json")?.unwrap_or_default();
        let flag = |key: &str| index[key].as_bool();
        Ok(Self {
            guidance_width: width.map(|width| width as usize),
            consistency: index["_class_name"]
                .as_str()
                .is_some_and(|class| class.starts_with("LatentConsistency")),
            zeros_for_no_prompt: flag("force_zeros_for_empty_prompt").unwrap_or(true),
            takes_aesthetic_score: flag("requires_aesthetics_score").unwrap_or(false),
        })
    }
}

/// The model's scheduler as the pipelines of diffusers read it: the one of Stable Diffusion 1 and 2
/// always sets `steps_offset` to 1 and `clip_sample` to false, whatever the file says, and so must
/// whoever wants its pictures.
pub(super) fn scheduler_config(
    model: &Model,
    profile: Profile,
    notes: &mut Vec<String>,
) -> Result<Config, Error> {
    const FILE: &str = "scheduler/scheduler_config.json";
    let path = model.path.join(FILE);
    let Ok(text) = std::fs::read_to_string(&path) else {
        return Err(Error::Config {
            path,
            reason: "is missing; copy it from the model that was exported".into(),
        });
    };
    let mut config = Config::parse(&text).map_err(|e| scheduler_error(model, e))?;
    let flows = matches!(model.family, Family::StableDiffusion3 | Family::Flux);
    let class = config.class().unwrap_or("of no class");
    let follows_flow = class.starts_with("FlowMatch") || config.flag("use_flow_sigmas") == Some(true);
    if flows != follows_flow {
        let (predicts, expected) = match flows {
            true => ("a flow", "FlowMatchEulerDiscreteScheduler"),
            false => ("noise or velocity", "the one the model was exported with, for example DDIMScheduler"),
        };
        let reason = format!(
            "names the scheduler {class}, but a model of the family {} predicts {predicts}: expected {expected}",
            model.family
        );
        return Err(Error::Config { path, reason });
    }
    if model.family != Family::StableDiffusion || profile.consistency {
        return Ok(config);
    }
    let offset = config.number("steps_offset").unwrap_or(0.0);
    if offset != 1.0 && matches!(config.text("timestep_spacing"), None | Some("leading")) {
        notes.push(format!("scheduler: steps_offset 1 instead of {offset}, as diffusers does"));
    }
    if config.flag("clip_sample") == Some(true) {
        notes.push("scheduler: clip_sample off, as diffusers does".to_owned());
    }
    config.set("steps_offset", 1);
    config.set("clip_sample", false);
    Ok(config)
}

pub(super) fn scheduler_error(model: &Model, error: SchedulerError) -> Error {
    Error::Config { path: model.path.join("scheduler/scheduler_config.json"), reason: error.0 }
}
