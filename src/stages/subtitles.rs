//! Subtitles beside the video: SubRip and WebVTT.

use crate::{
    compose::{self, CueRules},
    story::{Cue, Narration, Time},
};

/// One line of a subtitle, as broadcasters count it.
const RULES: CueRules = CueRules { max_words: 12, max_chars: 42 };

/// The narration in lines to be read, longer than the captions drawn on the picture.
pub fn cues(narration: &Narration) -> Vec<Cue> {
    compose::cues(narration.words(), &[], RULES)
}

/// `cues` as a SubRip file (`.srt`), without markup.
pub fn srt(cues: &[Cue]) -> String {
    let block = |(index, cue): (usize, &Cue)| {
        let text: String = cue.words.iter().map(|word| word_of(word.space_before, &word.text)).collect();
        let (start, end) = (stamp(cue.span.start, ','), stamp(cue.span.end, ','));
        format!("{}\n{start} --> {end}\n{}\n", index + 1, text.trim())
    };
    cues.iter().enumerate().map(block).collect::<Vec<_>>().join("\n")
}

/// `cues` as a WebVTT file (`.vtt`); a stamp before each word says when it is spoken.
pub fn vtt(cues: &[Cue]) -> String {
    let mut text = String::from("WEBVTT\n");
    for cue in cues {
        text += &format!("\n{} --> {}\n", stamp(cue.span.start, '.'), stamp(cue.span.end, '.'));
        let mut last = milliseconds(cue.span.start);
        for (index, word) in cue.words.iter().enumerate() {
            let written = escaped(&word_of(word.space_before && index > 0, &word.text));
            // Stamps must grow and stay inside their cue.
            let start = milliseconds(word.span.start);
            if last < start && start < milliseconds(cue.span.end) {
                text += &format!("<{}>", stamp(word.span.start, '.'));
                last = start;
            }
            text += &written;
        }
        text.push('\n');
    }
    text
}

/// A word with the space before it, on one line.
fn word_of(space: bool, word: &str) -> String {
    let word = word.split_whitespace().collect::<Vec<_>>().join(" ");
    if space { format!(" {word}") } else { word }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn milliseconds(time: Time) -> u64 {
    (time.seconds() * 1e3).round() as u64
}

/// `00:00:01,200`, with `mark` before the milliseconds.
fn stamp(time: Time, mark: char) -> String {
    let ms = milliseconds(time);
    let (seconds, ms) = (ms / 1000, ms % 1000);
    format!("{:02}:{:02}:{:02}{mark}{ms:03}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::story::{CueWord, Span};

    fn span(start: f64, end: f64) -> Span {
        Span::new(Time::from_seconds(start), Time::from_seconds(end))
    }

    fn cue(start: f64, words: &[(&str, bool)]) -> Cue {
        let word = |(index, &(text, space_before)): (usize, &(&str, bool))| {
            let at = start + index as f64 * 0.25;
            CueWord { text: text.into(), span: span(at, at + 0.25), space_before }
        };
        let words: Vec<_> = words.iter().enumerate().map(word).collect();
        Cue { span: span(start, start + 0.25 * words.len() as f64), words }
    }

    fn two() -> Vec<Cue> {
        vec![
            cue(0.1, &[("Salt", false), ("&", true), ("<pepper>,", true)]),
            cue(3_661.000_4, &[("漢", false), ("字", false)]),
        ]
    }

    #[test]
    fn subrip() {
        assert_eq!(
            srt(&two()),
            "1\n00:00:00,100 --> 00:00:00,850\nSalt & <pepper>,\n\n\
             2\n01:01:01,000 --> 01:01:01,500\n漢字\n"
        );
    }

    #[test]
    fn webvtt() {
        assert_eq!(
            vtt(&two()),
            "WEBVTT\n\n00:00:00.100 --> 00:00:00.850\n\
             Salt<00:00:00.350> &amp;<00:00:00.600> &lt;pepper&gt;,\n\n\
             01:01:01.000 --> 01:01:01.500\n漢<01:01:01.250>字\n"
        );
    }

    #[test]
    fn nothing_said_is_still_a_file() {
        assert_eq!((srt(&[]).as_str(), vtt(&[]).as_str()), ("", "WEBVTT\n"));
    }
}
