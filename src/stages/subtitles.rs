//! The words as subtitle files: SubRip and WebVTT.

use std::fmt::Write;

use crate::story::{Cue, CueWord, Time};

/// A SubRip file (`.srt`), one entry a cue.
pub fn srt(cues: &[Cue]) -> String {
    let mut text = String::new();
    for (index, cue) in cues.iter().enumerate() {
        let (start, end) = (stamp(cue.span.start, ','), stamp(cue.span.end, ','));
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{}\n{start} --> {end}\n{}\n", index + 1, line(&cue.words));
    }
    text
}

/// A WebVTT file (`.vtt`), one cue each, every word with its own time.
pub fn vtt(cues: &[Cue]) -> String {
    let mut text = String::from("WEBVTT\n\n");
    for cue in cues {
        let _ = writeln!(text, "{} --> {}", stamp(cue.span.start, '.'), stamp(cue.span.end, '.'));
        for (index, word) in cue.words.iter().enumerate() {
            if index > 0 {
                if word.space_before {
                    text.push(' ');
                }
                // A time outside the cue is not allowed in it.
                if cue.span.start < word.span.start && word.span.start < cue.span.end {
                    let _ = write!(text, "<{}>", stamp(word.span.start, '.'));
                }
            }
            text.push_str(&escaped(&word.text));
        }
        text.push_str("\n\n");
    }
    text
}

fn line(words: &[CueWord]) -> String {
    let mut line = String::new();
    for (index, word) in words.iter().enumerate() {
        if index > 0 && word.space_before {
            line.push(' ');
        }
        line.push_str(&word.text);
    }
    line
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// `00:01:02.345`, with the separator each format wants.
fn stamp(time: Time, separator: char) -> String {
    let millis = (time.seconds() * 1000.0).round() as u64;
    let (seconds, millis) = (millis / 1000, millis % 1000);
    format!("{:02}:{:02}:{:02}{separator}{millis:03}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::story::Span;

    fn cue() -> Cue {
        let at = Time::from_seconds;
        let word = |text: &str, start, end, space_before| CueWord {
            text: text.into(),
            span: Span::new(at(start), at(end)),
            space_before,
        };
        Cue {
            span: Span::new(at(3661.5), at(3663.0)),
            words: vec![word("R&D", 3661.5, 3662.0, false), word("pays.", 3662.25, 3662.9, true)],
        }
    }

    #[test]
    fn subrip_counts_from_one_and_uses_commas() {
        assert_eq!(srt(&[cue()]), "1\n01:01:01,500 --> 01:01:03,000\nR&D pays.\n\n");
    }

    #[test]
    fn webvtt_times_each_word_and_escapes() {
        let expected = "WEBVTT\n\n01:01:01.500 --> 01:01:03.000\nR&amp;D <01:01:02.250>pays.\n\n";
        assert_eq!(vtt(&[cue()]), expected);
    }
}
