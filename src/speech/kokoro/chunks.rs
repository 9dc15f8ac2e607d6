//! A long text in pieces that the network takes.

use std::ops::Range;

/// The most phonemes that the network takes at once.
pub(super) const LONGEST: usize = 510;

/// Divides symbols into pieces of at most [`LONGEST`], cut at sentences, else clauses, else words, and as
/// even as that allows: a short rest would be spoken otherwise than what stands before it.
pub(super) fn chunks(symbols: &[char]) -> Vec<Range<usize>> {
    let mut atoms = Vec::new();
    divide(symbols, trim(symbols, 0..symbols.len()), 0, &mut atoms);
    let lengths: Vec<usize> = atoms.iter().map(ExactSizeIterator::len).collect();
    let fewest = pack(&lengths, LONGEST).len();
    let (mut low, mut high) = (lengths.iter().copied().max().unwrap_or(0), LONGEST);
    while low < high {
        let middle = (low + high) / 2;
        if pack(&lengths, middle).len() <= fewest {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    pack(&lengths, low).into_iter().map(|range| atoms[range.start].start..atoms[range.end - 1].end).collect()
}

fn divide(symbols: &[char], range: Range<usize>, level: usize, atoms: &mut Vec<Range<usize>>) {
    if range.len() <= LONGEST {
        if !range.is_empty() {
            atoms.push(range);
        }
        return;
    }
    for level in level..3 {
        let cuts = |at: &usize| {
            let before = symbols[at - 1];
            symbols[*at] == ' '
                && match level {
                    0 => ".!?…".contains(before),
                    1 => ",;:".contains(before),
                    _ => true,
                }
        };
        let places: Vec<usize> = (range.start + 1..range.end).filter(cuts).collect();
        if places.is_empty() {
            continue;
        }
        let mut start = range.start;
        for end in places.into_iter().chain([range.end]) {
            divide(symbols, trim(symbols, start..end), level + 1, atoms);
            start = end;
        }
        return;
    }
    let steps = (range.start..range.end).step_by(LONGEST);
    atoms.extend(steps.map(|start| start..(start + LONGEST).min(range.end)));
}

fn trim(symbols: &[char], range: Range<usize>) -> Range<usize> {
    let blank = |at: &usize| symbols[*at] == ' ';
    let start = range.clone().find(|at| !blank(at)).unwrap_or(range.end);
    let end = (start..range.end).rev().find(|at| !blank(at)).map_or(start, |at| at + 1);
    start..end
}

/// Groups of atoms, each with its spaces at most `limit` long.
fn pack(lengths: &[usize], limit: usize) -> Vec<Range<usize>> {
    let mut groups = Vec::new();
    let (mut start, mut size) = (0, 0);
    for (index, length) in lengths.iter().enumerate() {
        let together = if index == start { *length } else { size + 1 + length };
        if together > limit && index > start {
            groups.push(start..index);
            (start, size) = (index, *length);
        } else {
            size = together;
        }
    }
    if !lengths.is_empty() {
        groups.push(start..lengths.len());
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_evenly_at_their_best_places() {
        let sentence = format!("{}. ", "abcd ".repeat(40).trim());
        let symbols: Vec<char> = sentence.repeat(4).chars().collect();
        let chunks = chunks(&symbols);
        assert_eq!(chunks.len(), 2);
        assert!(chunks.iter().all(|range| range.len() == chunks[0].len() && range.len() <= LONGEST));
        assert!(chunks.iter().all(|range| symbols[range.end - 1] == '.'));
        let unbroken = vec!['a'; 1_100];
        assert_eq!(super::chunks(&unbroken).len(), 3);
        assert!(super::chunks(&[]).is_empty());
    }
}
