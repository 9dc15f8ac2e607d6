//! The `video` stage.

use serde::Serialize;

use crate::story::{FrameRate, Quality, VideoEncoder};

/// Settings of the `video` stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Video {
    /// Who encodes.
    pub encoder: VideoEncoder,
    /// How much care it takes.
    pub quality: Quality,
    /// Frames a second.
    pub frame_rate: FrameRate,
}
