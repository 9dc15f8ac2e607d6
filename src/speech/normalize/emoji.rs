//! What emoji are called: the short names of Unicode's locale data, in six languages.

use std::{collections::HashMap, sync::OnceLock};

use unicode_segmentation::UnicodeSegmentation;

use super::super::segment::is_emoji;

const TABLE: &str = include_str!("../../../assets/spoken/emoji.tsv");

/// Emoji to name, of one language.
pub(super) type Names = HashMap<&'static str, &'static str>;

/// The names in a language (a primary subtag), if there are any.
pub(super) fn names(language: &str) -> Option<&'static Names> {
    static NAMES: OnceLock<HashMap<&'static str, Names>> = OnceLock::new();
    NAMES.get_or_init(read).get(language)
}

/// The table: a line of languages, then a line for each emoji.
fn read() -> HashMap<&'static str, Names> {
    let mut lines = TABLE.lines().skip(1).map(|line| line.split('\t'));
    let languages: Vec<&str> = lines.next().into_iter().flatten().skip(1).collect();
    let mut names: HashMap<&str, Names> =
        languages.iter().map(|language| (*language, Names::new())).collect();
    for mut line in lines {
        let Some(emoji) = line.next() else { continue };
        for (language, name) in languages.iter().zip(line) {
            names.entry(language).or_default().insert(emoji, name);
        }
    }
    names
}

/// `words` with the names of the emoji that stand around them in `text`; one that is repeated is named once.
pub(super) fn spoken(text: &str, words: &str, names: &Names) -> String {
    let mut before: Vec<&str> = Vec::new();
    let mut after: Vec<&str> = Vec::new();
    let mut read = false;
    for grapheme in text.graphemes(true) {
        if is_emoji(grapheme) {
            let side = if read || words.is_empty() { &mut after } else { &mut before };
            for name in called(grapheme, names) {
                if side.last() != Some(&name) {
                    side.push(name);
                }
            }
        } else {
            read |= grapheme.chars().any(char::is_alphanumeric);
        }
    }
    let parts = [before.join(", "), words.to_owned(), after.join(", ")];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

/// What an emoji is called: as a whole, else by its parts; nothing where nobody has named it.
fn called(emoji: &str, names: &Names) -> Vec<&'static str> {
    // Skin tones and the wish to be drawn in color change nothing of the name.
    let bare: String =
        emoji.chars().filter(|c| !matches!(c, '\u{1f3fb}'..='\u{1f3ff}' | '\u{fe0f}' | '\u{fe0e}')).collect();
    if let Some(name) = names.get(bare.as_str()) {
        return vec![name];
    }
    bare.split('\u{200d}').filter_map(|part| names.get(part).copied()).collect()
}
