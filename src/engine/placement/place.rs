//! Which way fits.

use super::{
    super::{Bytes, Device, DeviceMemory},
    Candidate, Fact, Level, Residency, Share, Wishes, go_together,
};

/// What was decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placement {
    /// Where it runs.
    pub device: Device,
    /// The candidate taken, by its position in the list.
    pub candidate: usize,
    /// What stays loaded.
    pub residency: Residency,
    /// The level of the budget.
    pub level: Level,
    /// Bytes that may be used.
    pub budget: u64,
    /// The most bytes it is expected to take.
    pub predicted: u64,
    /// The most bytes that a part in pieces may hold, of one model.
    pub limit: u64,
    /// What each device takes of that, the first one's first.
    pub shares: Vec<Share>,
    /// The decision in plain lines, to be printed as they are.
    pub lines: Vec<String>,
}

/// Nothing fits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{device} has {} for models, and the smallest way to draw ({width}x{height}{}) needs {}: {} more; raise `--memory-budget`, close other programs, or choose a smaller model",
    Bytes(*budget), if *residency == Residency::Sequential { ", in pieces".to_owned() } else { format!(", {residency}") }, Bytes(*needed), Bytes(needed - budget)
)]
pub struct TooSmall {
    /// The device.
    pub device: Device,
    /// Bytes that may be used.
    pub budget: u64,
    /// Bytes that the smallest way would take.
    pub needed: u64,
    /// Its width.
    pub width: u32,
    /// Its height.
    pub height: u32,
    /// How the model would be held.
    pub residency: Residency,
}

/// Decides how to draw on `device`.
///
/// `candidates` go from the one most wished for to the smallest, and there is at least one; those of one
/// size stand together, and differ in how weights are stored, those of one such way together again, and in
/// rows. Of the sizes that are not above what the level may draw
/// ([`Level::pixels`]; the smallest always may) the first that fits is taken, held in the fastest way that
/// fits: part by part and in pieces go before weights that are kept smaller and these before smaller pictures,
/// because the first cost seconds and no detail, the second a little of it.
pub fn place(device: &DeviceMemory, wishes: Wishes, candidates: &[Candidate]) -> Result<Placement, TooSmall> {
    let allowed = wishes.allowed(device);
    let ground = Ground { device, copies: 1, allowed, candidates: candidates.to_vec() };
    place_on(&[ground], wishes.level(device), wishes)
}

/// A device that takes part, and what each candidate is for it.
pub(super) struct Ground<'a> {
    pub(super) device: &'a DeviceMemory,
    /// How many models it holds.
    pub(super) copies: u64,
    /// Bytes that may be used.
    pub(super) allowed: u64,
    pub(super) candidates: Vec<Candidate>,
}

impl Ground<'_> {
    fn holds(&self, candidate: usize, residency: Residency) -> bool {
        self.candidates[candidate].held(residency) <= self.allowed
    }

    /// By how much the least that `candidate` takes is too much.
    fn missing(&self, candidate: usize, residency: Residency) -> u64 {
        self.candidates[candidate].held(residency).saturating_sub(self.allowed)
    }

    fn share(&self, candidate: usize, residency: Residency, wishes: Wishes) -> Share {
        let candidate = &self.candidates[candidate];
        // Who asks for pieces and names no budget wants to save, whatever is free.
        let predicted = match (wishes.residency, wishes.budget) {
            (Some(_), None) => candidate.held(residency),
            _ => candidate.taking(residency, self.allowed),
        };
        Share { device: self.device.device, copies: self.copies, budget: self.allowed, predicted }
    }
}

