//! Whether a finished file keeps a platform's rules: [`verify`] and its [`Report`].

mod boxes;
mod motion;
mod pass;
mod report;
mod rules;
mod sync;

pub use report::{Check, Measured, Options, Outcome, Report};
pub use rules::verify;
pub use sync::in_time;
