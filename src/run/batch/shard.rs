use std::{fmt, str::FromStr};

use crate::digest::Digest;

/// A part of a batch that is dealt over several machines: the `index`th of `count`, from 1.
///
/// Who makes which video hangs on its name alone, so the machines need not know of one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    index: u64,
    count: u64,
}

impl Shard {
    /// The `index`th of `count` parts, from 1.
    ///
    /// # Errors
    /// When there is no such part.
    pub fn new(index: u64, count: u64) -> Result<Self, String> {
        if count == 0 || index == 0 || index > count {
            return Err(format!("there is no part {index} of {count}: parts are counted from 1, as in 3/8"));
        }
        Ok(Self { index, count })
    }

    /// Whether this part makes the video called `id`.
    pub fn makes(self, id: &str) -> bool {
        let digest = Digest::of(id.as_bytes()).to_string();
        // 60 bits: what is left over by the division is no longer felt.
        let number = u64::from_str_radix(&digest[..15], 16).unwrap_or_default();
        number % self.count == self.index - 1
    }

    /// As part of a file's name.
    pub(super) fn file(self) -> String {
        format!("{}-of-{}", self.index, self.count)
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no part of a batch: write for example 3/8");
        let (index, count) = text.split_once('/').ok_or_else(wrong)?;
        Self::new(index.parse().map_err(|_| wrong())?, count.parse().map_err(|_| wrong())?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_video_belongs_to_exactly_one_part() {
        for count in [1, 2, 3, 8, 50] {
            let mut sizes = vec![0; count as usize];
            for video in 0..1000 {
                let id = format!("video {video}");
                let makers: Vec<_> =
                    (1..=count).filter(|&index| Shard::new(index, count).unwrap().makes(&id)).collect();
                assert_eq!(makers.len(), 1);
                sizes[makers[0] as usize - 1] += 1;
            }
            let even = 1000 / count as usize;
            assert!(sizes.iter().all(|size| (even / 3..=even * 2).contains(size)), "{sizes:?}");
        }
    }

    #[test]
    fn parts_are_counted_from_one() {
        assert_eq!("3/8".parse::<Shard>().unwrap().to_string(), "3/8");
        for wrong in ["0/8", "9/8", "8", "a/b", "1/0", "/8"] {
            assert!(wrong.parse::<Shard>().is_err(), "{wrong}");
        }
    }
}
