//! Samples: resampling, mixing, loudness.
