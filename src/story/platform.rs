//! What a platform asks of a video: data, each figure with its source and date.

use serde::{Deserialize, Serialize};

use super::{Format, FrameRate, Rect, Size, VideoCodec};

/// A figure with where it was read and when; none of them is stable.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figure<T> {
    /// The figure itself.
    pub value: T,
    /// Who says so.
    pub source: String,
    /// When it was read, `YYYY-MM`.
    pub date: String,
}

/// A platform preset: `assets/platforms/*.yaml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Platform {
    /// `tiktok`, `reels`, `shorts`.
    pub name: String,
    /// The name people know.
    pub title: String,
    /// The sizes to draw and to deliver.
    pub generation: Generation,
    /// The shapes it takes.
    pub formats: Figure<Vec<Format>>,
    /// The picture of the delivered file.
    pub video: VideoRules,
    /// The sound of the delivered file.
    pub audio: AudioRules,
    /// How long a video may be.
    pub duration: Duration,
    /// The largest file in bytes.
    pub max_bytes: Figure<u64>,
    /// The loudness to reach.
    pub loudness: Loudness,
    /// The part of the frame that the platform's own buttons and texts leave free.
    pub safe_area: Figure<SafeArea>,
    /// Characters of a post's text; hashtags; title characters where there is one.
    pub text: TextRules,
}

impl Platform {
    /// The size of a video delivered in `format`; without one, the platform's own.
    pub fn frame_size(&self, format: Option<Format>) -> Size {
        format.map_or(self.generation.delivery, |format| format.size(self.generation.delivery))
    }
}

/// Limits of the text beside a video.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TextRules {
    /// The longest title in characters.
    pub title: Figure<u32>,
    /// The longest description in characters.
    pub description: Figure<u32>,
    /// The most hashtags.
    pub hashtags: Figure<u32>,
}

/// The sizes to draw and to deliver.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Generation {
    /// The size to draw at when nothing limits it.
    pub size: Size,
    /// The size of the finished video.
    pub delivery: Size,
}

/// The picture of the delivered file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VideoRules {
    /// The codecs it takes, the one it asks for first.
    pub codecs: Figure<Vec<VideoCodec>>,
    /// Frames a second to deliver.
    pub frame_rate: FrameRate,
    /// Fewest frames a second accepted.
    pub min_fps: Figure<f64>,
    /// Most frames a second accepted.
    pub max_fps: Figure<f64>,
    /// Bits a second to aim at as a cap for the encoder.
    pub bitrate: Figure<u64>,
    /// The most bits a second accepted.
    pub max_bitrate: Figure<u64>,
    /// Frames from one keyframe to the next, at most.
    pub keyframe_interval: Figure<u32>,
    /// B-frames in a row.
    pub b_frames: Figure<u32>,
}

/// The sound of the delivered file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AudioRules {
    /// Bits a second of AAC-LC.
    pub bitrate: Figure<u64>,
    /// Samples a second.
    pub sample_rate: Figure<u32>,
    /// Channels.
    pub channels: Figure<u32>,
}

/// How long a video may be, in seconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Duration {
    /// The shortest accepted.
    pub min: Figure<f64>,
    /// The longest accepted.
    pub max: Figure<f64>,
}

/// The loudness to reach.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Loudness {
    /// Integrated loudness, LUFS.
    pub integrated: Figure<f64>,
    /// The highest true peak, dBTP.
    pub true_peak: Figure<f64>,
}

/// The part of a 1080x1920 frame that stays free of the platform's own buttons and texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SafeArea {
    /// Where nothing of the platform ever lies, ads included: captions go here.
    pub captions: Rect,
    /// Where nothing lies on an ordinary post: titles may reach this far.
    pub organic: Rect,
}
