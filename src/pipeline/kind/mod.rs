//! Kinds of values: what is expected, how it is read, why it is refused.

mod numbers;
mod picture;
mod reader;
mod words;

pub(super) use numbers::{bytes, count, decibels, duration, number, share, span, whole};
pub(super) use picture::{color, frame_rate, size};
pub(super) use reader::{Kind, Wrong};
pub(super) use words::{file, name, only, preset, text, truth, variant};
