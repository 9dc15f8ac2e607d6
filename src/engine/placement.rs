//! Decides what fits where, before anything is loaded. Pure: it looks at numbers only.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Bytes, Device, DeviceMemory, policy};

const GIB: u64 = 1 << 30;

/// How much memory a device has, in steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Below 8 GiB.
    VeryLow,
    /// 8 to 16 GiB.
    Low,
    /// 16 to 24 GiB.
    Medium,
    /// 24 to 32 GiB.
    High,
    /// Above 32 GiB.
    VeryHigh,
}

impl Level {
    /// The level of a budget of `bytes`.
    pub fn of(bytes: u64) -> Self {
        match bytes {
            bytes if bytes < 8 * GIB => Self::VeryLow,
            bytes if bytes < 16 * GIB => Self::Low,
            bytes if bytes < 24 * GIB => Self::Medium,
            bytes if bytes <= 32 * GIB => Self::High,
            _ => Self::VeryHigh,
        }
    }

    /// The most pixels to draw at this level before scaling up: 9:16 pictures of 288x512,
    /// 432x768, 576x1024, 720x1280 and 1080x1920.
    ///
    /// A starting point, not a proof: [`place`] still asks whether the size fits.
    pub fn pixels(self) -> u64 {
        match self {
            Self::VeryLow => 288 * 512,
            Self::Low => 432 * 768,
            Self::Medium => 576 * 1024,
            Self::High => 720 * 1280,
            Self::VeryHigh => 1080 * 1920,
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::VeryLow => "very low",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::VeryHigh => "very high",
        })
    }
}

/// What one part needs while it works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Demand {
    /// `text encoder`, `denoiser`, `vae decoder`.
    pub part: String,
    /// Bytes of its weights once loaded.
    pub weights: u64,
    /// Bytes of what it computes, at the candidate's size.
    pub activations: u64,
    /// The fewest bytes it can do with in pieces, weights included.
    pub least: u64,
}

impl Demand {
    /// Bytes if all of it is loaded.
    fn whole(&self) -> u64 {
        self.weights + self.activations
    }
}

/// One way to draw: a width and height in pixels, how many rows at once, and what each part needs for that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// Rows of one run of the denoiser: 2 with guidance, or 1 and two runs.
    pub rows: u64,
    /// How weights are kept smaller, if not as they are.
    pub stored: Option<&'static str>,
    /// The parts.
    pub demands: Vec<Demand>,
}

impl Candidate {
    fn pixels(&self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    /// Bytes if every part stays loaded while the hungriest one works.
    fn resident(&self) -> u64 {
        let weights: u64 = self.demands.iter().map(|demand| demand.weights).sum();
        weights + self.demands.iter().map(|demand| demand.activations).max().unwrap_or(0)
    }

    /// Bytes if only the part that works is loaded.
    fn one_at_a_time(&self) -> u64 {
        self.demands.iter().map(Demand::whole).max().unwrap_or(0)
    }

    /// Bytes if only the piece that runs is loaded.
    fn in_pieces(&self) -> u64 {
        self.demands.iter().map(|demand| demand.least.min(demand.whole())).max().unwrap_or(0)
    }

    /// Bytes if it is held that way.
    pub fn held(&self, residency: Residency) -> u64 {
        match residency {
            Residency::Resident => self.resident(),
            Residency::Model => self.one_at_a_time(),
            Residency::Group => 2 * self.in_pieces(),
            Residency::Sequential => self.in_pieces(),
        }
    }
}

/// What stays loaded, the fastest way first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Residency {
    /// Every part, from the first picture to the last.
    Resident,
    /// One part at a time: opened for its work and dropped after it.
    Model,
    /// One part at a time, in pieces: the one that runs, and the next, which is loaded meanwhile.
    Group,
    /// One part at a time, in pieces: only the one that runs is loaded.
    Sequential,
}

