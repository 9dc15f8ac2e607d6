//! Where a model draws, at which of several sizes, and how it is held in memory.

use std::ops::ControlFlow;

use super::{
    super::{Context, Error, Kind},
    plan::failed,
};
use crate::{
    diffusion::{self, Footprints, Options},
    engine::{self, Candidate, Clean, Wishes},
    graph::Storage,
    models::Model,
    pipeline::{Budget, Memory, WeightStorage},
    story::Size,
};

/// What was decided, and why in words.
pub(in crate::stages) struct Placed {
    pub(in crate::stages) options: Options,
    /// The size, by its position among those that were offered.
    pub(in crate::stages) rung: usize,
    /// How weights are kept, if not as they are.
    pub(in crate::stages) storage: Option<Storage>,
    pub(in crate::stages) why_device: Option<String>,
    pub(in crate::stages) lines: Vec<String>,
}

/// The ways in which weights may be kept, the most wished for first.
pub(in crate::stages) fn storages(memory: &Memory) -> Vec<Option<Storage>> {
    match memory.storage {
        WeightStorage::Auto => vec![None, Some(Storage::Int8)],
        WeightStorage::None => vec![None],
        WeightStorage::In(storage) => vec![Some(storage)],
    }
}

/// Decides for the first of `sizes` that fits into memory with weights kept in one of the ways of `storages`; `rows`
/// are 2 under guidance.
pub(in crate::stages) fn place<'a>(
    memory: &Memory,
    sizes: &[Size],
    storages: &[Option<Storage>],
    rows: u64,
    footprints: impl Fn(engine::Options, Option<Storage>) -> Result<Footprints<'a>, diffusion::Error>,
) -> Result<Placed, Error> {
    let machine = engine::probe();
    let unusable = |error| failed(diffusion::Error::Engine(error), "");
    let (device, why_device) = machine.choose(memory.device).map_err(unusable)?;
    let mut session = engine::Options::on(device.device).with(memory.policy);
    let second = match memory.beside.filter(|_| rows == 2) {
        Some(second) => Some(machine.choose(second).map_err(unusable)?.0),
        None => None,
    };
    let rows = match memory.batch {
        _ if second.is_some() => 1..=1,
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
        let footprints = footprints(session, storage).map_err(|error| failed(error, ""))?;
        known.push((storage, footprints));
        let candidate =
            |&size: &Size, (storage, footprints): &(Option<Storage>, Footprints<'_>), rows: u64| Candidate {
                width: size.width,
                height: size.height,
                rows,
                stored: storage.map(Storage::name),
                demands: footprints.demands(size, rows),
            };
        let candidates: Vec<_> = sizes
            .iter()
            .flat_map(|size| known.iter().map(move |known| (size, known)))
            .flat_map(|(size, known)| rows.clone().rev().map(move |rows| candidate(size, known, rows)))
            .collect();
        let placement = match second {
            Some(second) => engine::place_on_two(device, second, wishes, &candidates),
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
        return Ok(Placed {
            options: Options {
                session,
                residency: placement.residency,
                limit: placement.predicted,
                rows: taken.rows as usize,
                beside: second.map(|second| engine::Options { device: second.device, ..session }),
            },
            rung: rung.unwrap_or(0),
            storage: storages.iter().copied().find(|way| way.map(Storage::name) == taken.stored).flatten(),
            why_device,
            lines: placement.lines,
        });
    }
    unreachable!("there is at least one way to keep weights")
}

/// The model with its weights kept as `storage`, which is told while it is made.
pub(in crate::stages) fn pack(
    model: &Model,
    storage: Option<Storage>,
    ctx: &mut Context<'_>,
) -> Result<Model, Error> {
    let Some(storage) = storage else { return Ok(model.clone()) };
    const MIB: u64 = 1 << 20;
    let mut told = None;
    let stored = diffusion::stored(model, storage, &mut |packing| {
        if packing.done == 0 {
            match &packing.broken {
                Some(broken) => {
                    ctx.warn(format!("{broken}; the weights of the {} are packed again", packing.part))
                }
                None => ctx.note(format!(
                    "memory: the weights of the {} are packed as {storage}, once, beside the model",
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
    });
    stored.map_err(|error| failed(error, ""))
}
