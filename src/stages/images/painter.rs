//! Draws pictures with a model within its memory, or numbered cards without one.

use std::{io::Cursor, ops::ControlFlow};

use image::{
    ImageEncoder, RgbImage,
    codecs::png::{CompressionType, FilterType, PngEncoder},
};

use super::{
    super::{Context, Error, Kind},
    card,
    plan::{Brush, Drawn, Plan, failed},
    stage::Decided,
};
use crate::{
    diffusion::{self, Footprints, Noise, Options, Request, TextToImage},
    engine::{self, Candidate, Residency, Wishes},
    pipeline::Budget,
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
}

impl<'a> Painter<'a> {
    /// Decides on device, size and what stays loaded, and says so; loads no weight yet.
    pub(super) fn open(plan: &'a Plan<'a>, ctx: &mut Context<'_>) -> Result<Self, Error> {
        let mut painter = Self { plan, drawer: None, options: Options::default(), rung: 0 };
        let Some(brush) = &plan.brush else { return Ok(painter) };
        let machine = engine::probe();
        let unusable = |error| failed(diffusion::Error::Engine(error), "");
        let (device, why) = machine.choose(plan.memory.device).map_err(unusable)?;
        let rows = if plan.settings.guidance_scale > 1.0 { 2 } else { 1 };
        let footprints = Footprints::read(&brush.model, &brush.geometry, device.device)
            .map_err(|error| failed(error, ""))?;
        let candidate = |(size, rows): (&Size, u64)| Candidate {
            width: size.width,
            height: size.height,
            rows,
            demands: footprints.demands(*size, rows),
        };
        let ways = plan.sizes.iter().flat_map(|size| (1..=rows).rev().map(move |rows| (size, rows)));
        let candidates: Vec<_> = ways.map(candidate).collect();
        let budget = match plan.memory.budget {
            Budget::Auto => None,
            Budget::Bytes(bytes) => Some(bytes),
        };
        let wishes = Wishes::on(device.device, budget, plan.memory.offload);
        let placement = engine::place(device, wishes, &candidates)
            .map_err(|error| Error::new(Kind::OutOfMemory, "", error))?;
        let taken = &candidates[placement.candidate];
        painter.rung = plan
            .sizes
            .iter()
            .position(|size| (size.width, size.height) == (taken.width, taken.height))
            .unwrap_or(0);
        painter.options = Options {
            session: engine::Options::on(device.device),
            residency: placement.residency,
            limit: placement.predicted,
            rows: taken.rows as usize,
        };
        let drawer = painter.load(brush)?;
        let decisions = why.into_iter().chain(plan.why.clone()).chain(placement.lines);
        decisions.chain(drawer.notes().to_vec()).for_each(|line| ctx.note(line));
        painter.drawer = Some(drawer);
        Ok(painter)
    }

    fn load(&self, brush: &Brush) -> Result<TextToImage, Error> {
        TextToImage::open(&brush.model, self.options).map_err(|error| failed(error, ""))
    }

    /// What was decided.
    pub(super) fn decided(&self) -> Decided {
        let Options { session, residency, limit, .. } = &self.options;
        let predicted = if self.plan.brush.is_some() { *limit } else { 0 };
        Decided { size: self.size(), device: session.device, residency: *residency, predicted }
    }

    /// The size it draws at.
    pub(super) fn size(&self) -> Size {
        self.plan.sizes[self.rung]
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
        let image = match &mut self.drawer {
            None => card::draw(scene.index, size),
            Some(drawer) => {
                let negative = scene.negative_prompt.as_str();
                let request = Request {
                    negative_prompt: (!negative.is_empty()).then(|| negative.to_owned()),
                    inference_steps: self.plan.settings.inference_steps as usize,
                    guidance_scale: self.plan.settings.guidance_scale,
                    scheduler: self.plan.settings.scheduler,
                    noise: Noise::Seed(scene.seed),
                    ..Request::new(scene.prompt.clone(), size)
                };
                best(drawer, request, self.plan.settings.candidates, scene, item, ctx)?
            }
        };
        Ok(Drawn { size, image: ctx.store.put(&png(&image)?)? })
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
) -> Result<RgbImage, Error> {
    let place = format!("scene {} (line {})", scene.index + 1, scene.line);
    let dropped = drawer.dropped_tokens(&request.prompt, request.reading);
    if dropped > 0 {
        ctx.warn(format!("{place}: the last {dropped} tokens of the prompt do not fit and are not seen"));
    }
    let mut kept: Option<(f64, RgbImage)> = None;
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
            Ok(picture.image)
        });
        match drawn {
            Ok(image) => {
                let contrast = contrast(&image);
                if kept.as_ref().is_none_or(|(best, _)| contrast > *best) {
                    kept = Some((contrast, image));
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
        (Some((_, image)), _) => Ok(image),
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

/// A PNG, packed quickly: it is read more often than it is kept.
pub(in super::super) fn png(image: &RgbImage) -> Result<Vec<u8>, Error> {
    let mut bytes = Cursor::new(Vec::new());
    PngEncoder::new_with_quality(&mut bytes, CompressionType::Fast, FilterType::Adaptive)
        .write_image(image, image.width(), image.height(), image::ExtendedColorType::Rgb8)
        .map_err(|error| Error::new(Kind::Failed, "", error))?;
    Ok(bytes.into_inner())
}
