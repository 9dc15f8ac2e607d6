use std::ops::Range;
use unicode_segmentation::UnicodeSegmentation;

use super::passage::is_unspaced;

/// The most words that are spoken in one breath and captioned as one.
const MOST_WORDS: usize = 40;
/// Characters that take as long to say as a word, on average, where words are not spaced.
const UNSPACED_WORD: usize = 2;
/// The longest word that is no accident.
const LONGEST_WORD: usize = 60;

/// A part of a sentence, and whether punctuation ends it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Clause {
    pub(super) range: Range<usize>,
    pub(super) ends: bool,
}

/// Divides a sentence that is too long to speak at once: at punctuation, else before a word that
/// begins a clause, else between words. A sentence of at most 40 words stays whole.
pub(super) fn clauses(sentence: &str) -> Vec<Clause> {
    let words = words(sentence);
    let mut found = Vec::new();
    let mut first = 0;
    while words.len() - first > MOST_WORDS {
        let parts = (words.len() - first).div_ceil(MOST_WORDS);
        let ideal = (words.len() - first) / parts;
        let (cut, ends) = best_cut(sentence, &words[first..], ideal);
        found.push(Clause { range: words[first].start..words[first + cut - 1].end, ends });
        first += cut;
    }
    let start = words.get(first).map_or(0, |word| word.start);
    let start = if found.is_empty() { 0 } else { start };
    found.push(Clause { range: start..sentence.len(), ends: true });
    found
}

/// How many of `words` the next clause takes, and whether punctuation ends it.
fn best_cut(sentence: &str, words: &[Range<usize>], ideal: usize) -> (usize, bool) {
    let shortest = MOST_WORDS / 5;
    (shortest..=MOST_WORDS)
        .map(|cut| {
            let last =
                sentence[words[cut - 1].clone()].trim_end_matches(['"', '\'', '”', '’', ')', '」', '』']);
            let next = &sentence[words[cut].clone()];
            let (worth, ends) = match last.chars().next_back() {
                Some('.' | '!' | '?' | '…' | ';' | ':' | '；' | '：' | '—' | '–') => (30, true),
                Some(',' | '，' | '、' | '،' | '؛') => (20, true),
                _ if matches!(next, "-" | "–" | "—") => (25, true),
                _ if CLAUSE_BEGINNERS.contains(&next.to_lowercase().as_str()) => (10, false),
                _ => (0, false),
            };
            // Two words nearer to an even division are worth as much as one grade of punctuation.
            (worth * 2 - 2 * cut.abs_diff(ideal) as isize, cut, ends)
        })
        .max()
        .map_or((MOST_WORDS, false), |(_, cut, ends)| (cut, ends))
}

const CLAUSE_BEGINNERS: &[&str] = &[
    "and",
    "but",
    "or",
    "because",
    "which",
    "who",
    "while",
    "when",
    "where",
    "that",
    "so",
    "if",
    "although",
    "before",
    "after",
    "until",
    "und",
    "aber",
    "oder",
    "weil",
    "dass",
    "et",
    "mais",
    "ou",
    "parce",
    "qui",
    "y",
    "pero",
    "o",
    "porque",
    "que",
    "e",
    "ma",
    "perché",
    "i",
    "ale",
    "и",
    "но",
    "что",
    "потому",
];

/// The words of a sentence: runs without space, and pieces of runs that are written without any.
fn words(sentence: &str) -> Vec<Range<usize>> {
    let mut words = Vec::new();
    let mut open: Option<Range<usize>> = None;
    let mut length = 0;
    for (at, grapheme) in sentence.grapheme_indices(true) {
        let end = at + grapheme.len();
        if grapheme.chars().all(char::is_whitespace) {
            words.extend(open.take());
            continue;
        }
        let letter = grapheme.contains(char::is_alphanumeric);
        let most = if grapheme.chars().any(is_unspaced) { UNSPACED_WORD } else { LONGEST_WORD };
        match &mut open {
            // Punctuation stays with the word before it.
            Some(word) if length < most || !letter && length < LONGEST_WORD => {
                word.end = end;
                length += 1;
            }
            _ => {
                words.extend(open.replace(at..end));
                length = 1;
            }
        }
    }
    words.extend(open);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(sentence: &str) -> Vec<&str> {
        clauses(sentence).into_iter().map(|clause| &sentence[clause.range]).collect()
    }

    #[test]
    fn a_sentence_that_can_be_spoken_stays_whole() {
        for sentence in ["One two three.", "", "a", "今日は晴れ。", "word ".repeat(40).trim_end()] {
            assert_eq!(parts(sentence), [sentence]);
        }
    }

    #[test]
    fn a_long_one_is_divided_at_its_clauses() {
        let half =
            "the quick brown fox jumps over the lazy dog near the old river bank at night again and again";
        let sentence = format!("{half}, {half}; {half}.");
        assert_eq!(parts(&sentence), [format!("{half}, {half};"), format!("{half}.")]);
        assert!(clauses(&sentence).iter().all(|clause| clause.ends));
    }

    #[test]
    fn nothing_is_lost_and_nothing_is_too_long() {
        let plain = "word ".repeat(4_000);
        let han = "漢".repeat(5_000);
        let letters = "x".repeat(5_000);
        for sentence in [plain.trim_end(), &han, &letters] {
            let parts = parts(sentence);
            assert_eq!(parts.concat().replace(' ', ""), sentence.replace(' ', ""));
            for part in &parts {
                assert!(words(part).len() <= MOST_WORDS);
            }
            let shortest = parts.iter().map(|part| words(part).len()).min().unwrap();
            assert!(shortest >= MOST_WORDS / 2, "a part of {shortest} words");
        }
    }
}
