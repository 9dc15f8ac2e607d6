//! How the pixels of a tensor stand on those of the input.

use std::fmt;

/// A positive fraction in lowest terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ratio {
    /// Above the line.
    pub numerator: u64,
    /// Below it.
    pub denominator: u64,
}

impl Ratio {
    /// `numerator / denominator`, neither of which is zero.
    pub fn new(numerator: u64, denominator: u64) -> Self {
        let shared = greatest_common_divisor(numerator, denominator);
        Self { numerator: numerator / shared, denominator: denominator / shared }
    }

    /// The ratio as a number.
    pub fn value(self) -> f64 {
        self.numerator as f64 / self.denominator as f64
    }

    fn times(self, by: u64) -> Self {
        Self::new(self.numerator * by, self.denominator)
    }

    fn over(self, by: u64) -> Self {
        Self::new(self.numerator, self.denominator * by)
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.denominator {
            1 => write!(f, "{}", self.numerator),
            denominator => write!(f, "{}/{denominator}", self.numerator),
        }
    }
}

pub(super) fn greatest_common_divisor(a: u64, b: u64) -> u64 {
    if b == 0 { a.max(1) } else { greatest_common_divisor(b, a % b) }
}

/// How the pixels of a tensor stand on those of the input, along one of the two sides.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Footing {
    /// Input pixels from one pixel of the tensor to the next.
    pub(super) stride: Ratio,
    /// Pixel `t` depends on input pixels from `stride * t + first` ...
    pub(super) first: f64,
    /// ... to `stride * t + last`, and on no others.
    pub(super) last: f64,
    /// The tensor has `input pixels / stride + extra` pixels.
    pub(super) extra: i64,
}

/// A window that slides over a tensor.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window {
    /// Pixels from its first to its last.
    pub(super) extent: i64,
    /// Pixels from one place to the next.
    pub(super) stride: u64,
    /// Pixels of padding before and after.
    pub(super) pads: [i64; 2],
}

impl Footing {
    /// The input itself.
    pub(super) const INPUT: Self =
        Self { stride: Ratio { numerator: 1, denominator: 1 }, first: 0.0, last: 0.0, extra: 0 };

    /// Whether its numbers are those of a network somebody would build, and can be worked with.
    pub(super) fn is_sane(&self) -> bool {
        let Ratio { numerator, denominator } = self.stride;
        numerator <= 1 << 16 && denominator <= 1 << 16 && self.extra.abs() <= 1 << 40
    }

    /// After a convolution or a pooling.
    pub(super) fn under(self, window: Window) -> Self {
        let (step, [before, after]) = (self.stride.value(), window.pads);
        Self {
            stride: self.stride.times(window.stride),
            first: self.first - step * before as f64,
            last: self.last + step * (window.extent - before) as f64,
            extra: (self.extra + before + after - window.extent - 1).div_euclid(window.stride as i64) + 1,
        }
    }

    /// After a transposed convolution; `more` pixels are put at the end.
    pub(super) fn spread(self, window: Window, more: i64) -> Self {
        let finer = self.stride.over(window.stride);
        let (step, [before, after]) = (finer.value(), window.pads);
        Self {
            stride: finer,
            first: self.first + step * (before - window.extent) as f64,
            last: self.last + step * before as f64,
            extra: (self.extra - 1) * window.stride as i64 - before - after + window.extent + more + 1,
        }
    }

    /// With every pixel divided in `by`; a new pixel looks at most `around` old pixels to both sides.
    pub(super) fn finer(self, by: u64, around: f64) -> Self {
        let step = self.stride.value();
        Self {
            stride: self.stride.over(by),
            first: self.first - step * ((by - 1) as f64 / by as f64 + around),
            last: self.last + step * around,
            extra: self.extra * by as i64,
        }
    }

    /// With `by` pixels made one.
    pub(super) fn coarser(self, by: u64) -> Self {
        Self {
            stride: self.stride.times(by),
            last: self.last + self.stride.value() * (by - 1) as f64,
            extra: self.extra.div_euclid(by as i64),
            ..self
        }
    }

    /// With pixels put before and after; negative numbers take away.
    pub(super) fn padded(self, before: i64, after: i64) -> Self {
        let moved = self.stride.value() * before as f64;
        Self {
            first: self.first - moved,
            last: self.last - moved,
            extra: self.extra + before + after,
            ..self
        }
    }

    /// Of two tensors combined pixel by pixel; none if their pixels differ in size.
    pub(super) fn with(self, other: Self) -> Option<Self> {
        (self.stride == other.stride).then(|| Self {
            first: self.first.min(other.first),
            last: self.last.max(other.last),
            extra: self.extra.min(other.extra),
            ..self
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_convolution_that_keeps_the_size_looks_half_its_width_to_both_sides() {
        let once = Footing::INPUT.under(Window { extent: 2, stride: 1, pads: [1, 1] });
        assert_eq!((once.first, once.last, once.extra), (-1.0, 1.0, 0));
        let dilated = once.under(Window { extent: 8, stride: 1, pads: [4, 4] });
        assert_eq!((dilated.first, dilated.last), (-5.0, 5.0));
    }

    #[test]
    fn without_padding_pixels_are_lost() {
        let valid = Footing::INPUT.under(Window { extent: 2, stride: 1, pads: [0, 0] });
        assert_eq!((valid.first, valid.last, valid.extra), (0.0, 2.0, -2));
        let larger = valid.finer(2, 0.0);
        assert_eq!((larger.stride, larger.extra), (Ratio::new(1, 2), -4));
    }

    #[test]
    fn coarser_and_finer_come_back_to_the_same_pixels() {
        let there = Footing::INPUT.under(Window { extent: 5, stride: 2, pads: [2, 2] });
        assert_eq!((there.stride, there.first, there.last, there.extra), (Ratio::new(2, 1), -2.0, 3.0, 0));
        let back = there.finer(2, 0.0);
        assert_eq!((back.stride, back.first, back.last), (Ratio::new(1, 1), -3.0, 3.0));
        assert!(there.with(back).is_none());
        assert_eq!(back.with(Footing::INPUT), Some(back));
    }

    #[test]
    fn a_transposed_convolution_undoes_a_strided_one() {
        let window = Window { extent: 3, stride: 2, pads: [1, 1] };
        let back = Footing::INPUT.under(window).spread(window, 0);
        assert_eq!((back.stride, back.extra), (Ratio::new(1, 1), 0));
        assert_eq!((back.first, back.last), (-3.0, 3.0));
    }
}