impl Wishes {
    /// On `device`: the memory of the processor is this process's own too.
    pub fn on(device: Device, budget: Option<u64>, residency: Option<Residency>) -> Self {
        let held = if device == Device::Cpu { super::process().resident } else { 0 };
        Self { budget, held, residency, drops: false }
    }
}

impl Residency {
    /// Every way to hold a model, the fastest first.
    pub const ALL: [Self; 4] = [Self::Resident, Self::Model, Self::Group, Self::Sequential];
}

impl fmt::Display for Residency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Resident => "resident",
            Self::Model => "model",
            Self::Group => "group",
            Self::Sequential => "sequential",
        })
    }
}

/// What a user asks of a placement.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wishes {
    /// Bytes that may be used; none for what the device has free less a reserve.
    pub budget: Option<u64>,
    /// Bytes of that which this process holds already, models aside.
    pub held: u64,
    /// How the model is held; none for the fastest way that fits.
    pub residency: Option<Residency>,
    /// Whether no part may stay loaded when it has done its work.
    pub drops: bool,
}

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

/// What is left untouched of the free memory when no budget is given: a tenth of all, at least
/// 512 MiB, so that the system and what else the device holds go on.
fn reserve(device: &DeviceMemory) -> u64 {
    (device.total / 10).max(512 << 20)
}

/// Bytes that models may use on `device`: `budget`, or what is free less a reserve; of memory that CoreML shares with
/// the processor, no more than half of it either.
pub fn allowance(device: &DeviceMemory, budget: Option<u64>) -> u64 {
    let most = if device.device == Device::CoreMl { policy::share(device.total) } else { u64::MAX };
    budget.unwrap_or(device.free.saturating_sub(reserve(device)).min(most))
}

/// How much of what is free may be taken without a word, in hundredths.
const COMFORT: u64 = 90;

