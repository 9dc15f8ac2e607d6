//! Where a model draws, at which of several sizes, and how it is held in memory; and what is given up when
//! that does not do.

mod decide;
mod pack;

use super::{
    Context, Error,
    learned::{Ended, Learned},
};
use crate::{
    diffusion::Options,
    digest::Digest,
    engine::{self, Candidate, Device, DeviceChoice, Rung, Sharing},
    graph::Storage,
    models::{Model, PartKind},
    pipeline::Memory,
    story::Size,
};

pub(crate) use decide::{one_by_one, place, storages};
pub(crate) use pack::pack;

/// The last resort, where a device has too little memory.
pub(crate) const PROCESSOR: DeviceChoice = DeviceChoice::Only(Device::Cpu);

/// What was decided, and why in words.
pub(crate) struct Placed {
    session: engine::Options,
    /// What works at the same time.
    beside: Option<engine::Options>,
    /// What it does.
    sharing: Sharing,
    sizes: Vec<Size>,
    /// How weights are kept, if not as they are.
    pub(crate) storage: Option<Storage>,
    /// Each size with each number of rows, weights kept so.
    candidates: Vec<Candidate>,
    rung: Rung,
    /// The way that was decided, and the most bytes it is expected to take, of all models on the device.
    planned: (Rung, u64),
    /// Bytes that may be used.
    allowed: u64,
    /// Whether memory ran out on the way here, on the device it is on now.
    stepped: bool,
    /// The device that was given up for it, and the bytes that might be used there.
    left: Option<(Device, u64)>,
    /// Keeps what is drawn here within what was asked for.
    _limit: Option<engine::Limit>,
    why_device: Option<String>,
    lines: Vec<String>,
    /// Why it may be slow or end early, and what to do about it, for each device.
    warnings: Vec<String>,
}

impl Placed {
    /// How a model is opened for it.
    pub(crate) fn options(&self) -> Options {
        Options {
            session: self.session,
            residency: self.rung.residency,
            limit: self.rung.limit,
            rows: self.rung.rows,
            beside: self.beside.filter(|_| self.sharing == Sharing::Guidance),
            apart: self.beside.filter(|_| self.sharing == Sharing::Parts),
        }
    }

    /// The same for the second device, where two share the pictures.
    pub(crate) fn second(&self) -> Option<Self> {
        let session = self.beside.filter(|_| self.sharing == Sharing::Pictures)?;
        Some(Self {
            session,
            beside: None,
            sharing: self.sharing,
            sizes: self.sizes.clone(),
            storage: self.storage,
            candidates: self.candidates.clone(),
            rung: self.rung,
            planned: self.planned,
            allowed: self.allowed,
            stepped: false,
            left: None,
            _limit: None,
            why_device: None,
            lines: Vec::new(),
            warnings: Vec::new(),
        })
    }

    /// The size drawn.
    pub(crate) fn size(&self) -> Size {
        self.sizes[self.rung.size]
    }

    /// The most bytes it is expected to take.
    pub(crate) fn predicted(&self) -> u64 {
        if self.planned.0 == self.rung {
            return self.planned.1;
        }
        let size = self.size();
        let is_taken = |candidate: &&Candidate| {
            (candidate.width, candidate.height) == (size.width, size.height)
                && candidate.rows == self.rung.rows as u64
        };
        match self.rung.residency {
            engine::Residency::Sequential => self.rung.limit,
            residency => {
                let taken = self.candidates.iter().find(is_taken);
                taken.map_or(0, |candidate| candidate.taking(residency, self.rung.limit))
            }
        }
    }

    /// Begins where an earlier run of this model on this device ended up, in as much memory: in a way that takes less,
    /// or on the processor, which `again` places on.
    pub(crate) fn recall(
        &mut self,
        model: Digest,
        memory: &Memory,
        ctx: &Context<'_>,
        again: impl FnOnce() -> Result<Self, Error>,
    ) {
        let learned = |placed: &Self| {
            Learned::recall(ctx.store, model, placed.session.device, placed.sizes[0], placed.allowed)
        };
        let Some(first) = learned(self) else { return };
        if first.ended != Ended::OnProcessor {
            return self.begin(&first, memory);
        }
        // Where the processor has no room for it by now, the device is tried once more.
        let Ok(placed) = again() else { return };
        *self = placed;
        self.lines.push(first.line());
        if let Some(then) = learned(self) {
            self.begin(&then, memory);
        }
    }

