//! What parts need, and what a way to draw takes of that.

use super::{super::Loaded, Residency};

/// What the part is called that guidance asks twice.
pub(super) const DENOISER: &str = "denoiser";

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
    /// The ways to run it in pieces, from the one with the least to the fastest; none where only the least is known.
    pub ways: Vec<InPieces>,
}

/// A way to run a part in pieces.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InPieces {
    /// The most bytes that a piece holds, its weights included.
    pub working: u64,
    /// The most bytes that a piece takes that is loaded while another runs.
    pub ahead: u64,
    /// Bytes of weights of the pieces that are worth keeping loaded, in the order in which they are kept.
    pub staying: Vec<u64>,
}

impl InPieces {
    /// The fewest bytes that it takes.
    pub fn least(&self, loaded: Loaded) -> u64 {
        match loaded {
            Loaded::One => self.working,
            Loaded::Two => self.working + self.ahead,
        }
    }

    /// The most bytes that it takes of `allowed` with the pieces that fit kept loaded. None if that is too much.
    pub fn taking(&self, allowed: u64, loaded: Loaded) -> Option<u64> {
        let least = self.least(loaded);
        Some(least + sum_within(&self.staying, allowed.checked_sub(least)?))
    }
}

/// The sum of as many of the first `numbers` as make no more than `most`.
fn sum_within(numbers: &[u64], most: u64) -> u64 {
    let mut sum = 0;
    for number in numbers {
        if sum + number > most {
            break;
        }
        sum += number;
    }
    sum
}

impl Demand {
    /// What two of it need.
    pub(super) fn twice(&self) -> Self {
        let way = |way: &InPieces| InPieces {
            working: 2 * way.working,
            ahead: 2 * way.ahead,
            staying: way.staying.iter().map(|bytes| 2 * bytes).collect(),
        };
        Self {
            part: self.part.clone(),
            weights: 2 * self.weights,
            activations: 2 * self.activations,
            least: 2 * self.least,
            ways: self.ways.iter().map(way).collect(),
        }
    }

    /// Bytes if all of it is loaded.
    fn whole(&self) -> u64 {
        self.weights + self.activations
    }

    /// The fewest bytes that it takes in pieces.
    fn least(&self, loaded: Loaded) -> u64 {
        match loaded {
            Loaded::One => self.least,
            Loaded::Two => {
                let ways = self.ways.iter().map(|way| way.least(loaded));
                ways.min().unwrap_or(2 * self.least)
            }
        }
    }

    /// The most bytes that it takes of `allowed` in pieces.
    pub fn in_pieces(&self, allowed: u64, loaded: Loaded) -> u64 {
        let fastest = self.ways.iter().rev().find_map(|way| way.taking(allowed, loaded));
        let least = self.least(loaded);
        fastest.unwrap_or(least).min(self.whole().max(least))
    }

    /// The fewest bytes that it takes, whole where that is less than in pieces.
    fn fewest(&self, loaded: Loaded) -> u64 {
        self.least(loaded).min(self.whole())
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
    /// What candidates have in common that differ in rows alone.
    pub(super) fn kind(&self) -> (u32, u32, Option<&'static str>) {
        (self.width, self.height, self.stored)
    }

    pub(super) fn pixels(&self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    /// Bytes if every part stays loaded while the hungriest one works.
    pub(super) fn resident(&self) -> u64 {
        let weights: u64 = self.demands.iter().map(|demand| demand.weights).sum();
        weights + self.demands.iter().map(|demand| demand.activations).max().unwrap_or(0)
    }

    /// Bytes if only the part that works is loaded.
    pub(super) fn one_at_a_time(&self) -> u64 {
        self.demands.iter().map(Demand::whole).max().unwrap_or(0)
    }

    /// Bytes if only the piece that runs is loaded.
    pub(super) fn in_pieces(&self) -> u64 {
        self.fewest(Loaded::One)
    }

    fn fewest(&self, loaded: Loaded) -> u64 {
        self.demands.iter().map(|demand| demand.fewest(loaded)).max().unwrap_or(0)
    }

    /// The most bytes that it takes of `allowed` if it is held that way.
    pub fn taking(&self, residency: Residency, allowed: u64) -> u64 {
        let pieces = |loaded| {
            let of_part = |demand: &Demand| match demand.least(loaded) < demand.whole() {
                true => demand.in_pieces(allowed, loaded),
                false => demand.whole(),
            };
            self.demands.iter().map(of_part).max().unwrap_or(0)
        };
        match residency {
            Residency::Resident | Residency::Model => self.held(residency),
            Residency::Group => pieces(Loaded::Two),
            Residency::Sequential => pieces(Loaded::One),
        }
    }

    /// The fewest bytes that it takes if it is held that way.
    pub fn held(&self, residency: Residency) -> u64 {
        match residency {
            Residency::Resident => self.resident(),
            Residency::Model => self.one_at_a_time(),
            Residency::Group => self.fewest(Loaded::Two),
            Residency::Sequential => self.fewest(Loaded::One),
        }
    }
}
