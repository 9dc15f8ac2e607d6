//! Which scheduler runs.

use crate::story::SchedulerKind;

use super::{
    Config, Ddim, Ddpm, DpmSolver, Euler, EulerAncestral, FlowMatchEuler, Heun, Lcm, Pndm, Schedule,
    Scheduler, SchedulerError, UniPc,
};

const FLOW: &str = "FlowMatchEulerDiscreteScheduler";

/// The scheduler that `kind` or, for `Auto`, the configuration names, set for `schedule`.
///
/// A name says only what it adds to the file: `dpmpp-2m` spaces its sigmas as the file says,
/// `dpmpp-2m-karras` as Karras did.
pub fn scheduler(
    kind: SchedulerKind,
    config: &Config,
    schedule: &Schedule,
) -> Result<Box<dyn Scheduler>, SchedulerError> {
    use SchedulerKind as Kind;
    let kind = match (kind, config.class()) {
        (Kind::Auto, Some("DPMSolverMultistepScheduler")) => {
            return Ok(Box::new(DpmSolver::new(config, schedule)?));
        }
        (Kind::Auto, class) => of_class(class)?,
        (kind, Some(FLOW)) if kind != Kind::FlowMatchEuler => {
            return Err(SchedulerError(
                "names the scheduler FlowMatchEulerDiscreteScheduler: what the model predicts is a flow, which only that one follows; expected `flow-match-euler` or `auto`".into(),
            ));
        }
        (Kind::FlowMatchEuler, Some(class)) if class != FLOW => {
            return Err(SchedulerError(format!(
                "names the scheduler {class}: what the model predicts is no flow, which `flow-match-euler` needs; expected `auto` or another name"
            )));
        }
        (kind, _) => kind,
    };
    Ok(match kind {
        Kind::Ddpm => Box::new(Ddpm::new(config, schedule)?),
        Kind::Pndm => Box::new(Pndm::new(config, schedule)?),
        Kind::Euler => Box::new(Euler::new(config, schedule)?),
        Kind::EulerAncestral => Box::new(EulerAncestral::new(config, schedule)?),
        Kind::Heun => Box::new(Heun::new(config, schedule)?),
        Kind::Unipc => Box::new(UniPc::new(config, schedule)?),
        Kind::Lcm => Box::new(Lcm::new(config, schedule)?),
        Kind::FlowMatchEuler => Box::new(FlowMatchEuler::new(config, schedule)?),
        Kind::Dpmpp2m => Box::new(dpmpp_2m(config, schedule, false, false)?),
        Kind::Dpmpp2mKarras => Box::new(dpmpp_2m(config, schedule, false, true)?),
        Kind::Dpmpp2mSde => Box::new(dpmpp_2m(config, schedule, true, false)?),
        Kind::Dpmpp2mSdeKarras => Box::new(dpmpp_2m(config, schedule, true, true)?),
        Kind::Ddim | Kind::Auto => Box::new(Ddim::new(config, schedule)?),
    })
}

fn of_class(class: Option<&str>) -> Result<SchedulerKind, SchedulerError> {
    match class {
        Some("DDIMScheduler") => Ok(SchedulerKind::Ddim),
        Some("DDPMScheduler") => Ok(SchedulerKind::Ddpm),
        Some("PNDMScheduler") => Ok(SchedulerKind::Pndm),
        Some("EulerDiscreteScheduler") => Ok(SchedulerKind::Euler),
        Some("EulerAncestralDiscreteScheduler") => Ok(SchedulerKind::EulerAncestral),
        Some("HeunDiscreteScheduler") => Ok(SchedulerKind::Heun),
        Some("UniPCMultistepScheduler") => Ok(SchedulerKind::Unipc),
        Some("LCMScheduler") => Ok(SchedulerKind::Lcm),
        Some(FLOW) => Ok(SchedulerKind::FlowMatchEuler),
        class => Err(SchedulerError(format!(
            "names the scheduler {}, which is not built in: ask for one by name, such as `ddim` or `euler`",
            class.unwrap_or("of no class")
        ))),
    }
}

fn dpmpp_2m(
    config: &Config,
    schedule: &Schedule,
    stochastic: bool,
    karras: bool,
) -> Result<DpmSolver, SchedulerError> {
    let mut config = config.clone();
    config.set("algorithm_type", if stochastic { "sde-dpmsolver++" } else { "dpmsolver++" });
    config.set("solver_order", 2);
    if karras {
        for other in ["use_exponential_sigmas", "use_beta_sigmas", "use_lu_lambdas"] {
            config.set(other, false);
        }
        config.set("use_karras_sigmas", true);
    }
    DpmSolver::new(&config, schedule)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn error(kind: SchedulerKind, class: &str) -> String {
        let config = Config::read(&json!({ "_class_name": class })).unwrap();
        scheduler(kind, &config, &Schedule::new(4)).map(|_| ()).unwrap_err().to_string()
    }

    #[test]
    fn a_scheduler_that_does_not_fit_the_model_is_refused() {
        let unknown = error(SchedulerKind::Auto, "DEISMultistepScheduler");
        assert!(
            unknown.contains("DEISMultistepScheduler") && unknown.contains("`ddim` or `euler`"),
            "{unknown}"
        );
        assert!(error(SchedulerKind::Euler, FLOW).contains("`flow-match-euler` or `auto`"));
        assert!(error(SchedulerKind::FlowMatchEuler, "DDIMScheduler").contains("no flow"));
    }

    #[test]
    fn a_name_adds_to_the_file() {
        let config = Config::read(&json!({
            "_class_name": "PNDMScheduler", "beta_start": 0.00085, "beta_end": 0.012,
            "beta_schedule": "scaled_linear", "skip_prk_steps": true, "steps_offset": 1
        }))
        .unwrap();
        let timesteps = |kind| {
            let scheduler = scheduler(kind, &config, &Schedule::new(4)).unwrap();
            scheduler.timesteps().to_vec()
        };
        assert_eq!(timesteps(SchedulerKind::Auto), [751.0, 501.0, 501.0, 251.0, 1.0]);
        assert_eq!(timesteps(SchedulerKind::Dpmpp2m), [999.0, 749.0, 500.0, 250.0]);
        assert_eq!(timesteps(SchedulerKind::Dpmpp2mSdeKarras)[0], 999.0);
        assert_ne!(timesteps(SchedulerKind::Dpmpp2mKarras), timesteps(SchedulerKind::Dpmpp2m));
    }
}
