//! How large a picture may be for how much memory.

use std::fmt;

const GIB: u64 = 1 << 30;

/// How much memory a device has, in steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Below 8 GiB.
    VeryLow,
    /// 8 to 16 GiB.
    Low,
    /// 16 to 24 GiB.
    Medium,
    /// 24 to 32 GiB.
    High,
    /// Above 32 GiB.
    VeryHigh,
}

impl Level {
    /// The level of a budget of `bytes`.
    pub fn of(bytes: u64) -> Self {
        match bytes {
            bytes if bytes < 8 * GIB => Self::VeryLow,
            bytes if bytes < 16 * GIB => Self::Low,
            bytes if bytes < 24 * GIB => Self::Medium,
            bytes if bytes <= 32 * GIB => Self::High,
            _ => Self::VeryHigh,
        }
    }

    /// The most pixels to draw at this level before scaling up: 9:16 pictures of 288x512,
    /// 432x768, 576x1024, 720x1280 and 1080x1920.
    ///
    /// A starting point, not a proof: [`place`](super::place) still asks whether the size fits.
    pub fn pixels(self) -> u64 {
        match self {
            Self::VeryLow => 288 * 512,
            Self::Low => 432 * 768,
            Self::Medium => 576 * 1024,
            Self::High => 720 * 1280,
            Self::VeryHigh => 1080 * 1920,
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::VeryLow => "very low",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::VeryHigh => "very high",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_change_where_the_table_says() {
        let level = |gib: f64| Level::of((gib * GIB as f64) as u64);
        assert_eq!(level(7.9), Level::VeryLow);
        assert_eq!(level(8.0), Level::Low);
        assert_eq!(level(15.9), Level::Low);
        assert_eq!(level(16.0), Level::Medium);
        assert_eq!(level(24.0), Level::High);
        assert_eq!(level(32.0), Level::High);
        assert_eq!(level(32.1), Level::VeryHigh);
    }
}
