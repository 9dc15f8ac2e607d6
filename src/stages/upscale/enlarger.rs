//! Enlarges pictures, with the model as long as memory lasts.

use std::ops::ControlFlow;

use image::{ImageFormat, RgbImage};

use super::{
    super::{Context, Ended, Error, Kind, Learned, images},
    choice::{Choice, Model, Way, failed},
};
use crate::{
    compose,
    digest::Digest,
    engine::{self, Bytes, DeviceMemory, Wishes},
    pipeline::{Budget, Memory},
    story::{Size, Still},
    upscale::{self, Upscaler},
};

/// Whoever enlarges.
pub(super) struct Enlarger<'a> {
    choice: &'a Choice<'a>,
    memory: &'a Memory,
    /// The model, before it is needed and after it was given up none.
    loaded: Option<Loaded>,
    /// The bytes it may use after memory ran out, which is less than there were before.
    tightened: Option<u64>,
    /// Where it begins, and the bytes it might use there then; none before it was looked at.
    begun: Option<(engine::Device, u64)>,
    /// Whether memory ran out since a picture was last enlarged.
    stepped: bool,
    /// Whether Lanczos stands in for the model from here on.
    given_up: bool,
    /// The size of the picture that was last told about.
    told: Option<(Size, Way)>,
}

/// A loaded model.
struct Loaded {
    upscaler: Upscaler,
    /// Keeps it within what was asked for.
    _limit: Option<engine::Limit>,
    /// Bytes it may use.
    budget: u64,
    /// Bytes it was last expected to take.
    predicted: u64,
}

impl<'a> Enlarger<'a> {
    pub(super) fn new(choice: &'a Choice<'a>, memory: &'a Memory) -> Self {
        Self {
            choice,
            memory,
            loaded: None,
            tightened: None,
            begun: None,
            stepped: false,
            given_up: false,
            told: None,
        }
    }

    /// The way it takes for a picture of this size: the best one, unless it was given up.
    pub(super) fn way(&self, drawn: Size) -> Way {
        match self.choice.best(drawn) {
            Way::Model if self.given_up => Way::LanczosInstead,
            way => way,
        }
    }

    /// Says how pictures drawn at this size are enlarged, and in how many bytes; loads no weight.
    pub(super) fn decide(&mut self, drawn: Size, ctx: &mut Context<'_>) -> Result<u64, Error> {
        let mut predicted = 0;
        if let (Way::Model, Some(model)) = (self.way(drawn), &self.choice.model) {
            self.recall(model, drawn, ctx)?;
            let (_, budget) = self.device()?;
            match model.network.plan(drawn, budget) {
                Ok(plan) => {
                    predicted = plan.predicted;
                    ctx.note(plan.line());
                }
                Err(error) => self.give_up(failed(error, ""), ctx)?,
            }
        }
        self.tell(drawn, ctx);
        Ok(predicted)
    }

    /// Says, once for each size, when pictures are enlarged without a model.
    fn tell(&mut self, drawn: Size, ctx: &mut Context<'_>) {
        let now = (drawn, self.way(drawn));
        if self.told == Some(now) || now.1 == Way::Model {
            return;
        }
        self.told = Some(now);
        let size = self.choice.size(drawn, now.1);
        match &self.choice.why {
            Some(why) => ctx.note(why),
            None => ctx.note(format!("upscale: {drawn} to {size} with lanczos")),
        }
    }

    /// The device models run on, and the bytes they may use there.
    fn device(&self) -> Result<(DeviceMemory, u64), Error> {
        let machine = engine::probe();
        let chosen = machine.choose(self.memory.device).map_err(|error| failed(error.into(), ""))?;
        let device = chosen.0.clone();
        let budget = match self.memory.budget {
            Budget::Auto => None,
            Budget::Bytes(bytes) => Some(bytes),
        };
        let allowed = Wishes::on(device.device, budget, None).allowed(&device);
        Ok((device, self.tightened.map_or(allowed, |less| less.min(allowed))))
    }

    /// Begins in as little as an earlier run ended up in.
    fn recall(&mut self, model: &Model, drawn: Size, ctx: &mut Context<'_>) -> Result<(), Error> {
        if self.begun.is_some() {
            return Ok(());
        }
        let (device, allowed) = self.device()?;
        let (device, allowed) = *self.begun.insert((device.device, allowed));
        let learned = Learned::recall(ctx.store, model.digest, device, drawn, allowed);
        if let Some(learned) = learned
            && let Ended::Enlarging { budget } = learned.ended
            && budget < allowed
        {
            ctx.note(learned.line());
            self.tightened = Some(budget);
        }
        Ok(())
    }

    /// A picture was enlarged: the memory that did for it is worth knowing next time.
    fn worked(&mut self, model: &Model, drawn: Size, ctx: &Context<'_>) {
        let stepped = std::mem::take(&mut self.stepped);
        let (Some((device, allowed)), Some(budget)) = (self.begun, self.tightened.filter(|_| stepped)) else {
            return;
        };
        let (name, model, device) = (model.network.name().to_owned(), model.digest, device.to_string());
        let ended = Ended::Enlarging { budget };
        Learned { name, model, device, wished: drawn, allowed, ended }.keep(ctx.store);
    }

