//! What the arena of a session says of itself: ONNX Runtime takes memory from the system in large blocks and keeps
//! them between runs, so what it holds is more than what tensors take.
#![expect(unsafe_code, reason = "`ort` does not reach the statistics of an allocator")]

use std::{
    ffi::{CStr, c_char},
    ptr, slice,
};

use ort::{
    AsPointer,
    memory::{AllocationDevice, Allocator, AllocatorType, MemoryInfo, MemoryType},
};
use serde::{Deserialize, Serialize};

use super::{Device, allocator::told};

/// An arena, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arena {
    /// What it holds of the device's memory.
    pub held: u64,
    /// Of that, what tensors take now.
    pub used: u64,
    /// The most that tensors ever took.
    pub most: u64,
}

/// The arena in which `session` computes on `device`; none where it has none, and where a provider keeps its memory to
/// itself, as CoreML does.
pub(super) fn of(session: &ort::session::Session, device: Device) -> Option<Arena> {
    let (name, index) = match device {
        Device::Cpu => (AllocationDevice::CPU, 0),
        Device::Cuda(index) => (AllocationDevice::CUDA, i32::try_from(index).ok()?),
        Device::CoreMl => return None,
    };
    let info = MemoryInfo::new(name, index, AllocatorType::Device, MemoryType::Default).ok()?;
    let allocator = Allocator::new(session, info).ok()?;
    let statistics = statistics(&allocator)?;
    let number = |name: &str| statistics.iter().find(|(key, _)| key == name)?.1.parse::<u64>().ok();
    Some(Arena { held: number("TotalAllocated")?, used: number("InUse")?, most: number("MaxInUse")? })
        .filter(|arena| arena.held > 0)
}

/// Names and values, as ONNX Runtime writes them.
fn statistics(allocator: &Allocator) -> Option<Vec<(String, String)>> {
    let api = ort::api();
    let mut pairs = ptr::null_mut();
    // SAFETY: the allocator lives; a pointer to write to.
    unsafe { told((api.AllocatorGetStats)(allocator.ptr(), &mut pairs)) }.ok()?;
    if pairs.is_null() {
        return None;
    }
    let (mut keys, mut values, mut count) = (ptr::null(), ptr::null(), 0);
    // SAFETY: `pairs` is what was just answered, and given back once all of it is copied; there are `count` keys and as
    // many values, texts with a zero at their end.
    unsafe {
        (api.GetKeyValuePairs)(pairs, &mut keys, &mut values, &mut count);
        let texts = |list: *const *const c_char| -> Vec<String> {
            let list = if count == 0 { &[] } else { slice::from_raw_parts(list, count) };
            list.iter().map(|&text| CStr::from_ptr(text).to_string_lossy().into_owned()).collect()
        };
        let found = texts(keys).into_iter().zip(texts(values)).collect();
        (api.ReleaseKeyValuePairs)(pairs);
        Some(found)
    }
}
