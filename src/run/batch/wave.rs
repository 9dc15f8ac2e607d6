//! The device's work for several videos at once, each model loaded once: what the child process does.
//!
//! All scenes of a wave are drawn by one call of the stage, then all pictures are enlarged by
//! another. Steps end in the order of the scenes, so each is its video's; which video a failure
//! belongs to is told by how many steps came before it.

use std::collections::BTreeSet;

use image::RgbImage;
use serde::{Deserialize, Serialize};

use super::super::{Job, Memory};
use crate::{
    engine::{self, Device, Residency},
    models::{self, Catalog},
    pipeline::{Pipeline, UpscaleEngine},
    stages::{
        self, Cancel, Context, Error, Happening, Kind, Stage, images, narration, refine, scenes, upscale,
    },
    store::Store,
    story::{Scene, Still},
};

/// What the child says to its parent, one JSON line each.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "say", rename_all = "kebab-case")]
pub enum Say {
    /// Something happened in a stage.
    Happened {
        /// At which of the wave's videos; none when it concerns all.
        video: Option<usize>,
        /// At which of its scenes.
        scene: usize,
        /// In which stage.
        stage: Stage,
        /// What.
        happening: Happening,
    },
    /// Everything the device does for a video lies in the store.
    Ready {
        /// Which of the wave's videos.
        video: usize,
    },
    /// A video cannot be gone on with.
    Failed {
        /// Which of the wave's videos.
        video: usize,
        /// In which stage.
        stage: Stage,
        /// What kind of trouble.
        kind: Kind,
        /// Why.
        message: String,
    },
    /// The first picture after a restart is not what it was before.
    Unfit {
        /// How it differs.
        message: String,
    },
    /// The most bytes the child will hold, as the plan foretells. It waits until it is told to go on.
    Expects {
        /// In all, models and the process itself.
        bytes: u64,
    },
    /// Memory of the child, in bytes.
    Memory(Memory),
    /// The wave is through.
    Finished,
}

/// The picture that a restarted child draws once more, to see whether the device still draws.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Canary {
    /// Of which of the wave's videos.
    pub video: usize,
    /// Which of its scenes.
    pub scene: usize,
}

/// How far the canary may be from its first drawing, as the mean difference of 255. Equal devices draw
/// equal pictures; one whose memory is spoilt draws noise, tens of levels away.
const UNFIT: f64 = 4.0;

/// What ONNX Runtime holds at most beside what the plan foretells of a model: 103 MiB with `pocket`, of
/// whose own 83 MiB little else is left to see.
const RUNTIME_BYTES: u64 = 112 << 20;

/// The model that enlarges for this job, if one does.
///
/// # Errors
/// When the model that is asked for cannot be read.
pub(super) fn upscaler(job: &Job) -> Result<Option<models::Upscaler>, models::Error> {
    let catalog = Catalog::new(job.machine.models_dir.clone());
    match &job.pipeline.upscale.engine {
        _ if job.machine.draft => Ok(None),
        UpscaleEngine::Lanczos => Ok(None),
        UpscaleEngine::Model(name) => catalog.upscaler(name).map(Some),
        UpscaleEngine::Auto => catalog.upscaler_for(Some(&job.pipeline.images.model)),
    }
}

/// Draws and enlarges for all `jobs`, whose pipelines draw alike; ends early only when asked to.
///
/// Before anything is loaded it says what it expects to hold; `go` waits until there is room, and answers
/// whether it is still wanted.
pub fn wave(
    jobs: &[Job],
    canary: Option<Canary>,
    store: &Store,
    cancel: &Cancel,
    go: &mut dyn FnMut() -> bool,
    say: &mut dyn FnMut(Say),
) {
    let alive = vec![true; jobs.len()];
    let mut wave = Wave { jobs, store, cancel, say, told: BTreeSet::new(), alive, residency: None };
    if wave.expects_room(go) {
        wave.run(canary);
        (wave.say)(Say::Finished);
    }
}

struct Wave<'a> {
    jobs: &'a [Job],
    store: &'a Store,
    cancel: &'a Cancel,
    say: &'a mut dyn FnMut(Say),
    /// The steps told already: after a failure the finished ones are found again.
    told: BTreeSet<(Stage, usize, usize)>,
    alive: Vec<bool>,
    /// How the model is held in the room that was asked for.
    residency: Option<Residency>,
}

/// Which video and which of its scenes a step belongs to.
type Place = (usize, usize);

