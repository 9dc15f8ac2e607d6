//! The geometry of a video and one picture of it in planes.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::{fmt, str::FromStr};

/// Width and height in pixels, written `1080x1920`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Size {
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
}

impl Size {
    /// `width` by `height` pixels.
    pub const fn new(width: u32, height: u32) -> Self {
        Self { width, height }
    }

    /// Pixels in all.
    pub fn area(self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    /// The shorter of both sides.
    pub fn shorter(self) -> u32 {
        self.width.min(self.height)
    }

    /// Width over height.
    pub fn aspect(self) -> f64 {
        f64::from(self.width) / f64::from(self.height)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a size: write WIDTHxHEIGHT in pixels, for example 1080x1920");
        let (width, height) = text.split_once(['x', 'X', '×']).ok_or_else(wrong)?;
        let side = |side: &str| side.trim().parse::<u32>().ok().filter(|&n| n > 0).ok_or_else(wrong);
        Ok(Self::new(side(width)?, side(height)?))
    }
}

impl Serialize for Size {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Frames a second as a fraction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FrameRate {
    /// Frames ...
    pub num: u32,
    /// ... in this many seconds.
    pub den: u32,
}

impl FrameRate {
    /// `num` frames in `den` seconds.
    pub const fn new(num: u32, den: u32) -> Self {
        Self { num, den }
    }

    /// Frames a second.
    pub fn fps(self) -> f64 {
        f64::from(self.num) / f64::from(self.den)
    }
}

/// A box in the frame's pixels; `right` and `bottom` are the first pixels outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Rect {
    /// First column inside.
    pub left: u32,
    /// First row inside.
    pub top: u32,
    /// First column outside.
    pub right: u32,
    /// First row outside.
    pub bottom: u32,
}

impl Rect {
    /// Pixels across.
    pub fn width(self) -> u32 {
        self.right - self.left
    }

    /// Pixels down.
    pub fn height(self) -> u32 {
        self.bottom - self.top
    }
}

/// One channel of a picture: rows of `width` bytes without padding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plane {
    /// Samples across.
    pub width: usize,
    /// Samples down.
    pub height: usize,
    /// `width * height` samples, row after row.
    pub data: Vec<u8>,
}

impl Plane {
    /// A plane filled with `value`.
    pub fn filled(width: usize, height: usize, value: u8) -> Self {
        Self { width, height, data: vec![value; width * height] }
    }

    /// Row `y`.
    pub fn row(&self, y: usize) -> &[u8] {
        &self.data[y * self.width..][..self.width]
    }

    /// Row `y`, to be written.
    pub fn row_mut(&mut self, y: usize) -> &mut [u8] {
        &mut self.data[y * self.width..][..self.width]
    }
}

/// One picture of the video as an encoder wants it: YUV 4:2:0, BT.709, limited range.
///
/// Chroma planes are half as wide and half as high, sited left (MPEG-2 and H.264 default).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Luma, 16 (black) to 235 (white).
    pub y: Plane,
    /// Blue difference, 16 to 240, 128 neutral.
    pub u: Plane,
    /// Red difference, 16 to 240, 128 neutral.
    pub v: Plane,
}

impl Frame {
    /// A black frame; both sides of `size` must be even.
    pub fn black(size: Size) -> Self {
        let (width, height) = (size.width as usize, size.height as usize);
        assert!(width % 2 == 0 && height % 2 == 0, "4:2:0 needs even sides, not {size}");
        Self {
            y: Plane::filled(width, height, 16),
            u: Plane::filled(width / 2, height / 2, 128),
            v: Plane::filled(width / 2, height / 2, 128),
        }
    }

    /// Its size in pixels.
    pub fn size(&self) -> Size {
        Size::new(self.y.width as u32, self.y.height as u32)
    }
}
