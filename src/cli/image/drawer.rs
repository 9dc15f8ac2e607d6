//! Draws, in whatever way memory allows.

use std::ops::ControlFlow;

use super::{
    super::{
        args::OutputArgs,
        exit::{Exit, Failure},
        report::Reporter,
    },
    Args, exit_of,
    given::adapter,
};
use crate::{
    diffusion::{self, Footprints, Geometry, IpAdapter, Picture, Request, TextToImage},
    engine::{self, DeviceChoice},
    models::Model,
    pipeline::Memory,
    run::Event,
    stages::{
        Cancel, Context, Error, Learned, PROCESSOR, Placed, Stage, drawing_failed, one_by_one, pack, place,
        storages,
    },
    store::Store,
    story::Size,
};

/// Whoever draws.
pub(super) struct Drawer<'a> {
    args: &'a Args,
    model: Model,
    geometry: Geometry,
    memory: Memory,
    size: Size,
    placed: Placed,
    /// With its weights kept as was decided, if that is not as they are.
    stored: Model,
    painter: TextToImage,
    told: Told,
}

/// Who is told what happens, and what else a stage is handed.
struct Told {
    store: Store,
    cancel: Cancel,
    reporter: Reporter,
}

impl Told {
    fn context<T>(&mut self, work: impl FnOnce(&mut Context<'_>) -> T) -> T {
        let Self { store, cancel, reporter } = self;
        let mut tell = |stage, happening| reporter.event(&Event::Stage { stage, happening });
        let (cancel, tell) = (cancel.clone(), &mut tell);
        work(&mut Context { stage: Stage::Images, store, models_dir: None, draft: false, cancel, tell })
    }
}

impl<'a> Drawer<'a> {
    /// Decides where and how to draw, says so, and reads the model.
    pub(super) fn open(
        args: &'a Args,
        model: Model,
        memory: Memory,
        cancel: &Cancel,
        output: &OutputArgs,
    ) -> Result<Self, Failure> {
        let memory = one_by_one(&memory);
        let geometry = Geometry::of(&model).map_err(because)?;
        let size = match args.size {
            Some(size) if !geometry.fits(size) => {
                let nearest = geometry.nearest_size(size);
                let message = format!(
                    "{} cannot draw {size}: both sides must be multiples of {}; the nearest size is --size {nearest}",
                    model.name, geometry.multiple
                );
                return Err(Failure::new(Exit::Invalid, message));
            }
            Some(size) => size,
            None => geometry.size_of(9.0 / 16.0, geometry.native.area()),
        };
        let mut told =
            Told { store: args.machine.store()?, cancel: cancel.clone(), reporter: Reporter::new(output) };
        told.reporter.event(&Event::StageStarted { stage: Stage::Images });
        let looking = adapter(args)?;
        let mut placed = on(args, (&model, &geometry), looking.as_ref(), &memory, size, memory.device)?;
        // To know a model by its files, all of them are read.
        let digest = match Learned::all(&told.store).is_empty() {
            true => None,
            false => Some(model.digest().map_err(|error| Failure::because(Exit::Failed, &error))?),
        };
        let stored = told.context(|ctx| {
            if let Some(digest) = digest {
                let again = || on(args, (&model, &geometry), looking.as_ref(), &memory, size, PROCESSOR);
                placed.recall(digest, &memory, ctx, again);
            }
            placed.tell(ctx);
            pack(&model, placed.storage, ctx)
        })?;
        let painter = load(args, &stored, &placed)?;
        Ok(Self { args, model, geometry, memory, size, placed, stored, painter, told })
    }

    /// The size drawn.
    pub(super) fn size(&self) -> Size {
        self.size
    }

    /// How many tokens at the end of the prompt are not seen.
    pub(super) fn dropped_tokens(&self) -> usize {
        self.painter.dropped_tokens(&self.args.prompt, self.args.reading())
    }

    /// Draws; while memory runs out, in a way that takes less.
    pub(super) fn draw(&mut self, request: &Request) -> Result<Picture, Failure> {
        loop {
            let painter = &mut self.painter;
            let drawn = self.told.context(|ctx| {
                let drawn = painter.generate(request, &mut |progress| match ctx.progress(
                    progress.done as u64,
                    progress.total as u64,
                    progress.unit.name(),
                    "",
                ) {
                    Ok(()) => ControlFlow::Continue(()),
                    Err(_) => ControlFlow::Break(()),
                });
                painter.take_fallbacks().into_iter().for_each(|line| ctx.fall_back(line));
                ctx.measured();
                drawn
            });
            match drawn {
                Err(error @ diffusion::Error::Engine(engine::Error::OutOfMemory { .. })) => {
                    self.step_down(drawing_failed(error, ""))?;
                }
                Err(error) => return Err(because(error)),
                Ok(mut pictures) => {
                    self.learn()?;
                    return Ok(pictures.swap_remove(0));
                }
            }
        }
    }

    fn step_down(&mut self, error: Error) -> Result<(), Failure> {
        let undecoded = self.painter.take_undecoded();
        let looking = adapter(self.args)?;
        let Self { args, model, geometry, memory, size, placed, stored, told, .. } = self;
        let before = placed.storage;
        let again = || on(args, (model, geometry), looking.as_ref(), memory, *size, PROCESSOR);
        let of = &*stored;
        told.context(|ctx| placed.step_down(error, of, ctx, again))?;
        // On another device weights may be kept in another way.
        if before != placed.storage {
            let storage = placed.storage;
            *stored = told.context(|ctx| pack(model, storage, ctx))?;
        }
        // It has loaded nothing yet; what the other one loaded is given back as it is replaced.
        self.painter = load(self.args, &self.stored, &self.placed)?;
        self.painter.go_on_with(undecoded);
        Ok(())
    }

    /// What it took to get here is worth knowing next time.
    fn learn(&mut self) -> Result<(), Failure> {
        if self.placed.has_stepped() {
            let digest = self.model.digest().map_err(|error| Failure::because(Exit::Failed, &error))?;
            let Self { placed, model, told, .. } = self;
            told.context(|ctx| placed.worked(model, digest, ctx));
        }
        Ok(())
    }
}

fn because(error: diffusion::Error) -> Failure {
    Failure::because(exit_of(&error), &error)
}

/// Where and how the picture is drawn.
fn on(
    args: &Args,
    (model, geometry): (&Model, &Geometry),
    looking: Option<&IpAdapter>,
    memory: &Memory,
    size: Size,
    device: DeviceChoice,
) -> Result<Placed, Error> {
    let rows = if args.guidance_scale > 1.0 { 2 } else { 1 };
    place(memory, device, &[size], &storages(memory), rows, |options, storage| {
        let footprints = Footprints::stored(model, geometry, options, storage)?;
        let footprints = match looking {
            Some(looking) => footprints.looking_through(looking)?,
            None => footprints,
        };
        match args.init_image {
            Some(_) => footprints.starting_from_pictures(),
            None => Ok(footprints),
        }
    })
}

fn load(args: &Args, model: &Model, placed: &Placed) -> Result<TextToImage, Failure> {
    let painter = TextToImage::open(model, placed.options()).map_err(because)?;
    match adapter(args)? {
        Some(adapter) => painter.with_adapter(adapter).map_err(because),
        None => Ok(painter),
    }
}
