//! Choices of the encoder that the YAML names.

use serde::{Deserialize, Serialize};

/// Which encoder writes the video.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VideoEncoder {
    /// The first that opens at the video's size: NVENC, VideoToolbox, x264. Why one did not is told.
    #[default]
    Auto,
    /// x264 (H.264): the same file on every machine.
    X264,
    /// x265 (HEVC): smaller files, several times the work. No platform asks for it, two take it.
    X265,
    /// H.264 by an NVIDIA card, or an error.
    Nvenc,
    /// H.264 by a Mac, or an error.
    VideoToolbox,
}

/// How much time the encoder may spend for how much quality.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Quality {
    /// A quick look: x264 ultrafast, CRF 26.
    Draft,
    /// For batches: x264 veryfast, CRF 20.
    #[default]
    Standard,
    /// For the one that counts: x264 medium, CRF 18, about 2.5 times the work.
    High,
}
