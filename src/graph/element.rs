//! The element types of ONNX tensors.

/// An element type, by its number in `onnx.proto3`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ElementType(pub i32);

impl ElementType {
    /// 32-bit float.
    pub const F32: Self = Self(1);
    /// Unsigned byte.
    pub const U8: Self = Self(2);
    /// Signed byte.
    pub const I8: Self = Self(3);
    /// 32-bit signed integer.
    pub const I32: Self = Self(6);
    /// 64-bit signed integer.
    pub const I64: Self = Self(7);
    /// True or false, a byte each.
    pub const BOOL: Self = Self(9);
    /// 16-bit float of IEEE.
    pub const F16: Self = Self(10);
    /// 64-bit float.
    pub const F64: Self = Self(11);
    /// 16-bit float with the range of a 32-bit one.
    pub const BF16: Self = Self(16);
    /// 8-bit float, 4 bits of exponent, no infinities.
    pub const F8E4M3: Self = Self(17);
    /// 8-bit float, 5 bits of exponent.
    pub const F8E5M2: Self = Self(19);
    /// Signed half byte.
    pub const I4: Self = Self(22);

    /// Bits of one element; 8 for types nobody computes pictures with.
    pub fn bits(self) -> u64 {
        match self.0 {
            7 | 11 | 13 => 64,
            1 | 6 | 12 => 32,
            4 | 5 | 10 | 16 => 16,
            21..=23 => 4,
            _ => 8,
        }
    }

    /// Bytes of `elements` of them.
    pub fn bytes(self, elements: u64) -> u64 {
        elements.saturating_mul(self.bits()).div_ceil(8)
    }

    /// Whether its numbers have a fraction.
    pub fn is_float(self) -> bool {
        matches!(self, Self::F32 | Self::F16 | Self::BF16 | Self::F64 | Self::F8E4M3 | Self::F8E5M2)
    }

    /// Whether it is a 16-bit float of either kind.
    pub fn is_half(self) -> bool {
        matches!(self, Self::F16 | Self::BF16)
    }
}