/// Decides how to draw where all of `grounds` take part, the first of which leads.
pub(super) fn place_on(grounds: &[Ground<'_>], level: Level, wishes: Wishes) -> Result<Placement, TooSmall> {
    let lead = &grounds[0];
    let (device, candidates) = (lead.device, &lead.candidates);
    let least = candidates.iter().map(Candidate::pixels).min().unwrap_or(0);
    let may = |candidate: &Candidate| candidate.pixels() <= level.pixels().max(least);
    let facts = facts(grounds, wishes);
    let useful = |residency: &Residency| match wishes.residency {
        Some(wished) => *residency == wished,
        None => go_together(&[&facts[..], &[Fact::Held(*residency)]].concat()),
    };
    let mut sizes: Vec<_> = candidates.iter().map(Candidate::kind).collect();
    sizes.dedup();
    let allowed_at = |(at, candidate): (usize, &Candidate)| may(candidate).then_some(at);
    let fitting = sizes.iter().find_map(|&size| {
        Residency::ALL.into_iter().filter(useful).find_map(|residency| {
            let of_size = candidates.iter().enumerate().filter(|(_, c)| c.kind() == size);
            let fits = |at: &usize| grounds.iter().all(|ground| ground.holds(*at, residency));
            of_size.filter_map(allowed_at).find(fits).map(|at| (at, residency))
        })
    });
    let Some((index, residency)) = fitting else {
        return Err(too_small(grounds, candidates.iter().enumerate().filter_map(allowed_at), wishes));
    };
    let shares: Vec<Share> = grounds.iter().map(|ground| ground.share(index, residency, wishes)).collect();
    let predicted = shares[0].predicted;
    let mut placement = Placement {
        device: device.device,
        candidate: index,
        residency,
        level,
        budget: lead.allowed,
        predicted,
        limit: shares.iter().map(|share| share.predicted / share.copies).min().unwrap_or(predicted),
        shares,
        lines: Vec::new(),
    };
    placement.tell(device, candidates, wishes, may(&candidates[0]));
    Ok(placement)
}

/// What is so, whatever is chosen.
fn facts(grounds: &[Ground<'_>], wishes: Wishes) -> Vec<Fact> {
    let alone = grounds.iter().all(|ground| ground.device.device == Device::Cpu);
    let facts = [(alone, Fact::ProcessorAlone), (wishes.drops, Fact::Dropped)];
    facts.into_iter().filter_map(|(is_so, fact)| is_so.then_some(fact)).collect()
}

/// Of the candidates that may be drawn, the one that misses by the least.
fn too_small(grounds: &[Ground<'_>], candidates: impl Iterator<Item = usize>, wishes: Wishes) -> TooSmall {
    let residency = wishes.residency.unwrap_or(Residency::Sequential);
    let worst = |at: usize| {
        let missing = |ground: &&Ground<'_>| ground.missing(at, residency);
        (at, grounds.iter().max_by_key(missing).unwrap_or(&grounds[0]))
    };
    let nearest = candidates.map(worst).min_by_key(|(at, ground)| ground.missing(*at, residency));
    let (at, ground) = nearest.unwrap_or((0, &grounds[0]));
    let candidate = &ground.candidates[at];
    TooSmall {
        device: ground.device.device,
        budget: ground.allowed,
        needed: candidate.held(residency),
        width: candidate.width,
        height: candidate.height,
        residency,
    }
}

#[cfg(test)]
impl Placement {
    /// Which candidate, of those that differ in nothing but their rows, of which there are so many, and how it is held:
    /// the less, the faster.
    pub(super) fn speed(&self, rows: usize) -> (usize, Residency) {
        (self.candidate / rows, self.residency)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{
        super::sample::{GIB, MIB, any_device, any_wishes, candidate, device, is_excluded, of, random},
        *,
    };

    #[test]
    fn plenty_keeps_everything_loaded_at_the_wished_size() {
        let placement = place(
            &device(24 * GIB, 22 * GIB),
            Wishes::default(),
            &[candidate(704, 1280), candidate(384, 704)],
        )
        .unwrap();
        assert_eq!((placement.candidate, placement.residency), (0, Residency::Resident));
        assert_eq!(placement.lines[0], "memory: 24.0 GiB total, 22.0 GiB free on cpu, level high");
        assert_eq!(placement.lines.len(), 2);
    }

    #[test]
    fn less_loads_part_by_part_and_still_less_draws_smaller_and_says_so() {
        let candidates = [candidate(288, 512), candidate(256, 448)];
        let taken = |budget| {
            let placement = place(&device(24 * GIB, 22 * GIB), of(budget), &candidates).unwrap();
            (placement.candidate, placement.residency, placement.lines)
        };
        let (resident, apart) = (candidates[0].resident(), candidates[0].one_at_a_time());
        assert_eq!((taken(resident).0, taken(resident).1), (0, Residency::Resident));
        assert_eq!((taken(resident - 1).0, taken(resident - 1).1), (0, Residency::Model));
        let pieces = candidates[0].in_pieces();
        assert_eq!((taken(apart - 1).0, taken(apart - 1).1), (0, Residency::Sequential));
        let (index, residency, lines) = taken(pieces - 1);
        assert_eq!((index, residency), (1, Residency::Sequential));
        assert!(lines[2].contains("256x448 instead of 288x512, which needs"), "{lines:?}");
    }

    #[test]
    fn pieces_take_what_a_budget_allows_and_as_little_as_can_be_where_only_they_are_asked_for() {
        let candidates = [candidate(288, 512)];
        let device = device(24 * GIB, 22 * GIB);
        let sequential =
            |budget| Wishes { budget, residency: Some(Residency::Sequential), ..Wishes::default() };
        let least = candidates[0].in_pieces();
        let asked = place(&device, sequential(None), &candidates).unwrap();
        assert_eq!((asked.predicted, asked.limit), (least, least));
        // A piece of the denoiser more; half of one is of no use.
        let more = least + 1600 * MIB / 20;
        assert_eq!(place(&device, sequential(Some(more)), &candidates).unwrap().predicted, more);
        let between = place(&device, sequential(Some(more + 40 * MIB)), &candidates).unwrap();
        assert_eq!((between.predicted, between.limit), (more, more));
        assert!(between.lines[1].contains("besides those that fit and stay"), "{:?}", between.lines);
    }

    #[test]
    fn rows_one_by_one_go_before_pieces_and_a_wish_is_kept() {
        let two = candidate(288, 512);
        let mut one = Candidate { rows: 1, ..two.clone() };
        one.demands.iter_mut().for_each(|demand| demand.activations /= 2);
        let (between, candidates) = (one.one_at_a_time(), [two.clone(), one]);
        let device = device(24 * GIB, 22 * GIB);
        let placement = place(&device, of(between), &candidates).unwrap();
        assert_eq!((placement.candidate, placement.residency), (1, Residency::Model));
        assert!(placement.lines[2].contains("two runs"), "{:?}", placement.lines);
        let dropping = Wishes { drops: true, ..Wishes::default() };
        assert_eq!(place(&device, dropping, &candidates).unwrap().residency, Residency::Model);
        let wished = Wishes { residency: Some(Residency::Sequential), ..Wishes::default() };
        let placement = place(&device, wished, &candidates).unwrap();
        assert_eq!((placement.candidate, placement.residency), (0, Residency::Sequential));
        let wished = Wishes { budget: Some(GIB), residency: Some(Residency::Model), ..Wishes::default() };
        let error = place(&device, wished, &candidates).unwrap_err();
        assert!(error.to_string().contains("288x512, model"), "{error}");
    }

    #[test]
    fn weights_are_kept_smaller_before_the_picture_is_and_only_then() {
        let full = candidate(288, 512);
        let mut packed = Candidate { stored: Some("int8"), ..full.clone() };
        packed.demands.iter_mut().for_each(|demand| {
            demand.weights /= 4;
            demand.least = demand.least * 9 / 10;
        });
        let candidates = [full.clone(), packed.clone(), candidate(256, 448)];
        let taken = |budget| place(&device(24 * GIB, 22 * GIB), of(budget), &candidates).unwrap();
        let enough = taken(full.in_pieces());
        assert_eq!((enough.candidate, enough.residency), (0, Residency::Sequential));
        assert!(!enough.lines.join("\n").contains("int8"), "{:?}", enough.lines);
        let less = taken(full.in_pieces() - 1);
        assert_eq!(less.candidate, 1);
        assert!(less.predicted < full.in_pieces());
        assert!(less.lines[2].contains("kept as int8: as they are, 288x512 needs"), "{:?}", less.lines);
        assert_eq!(taken(packed.in_pieces() - 1).candidate, 2);
        let wished = place(&device(24 * GIB, 22 * GIB), of(8 * GIB), &candidates[1..2]).unwrap();
        assert!(wished.lines[2].contains("unpacked just before"), "{:?}", wished.lines);
    }

    #[test]
    fn a_low_level_draws_no_large_picture_even_if_it_fits() {
        let candidates = [candidate(704, 1280), candidate(288, 512)];
        let placement = place(&device(64 * GIB, 60 * GIB), of(7 * GIB), &candidates).unwrap();
        assert_eq!(placement.candidate, 1);
        assert!(placement.lines[2].contains("too large for level very low"), "{:?}", placement.lines);
        let only = place(&device(64 * GIB, 60 * GIB), of(7 * GIB), &candidates[..1]).unwrap();
        assert_eq!(only.candidate, 0, "what is asked for exactly is drawn");
    }

    #[test]
    fn too_little_says_by_how_much() {
        let error = place(&device(24 * GIB, 22 * GIB), of(512 * MIB), &[candidate(384, 704)]).unwrap_err();
        assert_eq!(error.needed, 80 * MIB + 384 * 704 * 2000);
        assert!(error.to_string().contains("84 MiB more"), "{error}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn a_placement_fits_excludes_what_is_excluded_and_more_memory_never_draws_smaller_or_slower(
            device in any_device(),
            more in 0..32 * GIB,
            wishes in any_wishes(),
            parts in prop::collection::vec((1..4 * GIB, 1..16_000u64, 1..100u64), 1..4),
        ) {
            let candidates = random(&parts, &[2, 1]);
            let allowed = wishes.allowed(&device);
            prop_assert!(allowed <= wishes.budget.unwrap_or(device.free));
            let useful = |residency: &Residency| match wishes.residency {
                Some(wished) => *residency == wished,
                None => !is_excluded(&[&device], wishes, *residency),
            };
            match place(&device, wishes, &candidates) {
                Err(error) => {
                    prop_assert_eq!(error.budget, allowed);
                    prop_assert!(error.needed > allowed && !error.to_string().is_empty());
                    let ways = Residency::ALL.into_iter().filter(useful);
                    let smallest = &candidates[candidates.len() - 2..];
                    for way in ways {
                        prop_assert!(smallest.iter().all(|smallest| smallest.held(way) > allowed), "{way} fits");
                    }
                }
                Ok(placement) => {
                    prop_assert_eq!(placement.device, device.device);
                    prop_assert!(placement.predicted <= allowed && placement.budget == allowed);
                    prop_assert!(useful(&placement.residency), "{} is excluded", placement.residency);
                    let richer = DeviceMemory {
                        total: device.total + more,
                        free: device.free + more,
                        ..device.clone()
                    };
                    let budget = wishes.budget.map(|budget| budget + more);
                    let richer = place(&richer, Wishes { budget, ..wishes }, &candidates);
                    prop_assert!(richer.is_ok(), "with more memory nothing fits: {:?}", richer);
                    let richer = richer.unwrap();
                    prop_assert!(richer.speed(2) <= placement.speed(2));
                    // What stays loaded need not be loaded again: the more, the faster.
                    if richer.speed(2) == placement.speed(2) {
                        prop_assert!(richer.predicted >= placement.predicted);
                    }
                }
            }
        }
    }
}
