//! Text into shown words.
//!
//! White space separates words; em dashes and ellipses do inside a chunk too. Chinese,
//! Japanese, Thai and their kin are divided by dictionary. What makes no sound of its own
//! (punctuation, emoji) stays with a neighbour, so that every word but the only one
//! of a silent text can be spoken.

use icu_segmenter::{WordSegmenter, options::WordBreakInvariantOptions};
use std::ops::Range;
use unicode_segmentation::UnicodeSegmentation;

/// A shown word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Piece {
    /// As written, inner white space as one space each.
    pub(super) text: String,
    /// Whether white space separates it from the piece before.
    pub(super) space_before: bool,
    /// Where it stands in the text.
    pub(super) range: Range<usize>,
}

/// Divides `text` into words; nothing but white space is lost.
pub(super) fn words(text: &str) -> Vec<Piece> {
    let ranges = attach(text, &divide(text));
    let mut end = 0;
    ranges
        .into_iter()
        .map(|range| {
            let space_before = end != range.start && end != 0;
            end = range.end;
            let text = text[range.clone()].split_whitespace().collect::<Vec<_>>().join(" ");
            Piece { text, space_before, range }
        })
        .collect()
}

/// The chunks of a text, sounding and silent ones.
fn divide(text: &str) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    for chunk in text.split_whitespace() {
        let start = chunk.as_ptr() as usize - text.as_ptr() as usize;
        let mut run = 0;
        let mut kind = None;
        // Alternate runs of spaced and unspaced scripts; marks and digits go with what they follow.
        for (at, grapheme) in chunk.grapheme_indices(true) {
            let this = grapheme.chars().next().map(script).unwrap_or(Script::Either);
            if this != Script::Either {
                if kind.is_some_and(|kind| kind != this) {
                    divide_run(&chunk[run..at], start + run, kind, &mut ranges);
                    run = at;
                }
                kind = Some(this);
            }
        }
        divide_run(&chunk[run..], start + run, kind, &mut ranges);
    }
    ranges
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Script {
    Spaced,
    Unspaced,
    Either,
}

fn script(c: char) -> Script {
    match c {
        // Thai, Lao, Myanmar, Khmer.
        '\u{0e00}'..='\u{0eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}'
        // Kana, ideographs and their marks; Hangul is written with spaces.
        | '\u{3005}'..='\u{3007}' | '\u{3040}'..='\u{30ff}' | '\u{31f0}'..='\u{31ff}'
        | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}'
        | '\u{ff66}'..='\u{ff9f}' | '\u{20000}'..='\u{3ffff}' => Script::Unspaced,
        c if c.is_alphabetic() => Script::Spaced,
        _ => Script::Either,
    }
}

fn divide_run(run: &str, offset: usize, kind: Option<Script>, ranges: &mut Vec<Range<usize>>) {
    if run.is_empty() {
        return;
    }
    let mut push = |range: Range<usize>| ranges.push(offset + range.start..offset + range.end);
    if kind == Some(Script::Unspaced) {
        let segmenter = WordSegmenter::new_auto(WordBreakInvariantOptions::default());
        let breaks: Vec<usize> = segmenter.segment_str(run).collect();
        let mut start = 0;
        for at in breaks.into_iter().filter(|at| *at > 0 && !splits_amount(run, *at)) {
            push(start..at);
            start = at;
        }
        return;
    }
    let mut start = 0;
    for at in pauses(run) {
        push(start..at);
        start = at;
    }
    push(start..run.len());
}

/// Whether a break would part a number from its sign: `50%`, `$5`.
fn splits_amount(run: &str, at: usize) -> bool {
    let (before, after) = run.split_at(at);
    let digit = |c: char| c.is_ascii_digit();
    (before.ends_with(digit) && after.starts_with(['%', '°', '€', '$', '£']))
        || (before.ends_with(['$', '€', '£', '¥', '₹']) && after.starts_with(digit))
}

/// Where a word ends inside a chunk: behind an em dash or an ellipsis that more letters follow.
fn pauses(run: &str) -> Vec<usize> {
    let mut ends = Vec::new();
    let mut dots = 0;
    let mut pause = false;
    for (at, c) in run.char_indices() {
        dots = if c == '.' { dots + 1 } else { 0 };
        if matches!(c, '—' | '…') || dots >= 2 {
            pause = true;
        } else if pause && c.is_alphanumeric() {
            ends.push(at);
            pause = false;
        }
    }
    if run[..ends.first().copied().unwrap_or_default()].chars().any(char::is_alphanumeric) {
        ends
    } else {
        Vec::new()
    }
}

