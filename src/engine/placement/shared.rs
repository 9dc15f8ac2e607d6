//! Two devices at the same time.

use super::{
    super::{Bytes, Device, DeviceMemory},
    Candidate, Level, Placement, TooSmall, Wishes,
    demand::DENOISER,
    place::{Ground, place_on},
};

/// What two devices share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sharing {
    /// The two halves of guidance of each picture: the second device holds a denoiser only.
    #[default]
    Guidance,
    /// The pictures: each device draws its own, with a whole model.
    Pictures,
    /// The parts of the model: the denoiser on the first device, all else on the second.
    Parts,
}

/// What one device is expected to take of what it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// The device.
    pub device: Device,
    /// How many models, or denoisers, it holds.
    pub copies: u64,
    /// Bytes that may be used.
    pub budget: u64,
    /// The most bytes it is expected to take.
    pub predicted: u64,
}

impl Candidate {
    /// What it is for the first device.
    fn first(&self, sharing: Sharing) -> Self {
        let mut first = self.clone();
        first.demands.retain(|demand| sharing != Sharing::Parts || demand.part == DENOISER);
        first
    }

    /// What it is for a device that does the work of two.
    fn twice(&self, sharing: Sharing) -> Self {
        let mut twice = self.clone();
        for demand in &mut twice.demands {
            let is_twice = match sharing {
                Sharing::Guidance => demand.part == DENOISER,
                Sharing::Pictures => true,
                Sharing::Parts => false,
            };
            if is_twice {
                *demand = demand.twice();
            }
        }
        twice
    }

    /// What it is for the second device.
    fn beside(&self, sharing: Sharing) -> Self {
        let mut beside = self.clone();
        beside.demands.retain(|demand| match sharing {
            Sharing::Guidance => demand.part == DENOISER,
            Sharing::Pictures => true,
            Sharing::Parts => demand.part != DENOISER,
        });
        beside
    }
}

