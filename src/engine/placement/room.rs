//! How much of a device models may use.

use super::super::{Bytes, Device, DeviceMemory, policy};

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

#[cfg(test)]
mod tests {
    use super::{
        super::sample::{GIB, device},
        *,
    };

    #[test]
    fn what_takes_nearly_all_that_is_free_is_warned_of() {
        let device = device(24 * GIB, 10 * GIB);
        assert_eq!(tight(&device, 8 * GIB), None);
        let warning = tight(&device, 10 * GIB - 1).unwrap();
        assert!(warning.contains("10.0 GiB free") && warning.contains("--memory-budget"), "{warning}");
    }
}
