//! Pages that large blocks have to themselves: huge ones where the system has them, which pass from a block that nobody
//! uses any more into a fresh one.
//!
//! In the middle of a heap, huge pages stay when the block is gone, and whatever small comes to lie there takes 2 MiB.
//! And the system writes zeros into every fresh page: a twentieth of the processor time of a UNet in pieces, whose blocks
//! seldom have the length of one before. Pages that were written already can be moved into another block instead.
#![cfg_attr(target_os = "linux", expect(unsafe_code, reason = "memory is mapped, and moved, by address"))]
#![cfg_attr(not(target_os = "linux"), expect(unsafe_code, reason = "memory is taken by its layout"))]

/// A huge page: what blocks are aligned to that have pages of their own.
pub(super) const HUGE: usize = 2 << 20;

/// Whether contents of `bytes` have pages of their own.
pub(super) fn has(bytes: usize) -> bool {
    bytes >= HUGE
}

#[cfg(target_os = "linux")]
pub(super) use linux::{Filling, fresh, give_back};
#[cfg(not(target_os = "linux"))]
pub(super) use others::{Filling, fresh, give_back};

#[cfg(target_os = "linux")]
mod linux {
    use std::{ops::Range, ptr};

    use rustix::mm::{
        Advice, MapFlags, MremapFlags, ProtFlags, madvise, mmap_anonymous, mremap_fixed, munmap,
    };

    use super::HUGE;

    /// The largest page that systems have which are not huge.
    const PAGE: usize = 1 << 16;

    /// A block of at least `bytes` zeros, at a multiple of [`HUGE`]; null where the system has none.
    pub(in super::super) fn fresh(bytes: usize) -> *mut u8 {
        let mapped = mapped(bytes);
        // SAFETY: the system chooses where, and nothing lies there.
        let Ok(wide) = (unsafe {
            mmap_anonymous(
                ptr::null_mut(),
                mapped + HUGE,
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::PRIVATE,
            )
        }) else {
            return ptr::null_mut();
        };
        let wide = wide.cast::<u8>();
        let before = wide.align_offset(HUGE);
        // SAFETY: what lies before and behind the block in what was just mapped; nobody knows of it. Advice changes how
        // the system backs pages, not what is in them, and changes nothing where it is refused.
        unsafe {
            unmap(wide, 0..before);
            unmap(wide, before + mapped..mapped + HUGE);
            let block = wide.byte_add(before);
            let _ = madvise(block.cast(), bytes / HUGE * HUGE, Advice::LinuxHugepage);
            block
        }
    }

    /// Gives a block of `bytes` back to the system.
    ///
    /// # Safety
    /// [`fresh`] made it for as many bytes, and nobody uses it any more.
    pub(in super::super) unsafe fn give_back(block: *mut u8, bytes: usize) {
        // SAFETY: by the caller's word.
        unsafe { unmap(block, 0..mapped(bytes)) };
    }

    /// A fresh block that pages of others are moved into, from its beginning on.
    pub(in super::super) struct Filling {
        block: *mut u8,
        bytes: usize,
        /// How many of its bytes are pages of others.
        filled: usize,
        /// Whether the pages behind its huge ones are.
        has_rest: bool,
    }

    impl Filling {
        /// Nothing was moved yet.
        ///
        /// # Safety
        /// [`fresh`] made `block` for `bytes`, and nobody uses it yet.
        pub(in super::super) unsafe fn new(block: *mut u8, bytes: usize) -> Self {
            Self { block, bytes, filled: 0, has_rest: false }
        }

        /// Moves pages out of `spare`, a block of `bytes`, and answers how many at its beginning are left of it. None if
        /// the system fails on the way: then both blocks were given back.
        ///
        /// # Safety
        /// [`fresh`] made `spare`, and nobody uses it any more.
        pub(in super::super) unsafe fn take(&mut self, spare: *mut u8, bytes: usize) -> Option<usize> {
            let [end, huge] = [self.bytes, bytes].map(|bytes| bytes / HUGE * HUGE);
            let (rest, mut left) = (mapped(self.bytes) - end, mapped(bytes));
            // SAFETY: all of it lies in the two blocks, which nobody uses. What was moved is no part of `spare` any more:
            // whatever lies there now is someone else's.
            unsafe {
                if rest > 0 && !self.has_rest && huge + rest <= left {
                    self.pass(spare, huge, end, rest, left)?;
                    unmap(spare, huge + rest..left);
                    self.has_rest = true;
                } else {
                    unmap(spare, huge..left);
                }
                left = huge;
                // One by one: a block that was filled consists of many mappings, and older systems move no more than one.
                while left > 0 && self.filled < end {
                    self.pass(spare, left - HUGE, self.filled, HUGE, left)?;
                    (left, self.filled) = (left - HUGE, self.filled + HUGE);
                }
            }
            Some(left)
        }

        /// Moves the pages `at` in `spare`, of which `left` bytes are left, `to` a place in the block. If the system fails,
        /// it may have unmapped what was to be replaced: that place is lost, and everything else given back.
        ///
        /// # Safety
        /// As in [`Filling::take`]; both places are mapped, in one mapping each.
        unsafe fn pass(&self, spare: *mut u8, at: usize, to: usize, bytes: usize, left: usize) -> Option<()> {
            // SAFETY: by the caller's word.
            unsafe {
                let [from, into] = [spare.byte_add(at), self.block.byte_add(to)].map(<*mut u8>::cast);
                if mremap_fixed(from, bytes, bytes, MremapFlags::MAYMOVE, into).is_ok() {
                    return Some(());
                }
                unmap(spare, 0..left);
                unmap(self.block, 0..to);
                unmap(self.block, to + bytes..mapped(self.bytes));
            }
            None
        }
    }

