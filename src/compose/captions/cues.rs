//! Which words stand on screen together, and how long.

use crate::story::{CaptionStyle, Cue, Time, WordTiming};

/// What a cue may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CueRules {
    /// The most words in one.
    pub max_words: usize,
    /// The most characters in one, unless a single word is longer.
    pub max_chars: usize,
}

impl CueRules {
    /// What suits `style`.
    pub fn of(style: CaptionStyle) -> Self {
        let (max_words, max_chars) = match style {
            CaptionStyle::Pop => (2, 14),
            CaptionStyle::Highlight | CaptionStyle::Box | CaptionStyle::Off => (4, 24),
            CaptionStyle::Karaoke => (5, 30),
            CaptionStyle::Clean => (6, 38),
        };
        Self { max_words, max_chars }
    }
}

/// Groups `words` into cues; none crosses one of `boundaries`, the scenes' first moments.
pub fn cues<'a>(
    words: impl Iterator<Item = &'a WordTiming>,
    boundaries: &[Time],
    rules: CueRules,
) -> Vec<Cue> {
    let _ = (words, boundaries, rules);
    Vec::new()
}
