//! How the heap gives memory back.
#![cfg_attr(
    target_os = "linux",
    expect(unsafe_code, reason = "the C library has no other way to set its heap")
)]

/// Lets large blocks go back to the system as soon as they are freed.
///
/// The GNU heap keeps freed blocks of up to 32 MiB once one of that size was freed, in pieces that the next
/// tensor does not fit into: a UNet in pieces held 310 MiB that way instead of 250. Blocks of 4 MiB and more
/// are mapped alone instead, at a twentieth of processor time for fresh pages.
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
        for (parameter, value) in [(M_MMAP_THRESHOLD, 4 << 20), (M_TRIM_THRESHOLD, 1 << 20), (M_ARENA_MAX, 2)]
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

/// What blocks are aligned to that are at least as large: a huge page.
pub(super) const HUGE: usize = 2 << 20;

/// Asks for huge pages in a fresh block of `bytes`, as far as it fills them: one fault instead of 512, and the processor
/// finds its way with as many entries fewer. Where a system gives them unasked, or has none, it stays as it is.
#[cfg(target_os = "linux")]
pub(super) fn ask_for_huge_pages(block: *mut u8, bytes: usize) {
    use rustix::mm::{Advice, madvise};
    let whole = bytes / HUGE * HUGE;
    if !block.is_null() && block.addr().is_multiple_of(HUGE) && whole > 0 {
        // SAFETY: it changes how the system backs these pages, not what is in them. Refused, it changes nothing.
        let _ = unsafe { madvise(block.cast(), whole, Advice::LinuxHugepage) };
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) fn ask_for_huge_pages(_: *mut u8, _: usize) {}
