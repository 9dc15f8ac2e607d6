//! Where a model draws, at which of several sizes, and how it is held in memory.

use super::{
    super::{Error, Kind},
    plan::failed,
};
use crate::{
    diffusion::{self, Footprints, Options},
    engine::{self, Candidate, Device, Wishes},
    pipeline::{Budget, Memory},
    story::Size,
};

/// What was decided, and why in words.
pub(in crate::stages) struct Placed {
    pub(in crate::stages) options: Options,
    /// The size, by its position among those that were offered.
    pub(in crate::stages) rung: usize,
    pub(in crate::stages) why_device: Option<String>,
    pub(in crate::stages) lines: Vec<String>,
}

/// Decides for the first of `sizes` that fits into memory; `rows` are 2 under guidance.
pub(in crate::stages) fn place<'a>(
    memory: &Memory,
    sizes: &[Size],
    rows: u64,
    footprints: impl FnOnce(Device) -> Result<Footprints<'a>, diffusion::Error>,
) -> Result<Placed, Error> {
    let machine = engine::probe();
    let unusable = |error| failed(diffusion::Error::Engine(error), "");
    let (device, why_device) = machine.choose(memory.device).map_err(unusable)?;
    let footprints = footprints(device.device).map_err(|error| failed(error, ""))?;
    let candidate = |(size, rows): (&Size, u64)| Candidate {
        width: size.width,
        height: size.height,
        rows,
        demands: footprints.demands(*size, rows),
    };
    let ways = sizes.iter().flat_map(|size| (1..=rows).rev().map(move |rows| (size, rows)));
    let candidates: Vec<_> = ways.map(candidate).collect();
    let budget = match memory.budget {
        Budget::Auto => None,
        Budget::Bytes(bytes) => Some(bytes),
    };
    let wishes = Wishes::on(device.device, budget, memory.offload);
    let placement = engine::place(device, wishes, &candidates)
        .map_err(|error| Error::new(Kind::OutOfMemory, "", error))?;
    let taken = &candidates[placement.candidate];
    let is_taken = |size: &Size| (size.width, size.height) == (taken.width, taken.height);
    Ok(Placed {
        options: Options {
            session: engine::Options::on(device.device),
            residency: placement.residency,
            limit: placement.predicted,
            rows: taken.rows as usize,
        },
        rung: sizes.iter().position(is_taken).unwrap_or(0),
        why_device,
        lines: placement.lines,
    })
}
