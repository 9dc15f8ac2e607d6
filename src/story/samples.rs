//! Sound in memory.

/// Sound as floats in -1.0 ..= 1.0, one vector a channel, all of one length.
#[derive(Debug, Clone, PartialEq)]
pub struct Samples {
    /// Samples a second.
    pub rate: u32,
    /// One vector a channel.
    pub channels: Vec<Vec<f32>>,
}

impl Samples {
    /// One channel.
    pub fn mono(rate: u32, samples: Vec<f32>) -> Self {
        Self { rate, channels: vec![samples] }
    }

    /// Silence of `length` samples.
    pub fn silence(rate: u32, channels: usize, length: usize) -> Self {
        Self { rate, channels: vec![vec![0.0; length]; channels] }
    }

    /// Samples in each channel.
    pub fn len(&self) -> usize {
        self.channels.first().map_or(0, Vec::len)
    }

    /// Whether there is no sound at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How long it lasts.
    pub fn seconds(&self) -> f64 {
        self.len() as f64 / f64::from(self.rate)
    }
}