/// Decides how to draw on `first` and `second` at the same time, of which each takes its share of the work. What is
/// taken fits on both; two that are one device share its room. A budget holds for each device.
pub fn place_on_two(
    first: &DeviceMemory,
    second: &DeviceMemory,
    sharing: Sharing,
    wishes: Wishes,
    candidates: &[Candidate],
) -> Result<Placement, TooSmall> {
    let ground = |device, copies, change: &dyn Fn(&Candidate) -> Candidate| Ground {
        device,
        copies,
        allowed: wishes.allowed(device),
        candidates: candidates.iter().map(change).collect(),
    };
    let grounds = match first.device == second.device {
        true => {
            let copies = if sharing == Sharing::Parts { 1 } else { 2 };
            vec![ground(first, copies, &|candidate| candidate.twice(sharing))]
        }
        false => vec![
            ground(first, 1, &|candidate| candidate.first(sharing)),
            ground(second, 1, &|candidate| candidate.beside(sharing)),
        ],
    };
    let level = grounds.iter().map(|ground| wishes.level(ground.device)).min().unwrap_or(Level::VeryLow);
    let mut placement = place_on(&grounds, level, wishes)?;
    let work = match sharing {
        Sharing::Guidance => "one half of guidance each",
        Sharing::Pictures => "every other picture each",
        Sharing::Parts => "the denoiser on the first, all else on the second",
    };
    let shares: Vec<String> = placement
        .shares
        .iter()
        .map(|share| {
            let twice = if share.copies > 1 { " twice" } else { "" };
            format!("{}{twice}, {} expected of {}", share.device, Bytes(share.predicted), Bytes(share.budget))
        })
        .collect();
    let when = if sharing == Sharing::Parts { "in turn" } else { "at the same time" };
    placement.lines.push(format!("images: {when} on {}; {work}", shares.join(" and on ")));
    let own = placement.shares.iter().filter(|share| share.device == Device::Cpu);
    let own: u64 = own.map(|share| share.predicted).sum();
    if own > 0 {
        let process = Bytes(own + wishes.held);
        placement.lines.push(format!("memory: this process is expected to take {process} in all"));
    }
    Ok(placement)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{
        super::{
            super::policy,
            Fact, Residency, allowance,
            exclude::EXCLUDED,
            place, rows_at_once,
            sample::{GIB, MIB, any_device, any_wishes, candidate, device, is_excluded, of, random},
        },
        *,
    };

    fn card(index: u32, free: u64) -> DeviceMemory {
        DeviceMemory { device: Device::Cuda(index), ..device(free, free) }
    }

    #[test]
    fn the_second_device_holds_a_denoiser_and_the_first_all_the_rest() {
        let candidates = [Candidate { rows: 1, ..candidate(288, 512) }];
        let (large, small) = (card(0, 24 * GIB), card(1, 3 * GIB));
        let both =
            |sharing| place_on_two(&large, &small, sharing, Wishes::default(), &candidates).unwrap().shares;
        let alone = place(&large, Wishes::default(), &candidates).unwrap();
        let halves = both(Sharing::Guidance);
        assert_eq!((halves[0].device, halves[0].predicted), (large.device, alone.predicted));
        let denoiser = &candidates[0].demands[1];
        assert_eq!(halves[1].predicted, denoiser.weights + denoiser.activations);
        assert_eq!(halves[1].budget, allowance(&small, None));
        let pictures = both(Sharing::Pictures);
        assert_eq!(pictures[1].predicted, alone.predicted);
        let parts = both(Sharing::Parts);
        assert_eq!(parts[0].predicted, denoiser.weights + denoiser.activations);
        assert!(parts[1].predicted < alone.predicted - denoiser.weights);
    }

    #[test]
    fn one_device_twice_is_counted_twice() {
        let candidates = [Candidate { rows: 1, ..candidate(288, 512) }];
        let large = card(0, 24 * GIB);
        let twice = |budget, sharing| place_on_two(&large, &large, sharing, of(budget), &candidates).unwrap();
        let denoiser = &candidates[0].demands[1];
        let halves = candidates[0].held(Residency::Resident) + denoiser.weights + denoiser.activations;
        assert_eq!(twice(halves, Sharing::Guidance).residency, Residency::Resident);
        assert_eq!(twice(halves, Sharing::Guidance).predicted, halves);
        assert_ne!(twice(halves - 1, Sharing::Guidance).residency, Residency::Resident);
        let pictures = 2 * candidates[0].held(Residency::Resident);
        assert_eq!(twice(pictures, Sharing::Pictures).residency, Residency::Resident);
        assert_ne!(twice(pictures - 1, Sharing::Pictures).residency, Residency::Resident);
        let parts = candidates[0].held(Residency::Resident);
        assert_eq!(twice(parts, Sharing::Parts).predicted, parts, "each part is there once");
        let lines = twice(pictures, Sharing::Pictures).lines.join("\n");
        assert!(
            lines.contains("at the same time on cuda:0 twice, ") && lines.contains("every other picture")
        );
    }

    #[test]
    fn what_the_process_holds_counts_where_the_processor_takes_part() {
        let candidates = [Candidate { rows: 1, ..candidate(288, 512) }];
        let processor = device(24 * GIB, 22 * GIB);
        let wishes = Wishes { held: 100 * MIB, ..of(8 * GIB) };
        let placement =
            place_on_two(&card(0, 24 * GIB), &processor, Sharing::Guidance, wishes, &candidates).unwrap();
        assert_eq!(placement.shares[0].budget, 8 * GIB);
        assert_eq!(placement.shares[1].budget, 8 * GIB - 100 * MIB);
        let told = Bytes(placement.shares[1].predicted + 100 * MIB).to_string();
        assert!(placement.lines.last().unwrap().contains(&told), "{:?}", placement.lines);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn two_devices_are_never_above_their_budgets_and_more_memory_is_never_slower(
            devices in prop::array::uniform2(any_device()),
            more in prop::array::uniform2(0..32 * GIB),
            wishes in any_wishes(),
            parts in prop::collection::vec((1..4 * GIB, 1..16_000u64, 1..100u64), 1..4),
            same: bool, batch in prop::option::of(1..3u64),
            sharing in prop::sample::select(vec![Sharing::Guidance, Sharing::Pictures, Sharing::Parts]),
        ) {
            let rows: Vec<u64> = rows_at_once(Some(sharing), 2, batch).rev().collect();
            prop_assert!(!rows.is_empty());
            for &rows in &rows {
                let pair = [Fact::Shared(sharing), Fact::Rows(rows)];
                prop_assert!(!EXCLUDED.iter().any(|&(one, other)| [one, other] == pair), "{:?}", pair);
            }
            let candidates = random(&parts, &rows);
            let [first, mut second] = devices;
            if same {
                second = first.clone();
            } else if first.device == second.device {
                // There is one processor, and one CoreML.
                second.device = Device::Cuda(1);
            }
            let place = |more: [u64; 2]| {
                let richer = |device: &DeviceMemory, more| DeviceMemory {
                    total: device.total + more,
                    free: device.free + more,
                    ..device.clone()
                };
                let second = if same { richer(&second, more[0]) } else { richer(&second, more[1]) };
                place_on_two(&richer(&first, more[0]), &second, sharing, wishes, &candidates)
            };
            match place([0, 0]) {
                Err(error) => prop_assert!(error.needed > error.budget),
                Ok(placement) => {
                    prop_assert_eq!(placement.shares.len(), if same { 1 } else { 2 });
                    for (share, device) in placement.shares.iter().zip([&first, &second]) {
                        prop_assert_eq!(share.device, device.device);
                        prop_assert!(share.predicted <= share.budget);
                        prop_assert!(share.budget <= wishes.budget.unwrap_or(device.free));
                    }
                    prop_assert!(placement.limit <= placement.shares[0].predicted);
                    prop_assert!(!is_excluded(&[&first, &second], wishes, placement.residency));
                    prop_assert!(wishes.residency.is_none_or(|wished| wished == placement.residency));
                    let richer = place(more);
                    prop_assert!(richer.is_ok_and(|richer| richer.speed(rows.len()) <= placement.speed(rows.len())));
                }
            }
        }
    }

    #[test]
    fn memory_that_is_shared_with_the_processor_is_not_all_of_it() {
        let unified = DeviceMemory { device: Device::CoreMl, ..device(16 * GIB, 15 * GIB) };
        assert_eq!(Wishes::default().allowed(&unified), policy::share(16 * GIB));
    }
}
