//! What can go wrong with libav and with media files.

use std::{io, path::PathBuf};

use super::ffi;
use crate::story::Size;

/// What went wrong, with what libav itself had to say about it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// libav was built without an encoder that is needed.
    #[error(
        "libav has no encoder `{0}`: install a libav that was built with it, `ffmpeg -encoders` lists them"
    )]
    NoEncoder(&'static str),
    /// libav cannot decode a stream of this codec.
    #[error("libav has no decoder for `{codec}`, which `{path}` needs")]
    NoDecoder {
        /// The file.
        path: PathBuf,
        /// The codec's name in libav.
        codec: String,
    },
    /// An encoder or muxer does not know an option that we depend on.
    #[error("`{part}` of this libav does not know the option `{option}`: install libav 5.1 or later")]
    UnknownOption {
        /// The encoder or muxer.
        part: String,
        /// The option.
        option: String,
    },
    /// A file that cannot be read or written at all.
    #[error("cannot {doing} `{path}`: {source}")]
    File {
        /// `open`, `read`, `write`, ...
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A path libav cannot take.
    #[error("`{0}` is not valid UTF-8, which libav needs: rename the file")]
    Path(PathBuf),
    /// A file that is no sound or video, or a broken one.
    #[error("`{path}` is no video or sound that can be read: {reason}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// libav's reason.
        reason: String,
    },
    /// A file without the stream asked for.
    #[error("`{path}` has no {kind}")]
    NoStream {
        /// The file.
        path: PathBuf,
        /// `picture` or `sound`.
        kind: &'static str,
    },
    /// Anything else libav refused.
    #[error("cannot {doing}: {reason}")]
    Libav {
        /// What was tried.
        doing: &'static str,
        /// libav's reason and the last lines it logged.
        reason: String,
    },
    /// A frame size H.264 cannot carry in 4:2:0.
    #[error("a video of {0} cannot be encoded: both sides must be even and between 16 and 8192 pixels")]
    Size(Size),
    /// A frame of another size than the video.
    #[error("frame {index} is {found}, the video is {expected}")]
    FrameSize {
        /// Which frame.
        index: u64,
        /// The video's size.
        expected: Size,
        /// The frame's size.
        found: Size,
    },
    /// A frame rate or number of frames that makes no video.
    #[error("{0} frames make no video: at least a tenth of a second is needed")]
    TooShort(u64),
    /// Sound the encoder cannot take as it is.
    #[error("the sound {0}")]
    Sound(String),
    /// The pictures ended before the last frame.
    #[error("only {found} of {expected} frames were drawn")]
    Unfinished {
        /// Frames the video should have.
        expected: u64,
        /// Frames that came.
        found: u64,
    },
}

/// A result of this room.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// A refusal of libav while `doing` something, with the lines it logged on this thread.
    pub(super) fn libav(doing: &'static str, error: ffmpeg_next::Error) -> Self {
        Self::Libav { doing, reason: reason(error) }
    }
}

/// libav's error in words, with the lines it logged on this thread since the last one.
pub(super) fn reason(error: ffmpeg_next::Error) -> String {
    let logged = ffi::take_log();
    if logged.is_empty() { error.to_string() } else { format!("{error} ({})", logged.join("; ")) }
}
