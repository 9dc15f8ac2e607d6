//! What would run, before anything does.

use serde::Serialize;

use super::{local::Job, pace::Pace};
use crate::{
    stages::{
        self, Cached, Cancel, Context, Happening, Stage, images, narration, refine, scenes, timeline, upscale,
    },
    store::Store,
    story::Size,
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
    /// The most bytes the finished video takes, at the bitrate it is held to, once its length is known.
    pub bytes: Option<u64>,
}

/// What one stage would do.
#[derive(Debug, Clone, Serialize)]
pub struct PlannedStage {
    /// Which.
    pub stage: Stage,
    /// Its steps and those that lie in the store; none when a stage before it must run first.
    pub cached: Option<Cached>,
    /// Decisions it would take, in words: device, size, memory.
    pub notes: Vec<String>,
    /// Seconds it would take, by what earlier runs measured here; none before the first.
    pub seconds: Option<f64>,
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
    let last = job.stop_after.unwrap_or(Stage::Video);
    let mut planner =
        Planner { job, store, pace: Pace::load(store), stages: Vec::new(), duration: None, drawn: None };
    planner.walk()?;
    if last >= Stage::Images {
        planner.decide_images()?;
    }
    if last >= Stage::Refine {
        planner.decide_refine()?;
    }
    if last >= Stage::Upscale {
        planner.decide_upscale()?;
    }
    let Planner { mut stages, duration, .. } = planner;
    for stage in Stage::of(&job.pipeline) {
        if !stages.iter().any(|planned: &PlannedStage| planned.stage == stage) {
            stages.push(PlannedStage { stage, cached: None, notes: Vec::new(), seconds: None });
        }
    }
    stages.retain(|planned| planned.stage <= last);
    stages.sort_by_key(|planned| planned.stage);
    let platform = &job.pipeline.platform;
    let bits = (platform.video.bitrate.value + platform.audio.bitrate.value) as f64;
    let bytes = duration.filter(|_| last == Stage::Video).map(|seconds| (bits * seconds / 8.0) as u64);
    Ok(Plan { script: job.name.clone(), stages, duration, bytes })
}

struct Planner<'a> {
    job: &'a Job,
    store: &'a Store,
    pace: Pace,
    stages: Vec<PlannedStage>,
    duration: Option<f64>,
    /// The size pictures are drawn at, once it is known.
    drawn: Option<Size>,
}

impl Planner<'_> {
    fn walk(&mut self) -> Result<(), (Stage, stages::Error)> {
        let (pipeline, script) = (&self.job.pipeline, &self.job.script);

        if !self.cached(Stage::Narration, |ctx| narration::cached(pipeline, script, ctx))? {
            return Ok(());
        }
        let spoken = self.make(Stage::Narration, |ctx| narration::run(pipeline, script, ctx))?;
        self.duration = Some(spoken.narration.duration.seconds());

        // A plan asks no language model; other directors take no time.
        let look = |ctx: &Context<'_>| scenes::cached(pipeline, script, &spoken.narration, ctx);
        if self.with(Stage::Scenes, |ctx| look(ctx))?.0.steps == 0 {
            self.free(Stage::Scenes);
        } else if !self.cached(Stage::Scenes, look)? {
            return Ok(());
        }
        let scenes =
            self.make(Stage::Scenes, |ctx| scenes::run(pipeline, script, &spoken.narration, ctx))?.scenes;

        if !self.cached(Stage::Images, |ctx| images::cached(pipeline, &scenes, ctx))? {
            return Ok(());
        }
        let images = self.make(Stage::Images, |ctx| images::run(pipeline, &scenes, ctx))?;
        self.drawn = images.first().map(|image| image.size);

        let images = match &pipeline.refine {
            None => images,
            Some(_) => {
                let drawn: Vec<_> = scenes.iter().cloned().zip(images).collect();
                if !self.cached(Stage::Refine, |ctx| refine::cached(pipeline, &drawn, ctx))? {
                    return Ok(());
                }
                self.make(Stage::Refine, |ctx| refine::run(pipeline, &drawn, ctx))?
            }
        };
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
        let left = (cached.steps - cached.hits) as u64;
        let fps = self.job.pipeline.video.frame_rate.fps();
        let units = match (stage, self.duration) {
            (Stage::Video, Some(seconds)) => left * (seconds * fps).ceil() as u64,
            _ => left,
        };
        let seconds = self.pace.estimate(self.job, stage, units);
        self.stages.push(PlannedStage { stage, cached: Some(cached), notes, seconds });
        Ok(cached.complete())
    }

    /// A stage that costs nothing worth keeping.
    fn free(&mut self, stage: Stage) {
        let cached = Some(Cached { steps: 0, hits: 0 });
        self.stages.push(PlannedStage { stage, cached, notes: Vec::new(), seconds: Some(0.0) });
    }

    /// Device, size and memory are decided whether or not the scenes are known; where every picture lies
    /// in the store nothing is.
    fn decide_images(&mut self) -> Result<(), (Stage, stages::Error)> {
        if self.is_complete(Stage::Images) {
            return Ok(());
        }
        let (decided, notes) = self.with(Stage::Images, |ctx| images::decide(&self.job.pipeline, ctx))?;
        self.drawn = Some(decided.size);
        self.noted(Stage::Images, notes);
        Ok(())
    }

    /// In how much memory a second model goes over the pictures, where one is named.
    fn decide_refine(&mut self) -> Result<(), (Stage, stages::Error)> {
        let refines = self.job.pipeline.refine.is_some() && !self.is_complete(Stage::Refine);
        let Some(drawn) = self.drawn.filter(|_| refines) else { return Ok(()) };
        let decide = |ctx: &mut Context<'_>| refine::decide(&self.job.pipeline, drawn, ctx);
        let (_, notes) = self.with(Stage::Refine, decide)?;
        self.noted(Stage::Refine, notes);
        Ok(())
    }

    /// With what and in how much memory pictures are enlarged is decided as soon as their size is known.
    fn decide_upscale(&mut self) -> Result<(), (Stage, stages::Error)> {
        let Some(drawn) = self.drawn.filter(|_| !self.is_complete(Stage::Upscale)) else { return Ok(()) };
        let decide = |ctx: &mut Context<'_>| upscale::decide(&self.job.pipeline, drawn, ctx);
        let (_, notes) = self.with(Stage::Upscale, decide)?;
        self.noted(Stage::Upscale, notes);
        Ok(())
    }

    fn is_complete(&self, stage: Stage) -> bool {
        let planned = self.stages.iter().find(|planned| planned.stage == stage);
        planned.is_some_and(|planned| planned.cached.is_some_and(Cached::complete))
    }

    fn noted(&mut self, stage: Stage, notes: Vec<String>) {
        match self.stages.iter_mut().find(|planned| planned.stage == stage) {
            Some(planned) => planned.notes = notes,
            None => self.stages.push(PlannedStage { stage, cached: None, notes, seconds: None }),
        }
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
            if let Happening::Note { text } | Happening::Warning { text } | Happening::Fallback { text } =
                happening
            {
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
