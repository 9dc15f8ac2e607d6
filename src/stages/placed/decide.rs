//! Where a model draws, at which size and in which way: devices, sizes and storages go to the planner.

use super::{
    super::{Error, Kind, images::failed},
    Placed,
};
use crate::{
    diffusion::{self, Footprints},
    engine::{self, Candidate, Clean, Demand, DeviceChoice, Fact, Rung, Sharing, Wishes},
    graph::Storage,
    models::PartKind,
    pipeline::{Budget, Memory, WeightStorage},
    story::Size,
};

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
    let beside = memory.beside.filter(|_| engine::go_together(&[Fact::Shared(memory.share), Fact::OneByOne]));
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
    let shares = rows == 2 || engine::go_together(&[Fact::Shared(sharing), Fact::Unguided]);
    let both = memory.beside.filter(|_| shares && device == memory.device);
    let (device, why_device) = machine.choose(device).map_err(unusable)?;
    let session = engine::Options::on(device.device).with(memory.policy);
    let second = match both {
        Some(second) => Some(machine.choose(second).map_err(unusable)?.0),
        None => None,
    };
    let rows = engine::rows_at_once(second.map(|_| sharing), rows, memory.batch);
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
        let limited = |options: engine::Options| {
            let share = placement.shares.iter().find(|share| share.device == options.device);
            options.within(share.map_or(placement.budget, |share| share.budget))
        };
        let devices = [Some(device), second].into_iter().flatten();
        let warnings =
            devices.zip(&placement.shares).filter_map(|(on, share)| engine::tight(on, share.predicted));
        let warnings = warnings.collect();
        let taken = &candidates[placement.candidate];
        let stored = taken.stored;
        let rung = Rung {
            size: rung.unwrap_or(0),
            rows: taken.rows as usize,
            residency: placement.residency,
            limit: placement.limit,
        };
        return Ok(Placed {
            session: limited(session),
            sharing,
            beside: second.map(|second| limited(engine::Options { device: second.device, ..session })),
            sizes: sizes.to_vec(),
            rung,
            planned: (rung, placement.predicted),
            storage: storages.iter().copied().find(|way| way.map(Storage::name) == stored).flatten(),
            allowed: placement.budget,
            stepped: false,
            left: None,
            _limit: budget.map(|_| engine::Limit::of(placement.budget)),
            why_device,
            warnings,
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
