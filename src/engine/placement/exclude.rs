//! What excludes what: the one table of that, for the planner and for who asks it.

use std::ops::RangeInclusive;

use super::{Residency, Sharing};

/// Something that is chosen, or that is so, of which not every two go together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fact {
    /// How the model is held.
    Held(Residency),
    /// What two devices share.
    Shared(Sharing),
    /// So many rows in one run of the denoiser.
    Rows(u64),
    /// No device takes part but the processor.
    ProcessorAlone,
    /// No part may stay loaded when it has done its work.
    Dropped,
    /// A step asks for one row: nothing guides.
    Unguided,
    /// There is one picture at a time.
    OneByOne,
}

/// The pairs that exclude one another. All else goes together: storages, sizes, tiles and attention with every way to
/// hold a model, on every device. Ways to hold a model exclude one another by being one choice; one that is wished
/// for is taken whatever stands here.
pub(super) const EXCLUDED: [(Fact, Fact); 5] = [
    // A piece is loaded by mapping it: nothing is won by loading the next one meanwhile.
    (Fact::Held(Residency::Group), Fact::ProcessorAlone),
    (Fact::Held(Residency::Resident), Fact::Dropped),
    // There is no second half.
    (Fact::Shared(Sharing::Guidance), Fact::Unguided),
    // Each device takes one of the two.
    (Fact::Shared(Sharing::Guidance), Fact::Rows(2)),
    // The second device would wait.
    (Fact::Shared(Sharing::Pictures), Fact::OneByOne),
];

/// Whether no two of `facts` exclude one another.
pub fn go_together(facts: &[Fact]) -> bool {
    !EXCLUDED.iter().any(|(one, other)| facts.contains(one) && facts.contains(other))
}

/// How many rows one run of the denoiser may take where a step asks for `rows`: as many as `batch` if that is wished
/// for, never more than go with what two devices share.
pub fn rows_at_once(sharing: Option<Sharing>, rows: u64, batch: Option<u64>) -> RangeInclusive<u64> {
    let goes =
        |&rows: &u64| sharing.is_none_or(|shared| go_together(&[Fact::Shared(shared), Fact::Rows(rows)]));
    let most = (1..=rows).rev().find(goes).unwrap_or(1);
    match batch.map(|batch| batch.min(most)) {
        Some(batch) => batch..=batch,
        None => 1..=most,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_go_with_what_is_shared_and_a_wish_is_kept_where_it_can_be() {
        let guidance = Some(Sharing::Guidance);
        assert_eq!(rows_at_once(None, 2, None), 1..=2);
        assert_eq!(rows_at_once(None, 2, Some(2)), 2..=2);
        assert_eq!(rows_at_once(None, 1, Some(2)), 1..=1);
        assert_eq!(rows_at_once(guidance, 2, None), 1..=1);
        assert_eq!(rows_at_once(guidance, 2, Some(2)), 1..=1, "each device takes one");
        assert_eq!(rows_at_once(Some(Sharing::Parts), 2, None), 1..=2);
    }
}
