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

/// What a usual model needs at one size, in 32-bit floats.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsualSize {
    /// The size.
    pub size: Size,
    /// Rows of one run of the denoiser.
    pub rows: u64,
    /// Bytes of each part: weights, activations, the least in pieces.
    pub parts: Vec<(String, u64, u64, u64)>,
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

    /// How it would be drawn with on `device`. GPUs compute in 16 bits, which takes half of everything.
    pub fn on(&self, device: &DeviceMemory, wishes: Wishes) -> Advice {
        let bytes = |bytes: u64| if device.device == engine::Device::Cpu { bytes } else { bytes / 2 };
        let candidate = |size: &UsualSize| Candidate {
            width: size.size.width,
            height: size.size.height,
            rows: size.rows,
            demands: size
                .parts
                .iter()
                .map(|(part, weights, activations, least)| Demand {
                    part: part.clone(),
                    weights: bytes(*weights),
                    activations: bytes(*activations),
                    least: bytes(*least),
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
