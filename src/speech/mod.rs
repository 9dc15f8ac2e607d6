//! Voices: text becomes samples with exact word timings.
