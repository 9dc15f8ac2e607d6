//! What is given up, one thing after the other, when memory runs out although the plan said it would do. Pure.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Bytes, Residency};

/// A way to draw, on one device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rung {
    /// The size, by its position among those that may be drawn; the best is the first.
    pub size: usize,
    /// Rows of one run of the denoiser: 2 with guidance, or 1 and two runs.
    pub rows: usize,
    /// What stays loaded.
    pub residency: Residency,
    /// The most bytes that a part in pieces may hold.
    pub limit: u64,
}

impl Rung {
    /// The next way down, where there is one: what costs seconds is given up before what costs detail.
    ///
    /// `rows_matter` where memory ran out in the part that takes them; `least` are, for each size, the fewest
    /// bytes that it can be drawn in; and `takes` says what the part that ran out takes in pieces of a limit: limits
    /// at which that stays the same are left out.
    pub fn below(self, rows_matter: bool, least: &[u64], takes: impl Fn(u64) -> u64) -> Option<Self> {
        let floor = least.get(self.size).copied().unwrap_or(0);
        let half = |limit: u64| (limit / 2).max(floor);
        let mut tighter = half(self.limit);
        let in_vain =
            |limit: u64| self.residency == Residency::Sequential && takes(limit) >= takes(self.limit);
        while tighter > floor && in_vain(tighter) {
            tighter = half(tighter);
        }
        Some(match self.residency {
            _ if rows_matter && self.rows > 1 => Self { rows: 1, ..self },
            Residency::Resident => Self { residency: Residency::Model, ..self },
            Residency::Model | Residency::Group => {
                Self { residency: Residency::Sequential, limit: tighter, ..self }
            }
            Residency::Sequential if tighter < self.limit => Self { limit: tighter, ..self },
            Residency::Sequential => {
                let size = self.size + 1;
                Self { size, limit: *least.get(size)?, ..self }
            }
        })
    }

    /// What changes from this way to `next`, in words.
    pub fn step_to(&self, next: &Self) -> Step {
        match () {
            () if next.size != self.size => Step::Smaller,
            () if next.rows != self.rows => Step::Rows,
            () if next.residency == Residency::Model => Step::OnePart,
            () => Step::Pieces(next.limit),
        }
    }
}

/// One step down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Each row of guidance is a run of its own.
    Rows,
    /// One part is loaded at a time.
    OnePart,
    /// Parts run in pieces that hold at most so many bytes.
    Pieces(u64),
    /// The picture is smaller.
    Smaller,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rows => f.write_str("with one row of guidance at a time"),
            Self::OnePart => f.write_str("with one part loaded at a time"),
            Self::Pieces(bytes) => write!(f, "with each part in pieces of at most {}", Bytes(*bytes)),
            Self::Smaller => f.write_str("in a smaller size"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TOP: Rung = Rung { size: 0, rows: 2, residency: Residency::Resident, limit: 1000 };

    fn steps(rung: Rung, rows_matter: bool, least: &[u64]) -> Vec<(Step, Rung)> {
        steps_taking(rung, rows_matter, least, |limit| limit)
    }

    fn steps_taking(
        mut rung: Rung,
        rows_matter: bool,
        least: &[u64],
        takes: impl Fn(u64) -> u64,
    ) -> Vec<(Step, Rung)> {
        let mut steps = Vec::new();
        while let Some(next) = rung.below(rows_matter, least, &takes) {
            steps.push((rung.step_to(&next), next));
            rung = next;
            assert!(steps.len() < 100, "it goes on for ever: {steps:?}");
        }
        steps
    }

    #[test]
    fn seconds_are_given_up_before_detail() {
        let told: Vec<Step> = steps(TOP, true, &[300, 200, 100]).into_iter().map(|(step, _)| step).collect();
        let pieces = [500, 300].map(Step::Pieces);
        assert_eq!(told, [Step::Rows, Step::OnePart, pieces[0], pieces[1], Step::Smaller, Step::Smaller]);
        let (_, last) = steps(TOP, true, &[300, 200, 100]).pop().unwrap();
        assert_eq!(last, Rung { size: 2, rows: 1, residency: Residency::Sequential, limit: 100 });
    }

    #[test]
    fn limits_that_change_nothing_for_what_ran_out_are_left_out() {
        let told = |takes: fn(u64) -> u64| -> Vec<Step> {
            let steps = steps_taking(Rung { limit: 4000, ..TOP }, false, &[100], takes);
            steps.into_iter().map(|(step, _)| step).collect()
        };
        let pieces = |limits: &[u64]| {
            [Step::OnePart].into_iter().chain(limits.iter().copied().map(Step::Pieces)).collect::<Vec<_>>()
        };
        assert_eq!(told(|limit| limit), pieces(&[2000, 1000, 500, 250, 125, 100]));
        assert_eq!(told(|limit| limit.min(300)), pieces(&[2000, 250, 125, 100]));
        // Nothing of it stays loaded, so it takes the same at every limit: once more in the least, as others may do.
        assert_eq!(told(|_| 100), pieces(&[2000, 100]));
    }

    #[test]
    fn rows_stay_together_where_another_part_ran_out() {
        assert!(steps(TOP, false, &[300]).iter().all(|(_, rung)| rung.rows == 2));
    }

    proptest! {
        #[test]
        fn it_always_ends_and_never_goes_up(
            rows in 1usize..3, at in 0usize..4, limit in 0u64..1 << 40, rows_matter: bool,
            most in 0u64..1 << 40,
            least in prop::collection::vec(0u64..1 << 38, 1..6),
        ) {
            let mut rung = Rung { size: 0, rows, residency: Residency::ALL[at], limit };
            for (_, next) in steps_taking(rung, rows_matter, &least, |limit| limit.min(most)) {
                prop_assert!(next != rung && next.size >= rung.size && next.rows <= rung.rows);
                prop_assert!(next.residency >= rung.residency);
                rung = next;
            }
            prop_assert_eq!(rung.size, least.len() - 1);
        }
    }
}
