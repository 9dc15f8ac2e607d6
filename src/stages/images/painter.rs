//! Draws pictures with a model within its memory, or numbered cards without one.

use std::{io::Cursor, ops::ControlFlow};

use image::{
    ImageEncoder, RgbImage,
    codecs::png::{CompressionType, FilterType, PngEncoder},
};

use ndarray::Array4;
use ndarray_npy::WriteNpyExt;

use super::{
    super::{
        Context, Error, Kind,
        placed::{self, PROCESSOR, Placed, place, storages},
    },
    card,
    plan::{Brush, Drawn, Looking, Plan, failed},
    stage::Decided,
};
use crate::{
    diffusion::{self, Footprints, IpAdapter, Likeness, Noise, Options, Picture, Request, TextToImage, Unit},
    engine::DeviceChoice,
    graph::Storage,
    models::Model,
    story::{Scene, Seed, Size},
};

/// Pictures drawn beyond the ones asked for when all of those are empty.
const SECOND_CHANCES: u32 = 2;

/// Whoever draws.
pub(super) struct Painter<'a> {
    plan: &'a Plan<'a>,
    drawer: Option<TextToImage>,
    /// None where no model draws.
    placed: Option<Placed>,
    /// The model with its weights kept as was decided, once it was drawn with.
    stored: Option<Model>,
}

impl<'a> Painter<'a> {
    /// Decides on device, size and what stays loaded, and says so; loads no weight yet.
    pub(super) fn open(plan: &'a Plan<'a>, ctx: &mut Context<'_>) -> Result<Self, Error> {
        let mut painter = Self { plan, drawer: None, placed: None, stored: None };
        let Some(brush) = &plan.brush else { return Ok(painter) };
        let mut placed = painter.place(brush, plan.memory.device)?;
        placed.recall(brush.digest, plan.memory, ctx, || painter.place(brush, PROCESSOR));
        placed.tell(ctx);
        plan.why.iter().for_each(|line| ctx.note(line));
        let drawer = painter.load(brush, placed.options())?;
        drawer.notes().iter().for_each(|line| ctx.note(line));
        (painter.drawer, painter.placed) = (Some(drawer), Some(placed));
        Ok(painter)
    }

    /// Another one on the second device, where two share the pictures.
    pub(super) fn second(&self) -> Result<Option<Self>, Error> {
        let placed = self.placed.as_ref().and_then(Placed::second);
        let (Some(brush), Some(placed)) = (&self.plan.brush, placed) else { return Ok(None) };
        let mut second = Self { plan: self.plan, drawer: None, placed: None, stored: self.stored.clone() };
        second.drawer = Some(second.load(brush, placed.options())?);
        second.placed = Some(placed);
        Ok(Some(second))
    }

    fn place(&self, brush: &Brush, device: DeviceChoice) -> Result<Placed, Error> {
        let adapter = self.adapter()?;
        let rows = if self.plan.settings.guidance_scale > 1.0 { 2 } else { 1 };
        let ways = storages(self.plan.memory);
        place(self.plan.memory, device, &self.plan.sizes, &ways, rows, |device, storage| {
            let footprints = Footprints::stored(&brush.model, &brush.geometry, device, storage)?;
            match &adapter {
                Some(adapter) => footprints.looking_through(adapter),
                None => Ok(footprints),
            }
        })
    }

    fn load(&self, brush: &Brush, options: Options) -> Result<TextToImage, Error> {
        let model = self.stored.as_ref().unwrap_or(&brush.model);
        let drawer = TextToImage::open(model, options).map_err(|error| failed(error, ""))?;
        match self.adapter()? {
            Some(adapter) => drawer.with_adapter(adapter).map_err(|error| failed(error, "images.ip_adapter")),
            None => Ok(drawer),
        }
    }

    /// What looks at pictures of characters, if any has one.
    fn adapter(&self) -> Result<Option<IpAdapter>, Error> {
        let looking = self.plan.looking.as_ref();
        let open = |looking: &Looking| IpAdapter::open(&looking.adapter);
        looking.map(open).transpose().map_err(|error| failed(error, "images.ip_adapter"))
    }

