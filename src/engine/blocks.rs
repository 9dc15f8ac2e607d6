//! Blocks of memory for tensors: kept ones of the same length, or fresh ones with the pages of others.
#![expect(unsafe_code, reason = "ONNX Runtime knows a block by its address alone")]

use std::{
    alloc::{Layout, alloc, dealloc},
    ptr,
};

use super::{
    pages::{self, Filling, HUGE},
    pool::{self, Block},
};

/// Contents begin at multiples of this, as ONNX Runtime's own do; as many bytes before each hold their length, and how
/// many of them were written for sure.
const ALIGNMENT: usize = 64;

/// The contents of a block of `bytes`; none where the system has none.
pub(super) fn take(bytes: usize) -> Option<*mut u8> {
    // What no layout can have, no system has.
    Layout::from_size_align(bytes, HUGE).ok()?;
    let mut spare = Vec::new();
    if let Some(kept) = pool::take(bytes, |block| spare.push(block)) {
        spare.into_iter().for_each(free);
        // SAFETY: it was kept whole.
        return Some(unsafe { start(&kept).add(ALIGNMENT) });
    }
    let mut block = fresh(bytes, spare);
    if block.is_null() {
        give_kept_back();
        block = fresh(bytes, Vec::new());
    }
    if block.is_null() {
        pool::undo(bytes);
        return None;
    }
    let written = if pages::has(bytes) { bytes } else { 0 };
    // SAFETY: the block is longer than what is before its contents, and aligned for a `usize`.
    unsafe {
        block.cast::<[usize; 2]>().write([bytes, written]);
        Some(block.add(ALIGNMENT))
    }
}

/// How many bytes to take where at least `bytes` are needed for a short time, while nobody takes others.
pub(super) fn at_least(bytes: usize) -> usize {
    pool::at_least(bytes)
}

/// Takes contents back, and answers how many bytes they had.
///
/// # Safety
/// [`take`] made them, and nobody uses them any more.
pub(super) unsafe fn give_back(contents: *mut u8) -> usize {
    // SAFETY: their length lies before them.
    let (block, bytes) = unsafe {
        let block = contents.sub(ALIGNMENT);
        (block, block.cast::<usize>().read())
    };
    pool::keep(Block { length: bytes, address: block.expose_provenance() }, free);
    bytes
}

/// Makes sure that the first `bytes` of contents were written, whatever to: what was written once stays written,
/// whoever had the block since.
///
/// # Safety
/// [`take`] made them, at least as long, and nobody else uses them.
pub(super) unsafe fn write(contents: *mut u8, bytes: usize) {
    // SAFETY: the count lies before them, where `take` put it.
    unsafe {
        let written = contents.sub(ALIGNMENT).cast::<usize>().add(1);
        if let Some(missing) = bytes.checked_sub(written.read()).filter(|&missing| missing > 0) {
            contents.add(written.read()).write_bytes(0, missing);
            written.write(bytes);
        }
    }
}

/// Gives the blocks that are kept for later ones back to the system.
pub(super) fn give_kept_back() {
    pool::empty(free);
}

/// From now on, keeps blocks for later ones only as far as that makes no more than `bytes` with those in use.
pub(super) fn keep_within(bytes: u64) {
    pool::within(bytes, free);
}

/// How a block of `whole` bytes lies in the heap.
fn layout(whole: usize) -> Option<Layout> {
    Layout::from_size_align(whole, ALIGNMENT).ok()
}

fn start(block: &Block) -> *mut u8 {
    ptr::with_exposed_provenance_mut(block.address)
}

/// A block for contents of `bytes`, with pages of `spare` ones, which nobody uses any more; null where the system has
/// none.
fn fresh(bytes: usize, mut spare: Vec<Block>) -> *mut u8 {
    let whole = bytes + ALIGNMENT;
    spare.extract_if(.., |block| !pages::has(bytes) || !pages::has(block.length)).for_each(free);
    if !pages::has(bytes) {
        // SAFETY: the layout has at least as many bytes as lie before contents.
        return layout(whole).map_or(ptr::null_mut(), |layout| unsafe { alloc(layout) });
    }
    let block = pages::fresh(whole);
    if block.is_null() {
        spare.into_iter().for_each(free);
        return block;
    }
    // SAFETY: it was made for as many bytes just now.
    let mut filling = unsafe { Filling::new(block, whole) };
    let mut spare = spare.into_iter();
    for donor in &mut spare {
        // SAFETY: this function made it, with pages, and nobody uses it any more.
        let Some(left) = (unsafe { filling.take(start(&donor), donor.length + ALIGNMENT) }) else {
            spare.for_each(free);
            return ptr::null_mut();
        };
        keep_beginning(&donor, left);
    }
    block
}

/// Keeps the first `whole` bytes of a block whose other pages are gone, if that is one that has pages.
fn keep_beginning(block: &Block, whole: usize) {
    let length = whole.saturating_sub(ALIGNMENT);
    // SAFETY: nobody uses it, and so much of it is left.
    unsafe {
        if pages::has(length) {
            start(block).cast::<[usize; 2]>().write([length, length]);
            pool::put_back(Block { length, address: block.address });
        } else if whole > 0 {
            pages::give_back(start(block), whole);
        }
    }
}

/// Gives a block back to the system, which [`fresh`] made and nobody uses any more.
fn free(block: Block) {
    let whole = block.length + ALIGNMENT;
    if pages::has(block.length) {
        // SAFETY: by the word above.
        unsafe { pages::give_back(start(&block), whole) };
    } else if let Some(layout) = layout(whole) {
        // SAFETY: by the word above; it was made with this layout.
        unsafe { dealloc(start(&block), layout) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contents_hold_what_is_written_whoever_had_their_pages() {
        let lengths = [3 << 20, 100, 5 << 20, (2 << 20) + 64, 2 << 20, 300 << 10, 7 << 20, 5 << 20];
        let mut held = Vec::new();
        for (round, bytes) in lengths.iter().cycle().take(64).enumerate() {
            let contents = take(*bytes).unwrap();
            assert!(contents.addr().is_multiple_of(ALIGNMENT));
            // SAFETY: they are as long.
            unsafe { contents.write_bytes(round as u8, *bytes) };
            held.push((contents, *bytes, round as u8));
            if held.len() > 4 {
                let (contents, bytes, value) = held.remove(round % 4);
                // SAFETY: written above, and not used any more.
                unsafe {
                    assert!(std::slice::from_raw_parts(contents, bytes).iter().all(|&byte| byte == value));
                    assert_eq!(give_back(contents), bytes);
                }
            }
        }
        for (contents, bytes, value) in held {
            // SAFETY: as above.
            unsafe {
                assert!(std::slice::from_raw_parts(contents, bytes).iter().all(|&byte| byte == value));
                give_back(contents);
            }
        }
        give_kept_back();
    }
}
