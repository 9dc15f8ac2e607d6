//! What would run, before anything does.

use serde::Serialize;

use super::local::Job;
use crate::{
    stages::{self, Cached, Cancel, Context, Happening, Stage, images, narration, scenes, timeline, upscale},
    store::Store,
};

#[cfg(feature = "video")]
use crate::stages::video;

/// What would run for one video.
#[derive(Debug, Clone, Serialize)]
pub struct Plan {
    /// The script's name.
    pub script: String,
    /// Each stage in order.
    pub stages: Vec<PlannedStage>,
    /// The video's length in seconds, once the narration is known.
    pub duration: Option<f64>,
}

/// What one stage would do.
#[derive(Debug, Clone, Serialize)]
pub struct PlannedStage {
    /// Which.
    pub stage: Stage,
    /// Its steps and those that lie in the store; none when a stage before it must run first.
    pub cached: Option<Cached>,
    /// Decisions it would take, in words.
    pub notes: Vec<String>,
}

impl Plan {
    /// Whether nothing would be computed.
    pub fn complete(&self) -> bool {
        self.stages.iter().all(|stage| stage.cached.is_some_and(Cached::complete))
    }
}

/// Looks up what of `job` lies in the store already.
///
/// Goes as far as finished work reaches: what a stage would do is known only when all
/// before it is in the store, because its input is.
pub fn plan(job: &Job, store: &Store) -> Result<Plan, (Stage, stages::Error)> {
    let mut planner = Planner { job, store, stages: Vec::new(), duration: None };
    planner.walk()?;
    let Planner { mut stages, duration, .. } = planner;
    for stage in Stage::ALL.into_iter().filter(|&stage| job.stop_after.is_none_or(|last| stage <= last)) {
        if !stages.iter().any(|planned: &PlannedStage| planned.stage == stage) {
            stages.push(PlannedStage { stage, cached: None, notes: Vec::new() });
        }
    }
    stages.retain(|planned| job.stop_after.is_none_or(|last| planned.stage <= last));
    Ok(Plan { script: job.name.clone(), stages, duration })
}

struct Planner<'a> {
    job: &'a Job,
    store: &'a Store,
    stages: Vec<PlannedStage>,
    duration: Option<f64>,
}

impl Planner<'_> {
    fn walk(&mut self) -> Result<(), (Stage, stages::Error)> {
        let (pipeline, script) = (&self.job.pipeline, &self.job.script);

        if !self.cached(Stage::Narration, |ctx| narration::cached(pipeline, script, ctx))? {
            return Ok(());
        }
        let spoken = self.make(Stage::Narration, |ctx| narration::run(pipeline, script, ctx))?;
        self.duration = Some(spoken.narration.duration.seconds());

        let scenes = self.make(Stage::Scenes, |ctx| scenes::run(pipeline, script, &spoken.narration, ctx))?;
        self.free(Stage::Scenes);

        if !self.cached(Stage::Images, |ctx| images::cached(pipeline, &scenes, ctx))? {
            return Ok(());
        }
        let images = self.make(Stage::Images, |ctx| images::run(pipeline, &scenes, ctx))?;

        if !self.cached(Stage::Upscale, |ctx| upscale::cached(pipeline, &images, ctx))? {
            return Ok(());
        }
        let stills = self.make(Stage::Upscale, |ctx| upscale::run(pipeline, &images, ctx))?;

        let timeline = self
            .make(Stage::Timeline, |ctx| timeline::run(pipeline, script, &spoken, &scenes, &stills, ctx))?;
        self.free(Stage::Timeline);
        self.duration = Some(timeline.duration().seconds());

        #[cfg(feature = "video")]
        self.cached(Stage::Video, |ctx| video::cached(pipeline, &timeline, ctx))?;
        Ok(())
    }

    /// Looks a stage's steps up; true when all lie in the store.
    fn cached(
        &mut self,
        stage: Stage,
        look: impl FnOnce(&Context<'_>) -> Result<Cached, stages::Error>,
    ) -> Result<bool, (Stage, stages::Error)> {
        let (cached, notes) = self.with(stage, |ctx| look(ctx))?;
        self.stages.push(PlannedStage { stage, cached: Some(cached), notes });
        Ok(cached.complete())
    }

    /// A stage that costs nothing worth keeping.
    fn free(&mut self, stage: Stage) {
        self.stages.push(PlannedStage {
            stage,
            cached: Some(Cached { steps: 0, hits: 0 }),
            notes: Vec::new(),
        });
    }

    /// Takes a stage's output, which is at hand: in the store, or cheap.
    fn make<T>(
        &self,
        stage: Stage,
        work: impl FnOnce(&mut Context<'_>) -> Result<T, stages::Error>,
    ) -> Result<T, (Stage, stages::Error)> {
        self.with(stage, work).map(|(output, _)| output)
    }

    fn with<T>(
        &self,
        stage: Stage,
        work: impl FnOnce(&mut Context<'_>) -> Result<T, stages::Error>,
    ) -> Result<(T, Vec<String>), (Stage, stages::Error)> {
        let mut notes = Vec::new();
        let mut tell = |_: Stage, happening: Happening| {
            if let Happening::Note { text } | Happening::Warning { text } = happening {
                notes.push(text);
            }
        };
        let machine = &self.job.machine;
        let mut ctx = Context {
            stage,
            store: self.store,
            models_dir: machine.models_dir.clone(),
            draft: machine.draft,
            cancel: Cancel::default(),
            tell: &mut tell,
        };
        let output = work(&mut ctx).map_err(|error| (stage, error))?;
        Ok((output, notes))
    }
}
