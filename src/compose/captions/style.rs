//! What each caption style looks like.

use super::{draw::Look, layout::Margins};
use crate::story::{CaptionStyle, Color};

/// The measures of a style; lengths in em.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Measures {
    pub(super) look: Look,
    /// How far the box behind a word reaches beyond its letters: sideways, up and down.
    pub(super) plate: Option<(f32, f32)>,
    /// What words stand farther apart than the font has it.
    pub(super) gap: f32,
    /// The largest factor by which text is enlarged.
    pub(super) swell: f32,
    /// Seconds in which a cue fades in.
    pub(super) fade_in: f64,
    /// The largest factor by which the word being spoken is enlarged.
    pub(super) raise: f32,
    /// Whether commas and full stops at the ends of words are left out.
    pub(super) bare: bool,
}

impl Measures {
    /// What `style` looks like with letters of `color`.
    pub(super) fn of(style: CaptionStyle, color: Color) -> Self {
        let around = contrast(color);
        let bold = Look { outline: Some((around, 0.085)), shadow: Some((0.05, 0.11, 0.5)) };
        let plain =
            Self { look: bold, plate: None, gap: 0.0, swell: 1.0, fade_in: 0.0, raise: 1.0, bare: true };
        match style {
            CaptionStyle::Karaoke | CaptionStyle::Off => plain,
            CaptionStyle::Highlight => Self { raise: RAISED, gap: 0.11, ..plain },
            CaptionStyle::Typewriter => Self { bare: false, ..plain },
            CaptionStyle::Box => Self { plate: Some((0.15, 0.13)), gap: 0.2, ..plain },
            CaptionStyle::Pop => Self { swell: 1.12, ..plain },
            CaptionStyle::Clean => Self {
                look: Look { outline: Some((around, 0.025)), shadow: Some((0.03, 0.16, 0.85)) },
                fade_in: 0.12,
                bare: false,
                ..plain
            },
        }
    }

    /// The largest factor by which anything is enlarged.
    pub(super) fn largest(&self) -> f32 {
        self.swell.max(self.raise)
    }

    /// What is drawn around the letters.
    pub(super) fn margins(&self) -> Margins {
        let (side, up) = self.plate.unwrap_or((0.0, 0.0));
        self.look.margins(side.max(up))
    }
}

/// How large the word being spoken becomes at most.
const RAISED: f32 = 1.08;

/// How large the word being spoken is, `seconds` after it was begun: up fast, back a little.
pub(super) fn raise(seconds: f64) -> f32 {
    let up = (seconds / 0.07).min(1.0) as f32;
    let back = ((seconds - 0.07) / 0.08).clamp(0.0, 1.0) as f32;
    1.0 + (RAISED - 1.0) * (up * (2.0 - up) - 0.4 * back)
}

/// How large a caption of the style Pop is, `seconds` after it has come: up fast, back a little.
pub(super) fn pop(seconds: f64) -> f32 {
    const STEPS: [(f64, f32); 3] = [(0.0, 1.0), (0.06, 1.12), (0.11, 1.04)];
    let after = STEPS.iter().position(|(at, _)| *at > seconds);
    match after {
        None => STEPS[2].1,
        Some(i) => {
            let ((t0, a), (t1, b)) = (STEPS[i.max(1) - 1], STEPS[i.max(1)]);
            a + (b - a) * ((seconds - t0) / (t1 - t0)).clamp(0.0, 1.0) as f32
        }
    }
}

/// Black around light letters, white around dark ones.
pub(super) fn contrast(color: Color) -> Color {
    let luma = 0.2126 * f32::from(color.r) + 0.7152 * f32::from(color.g) + 0.0722 * f32::from(color.b);
    let level = if luma > 90.0 { 0 } else { 255 };
    Color { r: level, g: level, b: level, a: 255 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pop_swells_and_settles() {
        assert_eq!(pop(0.0), 1.0);
        assert!((pop(0.06) - 1.12).abs() < 1e-3);
        assert_eq!(pop(0.5), 1.04);
        let white = Color { r: 255, g: 255, b: 255, a: 255 };
        let most = Measures::of(CaptionStyle::Pop, white).swell;
        assert!((0..100).all(|ms| pop(f64::from(ms) / 500.0) <= most + 1e-6));
    }
}
