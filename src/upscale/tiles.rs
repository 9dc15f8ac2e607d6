//! How a picture is divided into tiles: evenly, all of one size, the last one at the border.
//!
//! Along one side, in pixels of the input, with `pad` pixels of context and a ramp:
//!
//! ```text
//! |<------ tile ------>|
//!            |<------ tile ------>|
//!                       |<------ tile ------>|
//! |<- kept ---->|                              no ramp: each pixel comes from one tile
//!               |<- kept ->|
//!                          |<---- kept ----->|
//! ```

use std::ops::Range;

/// The place of one tile along one side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Span {
    /// Where it begins.
    pub(super) origin: u32,
    /// What is taken of it; with a ramp, it shares its first pixels with the tile before.
    pub(super) kept: Range<u32>,
    /// Pixels over which it takes over from the tile before.
    pub(super) ramp: u32,
}

/// What a tile needs beside what it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Margin {
    /// Pixels to each side that are seen and not kept; a multiple of what origins are multiples of.
    pub(super) pad: u32,
    /// Pixels over which neighbours are blended, at most twice `pad`; even. None is a hard edge.
    pub(super) ramp: u32,
}

/// The smallest tile that covers `length` with `count` of its kind; none if it would keep fewer than
/// `least` pixels.
pub(super) fn smallest(length: u32, count: u32, margin: Margin, multiple: u32, least: u32) -> Option<u32> {
    if count == 1 {
        return Some(length);
    }
    let seen_twice = 2 * margin.pad * (count - 1);
    let tile = (length + seen_twice).div_ceil(count).next_multiple_of(multiple);
    (tile < length && tile >= 2 * margin.pad + least.max(multiple)).then_some(tile)
}

/// Divides `length` pixels into tiles of `tile`, at multiples of `multiple`. Both are multiples of it
/// themselves or differ by one, and a tile that is smaller than `length` is larger than its margins.
pub(super) fn divide(length: u32, tile: u32, margin: Margin, multiple: u32) -> Vec<Span> {
    let rest = length - tile;
    if rest == 0 {
        return vec![Span { origin: 0, kept: 0..length, ramp: 0 }];
    }
    let core = (tile - 2 * margin.pad) / multiple * multiple;
    let steps = rest.div_ceil(core);
    let place = |step: u32| match step == steps {
        true => rest,
        false => (u64::from(step) * u64::from(rest) / u64::from(steps)) as u32 / multiple * multiple,
    };
    // Neighbours meet in the middle of what both see.
    let meet = |step: u32| (place(step) + tile + place(step + 1)) / 2;
    let half = margin.ramp / 2;
    (0..=steps)
        .map(|step| Span {
            origin: place(step),
            kept: if step == 0 { 0 } else { meet(step - 1) - half }..if step == steps {
                length
            } else {
                meet(step) + half
            },
            ramp: if step == 0 { 0 } else { 2 * half },
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_fits_is_one_tile() {
        let margin = Margin { pad: 18, ramp: 0 };
        assert_eq!(smallest(512, 1, margin, 1, 32), Some(512));
        assert_eq!(divide(512, 512, margin, 1), [Span { origin: 0, kept: 0..512, ramp: 0 }]);
    }

    #[test]
    fn two_tiles_share_the_work_evenly() {
        let margin = Margin { pad: 18, ramp: 0 };
        let tile = smallest(512, 2, margin, 1, 32).unwrap();
        assert_eq!(tile, 274);
        let spans = divide(512, tile, margin, 1);
        assert_eq!(spans.iter().map(|span| span.origin).collect::<Vec<_>>(), [0, 238]);
        assert_eq!(spans[0].kept, 0..256);
        assert_eq!(spans[1].kept, 256..512);
    }

    #[test]
    fn a_tile_that_would_be_all_margin_is_none() {
        assert_eq!(smallest(512, 64, Margin { pad: 18, ramp: 0 }, 1, 32), None);
        assert_eq!(smallest(40, 2, Margin { pad: 18, ramp: 0 }, 1, 32), None);
    }

    proptest! {
        #[test]
        fn tiles_cover_everything_with_context_and_no_slivers(
            units in 1u32..700, count in 1u32..20, pad in 0u32..40, ramped: bool, multiple in 1u32..9
        ) {
            let length = units * multiple;
            let pad = pad.next_multiple_of(multiple);
            let margin = Margin { pad, ramp: if ramped { pad / 2 * 2 } else { 0 } };
            let Some(tile) = smallest(length, count, margin, multiple, 8) else { return Ok(()) };
            let spans = divide(length, tile, margin, multiple);
            prop_assert!(spans.len() as u32 <= count);
            prop_assert_eq!(spans[0].kept.start, 0);
            prop_assert_eq!(spans.last().unwrap().kept.end, length);
            for span in &spans {
                prop_assert_eq!(span.origin % multiple, 0);
                prop_assert!(span.origin + tile <= length);
                let guard = pad - margin.ramp / 2;
                prop_assert!(span.origin == 0 || span.kept.start >= span.origin + guard);
                prop_assert!(span.origin + tile == length || span.kept.end + guard <= span.origin + tile);
            }
            for pair in spans.windows(2) {
                prop_assert_eq!(pair[0].kept.end, pair[1].kept.start + pair[1].ramp);
                let (gap, even) = (pair[1].origin - pair[0].origin, (length - tile) / (spans.len() as u32 - 1));
                prop_assert!(gap + multiple > even && gap <= even + 2 * multiple, "{gap} {even}");
            }
        }
    }
}