/// A word of warning, with advice, where so many bytes will not fit comfortably into what `device` has free.
pub fn tight(device: &DeviceMemory, bytes: u64) -> Option<String> {
    (device.free > 0 && bytes > device.free / 100 * COMFORT).then(|| {
        format!(
            "memory: {} are expected, and {} has {} free: close other programs, or give a smaller `--memory-budget` \
             for a slower way that takes less",
            Bytes(bytes),
            device.device,
            Bytes(device.free)
        )
    })
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
    let budget = wishes.budget;
    let allowed = match budget {
        Some(budget) => budget.saturating_sub(wishes.held),
        None => allowance(device, None),
    };
    let level = Level::of(budget.unwrap_or(device.total));
    let least = candidates.iter().map(Candidate::pixels).min().unwrap_or(0);
    let may = |candidate: &Candidate| candidate.pixels() <= level.pixels().max(least);
    // On the processor a piece is loaded by mapping it: nothing is won by loading the next one meanwhile.
    let useful = |residency: &Residency| match wishes.residency {
        Some(wished) => *residency == wished,
        None if wishes.drops && *residency == Residency::Resident => false,
        None => *residency != Residency::Group || device.device != Device::Cpu,
    };
    let mut sizes: Vec<_> = candidates.iter().map(|c| (c.width, c.height, c.stored)).collect();
    sizes.dedup();
    let fitting = sizes.iter().find_map(|&size| {
        let of_size = || {
            let same = |(_, c): &(usize, &Candidate)| (c.width, c.height, c.stored) == size && may(c);
            candidates.iter().enumerate().filter(same)
        };
        Residency::ALL.into_iter().filter(useful).find_map(|residency| {
            of_size()
                .map(|(index, candidate)| (index, candidate, residency, candidate.held(residency)))
                .find(|(.., bytes)| *bytes <= allowed)
        })
    });
    let Some((index, candidate, residency, predicted)) = fitting else {
        let last = wishes.residency.unwrap_or(Residency::Sequential);
        let smallest = candidates.iter().min_by_key(|candidate| candidate.held(last));
        let (width, height, needed) = smallest.map_or((0, 0, 0), |c| (c.width, c.height, c.held(last)));
        return Err(TooSmall {
            device: device.device,
            budget: allowed,
            needed,
            width,
            height,
            residency: last,
        });
    };
    let mut lines = vec![match budget {
        Some(budget) => format!("memory: budget {} on {}, level {level}", Bytes(budget), device.device),
        None => format!(
            "memory: {} total, {} free on {}, level {level}",
            Bytes(device.total),
            Bytes(device.free),
            device.device
        ),
    }];
    let held = match residency {
        Residency::Resident => "every part stays loaded",
        Residency::Model => "one part is loaded at a time",
        Residency::Group => "each part runs in pieces, the next one loaded meanwhile",
        Residency::Sequential => "each part runs in pieces, one loaded at a time",
    };
    let size = format!("{}x{}", candidate.width, candidate.height);
    lines.push(format!("images: {size}, {held}, {} expected of {}", Bytes(predicted), Bytes(allowed)));
    if candidate.rows < candidates.iter().map(|candidate| candidate.rows).max().unwrap_or(0) {
        lines.push("images: guidance takes two runs of one row each, to halve what a run holds".to_owned());
    }
    if let Some(stored) = candidate.stored {
        lines.push(match candidates[0].stored {
            Some(_) => format!("images: weights are kept as {stored} and unpacked just before they are used"),
            None => format!(
                "images: weights are kept as {stored}: as they are, {size} needs {}",
                candidates
                    .iter()
                    .filter(|c| (c.width, c.height, c.stored) == (candidate.width, candidate.height, None))
                    .map(|c| c.held(wishes.residency.unwrap_or(Residency::Sequential)))
                    .min()
                    .map_or_else(String::new, |bytes| Bytes(bytes).to_string())
            ),
        });
    }
    let wished = &candidates[0];
    if (wished.width, wished.height) != (candidate.width, candidate.height) {
        lines.push(format!(
            "images: {size} instead of {}x{}, which {}",
            wished.width,
            wished.height,
            if may(wished) {
                format!("needs {}", Bytes(wished.in_pieces()))
            } else {
                format!("is too large for level {level}")
            }
        ));
    }
    Ok(Placement {
        device: device.device,
        candidate: index,
        residency,
        level,
        budget: allowed,
        predicted,
        lines,
    })
}

