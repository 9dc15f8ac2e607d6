//! The processor.

use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};

use super::super::session::Weights;

/// The most bytes of an answer that is computed when a session is made.
const FOLDED: &str = "optimization.constant_folding_max_output_size_in_bytes";

/// What weights that are arranged, and weights that stay where they lie, ask for.
///
/// Arranged: every optimisation, and weights copied into the order that the processor reads best. The fastest runs
/// (an SD 1.5-size UNet at 512x512: 4.1 s instead of 5.5 s on two cores), for up to twice the weights and seconds of
/// loading.
///
/// Where they lie: no optimisation that copies weights, no prepacking and no arena. A session costs milliseconds,
/// and its memory is the system's again as soon as it is dropped; with an arena each of 58 pieces would keep its
/// own (2380 MiB instead of 412). Packed: the same, and nothing large is unpacked when a session is made.
pub(super) fn settings(builder: SessionBuilder, weights: Weights) -> ort::Result<SessionBuilder> {
    // With memory patterns, the second run takes one block for all of a run beside what the first one took.
    let builder =
        builder.with_inter_threads(1)?.with_deterministic_compute(true)?.with_memory_pattern(false)?;
    let builder = match weights {
        Weights::Arranged | Weights::Staying => {
            return Ok(builder.with_optimization_level(GraphOptimizationLevel::All)?);
        }
        Weights::WhereTheyLie | Weights::Packed => {
            builder.with_optimization_level(GraphOptimizationLevel::Level2)?.with_prepacking(false)?
        }
    };
    Ok(match weights {
        Weights::Packed => builder.with_config_entry(FOLDED, "65536")?,
        _ => builder,
    })
}
