//! What would run, running it, and what happened meanwhile.

pub mod batch;
mod event;
mod local;
mod pace;
mod plan;
mod sidecars;

pub use event::{Event, Memory};
pub use local::{Failed, Job, Machine, Product, StageRecord, count, run};
pub use plan::{Plan, PlannedStage, plan};
pub use sidecars::description;
