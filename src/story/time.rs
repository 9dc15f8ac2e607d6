//! Moments on the narration's clock.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::ops::{Add, Sub};

use super::FrameRate;

/// Samples a second of every sound in a finished video (48 kHz, what all three platforms ask for).
pub const SAMPLE_RATE: u32 = 48_000;

/// A moment or a length, counted in samples at [`SAMPLE_RATE`].
///
/// Times add up exactly, so scene boundaries never drift; frames are derived
/// from samples, never the other way round. Written in files as seconds, which
/// read back to the same sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Time(pub u64);

impl Time {
    /// The start.
    pub const ZERO: Self = Self(0);

    /// The nearest sample to `seconds`; negative and non-finite values become zero.
    pub fn from_seconds(seconds: f64) -> Self {
        Self((seconds.max(0.0) * f64::from(SAMPLE_RATE)).round() as u64)
    }

    /// The moment in seconds.
    pub fn seconds(self) -> f64 {
        self.0 as f64 / f64::from(SAMPLE_RATE)
    }

    /// The frame that is nearest to this moment.
    pub fn frame(self, rate: FrameRate) -> u64 {
        let denominator = u128::from(SAMPLE_RATE) * u128::from(rate.den);
        ((u128::from(self.0) * u128::from(rate.num) + denominator / 2) / denominator) as u64
    }

    /// The moment at which `frame` is shown.
    pub fn of_frame(frame: u64, rate: FrameRate) -> Self {
        let samples = u128::from(frame) * u128::from(SAMPLE_RATE) * u128::from(rate.den);
        Self((samples / u128::from(rate.num)) as u64)
    }

    /// The difference, zero when `earlier` is later.
    pub fn since(self, earlier: Self) -> Self {
        Self(self.0.saturating_sub(earlier.0))
    }
}

impl Add for Time {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl Sub for Time {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.seconds())
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::from_seconds(f64::deserialize(deserializer)?))
    }
}

/// From `start` up to, not including, `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Span {
    /// The first moment inside.
    pub start: Time,
    /// The first moment after.
    pub end: Time,
}

impl Span {
    /// The span from `start` to `end`.
    pub fn new(start: Time, end: Time) -> Self {
        Self { start, end }
    }

    /// How long it lasts.
    pub fn length(self) -> Time {
        self.end.since(self.start)
    }

    /// Whether `time` falls inside.
    pub fn contains(self, time: Time) -> bool {
        self.start <= time && time < self.end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_read_back_to_the_same_sample() {
        for samples in [0, 1, 47_999, 48_001, 1_234_567, 8_640_000] {
            let json = serde_json::to_string(&Time(samples)).unwrap();
            assert_eq!(serde_json::from_str::<Time>(&json).unwrap(), Time(samples));
        }
    }

    #[test]
    fn a_frame_starts_at_a_time_that_maps_back_to_it() {
        for rate in [FrameRate::new(30, 1), FrameRate::new(30_000, 1001), FrameRate::new(60, 1)] {
            for frame in [0, 1, 29, 30, 4_321] {
                assert_eq!(Time::of_frame(frame, rate).frame(rate), frame);
            }
        }
    }
}
