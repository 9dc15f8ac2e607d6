//! `shortform` turns a script into a finished vertical video on the user's own machine.
//!
//! A map of the house: imports go downward only, and rooms on one floor do not know
//! one another (`tests/house.rs` holds this).
//!
//! | floor | rooms |
//! |------:|-------|
//! | 7 | [`cli`]: commands, progress, exit codes |
//! | 5 | [`run`]: the plan, where steps run, what happened |
//! | 4 | [`stages`]: narration, scenes, images, upscale, timeline, video |
//! | 3 | [`pipeline`] (the YAML), [`speech`], [`prompting`], [`diffusion`], [`upscale`], [`compose`], [`audio`], `media` (libav, feature `video`) |
//! | 2 | [`story`] (the nouns), [`store`], [`models`], [`graph`] (an ONNX file as data) |
//! | 1 | [`digest`], [`engine`] (ONNX Runtime, memory), [`service`] (asking servers) |
//! | 0 | [`kernels`] (convolutions and attention on the processor) |

pub mod audio;
pub mod cli;
pub mod compose;
pub mod diffusion;
pub mod digest;
pub mod engine;
pub mod graph;
pub mod kernels;
#[cfg(feature = "video")]
pub mod media;
pub mod models;
pub mod pipeline;
pub mod prompting;
pub mod run;
pub mod service;
pub mod speech;
pub mod stages;
pub mod store;
pub mod story;
pub mod upscale;
