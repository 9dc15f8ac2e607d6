//! A shown word taken apart: what is read, and the punctuation around it.

use super::super::segment::is_emoji;
use unicode_segmentation::UnicodeSegmentation;

/// Whether `c` guides intonation or pauses.
pub(in super::super) fn is_cadence(c: char) -> bool {
    ",.;:!?、，。；：！？।॥؟،؛".contains(c)
}

/// A shown word without its emoji.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    /// What is read: letters, digits, and the signs that belong to them.
    pub(super) core: String,
    /// What follows it: punctuation, closing quotes and brackets, dashes.
    pub(super) tail: String,
}

impl Word {
    pub(super) fn of(text: &str) -> Self {
        let text: String =
            text.graphemes(true).map(|grapheme| if is_emoji(grapheme) { " " } else { grapheme }).collect();
        let text = text.trim();
        let start = core_start(text);
        let end = core_end(text).max(start);
        Self { core: text[start..end].to_owned(), tail: text[end..].to_owned() }
    }

    /// The punctuation behind the word that a voice should hear.
    ///
    /// A stop or dash that the word `takes` for its own is heard only behind the `last` word.
    pub(super) fn cadence(&self, last: bool, takes: bool) -> String {
        let mut tail = self.tail.as_str();
        if takes && !last {
            tail = tail.trim_start_matches([' ', '-', '–']);
            tail = tail.strip_prefix('.').unwrap_or(tail);
        }
        let has = |signs: &[&str]| signs.iter().any(|sign| tail.contains(sign));
        let trails_off = has(&["…", ".."]);
        let dash = has(&["—", "–", " -", "--"]);
        if has(&["?"]) {
            String::from("?")
        } else if has(&["!"]) {
            String::from("!")
        } else if trails_off || dash {
            String::from(if last { "." } else { "," })
        } else {
            tail.chars().find(|c| is_cadence(*c)).map(String::from).unwrap_or_default()
        }
    }
}

const CURRENCIES: &str = "$€£¥₹₩₽₺฿₫₪₱₦₴";

/// Where what is read begins: at a letter or digit, or at a sign right before one.
fn core_start(text: &str) -> usize {
    let mut chars = text.char_indices().peekable();
    let mut sign = None;
    while let Some((at, c)) = chars.next() {
        let next = chars.peek().map(|(_, next)| *next);
        if c.is_alphanumeric() {
            return sign.unwrap_or(at);
        }
        let before_number = next.is_some_and(|next| next.is_ascii_digit() || CURRENCIES.contains(next));
        let before_word = next.is_some_and(|next| next.is_alphanumeric() || next == '_');
        let belongs = match c {
            c if CURRENCIES.contains(c) => {
                next.is_some_and(|next| next.is_ascii_digit() || "-−.".contains(next))
            }
            '-' | '−' | '+' | '±' | '~' | '≈' | '<' | '>' | '.' | '\'' | '’' | '≤' | '≥' => {
                before_number || (next == Some('.') && c != '.')
            }
            '#' | '@' | '°' => before_word,
            _ => false,
        };
        // `...5` trails off, it is no decimal.
        let trails_off = c == '.' && text[..at].ends_with('.');
        sign = if belongs && !trails_off { sign.or(Some(at)) } else { None };
    }
    // No letter and no digit: signs alone.
    text.find(is_sign).unwrap_or(text.len())
}

fn core_end(text: &str) -> usize {
    let read = |c: char| c.is_alphanumeric() || "%‰°+#/$€£¥₹₩₽₺₴".contains(c) || is_mark(c);
    let letters = text.char_indices().rev().find(|(_, c)| c.is_alphanumeric());
    let found = match letters {
        Some((at, c)) => {
            // Behind the last letter, signs that touch it.
            let rest = &text[at + c.len_utf8()..];
            at + c.len_utf8() + rest.find(|c| !read(c)).unwrap_or(rest.len())
        }
        None => text.rfind(is_sign).map_or(0, |at| at + text[at..].chars().next().map_or(0, char::len_utf8)),
    };
    found.min(text.len())
}

/// Combining vowel signs, as of Devanagari, that no letter should lose.
fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{64b}'..='\u{65f}' | '\u{93c}'..='\u{94d}' | '\u{e31}'..='\u{e4e}' | '\u{3099}'..='\u{309a}')
}

/// Signs that are read where they stand alone.
fn is_sign(c: char) -> bool {
    "&@#%+=$€£¥₹°×÷<>→±".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_belong_to_the_number_they_touch() {
        for (text, core, tail) in [
            ("\"$5M,\"", "$5M", ",\""),
            ("(-5%)", "-5%", ")"),
            ("'90s.", "'90s", "."),
            ("'quoted'", "quoted", "'"),
            ("great 🎉!", "great", "  !"),
            ("...5", "5", ""),
            (".5", ".5", ""),
            ("#fyp", "#fyp", ""),
            ("10 -", "10", " -"),
            ("- Hello", "Hello", ""),
            ("C++,", "C++", ","),
            ("**bold**", "bold", "**"),
            ("&", "&", ""),
            ("🎉", "", ""),
            ("-$5", "-$5", ""),
            ("हिन्दी।", "हिन्दी", "।"),
        ] {
            let word = Word::of(text);
            assert_eq!((word.core.as_str(), word.tail.as_str()), (core, tail), "{text}");
        }
    }

    #[test]
    fn the_voice_hears_one_sign() {
        for (text, last, heard) in [
            ("what?!", true, "?"),
            ("wait...", false, ","),
            ("wait…", true, "."),
            ("so —", false, ","),
            ("yes,\"", false, ","),
            ("end.)", true, "."),
            ("plain", true, ""),
            ("好。", true, "。"),
        ] {
            assert_eq!(Word::of(text).cadence(last, false), heard, "{text}");
        }
        assert_eq!(Word::of("Dr.").cadence(false, true), "");
        assert_eq!(Word::of("etc.,").cadence(false, true), ",");
    }
}
