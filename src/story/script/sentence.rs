use std::ops::Range;

use super::passage::is_unspaced;

/// Words that a full stop follows without ending the sentence, lower case, without the stop.
const ABBREVIATIONS: &[&str] = &[
    "mr", "mrs", "ms", "mx", "dr", "prof", "st", "gen", "col", "capt", "lt", "sgt", "rev", "hon", "gov",
    "sen", "rep", "pres", "messrs", "mt", "ft", "ave", "blvd", "vs", "e.g", "i.e", "eg", "ie", "cf", "viz",
    "approx", "ca", "al", "fig", "figs", "vol", "pp", "ed", "eds", "dept", "est", "jan", "feb", "mar", "apr",
    "jun", "jul", "aug", "sep", "sept", "oct", "nov", "dec", // English
    "z.b", "z. b", "d.h", "bzw", "usf", "nr", "hr", "fr", "str", "bspw", "evtl", "ggf", "inkl", "sog", "u.a",
    "v.a", "o.ä", "geb", "gest", "dipl", "ing", // German
    "mme", "mlle", "mm", "env", "av", "n.b", // French
    "sra", "srta", "dra", "ud", "uds", "sr", "d.ª", "núm", // Spanish, Portuguese
    "sig", "dott", "ecc", "pag", // Italian
    "dhr", "mevr", "bijv", "o.a", // Dutch
    "т.е", "т.д", "т.п", "г", "ул", "им", "руб", "тыс", "млн", "млрд", "др", // Russian
    "np", "tzn", "ul", // Polish
    "örn", "bkz", "vb", // Turkish
];

/// Abbreviations only before a number: `No. 5`.
const BEFORE_NUMBER: &[&str] = &["no", "nos", "art", "sec", "ch", "p", "vol", "núm", "n"];

/// Abbreviations that often end a sentence too: only a word that begins sentences ends it after them.
const AMBIGUOUS: &[&str] = &[
    "etc", "inc", "ltd", "co", "corp", "jr", "sr", "ph.d", "a.m", "p.m", "a.d", "b.c", "usw", "esq", "bros",
];

/// Words that begin sentences far more often than names.
const BEGINNERS: &[&str] = &[
    "a",
    "after",
    "all",
    "although",
    "an",
    "and",
    "another",
    "as",
    "at",
    "because",
    "before",
    "both",
    "but",
    "by",
    "can",
    "did",
    "do",
    "even",
    "every",
    "everyone",
    "for",
    "from",
    "he",
    "her",
    "here",
    "his",
    "how",
    "i",
    "if",
    "imagine",
    "in",
    "instead",
    "is",
    "it",
    "its",
    "just",
    "later",
    "let",
    "many",
    "meanwhile",
    "more",
    "most",
    "my",
    "nearly",
    "never",
    "no",
    "nobody",
    "not",
    "nothing",
    "now",
    "on",
    "once",
    "one",
    "only",
    "or",
    "our",
    "she",
    "since",
    "so",
    "some",
    "soon",
    "still",
    "that",
    "the",
    "their",
    "then",
    "there",
    "these",
    "they",
    "this",
    "those",
    "though",
    "to",
    "today",
    "two",
    "until",
    "we",
    "what",
    "when",
    "where",
    "which",
    "while",
    "who",
    "why",
    "with",
    "without",
    "yes",
    "yet",
    "you",
    "your",
    "das",
    "der",
    "die",
    "es",
    "er",
    "sie",
    "und",
    "aber",
    "wir",
    "le",
    "la",
    "les",
    "il",
    "elle",
    "el",
    "los",
    "y",
    "pero",
];

/// German words before an ordinal: `am 3. Oktober`, `im 19. Jahrhundert`.
const BEFORE_ORDINAL: &[&str] =
    &["am", "der", "dem", "den", "des", "die", "das", "im", "vom", "zum", "bis", "ab", "seit", "jeden"];

/// Always ends a sentence, whatever follows.
fn ends_always(c: char) -> bool {
    matches!(c, '。' | '！' | '？' | '．' | '｡' | '।' | '॥' | '؟' | '۔' | '։' | '።' | '။' | '\u{2e2e}')
}