    fn begin(&mut self, learned: &Learned, memory: &Memory) {
        let Ended::Drawing { size, rows, residency, limit } = learned.ended else { return };
        let Some(size) = self.sizes.iter().position(|known| *known == size) else { return };
        let rung =
            Rung { size, rows: rows.min(self.rung.rows), residency, limit: limit.min(self.rung.limit) };
        let lower = (rung.size, rung.residency) >= (self.rung.size, self.rung.residency);
        let wished = memory.offload.is_none_or(|wished| wished == rung.residency);
        if lower && wished && rung != self.rung {
            self.rung = rung;
            self.lines.push(learned.line());
        }
    }

    /// Says what was decided.
    pub(crate) fn tell(&self, ctx: &mut Context<'_>) {
        self.why_device.iter().chain(&self.lines).for_each(|line| ctx.note(line));
        self.warnings.iter().for_each(|warning| ctx.warn(warning));
    }

    /// After memory ran out with `error`: one step down, and from the last one to the processor, which `again`
    /// places on.
    pub(crate) fn step_down(
        &mut self,
        error: Error,
        model: &Model,
        ctx: &mut Context<'_>,
        again: impl FnOnce() -> Result<Self, Error>,
    ) -> Result<(), Error> {
        let denoiser = model.find(PartKind::Denoiser).map(|part| part.file.clone());
        let out = ran_out(&error);
        let in_denoiser = out.is_some_and(|(path, _)| Some(path) == denoiser.as_deref());
        let rows_matter = out.is_none_or(|(_, loading)| !loading && in_denoiser);
        let said = error.briefly();
        let least: Vec<u64> = self.sizes.iter().map(|size| self.least(*size)).collect();
        let before = self.rung;
        // A decoder's bands are as large as there is room.
        let takes = |limit| if in_denoiser { self.denoiser_takes(limit) } else { limit };
        match before.below(rows_matter, &least, takes) {
            Some(next) => {
                let step = before.step_to(&next);
                self.rung = next;
                ctx.fall_back(format!("{said}; going on at {}, {step}", self.size()));
            }
            None if self.session.device != Device::Cpu => {
                let left = Some((self.session.device, self.allowed));
                *self = Self { left, ..again()? };
                ctx.fall_back(format!("{said}; going on on the processor, at {}", self.size()));
                return Ok(());
            }
            None => return Err(error),
        }
        self.stepped = true;
        Ok(())
    }

    /// Whether memory ran out on the way here, which nobody was told yet who remembers it.
    pub(crate) fn has_stepped(&self) -> bool {
        self.stepped || self.left.is_some()
    }

    /// A picture was drawn: what it took to get here is worth knowing next time.
    pub(crate) fn worked(&mut self, model: &Model, digest: Digest, ctx: &Context<'_>) {
        let learned = |device: Device, allowed, ended| Learned {
            name: model.name.clone(),
            model: digest,
            device: device.to_string(),
            wished: self.sizes[0],
            allowed,
            ended,
        };
        if let Some((device, allowed)) = self.left.take() {
            learned(device, allowed, Ended::OnProcessor).keep(ctx.store);
        }
        if std::mem::take(&mut self.stepped) {
            let (size, Rung { rows, residency, limit, .. }) = (self.size(), self.rung);
            let ended = Ended::Drawing { size, rows, residency, limit };
            learned(self.session.device, self.allowed, ended).keep(ctx.store);
        }
    }

    /// Bytes that the denoiser takes in pieces of at most `limit`.
    fn denoiser_takes(&self, limit: u64) -> u64 {
        let (size, name) = (self.size(), PartKind::Denoiser.to_string());
        let is_drawn =
            |c: &&Candidate| (c.width, c.height, c.rows) == (size.width, size.height, self.rung.rows as u64);
        let mut demands = self.candidates.iter().filter(is_drawn).flat_map(|candidate| &candidate.demands);
        demands
            .find(|demand| demand.part == name)
            .map_or(limit, |demand| demand.in_pieces(limit, engine::Loaded::One))
    }

