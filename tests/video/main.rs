//! Videos: written, read, verified, and made by the stage.
#![cfg(feature = "video")]

mod encode;
mod material;
mod sound;
mod stage;
mod verify;
