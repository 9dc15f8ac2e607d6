//! Choices of the encoder that the YAML names.

use serde::{Deserialize, Serialize};

use super::Size;

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
    /// SVT-AV1 (AV1): the smallest files. No built-in platform lists it.
    Av1,
    /// H.264 by an NVIDIA card, or an error.
    Nvenc,
    /// H.264 by a Mac, or an error.
    VideoToolbox,
}

impl VideoEncoder {
    /// What it writes.
    pub fn codec(self) -> VideoCodec {
        match self {
            Self::Auto | Self::X264 | Self::Nvenc | Self::VideoToolbox => VideoCodec::H264,
            Self::X265 => VideoCodec::Hevc,
            Self::Av1 => VideoCodec::Av1,
        }
    }

    /// Bytes that a program grows by, about, while it renders and encodes frames of `size`: what `generate` took at
    /// 1080x1920 over what it held before, by pixels of a frame, on two cores. Most are frames that wait to be looked
    /// ahead at. Encoders of cards were not measured: theirs are x264's.
    pub fn memory(self, quality: Quality, size: Size) -> u64 {
        let of_a_pixel = match (self, quality) {
            (Self::X265, Quality::Draft) => 150,
            (Self::X265, Quality::Standard) => 200,
            (Self::X265, Quality::High) => 250,
            (Self::Av1, Quality::Draft) => 200,
            (Self::Av1, Quality::Standard) => 240,
            (Self::Av1, Quality::High) => 290,
            (_, Quality::Draft) => 80,
            (_, Quality::Standard) => 150,
            (_, Quality::High) => 240,
        };
        of_a_pixel * size.area()
    }
}

/// How pictures are coded, by libav's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VideoCodec {
    /// H.264, which everything plays.
    H264,
    /// H.265.
    Hevc,
    /// VP8.
    Vp8,
    /// VP9.
    Vp9,
    /// AV1.
    Av1,
}

impl VideoCodec {
    /// Its name in libav and in platform files.
    pub fn name(self) -> &'static str {
        match self {
            Self::H264 => "h264",
            Self::Hevc => "hevc",
            Self::Vp8 => "vp8",
            Self::Vp9 => "vp9",
            Self::Av1 => "av1",
        }
    }
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
