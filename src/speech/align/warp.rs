//! Dynamic time warping: the cheapest way to lay one sound over another.

use super::features::{Frames, WIDTH};

/// Lays coarse frames over one another first where there are more pairs than this.
const MOST_PAIRS: usize = 9_000_000;
const COARSE: usize = 4;
/// How far from the coarse path the fine one may go, in frames.
const BAND: usize = 60;
/// What it costs to hold one sound still while the other goes on, beside the difference of the two.
const HOLD: f32 = 0.2;
/// The same while the other is silent: pauses differ from speaker to speaker.
const PAUSE: f32 = 0.5;

/// For each frame of `reference` the first and the last frame of `sound` that it is laid over.
pub(super) fn warp(reference: &Frames, sound: &Frames) -> Vec<(usize, usize)> {
    let pairs = reference.rows.len() * sound.rows.len();
    if pairs <= MOST_PAIRS {
        return path(reference, sound, |_| (0, sound.rows.len() - 1));
    }
    let coarse = warp(&reference.coarser(COARSE), &sound.coarser(COARSE));
    let last = sound.rows.len() - 1;
    path(reference, sound, |row| {
        let (from, to) = coarse[(row / COARSE).min(coarse.len() - 1)];
        ((from * COARSE).saturating_sub(BAND).min(last), ((to + 1) * COARSE + BAND).min(last))
    })
}

fn distance(a: &[f32; WIDTH], b: &[f32; WIDTH]) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f32>().sqrt() / 2.0
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Both,
    Reference,
    Sound,
}

/// The cheapest path inside `band`, which says for each frame of the reference which frames of the sound
/// come into question.
fn path(reference: &Frames, sound: &Frames, band: impl Fn(usize) -> (usize, usize)) -> Vec<(usize, usize)> {
    let (rows, columns) = (reference.rows.len(), sound.rows.len());
    let mut bands: Vec<(usize, usize)> = (0..rows).map(band).collect();
    bands[0].0 = 0;
    bands[rows - 1].1 = columns - 1;
    // Each row's band reaches the one before, so that there is always a way.
    for row in 1..rows {
        bands[row].0 = bands[row].0.min(bands[row - 1].1).max(bands[row - 1].0);
        bands[row].1 = bands[row].1.max(bands[row - 1].0).max(bands[row].0);
    }
    let mut steps: Vec<Vec<Step>> = Vec::with_capacity(rows);
    let mut before: Vec<f32> = Vec::new();
    let mut before_from = 0;
    for (row, (from, to)) in bands.iter().copied().enumerate() {
        let mut costs = vec![f32::INFINITY; to - from + 1];
        let mut taken = vec![Step::Both; to - from + 1];
        for column in from..=to {
            let here = distance(&reference.rows[row], &sound.rows[column]);
            let above = |column: usize| {
                column
                    .checked_sub(before_from)
                    .and_then(|at| before.get(at))
                    .copied()
                    .unwrap_or(f32::INFINITY)
            };
            let hold = |silent: bool| if silent { PAUSE } else { here + HOLD };
            let (mut cost, mut step) = match (row, column) {
                (0, 0) => (here, Step::Both),
                (0, _) => (f32::INFINITY, Step::Both),
                (_, 0) => (f32::INFINITY, Step::Both),
                _ => (above(column - 1) + here, Step::Both),
            };
            if row > 0 {
                let held = above(column) + hold(reference.silent[row]);
                if held < cost {
                    (cost, step) = (held, Step::Reference);
                }
            }
            if column > from {
                let held = costs[column - from - 1] + hold(sound.silent[column]);
                if held < cost {
                    (cost, step) = (held, Step::Sound);
                }
            }
            costs[column - from] = cost;
            taken[column - from] = step;
        }
        steps.push(taken);
        before = costs;
        before_from = from;
    }
    let mut laid = vec![(usize::MAX, 0); rows];
    let (mut row, mut column) = (rows - 1, bands[rows - 1].1.min(columns - 1));
    loop {
        laid[row] = (laid[row].0.min(column), laid[row].1.max(column));
        let from = bands[row].0;
        match steps[row].get(column.saturating_sub(from)).copied().unwrap_or(Step::Reference) {
            Step::Both if row > 0 && column > 0 => (row, column) = (row - 1, column - 1),
            Step::Reference if row > 0 => row -= 1,
            Step::Sound if column > 0 => column -= 1,
            _ => break,
        }
    }
    // Whatever lies before where the path begins belongs to the first frame.
    laid.iter_mut().filter(|(from, _)| *from == usize::MAX).for_each(|span| *span = (0, 0));
    laid
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(values: &[i32]) -> Frames {
        let row = |value: &i32| std::array::from_fn(|i| if i == (*value % 20) as usize { 4.0 } else { 0.0 });
        Frames { rows: values.iter().map(row).collect(), silent: values.iter().map(|v| *v == 0).collect() }
    }

    #[test]
    fn a_slower_sound_with_a_pause_is_laid_over() {
        let laid = warp(&frames(&[1, 2, 3, 4]), &frames(&[1, 1, 2, 2, 0, 0, 0, 3, 4, 4]));
        let starts: Vec<usize> = laid.iter().map(|(from, _)| *from).collect();
        assert_eq!((starts[0], starts[1], starts[3]), (0, 2, 8));
        assert!(laid[2].1 == 7, "{laid:?}");
    }

    #[test]
    fn a_long_sound_takes_the_same_path_by_way_of_a_coarse_one() {
        let reference: Vec<i32> = (0..3_200).map(|i| 1 + i / 40 % 19).collect();
        let sound: Vec<i32> = (0..4_000).map(|i| 1 + i / 50 % 19).collect();
        let laid = warp(&frames(&reference), &frames(&sound));
        for (row, (from, to)) in laid.iter().enumerate() {
            let expected = row * 5 / 4;
            assert!(from.abs_diff(expected) < 40 && to.abs_diff(expected) < 40, "{row}: {from}..{to}");
        }
    }
}