impl Wave<'_> {
    /// Says what drawing and enlarging will take, and waits for room.
    ///
    /// What is decided here holds when it is drawn: memory that others free meanwhile is not taken.
    fn expects_room(&mut self, go: &mut dyn FnMut() -> bool) -> bool {
        let mut models = 0;
        if let Some(job) = self.jobs.first() {
            let mut tell = |_: Stage, _: Happening| {};
            let mut ctx = self.context(job, Stage::Images, &mut tell);
            // What cannot be decided the stage itself tells of: it fails for the same reason.
            if let Ok(decided) = images::decide(&job.pipeline, &mut ctx)
                && decided.device == Device::Cpu
            {
                let refining = refine::decide(&job.pipeline, decided.size, &mut ctx).unwrap_or(0);
                let enlarging = upscale::decide(&job.pipeline, decided.size, &mut ctx).unwrap_or(0);
                models = decided.predicted.max(refining).max(enlarging) + RUNTIME_BYTES;
                self.residency = Some(decided.residency);
            }
        }
        (self.say)(Say::Expects { bytes: Memory::now().resident + models });
        go()
    }

    fn context<'c>(
        &'c self,
        job: &Job,
        stage: Stage,
        tell: &'c mut dyn FnMut(Stage, Happening),
    ) -> Context<'c> {
        Context {
            stage,
            store: self.store,
            models_dir: job.machine.models_dir.clone(),
            draft: job.machine.draft,
            cancel: self.cancel.clone(),
            tell,
        }
    }

    /// The pipeline of `job`; the model that draws is held as was decided.
    fn pipeline(&self, job: &Job, stage: Stage) -> Pipeline {
        let mut pipeline = job.pipeline.clone();
        if stage == Stage::Images {
            pipeline.memory.offload = pipeline.memory.offload.or(self.residency);
        }
        pipeline
    }

    fn run(&mut self, canary: Option<Canary>) {
        let scenes: Vec<Vec<Scene>> = (0..self.jobs.len()).map(|video| self.scenes_of(video)).collect();
        let Some(first) = self.jobs.first() else { return };
        if let Some(canary) = canary
            && let Some(scene) = scenes.get(canary.video).and_then(|scenes| scenes.get(canary.scene))
            && let Err(message) = self.draws_as_before(&self.jobs[canary.video], scene)
        {
            (self.say)(Say::Unfit { message });
            return;
        }
        let enlarges = match upscaler(first) {
            Ok(upscaler) => upscaler.is_some(),
            Err(error) => {
                let error = Error::new(Kind::Missing, "", error);
                (0..self.jobs.len()).for_each(|video| self.give_up(video, Stage::Upscale, &error));
                return;
            }
        };
        let refines = first.pipeline.refine.is_some() && !first.machine.draft;
        let ready_after = match (enlarges, refines) {
            (true, _) => Stage::Upscale,
            (false, true) => Stage::Refine,
            (false, false) => Stage::Images,
        };
        let Some(pictures) = self.all(Stage::Images, ready_after, &scenes, |pipeline, scenes, ctx| {
            images::run(pipeline, scenes, ctx)
        }) else {
            return;
        };
        let pictures = match refines {
            false => pictures,
            true => {
                let drawn: Vec<Vec<(Scene, Still)>> = scenes
                    .iter()
                    .zip(pictures)
                    .map(|(scenes, pictures)| scenes.iter().cloned().zip(pictures).collect())
                    .collect();
                let refined = self.all(Stage::Refine, ready_after, &drawn, |pipeline, drawn, ctx| {
                    refine::run(pipeline, drawn, ctx)
                });
                let Some(refined) = refined else { return };
                refined
            }
        };
        if enlarges {
            self.all(Stage::Upscale, ready_after, &pictures, |pipeline, pictures: &[Still], ctx| {
                upscale::run(pipeline, pictures, ctx)
            });
        }
    }

    /// The scenes of a video; its narration lies in the store.
    fn scenes_of(&mut self, video: usize) -> Vec<Scene> {
        let Job { script, pipeline, machine, .. } = &self.jobs[video];
        let mut tell = |_: Stage, _: Happening| {};
        let mut ctx = Context {
            stage: Stage::Narration,
            store: self.store,
            models_dir: machine.models_dir.clone(),
            draft: machine.draft,
            cancel: self.cancel.clone(),
            tell: &mut tell,
        };
        let scenes = narration::run(pipeline, script, &mut ctx)
            .and_then(|spoken| scenes::run(pipeline, script, &spoken.narration, &mut ctx));
        scenes.map(|directed| directed.scenes).unwrap_or_else(|error| {
            self.give_up(video, Stage::Scenes, &error);
            Vec::new()
        })
    }

    /// One stage for all videos; nothing when somebody asked to stop.
    fn all<T: Clone>(
        &mut self,
        stage: Stage,
        ready_after: Stage,
        inputs: &[Vec<T>],
        work: impl Fn(&Pipeline, &[T], &mut Context<'_>) -> Result<Vec<Still>, Error>,
    ) -> Option<Vec<Vec<Still>>> {
        loop {
            let places: Vec<Place> = (0..inputs.len())
                .filter(|&video| self.alive[video])
                .flat_map(|video| (0..inputs[video].len()).map(move |scene| (video, scene)))
                .collect();
            let joined: Vec<T> = places.iter().map(|&(video, scene)| inputs[video][scene].clone()).collect();
            let Some(&(first, _)) = places.first() else { return Some(vec![Vec::new(); inputs.len()]) };
            let job = &self.jobs[first];
            let pipeline = self.pipeline(job, stage);
            let mut done = 0;
            let made = {
                let (told, say) = (&mut self.told, &mut *self.say);
                let mut tell = |_: Stage, happening: Happening| {
                    // What is said before the first step, such as the size chosen, holds for all.
                    let at = places.get(done).or(places.last()).copied();
                    let step = matches!(happening, Happening::Step { .. });
                    let for_all = done == 0 && matches!(happening, Happening::Note { .. });
                    let (video, scene) = at.unwrap_or_default();
                    if !step || told.insert((stage, video, scene)) {
                        let video = (!for_all).then_some(video);
                        say(Say::Happened { video, scene, stage, happening });
                    }
                    if step {
                        for measured in engine::take_measured() {
                            let happening = Happening::Measured(measured);
                            say(Say::Happened { video: Some(video), scene, stage, happening });
                        }
                        done += 1;
                        say(Say::Memory(Memory::now()));
                        let last = places.get(done).is_none_or(|next| next.0 != video);
                        if last && stage == ready_after {
                            say(Say::Ready { video });
                        }
                    }
                };
                let mut ctx = Context {
                    stage,
                    store: self.store,
                    models_dir: job.machine.models_dir.clone(),
                    draft: job.machine.draft,
                    cancel: self.cancel.clone(),
                    tell: &mut tell,
                };
                let made = work(&pipeline, &joined, &mut ctx);
                ctx.measured();
                made
            };
            for warning in self.store.take_warnings() {
                let happening = Happening::Warning { text: warning.to_string() };
                (self.say)(Say::Happened { video: None, scene: 0, stage, happening });
            }
            match made {
                Ok(stills) => {
                    let mut split = vec![Vec::new(); inputs.len()];
                    places.iter().zip(stills).for_each(|((video, _), still)| split[*video].push(still));
                    return Some(split);
                }
                Err(error) if error.kind == Kind::Cancelled => return None,
                // What is missing is missing for all of them.
                Err(error) if matches!(error.kind, Kind::Missing | Kind::Network) => {
                    (0..inputs.len()).for_each(|video| self.give_up(video, stage, &error));
                    return None;
                }
                Err(error) => {
                    let (video, _) = places[done.min(places.len() - 1)];
                    self.give_up(video, stage, &error);
                }
            }
        }
    }

    fn give_up(&mut self, video: usize, stage: Stage, error: &Error) {
        if std::mem::replace(&mut self.alive[video], false) && error.kind != Kind::Cancelled {
            (self.say)(Say::Failed { video, stage, kind: error.kind, message: chain(error) });
        }
    }

    /// Draws a finished picture again, into a store of its own, and compares.
    fn draws_as_before(&self, job: &Job, scene: &Scene) -> Result<(), String> {
        let said =
            |error: &dyn std::error::Error| format!("the picture drawn to try the device failed: {error}");
        let apart = tempfile::tempdir().map_err(|error| said(&error))?;
        let apart = Store::open(apart.path()).map_err(|error| said(&error))?;
        let pipeline = self.pipeline(job, Stage::Images);
        let draw = |store: &Store| -> Result<RgbImage, String> {
            let mut tell = |_: Stage, _: Happening| {};
            let mut ctx = Context {
                stage: Stage::Images,
                store,
                models_dir: job.machine.models_dir.clone(),
                draft: job.machine.draft,
                cancel: self.cancel.clone(),
                tell: &mut tell,
            };
            let scene = std::slice::from_ref(scene);
            let stills = images::run(&pipeline, scene, &mut ctx).map_err(|error| said(&error))?;
            let digest = stills.first().ok_or("no picture came")?.image;
            let bytes = store.get(digest).map_err(|error| said(&error))?.ok_or("the picture is gone")?;
            Ok(image::load_from_memory(&bytes).map_err(|error| said(&error))?.into_rgb8())
        };
        let (before, now) = (draw(self.store)?, draw(&apart)?);
        // Less memory may be free now, and the picture smaller: that is no fault of the device.
        if before.dimensions() != now.dimensions() {
            return Ok(());
        }
        let difference = mean_difference(&before, &now);
        match difference <= UNFIT {
            true => Ok(()),
            false => Err(format!(
                "the device draws something else than before it was restarted: {difference:.1} of 255 apart on average"
            )),
        }
    }
}

fn mean_difference(one: &RgbImage, other: &RgbImage) -> f64 {
    let sum: u64 = one.as_raw().iter().zip(other.as_raw()).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    sum as f64 / one.as_raw().len().max(1) as f64
}

/// The error's message and those below it, without repeating what one already says.
pub(super) fn chain(error: &stages::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let message = error.to_string();
        if !text.contains(&message) {
            text = format!("{text}: {message}");
        }
        cause = error.source();
    }
    text
}
