//! What a user asks of a placement, and what a device then allows.

use super::{
    super::{Device, DeviceMemory, heap, process},
    Level, Residency, allowance,
};

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

impl Wishes {
    /// On `device`: the memory of the processor is this process's own too.
    pub fn on(device: Device, budget: Option<u64>, residency: Option<Residency>) -> Self {
        let held = if device == Device::Cpu {
            // What is left of earlier stages and nobody uses is no reason to draw smaller.
            heap::give_back_at_once();
            heap::trim();
            process().resident
        } else {
            0
        };
        Self { budget, held, residency, drops: false }
    }

    /// Bytes that may be used on `device` beside what the process holds already.
    pub fn allowed(&self, device: &DeviceMemory) -> u64 {
        // What is held is in no device's free memory.
        match self.budget {
            Some(budget) if device.device == Device::Cpu => budget.saturating_sub(self.held),
            budget => allowance(device, budget),
        }
    }

    pub(super) fn level(&self, device: &DeviceMemory) -> Level {
        Level::of(self.budget.unwrap_or(device.total))
    }
}
