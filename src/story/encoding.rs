//! Choices of the encoder that the YAML names.

use serde::{Deserialize, Serialize};

/// Which H.264 encoder writes the video.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VideoEncoder {
    /// The best one that gives the same file on every machine: x264.
    #[default]
    Auto,
    /// x264, or an error where libav lacks it.
    X264,
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