    /// Whose picture is looked at in `scene`.
    fn likeness(&self, scene: &Scene) -> Result<Option<Likeness>, Error> {
        let sitter = self.plan.looking.as_ref().and_then(|looking| looking.sitter(scene));
        let Some((sitter, likeness)) = sitter else { return Ok(None) };
        let shown = sitter.picture.display();
        let picture = image::open(&sitter.picture).map_err(|error| {
            let message = format!("`{shown}` is no picture that can be read: {error}");
            Error::new(Kind::Invalid, "scenes.characters", message)
        })?;
        Ok(Some(Likeness { picture: picture.to_rgb8(), scale: likeness.scale() }))
    }

    /// What was decided.
    pub(super) fn decided(&self) -> Decided {
        let options = self.placed.as_ref().map_or_else(Options::default, Placed::options);
        let Options { session, residency, .. } = options;
        let predicted = self.placed.as_ref().map_or(0, Placed::predicted);
        Decided { size: self.size(), device: session.device, residency, storage: self.storage(), predicted }
    }

    /// The size it draws at.
    pub(super) fn size(&self) -> Size {
        self.placed.as_ref().map_or(self.plan.sizes[0], Placed::size)
    }

    /// How weights are kept, if not as they are.
    pub(super) fn storage(&self) -> Option<Storage> {
        self.placed.as_ref()?.storage
    }

    /// Packs the weights, if they are not yet kept as they should be.
    pub(super) fn pack(&mut self, ctx: &mut Context<'_>) -> Result<(), Error> {
        let (Some(brush), Some(placed)) = (&self.plan.brush, &self.placed) else { return Ok(()) };
        if self.stored.is_some() {
            return Ok(());
        }
        self.stored = Some(placed::pack(&brush.model, placed.storage, ctx)?);
        self.drawer = Some(self.load(brush, placed.options())?);
        Ok(())
    }

    /// After memory ran out: goes on in a way that takes less.
    pub(super) fn step_down(&mut self, error: Error, ctx: &mut Context<'_>) -> Result<(), Error> {
        let (Some(brush), Some(mut placed)) = (&self.plan.brush, self.placed.take()) else {
            return Err(error);
        };
        // Everything loaded is given back before anything is loaded again; latents that are drawn already
        // are not drawn again.
        let undecoded = self.drawer.take().and_then(|mut drawer| drawer.take_undecoded());
        let before = placed.storage;
        let model = self.stored.as_ref().unwrap_or(&brush.model);
        placed.step_down(error, model, ctx, || self.place(brush, PROCESSOR))?;
        // On another device weights may be kept in another way.
        if before != placed.storage {
            self.stored = None;
        }
        let mut drawer = self.load(brush, placed.options())?;
        drawer.go_on_with(undecoded);
        (self.drawer, self.placed) = (Some(drawer), Some(placed));
        Ok(())
    }

    /// Draws the picture of `scene` and puts it into the store.
    pub(super) fn paint(&mut self, scene: &Scene, item: &str, ctx: &mut Context<'_>) -> Result<Drawn, Error> {
        let size = self.size();
        self.pack(ctx)?;
        let likeness = self.likeness(scene)?;
        let (image, latents) = match &mut self.drawer {
            None => (card::draw(scene.index, size), None),
            Some(drawer) => {
                let negative = scene.negative_prompt.as_str();
                let request = Request {
                    negative_prompt: (!negative.is_empty()).then(|| negative.to_owned()),
                    inference_steps: self.plan.settings.inference_steps as usize,
                    guidance_scale: self.plan.settings.guidance_scale,
                    guidance_rescale: self.plan.settings.guidance_rescale,
                    clip_skip: self.plan.settings.clip_skip.map(|layers| layers as usize),
                    scheduler: self.plan.settings.scheduler,
                    eta: self.plan.settings.eta,
                    rng: self.plan.settings.rng,
                    likeness,
                    denoising_end: self.plan.hands_over,
                    noise: Noise::Seed(scene.seed),
                    ..Request::new(scene.prompt.clone(), size)
                };
                let picture = best(drawer, request, self.plan.settings.candidates, scene, item, ctx)?;
                if let (Some(brush), Some(placed)) = (&self.plan.brush, &mut self.placed) {
                    placed.worked(&brush.model, brush.digest, ctx);
                }
                // Only a second model that goes on with them needs the latents.
                (picture.image, self.plan.hands_over.map(|_| picture.latents))
            }
        };
        let latents =
            latents.map(|latents| ctx.store.put(&npy(&latents)?).map_err(Error::from)).transpose()?;
        Ok(Drawn { size, image: ctx.store.put(&png(&image)?)?, latents })
    }
}