    /// How many bytes the system gives a block of `bytes`.
    fn mapped(bytes: usize) -> usize {
        bytes.next_multiple_of(PAGE)
    }

    /// Gives a range of a block back to the system.
    ///
    /// # Safety
    /// It is mapped, and nobody uses it any more.
    unsafe fn unmap(block: *mut u8, range: Range<usize>) {
        if !range.is_empty() {
            // SAFETY: by the caller's word. Refused, it stays as it is.
            let _ = unsafe { munmap(block.byte_add(range.start).cast(), range.len()) };
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod others {
    use std::alloc::{Layout, alloc_zeroed, dealloc};

    use super::HUGE;

    fn layout(bytes: usize) -> Option<Layout> {
        Layout::from_size_align(bytes.max(1), HUGE).ok()
    }

    /// A block of at least `bytes` zeros, at a multiple of [`HUGE`]; null where the system has none.
    pub(in super::super) fn fresh(bytes: usize) -> *mut u8 {
        // SAFETY: the layout has at least one byte.
        layout(bytes).map_or(std::ptr::null_mut(), |layout| unsafe { alloc_zeroed(layout) })
    }

    /// Gives a block of `bytes` back to the system.
    ///
    /// # Safety
    /// [`fresh`] made it for as many bytes, and nobody uses it any more.
    pub(in super::super) unsafe fn give_back(block: *mut u8, bytes: usize) {
        if let Some(layout) = layout(bytes) {
            // SAFETY: by the caller's word.
            unsafe { dealloc(block, layout) };
        }
    }

    /// A fresh block; pages are moved on Linux alone.
    pub(in super::super) struct Filling;

    impl Filling {
        /// Nothing was moved yet.
        ///
        /// # Safety
        /// None is needed here.
        pub(in super::super) unsafe fn new(_: *mut u8, _: usize) -> Self {
            Self
        }

        /// Gives `spare` back: nothing is moved.
        ///
        /// # Safety
        /// [`fresh`] made `spare` for `bytes`, and nobody uses it any more.
        pub(in super::super) unsafe fn take(&mut self, spare: *mut u8, bytes: usize) -> Option<usize> {
            // SAFETY: by the caller's word.
            unsafe { give_back(spare, bytes) };
            Some(0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes `value` everywhere into a fresh block of `bytes`.
    fn of(bytes: usize, value: u8) -> *mut u8 {
        let block = fresh(bytes);
        // SAFETY: it is as long.
        unsafe { block.write_bytes(value, bytes) };
        block
    }

    fn read(block: *mut u8, bytes: usize) -> Vec<u8> {
        // SAFETY: tests read blocks of that length, and all of a block is written, by the system at least.
        unsafe { std::slice::from_raw_parts(block, bytes) }.to_vec()
    }

    #[test]
    fn fresh_blocks_are_aligned_and_zero() {
        for bytes in [HUGE, HUGE + 1, 3 * HUGE - 64, 5 * HUGE] {
            let block = fresh(bytes);
            assert!(block.addr().is_multiple_of(HUGE));
            assert!(read(block, bytes).iter().all(|&byte| byte == 0));
            // SAFETY: made above.
            unsafe { give_back(block, bytes) };
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn pages_of_others_fill_a_block_and_what_is_missing_is_fresh() {
        let (rest, long) = (300 << 10, 5 * HUGE + (100 << 10));
        let spares = [(2 * HUGE + rest, 1), (HUGE + 64, 2), (HUGE - 64 + HUGE, 3)];
        let block = fresh(long);
        // SAFETY: nobody else knows of them.
        unsafe {
            let mut filling = Filling::new(block, long);
            for (bytes, value) in spares {
                assert_eq!(filling.take(of(bytes, value), bytes), Some(0));
            }
        }
        let found = read(block, long);
        let all = |range: std::ops::Range<usize>, value| found[range].iter().all(|&byte| byte == value);
        assert!(all(0..2 * HUGE, 1) && all(2 * HUGE..3 * HUGE, 2) && all(3 * HUGE..4 * HUGE, 3));
        assert!(all(4 * HUGE..5 * HUGE, 0), "nobody had one left");
        assert!(all(5 * HUGE..long, 1), "the first whose rest is long enough");
        // What was filled fills another, in part.
        let second = fresh(3 * HUGE);
        // SAFETY: as above.
        unsafe { assert_eq!(Filling::new(second, 3 * HUGE).take(block, long), Some(2 * HUGE)) };
        let found = read(second, 3 * HUGE);
        let all = |range: std::ops::Range<usize>, value| found[range].iter().all(|&byte| byte == value);
        assert!(all(0..HUGE, 0) && all(HUGE..2 * HUGE, 3) && all(2 * HUGE..3 * HUGE, 2), "from its end on");
        assert!(read(block, 2 * HUGE).iter().all(|&byte| byte == 1), "its beginning is left");
        // SAFETY: as above.
        unsafe {
            give_back(block, 2 * HUGE);
            give_back(second, 3 * HUGE);
        }
    }
}
