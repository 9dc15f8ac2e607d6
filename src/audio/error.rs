//! Why a sound cannot be worked on.

/// What is wrong with a sound.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The bytes are no WAV file, or one of a kind that cannot be read.
    #[error("the sound is no WAV file that can be read: {0}")]
    Wav(String),
    /// A rate that no sound has.
    #[error("{0} Hz is no sample rate that can be worked with: it goes from 1000 to 768000")]
    Rate(u32),
    /// Sounds that should go together do not.
    #[error(
        "sounds of {a_channels} channels at {a_rate} Hz and {b_channels} at {b_rate} Hz do not go together"
    )]
    Unlike {
        /// Channels of the first.
        a_channels: usize,
        /// Rate of the first.
        a_rate: u32,
        /// Channels of the second.
        b_channels: usize,
        /// Rate of the second.
        b_rate: u32,
    },
    /// A sound without channels, or with channels of different lengths.
    #[error("a sound needs at least one channel, and all of one length")]
    Shape,
    /// The resampler refused the sound.
    #[error("the sound cannot be resampled: {0}")]
    Resample(String),
    /// Silence has no loudness to start from.
    #[error("the sound is silent: no gain brings it to a loudness")]
    Silent,
    /// The loudness cannot be measured.
    #[error("the loudness cannot be measured: {0}")]
    Loudness(String),
    /// A ceiling that no peak can lie above.
    #[error("a ceiling of {0} dBTP makes no sense: it goes from -40 to 0")]
    Ceiling(String),
}
