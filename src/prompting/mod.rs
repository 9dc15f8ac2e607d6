//! From beats to scenes: when each picture is seen, and what it is of.

mod director;
mod error;

pub use director::{Brief, Direction, Director, Note};
pub use error::Error;
