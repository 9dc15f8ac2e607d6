//! What the encoder is asked for.

use crate::story::{FrameRate, Platform, Quality, SAMPLE_RATE, Size, Time, VideoEncoder};

/// Everything that decides how a video is encoded; two equal ones and equal
/// pictures and sound give equal bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct Encoding {
    /// The video's size; both sides even.
    pub size: Size,
    /// Its constant frame rate.
    pub frame_rate: FrameRate,
    /// Its length.
    pub frames: u64,
    /// The encoder.
    pub encoder: VideoEncoder,
    /// Time against quality.
    pub quality: Quality,
    /// The most bits a second of picture, kept over a buffer of two seconds.
    pub max_bitrate: u64,
    /// Frames from one keyframe to the next, at most.
    pub keyframe_interval: u32,
    /// B-frames in a row, at most.
    pub b_frames: u32,
    /// Bits a second of sound.
    pub audio_bitrate: u64,
    /// The title written into the file.
    pub title: Option<String>,
    /// Threads of the encoder; more or fewer change the bytes, never the rules kept.
    pub threads: u32,
}

impl Encoding {
    /// The encoding a platform asks for, `frames` long, at its own size and frame rate.
    pub fn for_platform(platform: &Platform, frames: u64, quality: Quality) -> Self {
        Self {
            size: platform.generation.delivery,
            frame_rate: platform.video.frame_rate,
            frames,
            encoder: VideoEncoder::Auto,
            quality,
            max_bitrate: platform.video.bitrate.value,
            keyframe_interval: platform.video.keyframe_interval.value,
            b_frames: platform.video.b_frames.value,
            audio_bitrate: platform.audio.bitrate.value,
            title: None,
            threads: 2,
        }
    }

    /// Samples of sound in a video of this length: never later than the last frame's end.
    pub fn samples(&self) -> usize {
        Time::of_frame(self.frames, self.frame_rate).0 as usize
    }

    /// x264's preset and constant rate factor.
    pub(super) fn rate_control(&self) -> (&'static str, u32) {
        match self.quality {
            Quality::Draft => ("ultrafast", 26),
            Quality::Standard => ("veryfast", 20),
            Quality::High => ("medium", 18),
        }
    }

    /// Whether this makes a video at all.
    pub(super) fn check(&self) -> super::Result<()> {
        let Size { width, height } = self.size;
        if [width, height].iter().any(|side| side % 2 != 0 || !(16..=8192).contains(side)) {
            return Err(super::Error::Size(self.size));
        }
        if self.frame_rate.num == 0 || self.frame_rate.den == 0 || self.samples() < SAMPLE_RATE as usize / 10
        {
            return Err(super::Error::TooShort(self.frames));
        }
        Ok(())
    }
}
