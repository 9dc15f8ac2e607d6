//! Where words begin and end around silence.

/// Frames of silence that no word holds inside: closed lips last less.
const PAUSE: usize = 12;
/// How much of a word may lie on the wrong side of a pause.
const STRAY: f64 = 0.5;

/// Moves the edges of words (first frame, frame after the last; in order) to where sound begins and ends.
///
/// A pause that was laid inside a word belongs before or after it: the smaller part of the word, being
/// another's sound, is given to its neighbour.
pub(super) fn settle(words: &mut [(f64, f64)], silent: &[bool]) {
    for pause in pauses(silent) {
        let (from, to) = (pause.0 as f64, pause.1 as f64);
        let Some(at) = words.iter().position(|(start, end)| *start < from && to < *end) else { continue };
        let (start, end) = words[at];
        let (before, after) = (from - start, end - to);
        if before <= after && before <= STRAY * (before + after) {
            words[at].0 = to;
            if let Some(neighbour) = at.checked_sub(1) {
                words[neighbour].1 = from;
            }
        } else if after < before {
            words[at].1 = from;
            if let Some(neighbour) = words.get_mut(at + 1) {
                neighbour.0 = to;
            }
        }
    }
    for (start, end) in words {
        let (from, to) = ((*start as usize).min(silent.len()), (end.ceil() as usize).min(silent.len()));
        let Some(inside) = silent.get(from..to) else { continue };
        let first = inside.iter().position(|silent| !silent);
        let last = inside.iter().rposition(|silent| !silent);
        let (Some(first), Some(last)) = (first, last) else { continue };
        if first > 0 {
            *start = (from + first) as f64;
        }
        if last + 1 < inside.len() {
            *end = ((from + last + 1) as f64).max(*start);
        }
    }
}

/// Runs of silence between sounds, the first frame and the frame after the last.
fn pauses(silent: &[bool]) -> Vec<(usize, usize)> {
    let mut pauses = Vec::new();
    let mut first = 0;
    for (at, silent) in silent.iter().enumerate() {
        if !silent {
            if first > 0 && at - first >= PAUSE {
                pauses.push((first, at));
            }
            first = at + 1;
        }
    }
    pauses
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_lies_between_words_and_silence_outside_of_them() {
        let silent: Vec<bool> = (0..100).map(|at| at < 5 || (40..60).contains(&at) || at >= 90).collect();
        // The second word begins a little before the pause.
        let mut words = [(3.0, 36.0), (36.0, 75.0), (75.0, 99.0)];
        settle(&mut words, &silent);
        assert_eq!(words, [(5.0, 40.0), (60.0, 75.0), (75.0, 90.0)]);
        // The first word ends a little behind it.
        let mut words = [(5.0, 64.0), (64.0, 90.0)];
        settle(&mut words, &silent);
        assert_eq!(words, [(5.0, 40.0), (60.0, 90.0)]);
    }
}
