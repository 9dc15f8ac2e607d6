//! Makes one video on this machine, stage after stage.

use std::{cell::RefCell, path::PathBuf, time::Instant};

use super::{Event, Memory, pace::Pace};
use crate::{
    engine::Measured,
    pipeline::Pipeline,
    stages::{self, Cancel, Context, Happening, Stage, images, narration, refine, scenes, timeline, upscale},
    store::Store,
    story::{Scene, Script, Still, Time, Timeline},
};

#[cfg(feature = "video")]
use crate::stages::video;

/// What is used of the machine.
#[derive(Debug, Clone)]
pub struct Machine {
    /// Where models are looked for besides our own folders.
    pub models_dir: Option<PathBuf>,
    /// Whether to use the model-free voice and pictures.
    pub draft: bool,
}

/// One video to make.
#[derive(Debug)]
pub struct Job {
    /// What the files are called after.
    pub name: String,
    /// What is spoken and shown.
    pub script: Script,
    /// How.
    pub pipeline: Pipeline,
    /// On what.
    pub machine: Machine,
    /// The last stage to run; none means all.
    pub stop_after: Option<Stage>,
}

/// What a stage took.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct StageRecord {
    /// Which stage.
    pub stage: Stage,
    /// Wall time in seconds.
    pub seconds: f64,
    /// Steps found in the store.
    pub hits: usize,
    /// Steps made.
    pub made: usize,
    /// Memory afterwards, in bytes.
    pub memory: Memory,
    /// Decisions and fallbacks, in words.
    pub notes: Vec<String>,
    /// What the user should look at.
    pub warnings: Vec<String>,
    /// What was done in another way than decided, and why.
    #[serde(default)]
    pub fallbacks: Vec<String>,
    /// What each model took.
    #[serde(default)]
    pub parts: Vec<Measured>,
}

impl StageRecord {
    /// Of a stage that has done nothing yet.
    pub(super) fn new(stage: Stage) -> Self {
        let (notes, warnings, fallbacks) = (Vec::new(), Vec::new(), Vec::new());
        let (memory, parts) = (Memory::now(), Vec::new());
        Self { stage, seconds: 0.0, hits: 0, made: 0, memory, notes, warnings, fallbacks, parts }
    }

    /// Adds what a model took.
    pub(super) fn measured(&mut self, measured: &Measured) {
        let same = |known: &&mut Measured| (&known.part, &known.on) == (&measured.part, &measured.on);
        match self.parts.iter_mut().find(same) {
            Some(known) => known.join(measured),
            None => self.parts.push(measured.clone()),
        }
    }

    /// Counts what happened in it.
    pub(super) fn count(&mut self, happening: &Happening) {
        match happening {
            Happening::Step { hit: true } => self.hits += 1,
            Happening::Step { hit: false } => self.made += 1,
            Happening::Note { text } => self.notes.push(text.clone()),
            Happening::Warning { text } => self.warnings.push(text.clone()),
            Happening::Fallback { text } => self.fallbacks.push(text.clone()),
            Happening::Measured(measured) => self.measured(measured),
            Happening::Progress(_) => {}
        }
    }
}

/// What a run has made, as far as it went.
#[derive(Debug, Default)]
pub struct Product {
    /// The narration and its sound.
    pub spoken: Option<narration::Spoken>,
    /// The scenes.
    pub scenes: Vec<Scene>,
    /// What the director wrote besides them.
    pub directed: Option<scenes::Directed>,
    /// The pictures as drawn, and refined where a second model is named.
    pub images: Vec<Still>,
    /// The pictures at the delivered size.
    pub stills: Vec<Still>,
    /// The frozen edit.
    pub timeline: Option<Timeline>,
    /// The verified video.
    #[cfg(feature = "video")]
    pub rendered: Option<video::Rendered>,
    /// What each stage took.
    pub stages: Vec<StageRecord>,
    /// Wall time of all of it in seconds.
    pub seconds: f64,
}

/// Where and why a run ended early.
#[derive(Debug, thiserror::Error)]
#[error("{stage}")]
pub struct Failed {
    /// The stage that could not go on.
    pub stage: Stage,
    /// Why.
    #[source]
    pub error: stages::Error,
}

