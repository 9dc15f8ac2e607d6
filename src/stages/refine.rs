//! Refining: a second model goes over the pictures, at the size drawn.
//!
//! It takes either finished pictures, of which it draws a part anew, or the latents that the first model leaves
//! off at (the hand-over of Stable Diffusion XL's refiner).

use std::ops::ControlFlow;

use super::{
    Cached, Context, Error, Kind,
    images::{self, failed, png, unusable},
    placed::{PROCESSOR, Placed, one_by_one, pack, place},
};
use crate::{
    diffusion::{self, Footprints, Geometry, Kept, Noise, Request, Source, Start, TextToImage},
    digest::Digest,
    engine::{DeviceChoice, Tiling},
    graph::Storage,
    models::{Catalog, Model},
    pipeline::{Pipeline, Refine, WeightStorage},
    store::{Key, KeyBuilder, Origin},
    story::{Scene, Size, Still},
};

/// What is raised when the same picture and settings give another one than before.
const VERSION: u32 = 1;

/// The model that refines, and what is asked of it.
struct Plan<'a> {
    pipeline: &'a Pipeline,
    settings: &'a Refine,
    model: Model,
    geometry: Geometry,
    digest: Digest,
}

impl<'a> Plan<'a> {
    /// None if nothing is refined.
    fn new(pipeline: &'a Pipeline, ctx: &Context<'_>) -> Result<Option<Self>, Error> {
        let Some(settings) = pipeline.refine.as_ref().filter(|_| !ctx.draft) else { return Ok(None) };
        let model = Catalog::new(ctx.models_dir.clone()).find(&settings.model).map_err(unusable)?;
        let geometry = Geometry::of(&model).map_err(|error| failed(error, ""))?;
        let digest = model.digest().map_err(unusable)?;
        Ok(Some(Self { pipeline, settings, model, geometry, digest }))
    }

    fn inference_steps(&self) -> u32 {
        self.settings.inference_steps.unwrap_or(self.pipeline.images.inference_steps)
    }

    fn guidance_scale(&self) -> f32 {
        self.settings.guidance_scale.unwrap_or(self.pipeline.images.guidance_scale)
    }

    /// How weights are kept, if the user says it: by itself nothing is kept smaller here, where a picture is drawn that
    /// has its size already.
    fn storage(&self) -> Option<Storage> {
        match self.pipeline.memory.storage {
            WeightStorage::In(storage) => Some(storage),
            WeightStorage::Auto | WeightStorage::None => None,
        }
    }

    /// Where the refined picture of `scene` lies that was `drawn`.
    fn key(&self, scene: &Scene, drawn: &Still) -> Result<Key, Error> {
        let key = KeyBuilder::new("refine", VERSION)
            .field("model", &self.digest)
            .field("picture", &drawn.image)
            .field("prompt", &scene.prompt)
            .field("negative_prompt", &scene.negative_prompt)
            .field("seed", &scene.seed)
            .field("strength", &self.settings.strength)
            .field("denoising_start", &self.settings.denoising_start)
            .field("inference_steps", &self.inference_steps())
            .field("guidance_scale", &self.guidance_scale())
            .field("scheduler", &self.pipeline.images.scheduler)
            .field("rng", &self.pipeline.images.rng);
        let key = match self.storage() {
            Some(storage) => key.field("storage", &storage),
            None => key,
        };
        let key = match self.pipeline.memory.policy.tiling {
            Tiling::Auto => key,
            tiling => key.field("vae_tiling", &tiling),
        };
        Ok(key.finish()?)
    }
}

/// Goes over the pictures with the second model. Where the pipeline names none, they stay as they are.
///
/// # Errors
/// When the model or ONNX Runtime is missing, it cannot do the size drawn or has no VAE encoder, memory runs
/// out, somebody wants to stop, or the store cannot be used.
pub fn run(
    pipeline: &Pipeline,
    drawn: &[(Scene, Still)],
    ctx: &mut Context<'_>,
) -> Result<Vec<Still>, Error> {
    let Some(plan) = Plan::new(pipeline, ctx)? else {
        return Ok(drawn.iter().map(|(_, still)| still.clone()).collect());
    };
    let mut refiner = None;
    let mut stills = Vec::with_capacity(drawn.len());
    for (index, (scene, still)) in drawn.iter().enumerate() {
        ctx.cancel.check()?;
        let item = format!("scene {} of {}", index + 1, drawn.len());
        let (image, origin) = refined(&plan, &mut refiner, (scene, still), &item, ctx)?;
        ctx.step(origin == Origin::Hit);
        stills.push(Still { image, ..still.clone() });
    }
    Ok(stills)
}