fn is_terminator(c: char) -> bool {
    ends_always(c) || matches!(c, '.' | '!' | '?' | '…' | '‼' | '⁇' | '⁈' | '⁉' | '‽')
}

fn is_closer(c: char) -> bool {
    matches!(
        c,
        '"' | '\'' | '”' | '’' | '»' | '›' | ')' | ']' | '」' | '』' | '）' | '】' | '》' | '〉' | '“'
    )
}

/// The sentences of `text` as byte ranges, in order, without the space around them;
/// what holds neither letter nor digit belongs to the sentence before it. `\n` ends a sentence.
pub(super) fn sentences(text: &str) -> Vec<Range<usize>> {
    let cased = text.chars().any(char::is_uppercase);
    let mut found: Vec<Range<usize>> = Vec::new();
    let mut add = |range: Range<usize>| {
        let part = &text[range.clone()];
        let start = range.end - part.trim_start().len();
        let range = start..start + part.trim().len();
        if text[range.clone()].contains(char::is_alphanumeric) {
            found.push(range);
        } else if let Some(last) = found.last_mut().filter(|_| !range.is_empty()) {
            last.end = range.end;
        }
    };
    let mut start = 0;
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        if c == '\n' {
            add(start..at);
            start = at + 1;
        } else if is_terminator(c) {
            let mut end = run_end(text, at);
            if ends_sentence(text, start, at, end, cased) {
                end += symbols(&text[end..]);
                add(start..end);
                start = end;
            }
            at = end;
            continue;
        }
        at += c.len_utf8();
    }
    add(start..text.len());
    found
}

/// The end of the terminators that begin at `at` and of what closes after them.
fn run_end(text: &str, at: usize) -> usize {
    let marks = at + text[at..].len() - text[at..].trim_start_matches(is_terminator).len();
    let rest = &text[marks..];
    let closers = marks + rest.len() - rest.trim_start_matches(is_closer).len();
    // A straight quote that a word follows opens instead: `he said."No" was all`.
    let opens = text[marks..closers].starts_with(['"', '\'', '“'])
        && text[closers..].starts_with(char::is_alphanumeric);
    if opens { marks } else { closers }
}

/// The length of the emoji that `rest` begins with: they colour what was said before them.
fn symbols(rest: &str) -> usize {
    let symbol = |c: char| (c >= '\u{2190}' && !is_unspaced(c) && !c.is_alphanumeric()) || c == '\u{200d}';
    let mut end = 0;
    loop {
        let word = rest[end..].trim_start_matches(' ');
        let from = rest.len() - word.len();
        let word = word.split(char::is_whitespace).next().unwrap_or_default();
        if word.is_empty() || !word.chars().all(symbol) {
            return end;
        }
        end = from + word.len();
    }
}

/// Whether the terminators at `at..end` end the sentence that begins at `start`.
fn ends_sentence(text: &str, start: usize, at: usize, end: usize, cased: bool) -> bool {
    let rest = &text[end..];
    let Some(next) = rest.chars().next() else { return true };
    if text[..end].ends_with(is_closer) && next.is_alphanumeric() {
        // `「はい！」と言った`: the quotation ends, the sentence goes on.
        return false;
    }
    if text[at..end].chars().any(ends_always) || text[..end].chars().next_back().is_some_and(is_unspaced) {
        return true;
    }
    if !next.is_whitespace() {
        // `3.14`, `U.S.A`, `example.org`; but `終わり.次` and a dash set close.
        return is_unspaced(next);
    }
    let word = rest.split_whitespace().next().unwrap_or_default();
    let first = rest.chars().take(24).find(|c| c.is_alphanumeric());
    if cased && first.is_some_and(char::is_lowercase) {
        return false;
    }
    let single_stop = text[at..end].starts_with('.') && !text[at..end].starts_with("..");
    !single_stop || stop_ends(text[start..at].trim_start(), word, end - at > 1)
}

