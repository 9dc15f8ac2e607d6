//! Refining: a second model goes over the pictures, at the size drawn.
//!
//! It takes either finished pictures, of which it draws a part anew, or the latents that the first model leaves
//! off at (the hand-over of Stable Diffusion XL's refiner).

use std::ops::ControlFlow;

use super::{
    Cached, Context, Error, Kind,
    images::{self, failed, pack, place, png, unusable},
};
use crate::{
    diffusion::{self, Footprints, Geometry, Kept, Noise, Options, Request, Source, Start, TextToImage},
    digest::Digest,
    engine::Tiling,
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
        let store = ctx.store;
        let (image, origin) = store.obtain(&plan.key(scene, still)?, || {
            let refiner = match &mut refiner {
                Some(refiner) => refiner,
                None => {
                    let (options, _) = decided(&plan, still.size, ctx)?;
                    let model = pack(&plan.model, plan.storage(), ctx)?;
                    refiner.insert(open(&model, options)?)
                }
            };
            let image = go_over(&plan, refiner, scene, still, &item, ctx)?;
            Ok::<_, Error>((image, vec![image]))
        })?;
        ctx.step(origin == Origin::Hit);
        stills.push(Still { image, ..still.clone() });
    }
    Ok(stills)
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
        Some(plan) => decided(&plan, size, ctx).map(|(_, predicted)| predicted),
        None => Ok(0),
    }
}

/// The second model.
fn open(model: &Model, options: Options) -> Result<TextToImage, Error> {
    TextToImage::open(model, options).map_err(|error| failed(error, "refine.model"))
}

/// Where and how the second model runs, which is said, and the most bytes it is expected to take.
fn decided(plan: &Plan<'_>, size: Size, ctx: &mut Context<'_>) -> Result<(Options, u64), Error> {
    if !plan.geometry.fits(size) {
        let (multiple, nearest) = (plan.geometry.multiple, plan.geometry.nearest_size(size));
        let model = plan.model.name.clone();
        let error = diffusion::Error::Size { model, wanted: size, multiple, nearest };
        return Err(Error::new(Kind::Invalid, "refine.model", error));
    }
    let rows = if plan.guidance_scale() > 1.0 { 2 } else { 1 };
    let placed = place(&plan.pipeline.memory, &[size], &[plan.storage()], rows, |device, storage| {
        let footprints = Footprints::stored(&plan.model, &plan.geometry, device, storage)?;
        match plan.settings.denoising_start {
            Some(_) => Ok(footprints),
            None => footprints.starting_from_pictures(),
        }
    })?;
    let refiner = open(&plan.model, placed.options)?;
    let decisions = placed.why_device.into_iter().chain(placed.lines);
    decisions.chain(refiner.notes().to_vec()).for_each(|line| ctx.note(line));
    Ok((placed.options, placed.options.limit))
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
        progress.step as u64,
        progress.total as u64,
        "inference steps",
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
    let image = drawn.map_err(|error| failed(error, place))?;
    Ok(ctx.store.put(&png(&image)?)?)
}
