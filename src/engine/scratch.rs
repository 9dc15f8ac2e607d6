//! Memory for operators of our own.
#![expect(unsafe_code, reason = "it is counted and kept as ONNX Runtime's memory is, which goes by address")]

use std::ops::{Deref, DerefMut};

use super::{allocator, blocks};

/// Floats of any value for an operator of our own, counted and refused as ONNX Runtime's memory is.
#[derive(Debug)]
pub(super) struct Scratch {
    contents: *mut u8,
    length: usize,
}

impl Scratch {
    /// `length` floats out of memory for `reserved`; none where it is refused.
    pub(super) fn new(length: usize, reserved: usize) -> Option<Self> {
        let whole = reserved.max(length).max(1).checked_mul(size_of::<f32>())?;
        let contents = allocator::block_of_at_least(whole)?;
        let bytes = length * size_of::<f32>();
        // SAFETY: as many floats fit, and nobody else has them.
        unsafe { blocks::write(contents, bytes) };
        Some(Self { contents, length })
    }
}

impl Deref for Scratch {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        // SAFETY: as long, aligned, written when it was made, and this one's alone.
        unsafe { std::slice::from_raw_parts(self.contents.cast(), self.length) }
    }
}

impl DerefMut for Scratch {
    fn deref_mut(&mut self) -> &mut [f32] {
        // SAFETY: as above.
        unsafe { std::slice::from_raw_parts_mut(self.contents.cast(), self.length) }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // SAFETY: the allocator made it, and nobody uses it any more.
        unsafe { allocator::release(self.contents) };
    }
}
