//! Blocks of memory that were given back, kept for the next ones: as they are for those of the same length, and for
//! what is needed for a short time and is shorter; for their pages else.
//!
//! A network asks for the same lengths again and again, and a fresh block costs the system a page fault for every
//! 4 KiB and the zeros in them: a seventh of the processor time of a UNet in pieces. What is kept never makes more
//! than was in use at once since the pool was last emptied, so it raises no peak.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::pages;

/// Smaller blocks are the heap's own business: it keeps them by itself.
const LARGE: usize = 1 << 18;

/// What is kept.
static POOL: Mutex<Pool> = Mutex::new(Pool::new());

/// Blocks in the order in which they were given back.
struct Pool {
    kept: VecDeque<Block>,
    /// Bytes of all of them.
    bytes: u64,
    /// Bytes in use, and the most since the pool was last emptied.
    used: u64,
    most: u64,
    /// The most bytes in use and kept together.
    room: u64,
}

/// A block for contents of a length, and where it lies.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) length: usize,
    pub(super) address: usize,
}

fn pool() -> MutexGuard<'static, Pool> {
    POOL.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A block of `length` that was kept; else, what has pages for a fresh one or is in its way is given to `free`.
pub(super) fn take(length: usize, free: impl FnMut(Block)) -> Option<Block> {
    (length >= LARGE).then(|| pool().take(length, free)).flatten()
}

/// The length to ask for where a block of at least `length` is needed for a short time, while nobody asks for another:
/// that of a kept one, if it raises no peak. Pages stay where they are then.
pub(super) fn at_least(length: usize) -> usize {
    if length >= LARGE { pool().at_least(length) } else { length }
}

/// Keeps on what is left of a block that was given to a fresh one.
pub(super) fn put_back(block: Block) {
    let mut pool = pool();
    pool.bytes += block.length as u64;
    pool.kept.push_front(block);
}

/// Keeps a block that is not in use any more, and gives what is too much to `free`.
pub(super) fn keep(block: Block, mut free: impl FnMut(Block)) {
    if block.length >= LARGE {
        pool().keep(block, free);
    } else {
        free(block);
    }
}

/// A fresh block could not be had: it is not in use.
pub(super) fn undo(length: usize) {
    if length >= LARGE {
        pool().used -= length as u64;
    }
}

/// From now on no more than `bytes` are in use and kept together, if that is up to the pool.
pub(super) fn within(bytes: u64, free: impl FnMut(Block)) {
    let mut pool = pool();
    pool.room = bytes;
    pool.trim(free);
}

/// Gives everything that is kept to `free`, and forgets how much that might be.
pub(super) fn empty(free: impl FnMut(Block)) {
    let mut pool = pool();
    (pool.most, pool.room) = (pool.used, u64::MAX);
    pool.bytes = 0;
    pool.kept.drain(..).for_each(free);
}

impl Pool {
    const fn new() -> Self {
        Self { kept: VecDeque::new(), bytes: 0, used: 0, most: 0, room: u64::MAX }
    }

    fn take(&mut self, length: usize, mut free: impl FnMut(Block)) -> Option<Block> {
        let at = self.kept.iter().rposition(|block| block.length == length);
        let block = at.and_then(|at| self.remove(at));
        let mut missing = if block.is_none() && pages::has(length) { length } else { 0 };
        while missing > 0 {
            let Some(at) = self.kept.iter().position(|block| pages::has(block.length)) else { break };
            let Some(spare) = self.remove(at) else { break };
            missing = missing.saturating_sub(spare.length);
            free(spare);
        }
        self.used += length as u64;
        self.most = self.most.max(self.used);
        self.trim(free);
        block
    }

    fn at_least(&self, length: usize) -> usize {
        let fits = |kept: &usize| *kept >= length && self.used + *kept as u64 <= self.room.min(self.most);
        self.kept.iter().map(|block| block.length).filter(fits).min().unwrap_or(length)
    }

    fn remove(&mut self, at: usize) -> Option<Block> {
        let block = self.kept.remove(at)?;
        self.bytes -= block.length as u64;
        Some(block)
    }

