//! Text on the picture: which words together, where, and how it is drawn.

mod cues;
mod draw;
mod layout;
mod overlay;
mod painter;
mod phrases;
mod shaping;
mod style;
mod title;
mod watermark;

pub use cues::{CueRules, cues};
pub(super) use painter::Painter;
pub(super) use title::TitleCard;
pub(super) use watermark::Mark;
