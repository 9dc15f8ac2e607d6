//! Draws pictures with a model within its memory, or numbered cards without one.

use std::{io::Cursor, ops::ControlFlow};

use image::{
    ImageEncoder, RgbImage,
    codecs::png::{CompressionType, FilterType, PngEncoder},
};

use ndarray::Array4;
use ndarray_npy::WriteNpyExt;

use super::{
    super::{Context, Error, Kind},
    card,
    placed::{self, place, storages},
    plan::{Brush, Drawn, Looking, Plan, failed},
    stage::Decided,
};
use crate::{
    diffusion::{self, Footprints, IpAdapter, Likeness, Noise, Options, Picture, Request, TextToImage},
    engine::Residency,
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
    options: Options,
    /// The size drawn, by its position among the plan's.
    rung: usize,
    /// How weights are kept, if not as they are.
    storage: Option<Storage>,
    /// The model with its weights kept so, once it was drawn with.
    stored: Option<Model>,
}

impl<'a> Painter<'a> {
    /// Decides on device, size and what stays loaded, and says so; loads no weight yet.
    pub(super) fn open(plan: &'a Plan<'a>, ctx: &mut Context<'_>) -> Result<Self, Error> {
        let mut painter =
            Self { plan, drawer: None, options: Options::default(), rung: 0, storage: None, stored: None };
        let Some(brush) = &plan.brush else { return Ok(painter) };
        let adapter = painter.adapter()?;
        let rows = if plan.settings.guidance_scale > 1.0 { 2 } else { 1 };
        let ways = storages(plan.memory);
        let placed = place(plan.memory, &plan.sizes, &ways, rows, |device, storage| {
            let footprints = Footprints::stored(&brush.model, &brush.geometry, device, storage)?;
            match &adapter {
                Some(adapter) => footprints.looking_through(adapter),
                None => Ok(footprints),
            }
        })?;
        painter.rung = placed.rung;
        painter.storage = placed.storage;
        painter.options = placed.options;
        let drawer = painter.load(brush)?;
        let decisions = placed.why_device.into_iter().chain(plan.why.clone()).chain(placed.lines);
        decisions.chain(drawer.notes().to_vec()).for_each(|line| ctx.note(line));
        painter.drawer = Some(drawer);
        Ok(painter)
    }

    fn load(&self, brush: &Brush) -> Result<TextToImage, Error> {
        let model = self.stored.as_ref().unwrap_or(&brush.model);
        let drawer = TextToImage::open(model, self.options).map_err(|error| failed(error, ""))?;
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
        let Options { session, residency, limit, .. } = &self.options;
        let predicted = if self.plan.brush.is_some() { *limit } else { 0 };
        Decided {
            size: self.size(),
            device: session.device,
            residency: *residency,
            storage: self.storage,
            predicted,
        }
    }

    /// The size it draws at.
    pub(super) fn size(&self) -> Size {
        self.plan.sizes[self.rung]
    }

    /// How weights are kept, if not as they are.
    pub(super) fn storage(&self) -> Option<Storage> {
        self.storage
    }

    /// Packs the weights, if they are kept smaller and are not yet.
    fn pack(&mut self, ctx: &mut Context<'_>) -> Result<(), Error> {
        let Some(brush) =
            self.plan.brush.as_ref().filter(|_| self.storage.is_some() && self.stored.is_none())
        else {
            return Ok(());
        };
        self.stored = Some(placed::pack(&brush.model, self.storage, ctx)?);
        self.drawer = Some(self.load(brush)?);
        Ok(())
    }

    /// After memory ran out: first keeps one part loaded at a time, then one piece of a
    /// part, then goes a size down.
    pub(super) fn step_down(&mut self, error: Error, ctx: &mut Context<'_>) -> Result<(), Error> {
        let Some(brush) = &self.plan.brush else { return Err(error) };
        // Everything loaded is given back before anything is loaded again.
        self.drawer = None;
        let step = if self.options.residency == Residency::Resident {
            self.options.residency = Residency::Model;
            format!("{} with one part loaded at a time", self.size())
        } else if self.options.residency != Residency::Sequential {
            self.options.residency = Residency::Sequential;
            format!("{} with each part in pieces", self.size())
        } else if self.rung + 1 < self.plan.sizes.len() {
            self.rung += 1;
            format!("{}", self.size())
        } else {
            return Err(error);
        };
        ctx.warn(format!("{error}; going on at {step}"));
        self.drawer = Some(self.load(brush)?);
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
            let done = u64::from(candidate) * progress.total as u64 + progress.step as u64;
            let total = u64::from(candidates.max(candidate + 1)) * progress.total as u64;
            match ctx.progress(done, total, "inference steps", item) {
                Ok(()) => ControlFlow::Continue(()),
                Err(_) => ControlFlow::Break(()),
            }
        };
        let drawn = drawer.generate(&request, &mut report).and_then(|mut pictures| {
            let picture = pictures.swap_remove(0);
            diffusion::check(&picture)?;
            Ok(picture)
        });
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
