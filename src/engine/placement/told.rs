//! What was decided, in words.

use super::{
    super::{Bytes, DeviceMemory},
    Candidate, Placement, Residency, Wishes,
};

impl Placement {
    /// Says what was decided on `device`: of `candidates` the wished for one is the first, which `may` be drawn at this
    /// level.
    pub(super) fn tell(
        &mut self,
        device: &DeviceMemory,
        candidates: &[Candidate],
        wishes: Wishes,
        may: bool,
    ) {
        let (candidate, level) = (&candidates[self.candidate], self.level);
        let lines = &mut self.lines;
        lines.push(match wishes.budget {
            Some(budget) => format!("memory: budget {} on {}, level {level}", Bytes(budget), device.device),
            None => format!(
                "memory: {} total, {} free on {}, level {level}",
                Bytes(device.total),
                Bytes(device.free),
                device.device
            ),
        });
        let held = match self.residency {
            Residency::Resident => "every part stays loaded",
            Residency::Model => "one part is loaded at a time",
            Residency::Group => "each part runs in pieces, the next one loaded meanwhile",
            Residency::Sequential => "each part runs in pieces, one loaded at a time",
        };
        let more = match self.predicted > candidate.held(self.residency) {
            true => ", besides those that fit and stay",
            false => "",
        };
        let size = format!("{}x{}", candidate.width, candidate.height);
        let (predicted, budget) = (Bytes(self.predicted), Bytes(self.budget));
        lines.push(format!("images: {size}, {held}{more}, {predicted} expected of {budget}"));
        if candidate.rows < candidates.iter().map(|candidate| candidate.rows).max().unwrap_or(0) {
            lines.push(
                "images: guidance takes two runs of one row each, to halve what a run holds".to_owned(),
            );
        }
        if let Some(stored) = candidate.stored {
            lines.push(match candidates[0].stored {
                Some(_) => {
                    format!("images: weights are kept as {stored} and unpacked just before they are used")
                }
                None => {
                    format!(
                        "images: weights are kept as {stored}: as they are, {size} needs {}",
                        candidates
                            .iter()
                            .filter(|c| (c.width, c.height, c.stored)
                                == (candidate.width, candidate.height, None))
                            .map(|c| c.held(wishes.residency.unwrap_or(Residency::Sequential)))
                            .min()
                            .map_or_else(String::new, |bytes| Bytes(bytes).to_string())
                    )
                }
            });
        }
        let wished = &candidates[0];
        if (wished.width, wished.height) != (candidate.width, candidate.height) {
            lines.push(format!(
                "images: {size} instead of {}x{}, which {}",
                wished.width,
                wished.height,
                if may {
                    format!("needs {}", Bytes(wished.in_pieces()))
                } else {
                    format!("is too large for level {level}")
                }
            ));
        }
    }
}