/// The refined picture, in less and less memory while that runs out.
fn refined<'a>(
    plan: &'a Plan<'a>,
    refiner: &mut Option<Refiner<'a>>,
    (scene, still): (&Scene, &Still),
    item: &str,
    ctx: &mut Context<'_>,
) -> Result<(Digest, Origin), Error> {
    let store = ctx.store;
    loop {
        let done = store.obtain(&plan.key(scene, still)?, || {
            let refiner = match refiner {
                Some(refiner) => refiner,
                None => refiner.insert(Refiner::open(plan, still.size, ctx)?),
            };
            refiner.pack(ctx)?;
            let image = go_over(plan, &mut refiner.drawer, scene, still, item, ctx)?;
            refiner.placed.worked(&plan.model, plan.digest, ctx);
            Ok::<_, Error>((image, vec![image]))
        });
        match (done, refiner.take()) {
            (Err(error), Some(opened)) if error.kind == Kind::OutOfMemory => {
                *refiner = Some(opened.step_down(error, ctx)?);
            }
            (done, opened) => {
                *refiner = opened;
                return done;
            }
        }
    }
}

/// How many of the pictures need not be refined again.
///
/// # Errors
/// When the model is missing or the store cannot be read.
pub fn cached(pipeline: &Pipeline, drawn: &[(Scene, Still)], ctx: &Context<'_>) -> Result<Cached, Error> {
    let Some(plan) = Plan::new(pipeline, ctx)? else { return Ok(Cached { steps: 0, hits: 0 }) };
    let mut hits = 0;
    for (scene, still) in drawn {
        hits += usize::from(ctx.store.lookup::<Digest>(&plan.key(scene, still)?)?.is_some());
    }
    Ok(Cached { steps: drawn.len(), hits })
}

/// Says on which device and in how much memory pictures of `size` would be refined, as [`Context::note`]s;
/// answers the most bytes the model is expected to take for it.
///
/// # Errors
/// When the model or the device is missing, the size cannot be done, or memory is too small.
pub fn decide(pipeline: &Pipeline, size: Size, ctx: &mut Context<'_>) -> Result<u64, Error> {
    match Plan::new(pipeline, ctx)? {
        Some(plan) => Refiner::open(&plan, size, ctx).map(|refiner| refiner.placed.predicted()),
        None => Ok(0),
    }
}

/// The second model, ready to go over pictures.
struct Refiner<'a> {
    plan: &'a Plan<'a>,
    placed: Placed,
    /// Which has its weights as was asked for, once it draws.
    model: Option<Model>,
    drawer: TextToImage,
}

impl<'a> Refiner<'a> {
    /// Decides where and how it runs, and says so; loads no weight yet.
    fn open(plan: &'a Plan<'a>, size: Size, ctx: &mut Context<'_>) -> Result<Self, Error> {
        if !plan.geometry.fits(size) {
            let (multiple, nearest) = (plan.geometry.multiple, plan.geometry.nearest_size(size));
            let model = plan.model.name.clone();
            let error = diffusion::Error::Size { model, wanted: size, multiple, nearest };
            return Err(Error::new(Kind::Invalid, "refine.model", error));
        }
        let mut placed = on(plan, plan.pipeline.memory.device, size)?;
        placed.recall(plan.digest, &plan.pipeline.memory, ctx, || on(plan, PROCESSOR, size));
        placed.tell(ctx);
        let drawer = load(&plan.model, &placed)?;
        drawer.notes().iter().for_each(|line| ctx.note(line));
        Ok(Self { plan, placed, model: None, drawer })
    }