/// The picture with the strongest contrast of as many as are asked for: what a model draws badly
/// is nearly always flat. Empty ones do not count; if all are empty, two more are tried.
fn best(
    drawer: &mut TextToImage,
    mut request: Request,
    candidates: u32,
    scene: &Scene,
    item: &str,
    ctx: &mut Context<'_>,
) -> Result<Picture, Error> {
    let place = format!("scene {} (line {})", scene.index + 1, scene.line);
    let dropped = drawer.dropped_tokens(&request.prompt, request.reading);
    if dropped > 0 {
        ctx.warn(format!("{place}: the last {dropped} tokens of the prompt do not fit and are not seen"));
    }
    let mut kept: Option<(f64, Picture)> = None;
    let mut empty = None;
    for candidate in 0..candidates + SECOND_CHANCES {
        if candidate >= candidates && kept.is_some() {
            break;
        }
        request.noise = Noise::Seed(seed(scene, candidate));
        let mut report = |progress: diffusion::Progress| {
            // Steps are counted over all candidates; each is decoded for itself.
            let (before, all) = match progress.unit {
                Unit::Steps => (u64::from(candidate), u64::from(candidates.max(candidate + 1))),
                Unit::Bands | Unit::Tiles => (0, 1),
            };
            let [done, total] = [progress.done, progress.total].map(|count| count as u64);
            match ctx.progress(before * total + done, all * total, progress.unit.name(), item) {
                Ok(()) => ControlFlow::Continue(()),
                Err(_) => ControlFlow::Break(()),
            }
        };
        let drawn = drawer.generate(&request, &mut report).and_then(|mut pictures| {
            let picture = pictures.swap_remove(0);
            diffusion::check(&picture)?;
            Ok(picture)
        });
        drawer.take_fallbacks().into_iter().for_each(|line| ctx.fall_back(line));
        match drawn {
            Ok(picture) => {
                let contrast = contrast(&picture.image);
                if kept.as_ref().is_none_or(|(best, _)| contrast > *best) {
                    kept = Some((contrast, picture));
                }
            }
            Err(error @ diffusion::Error::Blank(_)) => {
                ctx.warn(format!("{place}: {error}; trying other noise"));
                empty = Some(error);
            }
            Err(error) => return Err(failed(error, place)),
        }
    }
    match (kept, empty) {
        (Some((_, picture)), _) => Ok(picture),
        (None, Some(error)) => Err(failed(error, place)),
        (None, None) => Err(Error::new(Kind::Invalid, place, "no picture is asked for")),
    }
}

/// The scene's own seed first, then seeds derived from it.
fn seed(scene: &Scene, candidate: u32) -> Seed {
    if candidate == 0 { scene.seed } else { scene.seed.derive("candidate", u64::from(candidate)) }
}

/// The standard deviation of the luma.
fn contrast(image: &RgbImage) -> f64 {
    let luma = |pixel: &image::Rgb<u8>| {
        let [red, green, blue] = pixel.0.map(f64::from);
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    };
    let count = f64::from(image.width()) * f64::from(image.height());
    let mean = image.pixels().map(luma).sum::<f64>() / count;
    (image.pixels().map(|pixel| (luma(pixel) - mean).powi(2)).sum::<f64>() / count).sqrt()
}

/// Latents as an NPY file.
fn npy(latents: &Array4<f32>) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    latents.write_npy(&mut bytes).map_err(|error| Error::new(Kind::Failed, "", error))?;
    Ok(bytes)
}

/// A PNG, packed quickly: it is read more often than it is kept.
pub(in super::super) fn png(image: &RgbImage) -> Result<Vec<u8>, Error> {
    let mut bytes = Cursor::new(Vec::new());
    PngEncoder::new_with_quality(&mut bytes, CompressionType::Fast, FilterType::Adaptive)
        .write_image(image, image.width(), image.height(), image::ExtendedColorType::Rgb8)
        .map_err(|error| Error::new(Kind::Failed, "", error))?;
    Ok(bytes.into_inner())
}