    fn keep(&mut self, block: Block, free: impl FnMut(Block)) {
        self.used -= block.length as u64;
        self.bytes += block.length as u64;
        self.kept.push_back(block);
        self.trim(free);
    }

    /// Gives back what has been kept longest, until there is room.
    fn trim(&mut self, mut free: impl FnMut(Block)) {
        let room = self.room.min(self.most);
        while self.used + self.bytes > room {
            let Some(block) = self.remove(0) else { return };
            free(block);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: usize = LARGE;
    const BIG: usize = 3 * LARGE;
    const HUGE: usize = pages::HUGE;

    fn taken(pool: &mut Pool, length: usize, freed: &mut Vec<usize>) -> Option<usize> {
        pool.take(length, |block| freed.push(block.address)).map(|block| block.address)
    }

    fn keep(pool: &mut Pool, length: usize, address: usize, freed: &mut Vec<usize>) {
        pool.keep(Block { length, address }, |block| freed.push(block.address));
    }

    #[test]
    fn what_is_kept_and_in_use_is_never_more_than_was_in_use_at_once() {
        let (mut pool, mut freed) = (Pool::new(), Vec::new());
        assert_eq!(taken(&mut pool, BIG, &mut freed), None);
        assert_eq!(taken(&mut pool, SMALL, &mut freed), None);
        keep(&mut pool, BIG, 1, &mut freed);
        assert_eq!(taken(&mut pool, SMALL, &mut freed), None, "it is of another length");
        keep(&mut pool, SMALL, 2, &mut freed);
        assert_eq!(taken(&mut pool, SMALL, &mut freed), Some(2));
        assert_eq!((pool.used, pool.bytes), (2 * SMALL as u64, 0), "there was no room for the big one");
        assert_eq!(freed, [1]);
    }

    #[test]
    fn what_was_kept_longest_makes_room() {
        let (mut pool, mut freed) = (Pool::new(), Vec::new());
        for _ in 0..3 {
            assert_eq!(taken(&mut pool, SMALL, &mut freed), None);
        }
        (1..4).for_each(|address| keep(&mut pool, SMALL, address, &mut freed));
        pool.room = 2 * SMALL as u64;
        pool.trim(|block| freed.push(block.address));
        assert_eq!((pool.used, pool.bytes, freed), (0, 2 * SMALL as u64, vec![1]));
    }

    #[test]
    fn a_longer_block_serves_as_long_as_it_raises_no_peak() {
        let (mut pool, mut freed) = (Pool::new(), Vec::new());
        for length in [BIG, 2 * BIG] {
            assert_eq!(taken(&mut pool, length, &mut freed), None);
        }
        keep(&mut pool, 2 * BIG, 1, &mut freed);
        assert_eq!(pool.at_least(BIG + 1), 2 * BIG);
        assert_eq!(pool.at_least(2 * BIG + 1), 2 * BIG + 1, "none is as long");
        keep(&mut pool, BIG, 2, &mut freed);
        assert_eq!(pool.at_least(BIG), BIG, "the shortest");
        assert_eq!(taken(&mut pool, SMALL, &mut freed), None, "makes room for itself");
        assert_eq!((pool.at_least(BIG), freed.len()), (BIG, 1));
        pool.used += 2 * BIG as u64;
        assert_eq!(pool.at_least(SMALL), SMALL, "it would be more than there ever was");
    }

    #[test]
    fn what_has_pages_for_a_fresh_block_is_given_for_it() {
        let (mut pool, mut freed) = (Pool::new(), Vec::new());
        for length in [SMALL, HUGE, 2 * HUGE, 4 * HUGE] {
            assert_eq!(taken(&mut pool, length, &mut freed), None);
        }
        for (address, length) in [SMALL, HUGE, 2 * HUGE, 4 * HUGE].into_iter().enumerate() {
            keep(&mut pool, length, address, &mut freed);
        }
        assert_eq!(taken(&mut pool, 3 * HUGE, &mut freed), None);
        assert_eq!(freed, [1, 2], "as many as are needed, and none without pages");
        assert_eq!(taken(&mut pool, 4 * HUGE, &mut freed), Some(3));
        assert_eq!((pool.used, pool.bytes), (7 * HUGE as u64, SMALL as u64));
    }
}