    /// The fewest bytes that `size` can be drawn in.
    fn least(&self, size: Size) -> u64 {
        let of_size = |c: &&Candidate| (c.width, c.height) == (size.width, size.height);
        let held = |c: &Candidate| c.held(engine::Residency::Sequential);
        self.candidates.iter().filter(of_size).map(held).min().unwrap_or(0)
    }
}

/// In which file memory ran out, and whether it was being loaded.
fn ran_out(error: &Error) -> Option<(&std::path::Path, bool)> {
    match error.engine()? {
        engine::Error::OutOfMemory { path, loading, .. } => Some((path, *loading)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        engine::Residency,
        models::Catalog,
        pipeline,
        stages::{Cancel, Kind, Stage},
        store::Store,
    };

    const CARD: Device = Device::Cuda(0);

    /// Placed without looking at a machine: on a card already at its last rung.
    fn placed(device: Device, allowed: u64) -> Placed {
        let residency = if device == CARD { Residency::Sequential } else { Residency::Resident };
        let rung = Rung { size: 0, rows: 1, residency, limit: 0 };
        Placed {
            session: engine::Options::on(device),
            beside: None,
            sharing: Sharing::Guidance,
            sizes: vec![Size::new(288, 512)],
            storage: None,
            candidates: Vec::new(),
            rung,
            planned: (rung, 0),
            allowed,
            stepped: false,
            left: None,
            _limit: None,
            why_device: None,
            lines: Vec::new(),
            warnings: Vec::new(),
        }
    }

    fn ran_out_on(device: Device) -> Error {
        let (path, reason) = ("unet/model.onnx".into(), "out of memory".to_owned());
        let error = engine::Error::OutOfMemory { path, device, loading: true, reason };
        Error::new(Kind::OutOfMemory, "", error)
    }

    #[test]
    fn a_card_that_was_left_for_the_processor_is_remembered_by_its_name() {
        let (folder, nothing_else) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let store = Store::open(folder.path()).unwrap();
        let model = Catalog::new(Some(nothing_else.path().to_owned())).find("pocket").unwrap();
        let memory = pipeline::load(&pipeline::Request::default()).unwrap().memory;
        let digest = Digest::of(b"pocket");
        let mut ctx = Context {
            stage: Stage::Images,
            store: &store,
            models_dir: None,
            draft: false,
            cancel: Cancel::default(),
            tell: &mut |_, _| (),
        };
        let processor = || Ok(placed(Device::Cpu, 1000));
        let mut first = placed(CARD, 500);
        first.step_down(ran_out_on(CARD), &model, &mut ctx, processor).unwrap();
        assert!(first.has_stepped());
        first.worked(&model, digest, &ctx);
        assert!(!first.has_stepped());
        let known = |store: &Store| -> Vec<(String, u64, bool)> {
            let all = Learned::all(store).into_iter();
            all.map(|one| (one.device, one.allowed, one.ended == Ended::OnProcessor)).collect()
        };
        let card = ("cuda:0".to_owned(), 500, true);
        assert_eq!(known(&store), std::slice::from_ref(&card), "nothing was learned of the processor");

        // What happens there from now on is learned of the processor.
        let not_again = || panic!("there is nothing below the processor");
        first.step_down(ran_out_on(Device::Cpu), &model, &mut ctx, not_again).unwrap();
        first.worked(&model, digest, &ctx);
        assert_eq!(known(&store), [card, ("cpu".to_owned(), 1000, false)]);

        let mut second = placed(CARD, 500);
        second.recall(digest, &memory, &ctx, processor);
        assert_eq!((second.session.device, second.rung.residency), (Device::Cpu, Residency::Model));
        assert!(second.lines[0].contains("on the processor instead of cuda:0"), "{:?}", second.lines);
        assert_eq!(second.lines.len(), 2);
        // Where the processor cannot be had, the card is tried as before; where the card has more memory, too.
        for (allowed, processor) in [(500, Err(ran_out_on(Device::Cpu))), (1000, processor())] {
            let mut third = placed(CARD, allowed);
            third.recall(digest, &memory, &ctx, || processor);
            assert_eq!((third.session.device, third.lines.len()), (CARD, 0));
        }
        assert_eq!(known(&store), [("cpu".to_owned(), 1000, false)]);
    }
}
