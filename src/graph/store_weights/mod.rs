//! Weights that are kept smaller than they are used.
//!
//! [`Document::store_weights`] says what a graph looks like whose large weights are kept in 16, 8 or 4 bits, with an
//! operator before each reader that makes 32-bit numbers of them again (`DequantizeLinear`, `Cast`), and
//! [`StoredWeights::write`] writes those weights, one after the other. [`Document::unpack_in_turn`] lets a graph so stored
//! unpack them a portion at a time.

mod choose;
mod encode;
mod late;
mod opset;
mod place;
mod source;
mod unpack;
mod write;

use std::{fmt, str::FromStr};

pub use place::StoredWeights;
pub(super) use place::UNPACKS;
pub use write::Stopped;

use super::element::ElementType;

/// How weights are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Storage {
    /// 16-bit floats: 11 bits of precision.
    Fp16,
    /// 16-bit floats with the range of 32-bit ones: 8 bits of precision.
    Bf16,
    /// 8-bit floats (e4m3) and one scale for each output channel: 4 bits of precision.
    Fp8,
    /// 8-bit floats (e5m2) and one scale for each output channel: 3 bits of precision.
    Fp8E5m2,
    /// Signed bytes and one scale for each output channel: 1/254 of the channel's largest number.
    Int8,
    /// Half bytes and one scale for each 32 numbers: 1/14 of the largest of them.
    Int4,
}

impl Storage {
    /// Every kind, the most precise first.
    pub const ALL: [Self; 6] = [Self::Fp16, Self::Bf16, Self::Int8, Self::Fp8, Self::Fp8E5m2, Self::Int4];

    /// How it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fp16 => "fp16",
            Self::Bf16 => "bf16",
            Self::Fp8 => "fp8",
            Self::Fp8E5m2 => "fp8-e5m2",
            Self::Int8 => "int8",
            Self::Int4 => "int4",
        }
    }

    /// The type of one element.
    pub(super) fn element(self) -> ElementType {
        match self {
            Self::Fp16 => ElementType::F16,
            Self::Bf16 => ElementType::BF16,
            Self::Fp8 => ElementType::F8E4M3,
            Self::Fp8E5m2 => ElementType::F8E5M2,
            Self::Int8 => ElementType::I8,
            Self::Int4 => ElementType::I4,
        }
    }

    /// The largest number an element is taken for; none where numbers are kept without a scale.
    fn largest(self) -> Option<f32> {
        match self {
            Self::Fp16 | Self::Bf16 => None,
            Self::Fp8 => Some(448.0),
            Self::Fp8E5m2 => Some(57344.0),
            Self::Int8 => Some(127.0),
            Self::Int4 => Some(7.0),
        }
    }

    /// How many numbers of an output channel of `width` share a scale; none if no number of them would do.
    fn block(self, width: u64) -> Option<u64> {
        match self {
            Self::Int4 => [32, 16, 8].into_iter().find(|block| width.is_multiple_of(*block)),
            _ => Some(width),
        }
    }
}

impl fmt::Display for Storage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Storage {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|storage| storage.name() == text).ok_or_else(|| {
            let names: Vec<_> = Self::ALL.iter().map(|storage| storage.name()).collect();
            format!("`{text}` is no way to keep weights: write auto, none, {}", names.join(", "))
        })
    }
}
