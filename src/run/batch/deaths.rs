//! What follows when the process that draws has died.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use crate::stages::Stage;

/// Deaths of the device's process, by what it was doing and by when.
#[derive(Debug, Default)]
pub(super) struct Deaths {
    at: BTreeMap<(String, usize, Stage), u32>,
    recent: Vec<Instant>,
}

/// What follows from a death.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The step is tried again.
    Again,
    /// It has killed the process twice: its video is set aside.
    SetAside,
    /// Nothing comes through any more: the device is not used again.
    Quarantine,
}

/// Deaths within this time, with no step finished between them, that end the use of a device.
const RECENT: Duration = Duration::from_secs(600);
const MOST_DEATHS: usize = 3;
const MOST_DEATHS_OF_A_STEP: u32 = 2;

impl Deaths {
    /// A step was finished: the device works.
    pub(super) fn works(&mut self) {
        self.recent.clear();
    }

    pub(super) fn died(&mut self, video: &str, scene: usize, stage: Stage) -> Verdict {
        self.recent.retain(|at| at.elapsed() < RECENT);
        self.recent.push(Instant::now());
        let deaths = self.at.entry((video.to_owned(), scene, stage)).or_default();
        *deaths += 1;
        if self.recent.len() >= MOST_DEATHS {
            Verdict::Quarantine
        } else if *deaths >= MOST_DEATHS_OF_A_STEP {
            Verdict::SetAside
        } else {
            Verdict::Again
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_may_kill_once_and_a_device_twice() {
        let mut deaths = Deaths::default();
        assert_eq!(deaths.died("a", 1, Stage::Images), Verdict::Again);
        assert_eq!(deaths.died("a", 1, Stage::Images), Verdict::SetAside);
        assert_eq!(deaths.died("b", 0, Stage::Images), Verdict::Quarantine);
        deaths.works();
        assert_eq!(deaths.died("b", 2, Stage::Images), Verdict::Again);
    }
}
