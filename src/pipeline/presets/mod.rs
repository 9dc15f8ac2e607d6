//! Presets by name: platforms, styles, voices and pipelines, those built in and the user's own.

mod folder;
mod platform;
mod style;
mod voice;

pub(crate) use folder::{Family, Origin};
pub use folder::{PipelineSummary, Presets};
pub(crate) use style::read_grade;
