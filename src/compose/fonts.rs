//! The letters: one heavy font in the program, others from the system when it lacks some.

use super::Error;

/// The fonts that captions are drawn with.
pub struct Fonts {}

impl Fonts {
    /// Takes the font in the program; the system's are looked up when a letter is missing.
    pub fn load() -> Result<Self, Error> {
        Ok(Self {})
    }
}
