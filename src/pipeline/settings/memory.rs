//! Where the models run, and in how much memory.

use serde::Serialize;

/// The memory that models may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Budget {
    /// What the device has free, less a reserve.
    Auto,
    /// This many bytes.
    Bytes(u64),
}

/// Where the models run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Device {
    /// The fastest device found; the plan says which.
    Auto,
    /// The processor.
    Cpu,
    /// The NVIDIA GPU of this number.
    Cuda(u32),
    /// Apple's CoreML.
    CoreMl,
}

/// Settings of memory and device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Memory {
    /// The memory that models may use.
    pub budget: Budget,
    /// Where they run.
    pub device: Device,
}