    /// Packs the weights, if they are not yet kept as they should be.
    fn pack(&mut self, ctx: &mut Context<'_>) -> Result<(), Error> {
        if self.model.is_none() {
            let model = self.model.insert(pack(&self.plan.model, self.placed.storage, ctx)?);
            self.drawer = load(model, &self.placed)?;
        }
        Ok(())
    }

    /// After memory ran out: one that takes less.
    fn step_down(self, error: Error, ctx: &mut Context<'_>) -> Result<Self, Error> {
        let Self { plan, mut placed, model, mut drawer } = self;
        let undecoded = drawer.take_undecoded();
        // Everything loaded is given back before anything is loaded again.
        drop(drawer);
        let size = placed.size();
        let of = model.as_ref().unwrap_or(&plan.model);
        placed.step_down(error, of, ctx, || on(plan, PROCESSOR, size))?;
        let mut drawer = load(of, &placed)?;
        drawer.go_on_with(undecoded);
        Ok(Self { plan, placed, model, drawer })
    }
}

/// Where the second model goes over pictures of `size`.
fn on(plan: &Plan<'_>, device: DeviceChoice, size: Size) -> Result<Placed, Error> {
    let rows = if plan.guidance_scale() > 1.0 { 2 } else { 1 };
    let memory = one_by_one(&plan.pipeline.memory);
    place(&memory, device, &[size], &[plan.storage()], rows, |device, storage| {
        let footprints = Footprints::stored(&plan.model, &plan.geometry, device, storage)?;
        match plan.settings.denoising_start {
            Some(_) => Ok(footprints),
            None => footprints.starting_from_pictures(),
        }
    })
}

fn load(model: &Model, placed: &Placed) -> Result<TextToImage, Error> {
    TextToImage::open(model, placed.options()).map_err(|error| failed(error, "refine.model"))
}

/// Draws a part of one picture anew, and puts it into the store.
fn go_over(
    plan: &Plan<'_>,
    refiner: &mut TextToImage,
    scene: &Scene,
    still: &Still,
    item: &str,
    ctx: &mut Context<'_>,
) -> Result<Digest, Error> {
    let place = format!("scene {} (line {})", scene.index + 1, scene.line);
    let start = match plan.settings.denoising_start {
        Some(start) => {
            let latents = images::latents(plan.pipeline, scene, still, ctx)?;
            Start::Given(Source::Latents(latents), Kept::DenoisingStart(start))
        }
        None => {
            let gone = |why: String| Error::new(Kind::Failed, place.clone(), why);
            let bytes = ctx.store.get(still.image)?;
            let bytes = bytes.ok_or_else(|| gone("the picture drawn is gone from the store".to_owned()))?;
            let picture = image::load_from_memory(&bytes).map_err(|error| gone(error.to_string()))?;
            Start::Given(Source::Picture(picture.into_rgb8()), Kept::Strength(plan.settings.strength))
        }
    };
    let settings = &plan.pipeline.images;
    let negative = scene.negative_prompt.as_str();
    let request = Request {
        negative_prompt: (!negative.is_empty()).then(|| negative.to_owned()),
        inference_steps: plan.inference_steps() as usize,
        guidance_scale: plan.guidance_scale(),
        scheduler: settings.scheduler,
        rng: settings.rng,
        noise: Noise::Seed(scene.seed.derive("refine", 0)),
        start,
        ..Request::new(scene.prompt.clone(), still.size)
    };
    let mut report = |progress: diffusion::Progress| match ctx.progress(
        progress.done as u64,
        progress.total as u64,
        progress.unit.name(),
        item,
    ) {
        Ok(()) => ControlFlow::Continue(()),
        Err(_) => ControlFlow::Break(()),
    };
    let drawn = refiner.generate(&request, &mut report).and_then(|mut pictures| {
        let picture = pictures.swap_remove(0);
        diffusion::check(&picture)?;
        Ok(picture.image)
    });
    refiner.take_fallbacks().into_iter().for_each(|line| ctx.fall_back(line));
    let image = drawn.map_err(|error| failed(error, place))?;
    Ok(ctx.store.put(&png(&image)?)?)
}
