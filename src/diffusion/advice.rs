//! What usual models would do on a machine, known without having them.

use serde::{Deserialize, Serialize};

use crate::{
    engine::{self, Candidate, Demand, DeviceMemory, Residency, Wishes},
    story::Size,
};

/// What usual models need, from their graphs; a test computes them anew.
const DEMANDS: &str = include_str!("../../assets/demands.yaml");

/// A model that people use, at the sizes that people draw.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usual {
    /// What it is called.
    pub model: String,
    /// At each size, the largest first, with two rows and with one.
    pub sizes: Vec<UsualSize>,
}

/// What a usual model needs at one size.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsualSize {
    /// The size.
    pub size: Size,
    /// Rows of one run of the denoiser.
    pub rows: u64,
    /// Bytes of each part, on the processor in 32-bit floats and on a card in 16: weights, activations, the least
    /// in pieces.
    pub parts: Vec<(String, [u64; 3], [u64; 3])>,
}

/// How one model would be drawn with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Advice {
    /// What it is called.
    pub model: String,
    /// The size, how it is held and in how many bytes; none if nothing fits.
    pub way: Option<(Size, Residency, u64)>,
    /// Bytes that models may use.
    pub budget: u64,
}

impl Usual {
    /// The ones that are known.
    pub fn all() -> Vec<Self> {
        serde_yaml::from_str(DEMANDS).unwrap_or_else(|error| unreachable!("a test reads it: {error}"))
    }

    /// How it would be drawn with on `device`.
    pub fn on(&self, device: &DeviceMemory, wishes: Wishes) -> Advice {
        let candidate = |size: &UsualSize| Candidate {
            stored: None,
            width: size.size.width,
            height: size.size.height,
            rows: size.rows,
            demands: size
                .parts
                .iter()
                .map(|(part, processor, card)| {
                    let [weights, activations, least] =
                        if device.device == engine::Device::Cpu { *processor } else { *card };
                    Demand { part: part.clone(), weights, activations, least, ways: Vec::new() }
                })
                .collect(),
        };
        let candidates: Vec<Candidate> = self.sizes.iter().map(candidate).collect();
        let placed = engine::place(device, wishes, &candidates).ok();
        let way =
            placed.map(|placed| (self.sizes[placed.candidate].size, placed.residency, placed.predicted));
        Advice { model: self.model.clone(), way, budget: engine::allowance(device, wishes.budget) }
    }
}
