//! Languages whose ways of saying signs stand in tables: `assets/spoken`.
//!
//! Numbers stay digits, which voices read well; what they misread or drop is written out: money,
//! units, abbreviations, times, ordinals, addresses, hashtags.

mod reader;
mod table;

pub(super) use reader::read;