/// Gives what is silent to its neighbours: what opens to the word behind it, all else to the word before.
fn attach(text: &str, chunks: &[Range<usize>]) -> Vec<Range<usize>> {
    let mut words: Vec<Range<usize>> = Vec::new();
    let mut waiting: Option<usize> = None;
    for chunk in chunks {
        if sounds(&text[chunk.clone()]) {
            words.push(waiting.take().unwrap_or(chunk.start)..chunk.end);
        } else if waiting.is_none() && !opens(&text[chunk.clone()]) && !words.is_empty() {
            if let Some(word) = words.last_mut() {
                word.end = chunk.end;
            }
        } else {
            waiting.get_or_insert(chunk.start);
        }
    }
    if let (Some(start), Some(last)) = (waiting, chunks.last()) {
        match words.last_mut() {
            Some(word) => word.end = last.end,
            None => words.push(start..last.end),
        }
    }
    words
}

/// Whether a chunk is spoken on its own.
pub(super) fn sounds(chunk: &str) -> bool {
    chunk.graphemes(true).any(|grapheme| {
        !is_emoji(grapheme)
            && grapheme.chars().any(|c| c.is_alphanumeric() || "&@#%+=$€£¥₹°×÷<>→".contains(c))
    })
}

fn opens(chunk: &str) -> bool {
    chunk.chars().all(|c| "([{<«“‘„‚¿¡「『《〈（【［\"'#".contains(c))
}

/// Whether a grapheme is an emoji, to be shown and not spoken.
pub(super) fn is_emoji(grapheme: &str) -> bool {
    let mut chars = grapheme.chars();
    match chars.next() {
        Some(
            '\u{1f000}'..='\u{1faff}'
            | '\u{2600}'..='\u{27bf}'
            | '\u{231a}'..='\u{231b}'
            | '\u{23e9}'..='\u{23fa}'
            | '\u{2b05}'..='\u{2b55}'
            | '\u{25aa}'..='\u{25fe}'
            | '\u{e0000}'..='\u{e007f}'
            | '\u{fe0f}'
            | '\u{200d}',
        ) => true,
        // `1️⃣`, `❤️`, `↗️`: what a variation selector turns into a picture.
        Some(_) => chars.any(|c| matches!(c, '\u{fe0f}' | '\u{20e3}')),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Vec<String> {
        words(text).into_iter().map(|piece| piece.text).collect()
    }

    #[test]
    fn spaces_separate_words_with_their_punctuation() {
        assert_eq!(shown("\"Hello,\"  she  said:\nwow!"), ["\"Hello,\"", "she", "said:", "wow!"]);
        assert_eq!(shown("state-of-the-art, don't"), ["state-of-the-art,", "don't"]);
    }

    #[test]
    fn dashes_and_ellipses_end_a_word() {
        assert_eq!(shown("Wait...what—really?"), ["Wait...", "what—", "really?"]);
        assert_eq!(shown("...and then…"), ["...and", "then…"]);
        assert_eq!(shown("3.14 e.g. U.S.A."), ["3.14", "e.g.", "U.S.A."]);
    }

    #[test]
    fn what_is_silent_stays_with_a_neighbour() {
        assert_eq!(shown("Bonjour ! « Ça va ? »"), ["Bonjour !", "« Ça", "va ? »"]);
        assert_eq!(shown("So good 🎉 — really 👩‍👩‍👧"), ["So", "good 🎉 —", "really 👩‍👩‍👧"]);
        assert_eq!(shown("🔥 Hot 1️⃣"), ["🔥 Hot 1️⃣"]);
        assert_eq!(shown("🔥 🔥"), ["🔥 🔥"]);
        assert_eq!(shown("A & B"), ["A", "&", "B"]);
    }

    #[test]
    fn unspaced_scripts_are_divided_by_dictionary() {
        assert_eq!(shown("我喜欢苹果。你呢？"), ["我", "喜欢", "苹果。", "你", "呢？"]);
        assert_eq!(shown("私はiPhoneを買う。"), ["私", "は", "iPhone", "を", "買う。"]);
        let thai = words("สวัสดีชาวโลก");
        assert!(thai.len() > 1, "{thai:?}");
        assert!(thai.iter().all(|piece| !piece.space_before));
    }
}