/// Whether one full stop between `before` and the word `next` ends the sentence.
fn stop_ends(before: &str, next: &str, closed: bool) -> bool {
    let last = before.rsplit(char::is_whitespace).next().unwrap_or_default();
    let last = last.trim_start_matches(|c: char| !c.is_alphanumeric());
    let lower = last.to_lowercase();
    let begins =
        BEGINNERS.contains(&next.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase().as_str());
    if closed && !lower.contains('.') {
        return true;
    }
    if ABBREVIATIONS.contains(&lower.as_str()) {
        return false;
    }
    if BEFORE_NUMBER.contains(&lower.as_str()) && next.starts_with(|c: char| c.is_ascii_digit()) {
        return false;
    }
    if AMBIGUOUS.contains(&lower.as_str()) || lower.contains('.') && !lower.contains(char::is_numeric) {
        return begins;
    }
    let mut letters = last.chars();
    if let (Some(letter), None) = (letters.next(), letters.next())
        && letter.is_uppercase()
    {
        // An initial; but `I` is a word, and one at the very beginning numbers a point.
        return letter == 'I' || (begins && before.len() > last.len());
    }
    if lower.len() <= 3 && !lower.is_empty() && lower.chars().all(|c| c.is_ascii_digit()) {
        let mut words = before.split_whitespace().rev().skip(1);
        let Some(previous) = words.next() else { return false };
        return !(lower.len() <= 2 && BEFORE_ORDINAL.contains(&previous.to_lowercase().as_str()));
    }
    true
}

#[cfg(test)]
mod tests {
    use super::sentences;

    /// `|` stands where a sentence must end, and nowhere else.
    #[test]
    fn sentences_end_where_they_end() {
        for marked in [
            "Dr. Smith met Mr. Jones. |They spoke.",
            "It costs $3.50. |That is 1.5 times more.",
            "The U.S. Army came. |He lives in the U.S. |The rest is history.",
            "J. K. Rowling wrote it. |So did J.R.R. Tolkien.",
            "Use tools, e.g. Excel or i.e. Sheets. |Done.",
            "\"Stop!\" he said. |\"Why?\" |\"Because.\" |He left.",
            "Wait... what? |Really?! |Yes… |Then go.",
            "Apple Inc. |It grew. |Apple Inc. Chief Tim Cook spoke.",
            "At 5 p.m. |The sun sets. |At 5 p.m. Tokyo time it rose.",
            "She wrote No. 5. |No. |Not that one.",
            "In 1969. |A rocket rises.",
            "He was 19. |Then he left.",
            "Am 3. Oktober ist Feiertag. |Im 19. Jahrhundert nicht.",
            "Das ist z.B. Gold. |Nr. 5 lebt.",
            "M. Dupont arrive. |Il parle.",
            "1. Sleep more. |12. Drink water.",
            "今日は晴れ。|「はい！」と言った。|終わり",
            "“好！”他说。|“不。” |完",
            "यह सच है। |क्यों?",
            "هل هذا صحيح؟ |نعم. |انتهى",
            "Привет. |Как дела? |Т.е. Москва.",
            "visit example.org today. |Version 2.0 is out!",
            "no capitals here. |none at all. |ok",
            "Vitamin C. |It helps. |So do I. |You too.",
            "He said \"no.\" |She agreed. |(Really.) |Yes.",
            "A headline without end",
            "Nice! 🎉 |Go on. 🚀",
            "What a day! — said no one.",
            "Line one\n|Line two",
            "It's 5 o'clock. |'Tis late.",
            "Ph.D. Students know. |St. Louis is big.",
        ] {
            let text: String = marked.replace('|', "");
            let expected: Vec<&str> = marked.split('|').map(str::trim).collect();
            let found: Vec<&str> = sentences(&text).into_iter().map(|range| &text[range]).collect();
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn nothing_to_say_is_no_sentence() {
        for text in ["", " ", "...", "!?", "🎉", "\n\n"] {
            assert!(sentences(text).is_empty(), "{text:?}");
        }
    }
}