/// Decides how to draw with a denoiser each on `first` and `second`, of which each takes one half of guidance:
/// `candidates` are of one row. What fits on the one with less room is held on both; two that are one device share
/// its room.
pub fn place_on_two(
    first: &DeviceMemory,
    second: &DeviceMemory,
    wishes: Wishes,
    candidates: &[Candidate],
) -> Result<Placement, TooSmall> {
    let allowed = |device| allowance(device, wishes.budget).saturating_sub(wishes.held);
    let mut placement = if first.device == second.device {
        let held = wishes.held;
        place(first, Wishes { budget: Some(held + allowed(first) / 2), ..wishes }, candidates)?
    } else {
        let smaller = if allowed(second) < allowed(first) { second } else { first };
        place(smaller, wishes, candidates)?
    };
    placement.device = first.device;
    let both = format!(
        "images: guidance takes {} and {} at the same time, one half each",
        first.device, second.device
    );
    placement.lines.push(both);
    Ok(placement)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MIB: u64 = 1 << 20;

    fn device(total: u64, free: u64) -> DeviceMemory {
        DeviceMemory { device: Device::Cpu, name: "test".into(), total, free }
    }

    fn of(budget: u64) -> Wishes {
        Wishes { budget: Some(budget), ..Wishes::default() }
    }

    fn candidate(width: u32, height: u32) -> Candidate {
        let pixels = u64::from(width * height);
        let part = |part: &str, weights, activations| Demand {
            part: part.into(),
            weights,
            activations,
            least: weights / 20 + activations,
        };
        Candidate {
            width,
            height,
            rows: 2,
            stored: None,
            demands: vec![
                part("text encoder", 200 * MIB, 10 * MIB),
                part("denoiser", 1600 * MIB, pixels * 2000),
                part("vae decoder", 100 * MIB, pixels * 1000),
            ],
        }
    }

    #[test]
    fn levels_change_where_the_table_says() {
        let level = |gib: f64| Level::of((gib * GIB as f64) as u64);
        assert_eq!(level(7.9), Level::VeryLow);
        assert_eq!(level(8.0), Level::Low);
        assert_eq!(level(15.9), Level::Low);
        assert_eq!(level(16.0), Level::Medium);
        assert_eq!(level(24.0), Level::High);
        assert_eq!(level(32.0), Level::High);
        assert_eq!(level(32.1), Level::VeryHigh);
    }

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
    fn two_devices_hold_what_the_smaller_one_can_and_one_device_twice_holds_half() {
        let candidates = [Candidate { rows: 1, ..candidate(288, 512) }];
        let card = |index, free| DeviceMemory { device: Device::Cuda(index), ..device(free, free) };
        let large = card(0, 24 * GIB);
        let small = card(1, 2 * GIB);
        let alone = place(&small, Wishes::default(), &candidates).unwrap();
        for (first, second) in [(&large, &small), (&small, &large)] {
            let both = place_on_two(first, second, Wishes::default(), &candidates).unwrap();
            assert_eq!(
                (both.residency, both.budget, both.device),
                (alone.residency, alone.budget, first.device)
            );
        }
        let needed = candidates[0].resident();
        let twice = |budget| place_on_two(&large, &large, of(budget), &candidates).unwrap().residency;
        assert_eq!(twice(2 * needed), Residency::Resident);
        assert_ne!(twice(2 * needed - 2), Residency::Resident);
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
    fn what_takes_nearly_all_that_is_free_is_warned_of() {
        let device = device(24 * GIB, 10 * GIB);
        assert_eq!(tight(&device, 8 * GIB), None);
        let warning = tight(&device, 10 * GIB - 1).unwrap();
        assert!(warning.contains("10.0 GiB free") && warning.contains("--memory-budget"), "{warning}");
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
        fn a_placement_fits_and_more_memory_never_draws_smaller_or_slower(
            budget in 0..8 * GIB,
            more in 0..8 * GIB,
            parts in prop::collection::vec((1..4 * GIB, 1..16_000u64, 1..100u64), 1..4),
            cuda in any::<bool>(),
        ) {
            let device = DeviceMemory {
                device: if cuda { Device::Cuda(0) } else { Device::Cpu },
                ..device(64 * GIB, 60 * GIB)
            };
            let sizes = [(704, 1280), (576, 1024), (384, 704)];
            let candidates: Vec<Candidate> = sizes
                .into_iter()
                .flat_map(|size| [None, Some("int8")].map(|stored| (size, stored)))
                .flat_map(|way| [2, 1].map(|rows| (way, rows)))
                .map(|(((width, height), stored), rows)| {
                    let demand = |&(weights, values, share): &(u64, u64, u64)| {
                        let activations = rows * u64::from(width * height) * values;
                        let weights = if stored.is_some() { weights / 4 } else { weights };
                        let least = weights / share + activations;
                        Demand { part: "part".into(), weights, activations, least }
                    };
                    Candidate { width, height, rows, stored, demands: parts.iter().map(demand).collect() }
                })
                .collect();
            let speed = |placement: &Placement| {
                let way = Residency::ALL.iter().position(|way| *way == placement.residency);
                (placement.candidate / 2, way)
            };
            match place(&device, of(budget), &candidates) {
                Err(error) => prop_assert!(error.needed > budget),
                Ok(placement) => {
                    prop_assert!(placement.predicted <= budget);
                    prop_assert!(cuda || placement.residency != Residency::Group);
                    let richer = place(&device, of(budget + more), &candidates);
                    prop_assert!(richer.is_ok_and(|richer| speed(&richer) <= speed(&placement)));
                }
            }
        }
    }
}
