//! Colour tables of other programs: `.cube` files.

use super::Error;

/// A table from colours to colours, a cube of `size` points a side.
#[derive(Debug, Clone, PartialEq)]
pub struct Lut {
    size: usize,
    low: [f32; 3],
    high: [f32; 3],
    /// Red runs fastest.
    points: Vec<[f32; 3]>,
}

/// The largest cube that is read: 8 MB.
const LARGEST: usize = 88;

impl Lut {
    /// Reads a `.cube` file (Adobe, "Cube LUT Specification" 1.0) with a three-dimensional table.
    ///
    /// # Errors
    /// When `text` is no such file; the message names the line.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let mut lut = Self { size: 0, low: [0.0; 3], high: [1.0; 3], points: Vec::new() };
        for (n, line) in text.lines().enumerate() {
            let wrong = |what: &str| Error::Lut(format!("line {}: {what}", n + 1));
            let line = line.split('#').next().unwrap_or_default().trim();
            let mut words = line.split_whitespace();
            let Some(first) = words.next() else { continue };
            let three = |words: std::str::SplitWhitespace<'_>| -> Result<[f32; 3], Error> {
                let numbers: Vec<f32> = words.filter_map(|word| word.parse().ok()).collect();
                let numbers = <[f32; 3]>::try_from(numbers).map_err(|_| wrong("expected three numbers"))?;
                if numbers.iter().all(|n| n.is_finite()) {
                    Ok(numbers)
                } else {
                    Err(wrong("expected finite numbers"))
                }
            };
            match first {
                "TITLE" => {}
                "LUT_1D_SIZE" => {
                    return Err(wrong("a one-dimensional table; only three-dimensional ones are read"));
                }
                "LUT_3D_SIZE" => {
                    let size = words
                        .next()
                        .and_then(|word| word.parse().ok())
                        .filter(|size| (2..=LARGEST).contains(size));
                    lut.size = size.ok_or_else(|| wrong(&format!("expected a size from 2 to {LARGEST}")))?;
                }
                "DOMAIN_MIN" => lut.low = three(words)?,
                "DOMAIN_MAX" => lut.high = three(words)?,
                _ if first.starts_with(|c: char| c.is_ascii_alphabetic()) => {
                    return Err(wrong(&format!("`{first}` is not known")));
                }
                _ => {
                    if lut.points.len() >= lut.size.pow(3) {
                        return Err(wrong("more colours than LUT_3D_SIZE says"));
                    }
                    lut.points.push(three(line.split_whitespace())?);
                }
            }
        }
        let expected = lut.size.pow(3);
        if expected == 0 {
            return Err(Error::Lut("it has no LUT_3D_SIZE".into()));
        }
        if lut.points.len() != expected {
            return Err(Error::Lut(format!(
                "it has {} colours, and LUT_3D_SIZE asks for {expected}",
                lut.points.len()
            )));
        }
        if lut.low.iter().zip(lut.high).any(|(low, high)| *low >= high) {
            return Err(Error::Lut("DOMAIN_MIN is not below DOMAIN_MAX".into()));
        }
        Ok(lut)
    }

    /// What `rgb` becomes, between the eight points around it.
    #[inline]
    pub(super) fn apply(&self, rgb: [f32; 3]) -> [f32; 3] {
        let last = self.size - 1;
        let place: [(usize, f32); 3] = std::array::from_fn(|c| {
            let at = (rgb[c] - self.low[c]) / (self.high[c] - self.low[c]) * last as f32;
            let at = at.clamp(0.0, last as f32);
            let low = (at as usize).min(last - 1);
            (low, at - low as f32)
        });
        let mut out = [0.0; 3];
        for corner in 0..8 {
            let mut weight = 1.0;
            let mut index = 0;
            for (axis, (low, part)) in place.iter().enumerate() {
                let up = corner >> axis & 1;
                weight *= if up == 1 { *part } else { 1.0 - part };
                index += (low + up) * self.size.pow(axis as u32);
            }
            let point = self.points[index];
            (0..3).for_each(|c| out[c] += weight * point[c]);
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A cube of `size` that makes each colour what `to` says.
    fn cube(size: usize, to: impl Fn([f32; 3]) -> [f32; 3]) -> String {
        let mut text = format!(
            "TITLE \"test\"\n# a comment\nLUT_3D_SIZE {size}\nDOMAIN_MIN 0 0 0\nDOMAIN_MAX 1 1 1\n\n"
        );
        let at = |i: usize| i as f32 / (size - 1) as f32;
        for i in 0..size.pow(3) {
            let [r, g, b] = to([at(i % size), at(i / size % size), at(i / size / size)]);
            text += &format!("{r} {g} {b}\n");
        }
        text
    }

    #[test]
    fn a_table_is_read_between_its_points() {
        let swapped = Lut::parse(&cube(5, |[r, g, b]| [b, r, 1.0 - g])).unwrap();
        for rgb in [[0.0, 0.0, 0.0], [1.0, 1.0, 1.0], [0.13, 0.77, 0.5], [0.9, 0.01, 0.33]] {
            let want = [rgb[2], rgb[0], 1.0 - rgb[1]];
            let got = swapped.apply(rgb);
            assert!(
                want.iter().zip(got).all(|(a, b)| (a - b).abs() < 1e-5),
                "{rgb:?}: {got:?}, not {want:?}"
            );
        }
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        let reason = |text: &str| Lut::parse(text).unwrap_err().to_string();
        assert!(reason("").contains("no LUT_3D_SIZE"));
        assert!(reason("LUT_3D_SIZE 2\n0 0 0\n").contains("1 colours, and LUT_3D_SIZE asks for 8"));
        assert!(reason("LUT_3D_SIZE 2\n0 zero 0\n").contains("line 2: expected three numbers"));
        assert!(reason("LUT_3D_SIZE 900\n").contains("line 1: expected a size"));
        assert!(reason("LUT_1D_SIZE 2\n").contains("one-dimensional"));
        assert!(reason("%PDF-1.4\n").contains("line 1"));
        assert!(reason("LUT_3D_SIZE 2\n1 1 nan\n").contains("finite"));
    }
}
