//! What the processor computes by code of our own: convolutions of 3x3, attention, products, gates and norms.
//!
//! Nothing is prepared and nothing kept: weights are read as they lie, and the only memory beside inputs and outputs is
//! what the caller is told of before.

#![expect(
    clippy::needless_range_loop,
    clippy::manual_memcpy,
    reason = "what runs for every few products must end up in functions compiled for the vectors at hand; adaptors and \
              functions of the standard library that are not marked for it stay calls, at half the speed"
)]

pub mod attention;
pub mod convolution;
mod exponential;
pub mod gate;
pub mod gated;
pub mod matrix;
pub mod norm;
mod prefetch;
mod product;

use std::sync::{Mutex, PoisonError};

/// Runs what it is given on several threads at once, each with a number of its own below the given one; some may be
/// run after others.
pub type Parallel<'a> = dyn Fn(usize, &(dyn Fn(usize) + Sync)) + 'a;

/// What vectors are loaded from and stored to on the stack: across two lines of a cache, each takes twice as long.
#[repr(align(64))]
struct InLines<T>(T);

fn next<T>(jobs: &Mutex<impl Iterator<Item = T>>) -> Option<T> {
    jobs.lock().unwrap_or_else(PoisonError::into_inner).next()
}

#[cfg(test)]
mod testing {
    use std::thread;

    /// Numbers around zero that follow from `seed`.
    pub(super) fn numbers(seed: u32, length: usize) -> Vec<f32> {
        let mut state = seed;
        let next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 23) as f32 - 1.0
        };
        std::iter::repeat_with(next).take(length).collect()
    }

    /// Runs all on threads of their own.
    pub(super) fn spread(threads: usize, work: &(dyn Fn(usize) + Sync)) {
        thread::scope(|scope| (0..threads).for_each(|at| drop(scope.spawn(move || work(at)))));
    }
}