/// Makes the video of `job`, telling everything to `tell`.
pub fn run(
    job: &Job,
    store: &Store,
    cancel: &Cancel,
    tell: &mut dyn FnMut(&Event),
) -> Result<Product, Failed> {
    let started = Instant::now();
    // Told by the first stage.
    store.look_at_disk();
    let last = job.stop_after.unwrap_or(Stage::Video);
    let stages = Stage::of(&job.pipeline).filter(|stage| *stage <= last).collect();
    tell(&Event::Started { script: job.name.clone(), stages });

    let mut making = Making::new(job, store, cancel, tell);
    let ended = making.all(last);
    let mut product = making.product;
    product.seconds = started.elapsed().as_secs_f64();
    let frames = product.timeline.as_ref().map_or(0, |timeline| timeline.frames);
    Pace::learn(job, &product.stages, frames, store);
    ended.map(|()| product)
}

/// A video on its way: what it has come to, and the stages that take it further.
///
/// Each stage takes up what the ones before it left in `product`; the batch hands that from lane to lane.
pub(super) struct Making<'a> {
    job: &'a Job,
    store: &'a Store,
    cancel: &'a Cancel,
    tell: &'a mut dyn FnMut(&Event),
    pub(super) product: Product,
}

impl<'a> Making<'a> {
    pub(super) fn new(
        job: &'a Job,
        store: &'a Store,
        cancel: &'a Cancel,
        tell: &'a mut dyn FnMut(&Event),
    ) -> Self {
        Self { job, store, cancel, tell, product: Product::default() }
    }

    fn all(&mut self, last: Stage) -> Result<(), Failed> {
        for stage in Stage::of(&self.job.pipeline).filter(|stage| *stage <= last) {
            self.go(stage, last)?;
        }
        Ok(())
    }

    /// Runs one stage; all before it have run. `last` is the one that the video ends with.
    pub(super) fn go(&mut self, stage: Stage, last: Stage) -> Result<(), Failed> {
        match stage {
            Stage::Narration => self.narrate(last),
            Stage::Scenes => self.direct(),
            Stage::Images => self.draw(),
            Stage::Refine => self.refine(),
            Stage::Upscale => self.enlarge(),
            Stage::Timeline => self.edit(),
            Stage::Video => self.film(),
        }
    }

    fn narrate(&mut self, last: Stage) -> Result<(), Failed> {
        let Job { script, pipeline, .. } = self.job;
        let spoken = self.stage(
            Stage::Narration,
            |ctx| narration::run(pipeline, script, ctx),
            |spoken| {
                format!(
                    "{}, {:.1} s",
                    count(script.beats.len(), "sentence"),
                    spoken.narration.duration.seconds()
                )
            },
        )?;
        let spoken = self.product.spoken.insert(spoken);
        if last == Stage::Video {
            check_length(pipeline, spoken.narration.duration)
                .map_err(|error| Failed { stage: Stage::Narration, error })?;
        }
        Ok(())
    }

    fn direct(&mut self) -> Result<(), Failed> {
        let Job { script, pipeline, .. } = self.job;
        let spoken = self.spoken(Stage::Scenes)?;
        let directed = self.stage(
            Stage::Scenes,
            |ctx| scenes::run(pipeline, script, &spoken.narration, ctx),
            |directed| count(directed.scenes.len(), "scene"),
        )?;
        self.product.scenes.clone_from(&directed.scenes);
        self.product.directed = Some(directed);
        Ok(())
    }

    fn draw(&mut self) -> Result<(), Failed> {
        let pipeline = &self.job.pipeline;
        let scenes = std::mem::take(&mut self.product.scenes);
        let images = self.stage(
            Stage::Images,
            |ctx| images::run(pipeline, &scenes, ctx),
            |images| format!("{}{}", count(images.len(), "picture"), size_of(images)),
        );
        self.product.scenes = scenes;
        self.product.images = images?;
        Ok(())
    }

    fn refine(&mut self) -> Result<(), Failed> {
        let pipeline = &self.job.pipeline;
        let pictures = std::mem::take(&mut self.product.images);
        let drawn: Vec<_> = self.product.scenes.iter().cloned().zip(pictures).collect();
        self.product.images = self.stage(
            Stage::Refine,
            |ctx| refine::run(pipeline, &drawn, ctx),
            |images| format!("{}{}", count(images.len(), "picture"), size_of(images)),
        )?;
        Ok(())
    }

    fn enlarge(&mut self) -> Result<(), Failed> {
        let pipeline = &self.job.pipeline;
        let images = std::mem::take(&mut self.product.images);
        let stills = self.stage(
            Stage::Upscale,
            |ctx| upscale::run(pipeline, &images, ctx),
            |stills| format!("{}{}", count(stills.len(), "still"), size_of(stills)),
        );
        self.product.images = images;
        self.product.stills = stills?;
        Ok(())
    }

