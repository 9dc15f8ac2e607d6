//! Memory that runs out: refused block by block, by a limit of ours and by a real one, a video is finished all
//! the same, and says how.

#[path = "../batch/program.rs"]
#[expect(dead_code, reason = "shared with the tests of batches")]
mod program;

mod budgets;
mod drawing;
mod refused;
mod shared;