    /// After memory ran out, or the model answered no numbers: goes on in tiles of half the memory, then
    /// with Lanczos if that may stand in.
    pub(super) fn step_down(
        &mut self,
        error: Error,
        drawn: Size,
        ctx: &mut Context<'_>,
    ) -> Result<(), Error> {
        // Everything loaded is given back before anything is loaded again.
        let held = self.loaded.take().map(|loaded| loaded.predicted);
        let ran_out = matches!(cause(&error), Some(upscale::Error::Engine(_)));
        let Some(model) = self.choice.model.as_ref().filter(|_| ran_out) else {
            return self.give_up(error, ctx);
        };
        let before = match held {
            Some(held) => held,
            None => {
                let allowed = self.device()?.1;
                model.network.plan(drawn, allowed).map_or(allowed, |plan| plan.predicted)
            }
        };
        let budget = match model.network.plan(drawn, before / 2) {
            Ok(_) => before / 2,
            Err(upscale::Error::TooSmall { needed, .. }) if needed < before => needed,
            Err(_) => return self.give_up(error, ctx),
        };
        ctx.fall_back(format!(
            "{}; going on in smaller tiles, in {} at most",
            error.briefly(),
            Bytes(budget)
        ));
        (self.tightened, self.stepped) = (Some(budget), true);
        Ok(())
    }

    fn give_up(&mut self, error: Error, ctx: &mut Context<'_>) -> Result<(), Error> {
        if !self.choice.may_stand_in || !may_go_on(&error) {
            return Err(error);
        }
        ctx.fall_back(format!("{}; lanczos stands in", error.briefly()));
        (self.loaded, self.given_up) = (None, true);
        Ok(())
    }

    /// Makes the still of `picture` and puts it into the store.
    pub(super) fn make(
        &mut self,
        picture: &Still,
        item: &str,
        ctx: &mut Context<'_>,
    ) -> Result<Digest, Error> {
        let place = format!("scene {}", picture.scene + 1);
        let way = self.way(picture.size);
        let mut image = read(picture, &place, ctx)?;
        let around = match self.choice.follows(picture.size) {
            true => compose::subject(&image),
            false => upscale::MIDDLE,
        };
        match way {
            Way::Model => image = self.with_model(&image, &place, item, ctx)?,
            Way::Lanczos | Way::LanczosInstead => self.tell(picture.size, ctx),
        }
        let oversize = self.choice.oversize(picture.size, way);
        let still = upscale::fit(&image, self.choice.delivered(), oversize, around)
            .map_err(|error| failed(error, place))?;
        Ok(ctx.store.put(&images::png(&still)?)?)
    }

    fn with_model(
        &mut self,
        image: &RgbImage,
        place: &str,
        item: &str,
        ctx: &mut Context<'_>,
    ) -> Result<RgbImage, Error> {
        let Some(model) = &self.choice.model else {
            return Err(Error::new(Kind::Failed, place, "there is no upscaling model"));
        };
        let size = Size::new(image.width(), image.height());
        let failed = |error| failed(error, place);
        let mut loaded = match self.loaded.take() {
            Some(loaded) => loaded,
            None => {
                self.recall(model, size, ctx)?;
                let (device, budget) = self.device()?;
                // Asked before it is loaded: what does not fit is not tried.
                let predicted = model.network.plan(size, budget).map_err(failed)?.predicted;
                engine::tight(&device, predicted).iter().for_each(|warning| ctx.warn(warning));
                let asked = self.memory.budget != Budget::Auto || self.tightened.is_some();
                let limit = asked.then(|| engine::Limit::of(budget));
                let options = engine::Options::on(device.device).with(self.memory.policy).within(budget);
                let opened = Upscaler::open(&model.files, &options);
                Loaded { upscaler: opened.map_err(failed)?, _limit: limit, budget, predicted }
            }
        };
        let plan = loaded.upscaler.network().plan(size, loaded.budget).map_err(failed)?;
        loaded.predicted = plan.predicted;
        if self.told != Some((size, Way::Model)) {
            self.told = Some((size, Way::Model));
            ctx.note(plan.line());
        }
        let mut report =
            |done: usize, total: usize| match ctx.progress(done as u64, total as u64, "tiles", item) {
                Ok(()) => ControlFlow::Continue(()),
                Err(_) => ControlFlow::Break(()),
            };
        let enlarged = loaded.upscaler.enlarge(image, &plan, &mut report).map_err(failed);
        self.loaded = Some(loaded);
        if enlarged.is_ok() {
            self.worked(model, size, ctx);
        }
        enlarged
    }
}

/// Whether this is trouble after which another way is tried.
pub(super) fn may_go_on(error: &Error) -> bool {
    error.kind == Kind::OutOfMemory || matches!(cause(error), Some(upscale::Error::NotFinite { .. }))
}

fn cause(error: &Error) -> Option<&upscale::Error> {
    error.cause().downcast_ref()
}

fn read(picture: &Still, place: &str, ctx: &Context<'_>) -> Result<RgbImage, Error> {
    let Some(bytes) = ctx.store.get(picture.image)? else {
        let told = format!("its picture {} is gone from the store: run again", picture.image.short());
        return Err(Error::new(Kind::Failed, place, told));
    };
    let image = image::load_from_memory_with_format(&bytes, ImageFormat::Png)
        .map_err(|error| Error::new(Kind::Failed, place, error))?;
    Ok(image.into_rgb8())
}
