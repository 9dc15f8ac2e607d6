//! What a file says about itself, without decoding it.

use std::{fs, path::Path};

use ffmpeg_next::{self as ff, media};
use serde::Serialize;

use super::{Error, Result, ffi, source::Source};
use crate::story::{FrameRate, Size};

/// What a file says about itself.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Probe {
    /// The container's name in libav; MP4 is `mov,mp4,m4a,3gp,3g2,mj2`.
    pub container: String,
    /// The file's size.
    pub bytes: u64,
    /// Seconds from the first sample of any stream to the last.
    pub duration: f64,
    /// Bits a second of the whole file.
    pub bit_rate: u64,
    /// Streams of every kind.
    pub streams: usize,
    /// The main picture.
    pub video: Option<VideoStream>,
    /// The main sound.
    pub audio: Option<AudioStream>,
}

/// The picture of a file.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct VideoStream {
    /// `h264`, `hevc`, ...
    pub codec: String,
    /// `High`, `Main`, ...
    pub profile: Option<String>,
    /// The codec's level as it writes it: 40 is 4.0 for H.264.
    pub level: i32,
    /// `yuv420p`, ...
    pub pixel_format: Option<String>,
    /// Pixels.
    pub size: Size,
    /// The lowest rate that all timestamps fit.
    pub real_frame_rate: FrameRate,
    /// Frames over seconds.
    pub average_frame_rate: FrameRate,
    /// When the first frame is shown, in seconds.
    pub start: f64,
    /// Seconds.
    pub duration: f64,
    /// Frames the container counts; zero where it does not say.
    pub frames: u64,
    /// Bits a second; zero where the container does not say.
    pub bit_rate: u64,
    /// `tv` (limited) or `pc` (full).
    pub range: Option<String>,
    /// `bt709`, ...
    pub primaries: Option<String>,
    /// `bt709`, ...
    pub transfer: Option<String>,
    /// `bt709`, ...
    pub matrix: Option<String>,
    /// A pixel's width over its height; 0:1 where the file does not say.
    pub sample_aspect: (u32, u32),
    /// Not interlaced; none where the file does not say.
    pub progressive: Option<bool>,
    /// Frames a decoder must hold back to show them in order.
    pub has_b_frames: u32,
}

/// The sound of a file.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AudioStream {
    /// `aac`, ...
    pub codec: String,
    /// `LC`, ...
    pub profile: Option<String>,
    /// Samples a second.
    pub sample_rate: u32,
    /// Channels.
    pub channels: u32,
    /// When the first sample is heard, in seconds.
    pub start: f64,
    /// Seconds.
    pub duration: f64,
    /// Bits a second; zero where the container does not say.
    pub bit_rate: u64,
}

/// Reads what the file at `path` says about itself.
pub fn probe(path: &Path) -> Result<Probe> {
    let bytes =
        fs::metadata(path).map_err(|source| Error::File { doing: "read", path: path.into(), source })?.len();
    Ok(describe(&Source::open(path)?, bytes))
}

/// The same of an open file.
pub(super) fn describe(source: &Source, bytes: u64) -> Probe {
    let input = &source.input;
    let duration = known(input.duration()).map_or(0.0, |d| d as f64 / f64::from(ff::ffi::AV_TIME_BASE));
    Probe {
        container: input.format().name().to_owned(),
        bytes,
        duration,
        bit_rate: input.bit_rate().max(0) as u64,
        streams: input.streams().count(),
        video: source.stream(media::Type::Video).map(|stream| video(&stream, duration)),
        audio: source.stream(media::Type::Audio).map(|stream| audio(&stream, duration)),
    }
}

fn video(stream: &ff::Stream, file_duration: f64) -> VideoStream {
    let p = ffi::parameters(stream);
    VideoStream {
        codec: p.codec,
        profile: p.profile,
        level: p.level,
        pixel_format: p.format,
        size: Size::new(p.width.max(0) as u32, p.height.max(0) as u32),
        real_frame_rate: rate(stream.rate()),
        average_frame_rate: rate(stream.avg_frame_rate()),
        start: seconds(stream, stream.start_time()).unwrap_or(0.0),
        duration: seconds(stream, stream.duration()).unwrap_or(file_duration),
        frames: stream.frames().max(0) as u64,
        bit_rate: p.bit_rate.max(0) as u64,
        range: p.range,
        primaries: p.primaries,
        transfer: p.transfer,
        matrix: p.matrix,
        sample_aspect: (p.sample_aspect.0.max(0) as u32, p.sample_aspect.1.max(0) as u32),
        progressive: p.progressive,
        has_b_frames: p.reorder.max(0) as u32,
    }
}

fn audio(stream: &ff::Stream, file_duration: f64) -> AudioStream {
    let p = ffi::parameters(stream);
    AudioStream {
        codec: p.codec,
        profile: p.profile,
        sample_rate: p.sample_rate.max(0) as u32,
        channels: p.channels.max(0) as u32,
        start: seconds(stream, stream.start_time()).unwrap_or(0.0),
        duration: seconds(stream, stream.duration()).unwrap_or(file_duration),
        bit_rate: p.bit_rate.max(0) as u64,
    }
}

fn known(time: i64) -> Option<i64> {
    (time != ff::ffi::AV_NOPTS_VALUE).then_some(time)
}

fn seconds(stream: &ff::Stream, time: i64) -> Option<f64> {
    known(time).map(|time| time as f64 * f64::from(stream.time_base()))
}

fn rate(rate: ff::Rational) -> FrameRate {
    FrameRate::new(rate.numerator().max(0) as u32, rate.denominator().max(1) as u32)
}