    fn edit(&mut self) -> Result<(), Failed> {
        let Job { script, pipeline, .. } = self.job;
        let spoken = self.spoken(Stage::Timeline)?;
        let (scenes, stills) = (self.product.scenes.clone(), self.product.stills.clone());
        let timeline = self.stage(
            Stage::Timeline,
            |ctx| timeline::run(pipeline, script, &spoken, &scenes, &stills, ctx),
            |timeline: &Timeline| {
                format!(
                    "{}, {}",
                    count(timeline.clips.len(), "clip"),
                    count(timeline.captions.cues.len(), "caption")
                )
            },
        )?;
        self.product.timeline = Some(timeline);
        Ok(())
    }

    #[cfg(feature = "video")]
    fn film(&mut self) -> Result<(), Failed> {
        let pipeline = &self.job.pipeline;
        let Some(timeline) = self.product.timeline.clone() else { return Err(out_of_turn(Stage::Video)) };
        let rendered = self.stage(
            Stage::Video,
            |ctx| video::run(pipeline, &timeline, ctx),
            |_| format!("{} frames, verified for {}", timeline.frames, pipeline.platform.title),
        )?;
        self.product.rendered = Some(rendered);
        Ok(())
    }

    #[cfg(not(feature = "video"))]
    fn film(&mut self) -> Result<(), Failed> {
        let error = stages::Error::new(
            stages::Kind::Missing,
            "",
            "this build has no video (Cargo feature `video`, which needs libav): use --stop-after timeline, or a build with it",
        );
        Err(Failed { stage: Stage::Video, error })
    }

    fn spoken(&self, stage: Stage) -> Result<narration::Spoken, Failed> {
        self.product.spoken.clone().ok_or_else(|| out_of_turn(stage))
    }

    /// Runs one stage, counting its steps and measuring what it took.
    fn stage<T>(
        &mut self,
        stage: Stage,
        work: impl FnOnce(&mut Context<'_>) -> Result<T, stages::Error>,
        summary: impl FnOnce(&T) -> String,
    ) -> Result<T, Failed> {
        let started = Instant::now();
        let record = RefCell::new(StageRecord::new(stage));
        (self.tell)(&Event::StageStarted { stage });
        let outer = &mut *self.tell;
        let mut tell = |stage: Stage, happening: Happening| {
            record.borrow_mut().count(&happening);
            outer(&Event::Stage { stage, happening });
        };
        let machine = &self.job.machine;
        let mut ctx = Context {
            stage,
            store: self.store,
            models_dir: machine.models_dir.clone(),
            draft: machine.draft,
            cancel: self.cancel.clone(),
            tell: &mut tell,
        };
        let output =
            self.cancel.check().and_then(|()| work(&mut ctx)).map_err(|error| Failed { stage, error })?;
        for warning in self.store.take_warnings() {
            ctx.warn(warning.to_string());
        }
        ctx.measured();

        let mut record = record.into_inner();
        record.seconds = started.elapsed().as_secs_f64();
        record.memory = Memory::now();
        (self.tell)(&Event::StageFinished {
            stage,
            seconds: record.seconds,
            hits: record.hits,
            made: record.made,
            summary: summary(&output),
            memory: record.memory,
        });
        self.product.stages.push(record);
        Ok(output)
    }
}

/// Refuses a video that the platform would not take, before a picture is drawn for it.
fn check_length(pipeline: &Pipeline, narration: Time) -> Result<(), stages::Error> {
    let (limits, title) = (&pipeline.platform.duration, &pipeline.platform.title);
    let seconds = narration.seconds();
    let message = if seconds > limits.max.value {
        format!(
            "the narration lasts {seconds:.0} s, and {title} takes at most {} s ({}, {}): shorten the script, \
             divide it, or speak faster with `--set narration.rate=1.2`",
            limits.max.value, limits.max.source, limits.max.date
        )
    } else if seconds < limits.min.value {
        format!(
            "the narration lasts {seconds:.1} s, and {title} takes at least {} s ({}, {}): lengthen the script, \
             or the silence after it with `--set narration.tail=3s`",
            limits.min.value, limits.min.source, limits.min.date
        )
    } else {
        return Ok(());
    };
    Err(stages::Error::new(stages::Kind::Invalid, "", message))
}

fn out_of_turn(stage: Stage) -> Failed {
    let message = "a stage before it has not run: this is a mistake in shortform, please report it";
    Failed { stage, error: stages::Error::new(stages::Kind::Failed, "", message) }
}

/// `1 scene`, `7 scenes`.
pub fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

fn size_of(stills: &[Still]) -> String {
    stills.first().map_or_else(String::new, |still| format!(" at {}", still.size))
}
