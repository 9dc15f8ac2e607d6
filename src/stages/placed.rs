//! Where a model draws, at which of several sizes, and how it is held in memory; and what is given up when
//! that does not do.

use std::ops::ControlFlow;

use super::{Context, Error, Kind, images::failed, learned::Learned};
use crate::{
    diffusion::{self, Footprints, Options, Packing},
    digest::Digest,
    engine::{self, Bytes, Candidate, Clean, Demand, Device, DeviceChoice, Rung, Sharing, Wishes},
    graph::Storage,
    models::{Model, PartKind},
    pipeline::{Budget, Memory, WeightStorage},
    story::Size,
};

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
    /// Whether memory ran out on the way here.
    stepped: bool,
    /// Keeps what is drawn here within what was asked for.
    _limit: Option<engine::Limit>,
    why_device: Option<String>,
    lines: Vec<String>,
    /// Why it may be slow or end early, and what to do about it.
    warning: Option<String>,
}

/// The ways in which weights may be kept, the most wished for first.
pub(crate) fn storages(memory: &Memory) -> Vec<Option<Storage>> {
    match memory.storage {
        WeightStorage::Auto => vec![None, Some(Storage::Int8)],
        WeightStorage::None => vec![None],
        WeightStorage::In(storage) => vec![Some(storage)],
    }
}

/// What is wished where pictures are drawn one after the other: of two devices that would share them, the first.
pub(crate) fn one_by_one(memory: &Memory) -> Memory {
    let beside = memory.beside.filter(|_| memory.share != Sharing::Pictures);
    Memory { beside, ..memory.clone() }
}

/// Decides for the first of `sizes` that fits into memory with weights kept in one of the ways of `storages`; `rows`
/// are 2 under guidance.
pub(crate) fn place<'a>(
    memory: &Memory,
    device: DeviceChoice,
    sizes: &[Size],
    storages: &[Option<Storage>],
    rows: u64,
    footprints: impl Fn(engine::Options, Option<Storage>) -> Result<Footprints<'a>, diffusion::Error>,
) -> Result<Placed, Error> {
    let machine = engine::probe();
    let unusable = |error| failed(diffusion::Error::Engine(error), "");
    // The two devices are those that were asked for: the processor, as the last resort, works alone.
    let sharing = memory.share;
    let shares = sharing != Sharing::Guidance || rows == 2;
    let both = memory.beside.filter(|_| shares && device == memory.device);
    let (device, why_device) = machine.choose(device).map_err(unusable)?;
    let mut session = engine::Options::on(device.device).with(memory.policy);
    let second = match both {
        Some(second) => Some(machine.choose(second).map_err(unusable)?.0),
        None => None,
    };
    let rows = match memory.batch {
        _ if second.is_some() && sharing == Sharing::Guidance => 1..=1,
        Some(batch) => batch.min(rows)..=batch.min(rows),
        None => 1..=rows,
    };
    let budget = match memory.budget {
        Budget::Auto => None,
        Budget::Bytes(bytes) => Some(bytes),
    };
    let mut wishes = Wishes::on(device.device, budget, memory.offload);
    wishes.drops = memory.policy.clean == Clean::Always;
    let mut known = Vec::new();
    // What weights would take that are kept otherwise is looked at only if the first way does not do: the planner
    // takes them only then, so it decides the same.
    for &storage in storages {
        let read = |session| footprints(session, storage).map_err(|error| failed(error, ""));
        // A part needs what it needs where it runs.
        let apart = second.filter(|second| sharing == Sharing::Parts && second.device != device.device);
        let apart = apart.map(|second| read(engine::Options { device: second.device, ..session }));
        known.push((storage, Needs { denoiser: read(session)?, others: apart.transpose()? }));
        let candidate =
            |&size: &Size, (storage, needs): &(Option<Storage>, Needs<'_>), rows: u64| Candidate {
                width: size.width,
                height: size.height,
                rows,
                stored: storage.map(Storage::name),
                demands: needs.demands(size, rows),
            };
        let candidates: Vec<_> = sizes
            .iter()
            .flat_map(|size| known.iter().map(move |known| (size, known)))
            .flat_map(|(size, known)| rows.clone().rev().map(move |rows| candidate(size, known, rows)))
            .collect();
        let placement = match second {
            Some(second) => engine::place_on_two(device, second, sharing, wishes, &candidates),
            None => engine::place(device, wishes, &candidates),
        };
        let taken = placement.as_ref().ok().map(|placement| &candidates[placement.candidate]);
        let is_taken = |size: &Size| taken.is_some_and(|c| (size.width, size.height) == (c.width, c.height));
        let rung = sizes.iter().position(is_taken);
        if rung != Some(0) && known.len() < storages.len() {
            continue;
        }
        let placement = placement.map_err(|error| Error::new(Kind::OutOfMemory, "", error))?;
        session.policy.cuda.limit = Some(placement.budget);
        let taken = &candidates[placement.candidate];
        let stored = taken.stored;
        let rung = Rung {
            size: rung.unwrap_or(0),
            rows: taken.rows as usize,
            residency: placement.residency,
            limit: placement.limit,
        };
        return Ok(Placed {
            session,
            sharing,
            beside: second.map(|second| engine::Options { device: second.device, ..session }),
            sizes: sizes.to_vec(),
            rung,
            planned: (rung, placement.predicted),
            storage: storages.iter().copied().find(|way| way.map(Storage::name) == stored).flatten(),
            allowed: placement.budget,
            stepped: false,
            _limit: budget.map(|_| engine::Limit::of(placement.budget)),
            why_device,
            warning: engine::tight(device, placement.predicted),
            lines: placement.lines,
            candidates: candidates.into_iter().filter(|candidate| candidate.stored == stored).collect(),
        });
    }
    unreachable!("there is at least one way to keep weights")
}

