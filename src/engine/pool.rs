//! Blocks of memory that were given back, kept for the next ones of the same length.
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

/// A block of a length, and where it lies.
struct Block {
    length: usize,
    address: usize,
}

fn pool() -> MutexGuard<'static, Pool> {
    POOL.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A block of `length` that was kept; else, what has pages for a fresh one or is in its way is given to `free`.
pub(super) fn take(length: usize, free: impl FnMut(usize, usize)) -> Option<usize> {
    (length >= LARGE).then(|| pool().take(length, free)).flatten()
}

/// Keeps on what is left of a block that was given to a fresh one.
pub(super) fn put_back(length: usize, address: usize) {
    let mut pool = pool();
    pool.bytes += length as u64;
    pool.kept.push_front(Block { length, address });
}

/// Keeps a block that is not in use any more, and gives what is too much to `free`; answers whether it is the
/// pool's now.
pub(super) fn keep(length: usize, address: usize, free: impl FnMut(usize, usize)) -> bool {
    if length >= LARGE {
        pool().keep(Block { length, address }, free);
    }
    length >= LARGE
}

/// A fresh block could not be had: it is not in use.
pub(super) fn undo(length: usize) {
    if length >= LARGE {
        pool().used -= length as u64;
    }
}

/// From now on no more than `bytes` are in use and kept together, if that is up to the pool.
pub(super) fn within(bytes: u64, free: impl FnMut(usize, usize)) {
    let mut pool = pool();
    pool.room = bytes;
    pool.trim(free);
}

/// Gives everything that is kept to `free`, and forgets how much that might be.
pub(super) fn empty(mut free: impl FnMut(usize, usize)) {
    let mut pool = pool();
    (pool.most, pool.room) = (pool.used, u64::MAX);
    pool.bytes = 0;
    pool.kept.drain(..).for_each(|block| free(block.length, block.address));
}

impl Pool {
    const fn new() -> Self {
        Self { kept: VecDeque::new(), bytes: 0, used: 0, most: 0, room: u64::MAX }
    }

    fn take(&mut self, length: usize, mut free: impl FnMut(usize, usize)) -> Option<usize> {
        let at = self.kept.iter().rposition(|block| block.length == length);
        let block = at.and_then(|at| self.remove(at));
        let mut missing = if block.is_none() && pages::has(length) { length } else { 0 };
        while missing > 0 {
            let Some(at) = self.kept.iter().position(|block| pages::has(block.length)) else { break };
            let Some(spare) = self.remove(at) else { break };
            missing = missing.saturating_sub(spare.length);
            free(spare.length, spare.address);
        }
        self.used += length as u64;
        self.most = self.most.max(self.used);
        self.trim(free);
        block.map(|block| block.address)
    }

    fn remove(&mut self, at: usize) -> Option<Block> {
        let block = self.kept.remove(at)?;
        self.bytes -= block.length as u64;
        Some(block)
    }

    fn keep(&mut self, block: Block, free: impl FnMut(usize, usize)) {
        self.used -= block.length as u64;
        self.bytes += block.length as u64;
        self.kept.push_back(block);
        self.trim(free);
    }

    /// Gives back what has been kept longest, until there is room.
    fn trim(&mut self, mut free: impl FnMut(usize, usize)) {
        let room = self.room.min(self.most);
        while self.used + self.bytes > room {
            let Some(block) = self.remove(0) else { return };
            free(block.length, block.address);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: usize = LARGE;
    const BIG: usize = 3 * LARGE;

    #[test]
    fn what_is_kept_and_in_use_is_never_more_than_was_in_use_at_once() {
        let mut pool = Pool::new();
        let mut freed = Vec::new();
        let mut free = |length: usize, address: usize| freed.push((length, address));
        assert_eq!(pool.take(BIG, &mut free), None);
        assert_eq!(pool.take(SMALL, &mut free), None);
        pool.keep(Block { length: BIG, address: 1 }, &mut free);
        assert_eq!(pool.take(SMALL, &mut free), None, "it is of another length");
        pool.keep(Block { length: SMALL, address: 2 }, &mut free);
        assert_eq!(pool.take(SMALL, &mut free), Some(2));
        assert_eq!((pool.used, pool.bytes), (2 * SMALL as u64, 0), "there was no room for the big one");
        assert_eq!(freed, [(BIG, 1)]);
    }

    #[test]
    fn what_was_kept_longest_makes_room() {
        let mut pool = Pool::new();
        let mut freed = Vec::new();
        let mut free = |_: usize, address: usize| freed.push(address);
        for _ in 0..3 {
            assert_eq!(pool.take(SMALL, &mut free), None);
        }
        (1..4).for_each(|address| pool.keep(Block { length: SMALL, address }, &mut free));
        pool.room = 2 * SMALL as u64;
        pool.trim(&mut free);
        assert_eq!((pool.used, pool.bytes, freed), (0, 2 * SMALL as u64, vec![1]));
    }
}
