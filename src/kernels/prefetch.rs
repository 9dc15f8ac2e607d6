//! Memory that is asked for before it is read.

/// Asks the nearer caches for the line at `place`, which may be anywhere: where nothing is, nothing happens.
#[inline(always)]
#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "the instruction takes an address")]
pub(super) fn prefetch<T>(place: *const T) {
    use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
    // SAFETY: it is a hint, which reads nothing that the program could see, and is no error wherever it points to.
    unsafe { _mm_prefetch::<_MM_HINT_T1>(place.cast()) };
}

/// Other processors have no such instruction in stable Rust, and guess by themselves.
#[inline(always)]
#[cfg(not(target_arch = "x86_64"))]
pub(super) fn prefetch<T>(_: *const T) {}