/// What the parts of a model need on one device, or on two.
struct Needs<'a> {
    /// On the first, where the denoiser runs in any case.
    denoiser: Footprints<'a>,
    /// On the second, if the others run there.
    others: Option<Footprints<'a>>,
}

impl Needs<'_> {
    fn demands(&self, size: Size, rows: u64) -> Vec<Demand> {
        let first = self.denoiser.demands(size, rows);
        let Some(others) = &self.others else { return first };
        let denoiser = PartKind::Denoiser.to_string();
        let there = others.demands(size, rows).into_iter().filter(|demand| demand.part != denoiser);
        first.into_iter().filter(|demand| demand.part == denoiser).chain(there).collect()
    }
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
            _limit: None,
            why_device: None,
            lines: Vec::new(),
            warning: None,
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

    /// Begins where an earlier run of this model on this device ended up, in as much memory.
    pub(crate) fn recall(&mut self, model: Digest, memory: &Memory, ctx: &Context<'_>) {
        let wished = self.sizes[0];
        let Some(learned) = Learned::recall(ctx.store, model, self.session.device, wished, self.allowed)
        else {
            return;
        };
        let Some(size) = self.sizes.iter().position(|size| *size == learned.size) else { return };
        let rung = Rung {
            size,
            rows: learned.rows.min(self.rung.rows),
            residency: learned.residency,
            limit: learned.limit.min(self.rung.limit),
        };
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
        if let Some(warning) = &self.warning {
            ctx.warn(warning);
        }
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
        let rows_matter = out.is_none_or(|(path, loading)| !loading && Some(path) == denoiser.as_deref());
        let said = error.briefly();
        let least: Vec<u64> = self.sizes.iter().map(|size| self.least(*size)).collect();
        let before = self.rung;
        match before.below(rows_matter, &least) {
            Some(next) => {
                let step = before.step_to(&next);
                self.rung = next;
                ctx.fall_back(format!("{said}; going on at {}, {step}", self.size()));
            }
            None if self.session.device != Device::Cpu => {
                *self = again()?;
                ctx.fall_back(format!("{said}; going on on the processor, at {}", self.size()));
            }
            None => return Err(error),
        }
        self.stepped = true;
        Ok(())
    }

    /// Whether memory ran out on the way here, which nobody was told yet who remembers it.
    pub(crate) fn has_stepped(&self) -> bool {
        self.stepped
    }

    /// A picture was drawn: what it took to get here is worth knowing next time.
    pub(crate) fn worked(&mut self, model: &Model, digest: Digest, ctx: &Context<'_>) {
        if !std::mem::replace(&mut self.stepped, false) {
            return;
        }
        let Rung { rows, residency, limit, .. } = self.rung;
        let learned = Learned {
            name: model.name.clone(),
            model: digest,
            device: self.session.device.to_string(),
            wished: self.sizes[0],
            size: self.size(),
            rows,
            residency,
            limit,
            allowed: self.allowed,
        };
        learned.keep(ctx.store);
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

impl Learned {
    /// What was learned, in a line.
    fn line(&self) -> String {
        format!(
            "memory: begins at {}, {}, in {}, where an earlier run ended up; `shortform cache forget` forgets it",
            self.size,
            self.residency,
            Bytes(self.limit)
        )
    }
}

/// The model with its weights kept as `storage`, and those inside of a graph beside it, which is told while it is
/// made. A folder that cannot be written costs memory, no picture.
pub(crate) fn pack(model: &Model, storage: Option<Storage>, ctx: &mut Context<'_>) -> Result<Model, Error> {
    const MIB: u64 = 1 << 20;
    let mut told = None;
    let mut tell = |packing: Packing| {
        if packing.done == 0 {
            let how =
                packing.storage.map_or("laid beside its graph".to_owned(), |s| format!("packed as {s}"));
            match &packing.broken {
                Some(broken) => {
                    ctx.warn(format!("{broken}; the weights of the {} are {how} again", packing.part))
                }
                None => ctx.note(format!(
                    "memory: the weights of the {} are {how}, once, in the model's folder",
                    packing.part
                )),
            }
        }
        let at = (packing.part, packing.done / (16 * MIB));
        if told.replace(at) == Some(at) {
            return ControlFlow::Continue(());
        }
        match ctx.progress(
            packing.done / MIB,
            packing.total.div_ceil(MIB),
            "MiB packed",
            packing.part.to_string(),
        ) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    };
    let packed = match storage {
        Some(storage) => diffusion::stored(model, storage, &mut tell),
        None => diffusion::laid_beside(model, &mut tell),
    };
    match packed {
        Err(error @ diffusion::Error::Storing { storage: None, .. }) if storage.is_none() => {
            ctx.warn(format!("{error}; they are held inside of the graph, in more memory"));
            Ok(model.clone())
        }
        packed => packed.map_err(|error| failed(error, "")),
    }
}
