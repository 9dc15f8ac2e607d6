//! How the heap gives memory back.
#![cfg_attr(
    target_os = "linux",
    expect(unsafe_code, reason = "the C library has no other way to set its heap")
)]

/// Lets large blocks go back to the system as soon as they are freed.
///
/// The GNU heap keeps freed blocks of up to 32 MiB once one of that size was freed, and up to twice as much at the end
/// of the heap of each thread, in pieces that the next block does not fit into: a UNet in pieces held 310 MiB that way
/// instead of 250, and after a model was given back there were 30 MiB more or less, as its threads happened to run.
/// Blocks of 4 MiB and more are mapped alone instead.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub(super) fn give_back_at_once() {
    use std::{ffi::c_int, sync::Once};
    // `malloc.h` of glibc.
    const M_TRIM_THRESHOLD: c_int = -1;
    const M_MMAP_THRESHOLD: c_int = -3;
    const M_ARENA_MAX: c_int = -8;
    unsafe extern "C" {
        fn mallopt(parameter: c_int, value: c_int) -> c_int;
    }
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        for (parameter, value) in [(M_MMAP_THRESHOLD, 4 << 20), (M_TRIM_THRESHOLD, 1 << 18), (M_ARENA_MAX, 2)]
        {
            // SAFETY: sets a number that the heap reads at its next call; it fails by answering 0, and the
            // heap is then as it was.
            unsafe { mallopt(parameter, value) };
        }
    });
}

/// Other heaps give large blocks back by themselves.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(super) fn give_back_at_once() {}

/// Gives back what small blocks that were freed left behind: they lie between others, so the heap keeps their pages
/// by itself.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub(super) fn trim() {
    unsafe extern "C" {
        fn malloc_trim(pad: usize) -> std::ffi::c_int;
    }
    // SAFETY: it takes the heap's own locks, and touches no block that is in use.
    unsafe { malloc_trim(0) };
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(super) fn trim() {}
