//! How the user wants words pronounced: `lexicon.yaml`.
//!
//! ```yaml
//! GIF: jif                       # spoken as if it were written so
//! "Nguyen": { say: win }         # the same
//! pho: { ipa: fʌ }               # in the International Phonetic Alphabet
//! "AI agents": ay eye agents     # several words
//! ```
//!
//! A word in lower case is found however it is written; one with capitals only so.

use std::{collections::BTreeMap, path::Path};

use serde::Deserialize;

use super::{Error, Token, ipa::respelled};

/// The user's own pronunciations.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lexicon {
    /// The words of an entry, and what is said instead; the longest first.
    entries: Vec<(Vec<String>, String)>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Entry {
    Say(String),
    Full(Full),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Full {
    #[serde(default)]
    say: Option<String>,
    #[serde(default)]
    ipa: Option<String>,
}

/// More entries than that are a dictionary, not a list of exceptions.
const MOST_BYTES: u64 = 1 << 20;

impl Lexicon {
    /// Reads a file.
    ///
    /// # Errors
    /// When it cannot be read, or an entry says neither how to spell a word nor how it sounds.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let wrong = |reason: String| Error::Lexicon { path: path.to_owned(), reason };
        let length = std::fs::metadata(path).map_err(|error| wrong(error.to_string()))?.len();
        if length > MOST_BYTES {
            return Err(wrong(format!("it is larger than {} KiB", MOST_BYTES >> 10)));
        }
        let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
        Self::parse(&text).map_err(wrong)
    }

    /// Reads the text of such a file.
    ///
    /// # Errors
    /// In words, as [`read`](Self::read).
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
            return Ok(Self::default());
        }
        let entries: BTreeMap<String, Entry> =
            serde_yaml::from_str(text).map_err(|error| error.to_string())?;
        let mut read = Vec::with_capacity(entries.len());
        for (word, entry) in entries {
            let said = match entry {
                Entry::Say(said) | Entry::Full(Full { say: Some(said), ipa: None }) => said,
                Entry::Full(Full { say: None, ipa: Some(ipa) }) => respelled(&ipa).map_err(|symbol| {
                    format!("`{word}`: `{symbol}` is no symbol of the IPA that is known here")
                })?,
                Entry::Full(_) => {
                    return Err(format!("`{word}` needs one of `say` (as it would be written) and `ipa`"));
                }
            };
            let words: Vec<String> = word.split_whitespace().map(str::to_owned).collect();
            if words.is_empty() || said.trim().is_empty() {
                return Err(format!("`{word}` is empty on one side"));
            }
            read.push((words, said.trim().to_owned()));
        }
        read.sort_by_key(|(words, _)| std::cmp::Reverse(words.len()));
        Ok(Self { entries: read })
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Changes what is spoken of the words that have an entry; what is shown stays.
    pub(super) fn apply(&self, tokens: &mut [Token]) {
        let mut at = 0;
        while at < tokens.len() {
            let found = self.entries.iter().find(|(words, _)| matches(words, &tokens[at..]));
            let Some((words, said)) = found else {
                at += 1;
                continue;
            };
            let last = at + words.len() - 1;
            say_instead(&mut tokens[at..=last], said);
            at = last + 1;
        }
    }
}

/// Has `said` spoken instead of what these words are; they divide it among themselves, and the mark behind the
/// last one stays.
pub(super) fn say_instead(tokens: &mut [Token], said: &str) {
    let (count, Some(last)) = (tokens.len(), tokens.last()) else { return };
    let mark = last.spoken[last.words().len()..].to_owned();
    let parts: Vec<&str> = said.split_whitespace().collect();
    let share = |index: usize| index * parts.len() / count;
    for (index, token) in tokens.iter_mut().enumerate() {
        let (from, to) = if parts.len() < count {
            (if index == 0 { 0 } else { parts.len() }, parts.len())
        } else {
            (share(index), share(index + 1))
        };
        token.spoken = parts[from..to].join(" ");
    }
    if let Some(last) = tokens.last_mut() {
        last.spoken.push_str(&mark);
    }
}

fn matches(words: &[String], tokens: &[Token]) -> bool {
    words.len() <= tokens.len()
        && words.iter().zip(tokens).all(|(word, token)| {
            let shown = token.text.trim_matches(|c: char| !c.is_alphanumeric() && !"+#&$%@".contains(c));
            let same = |shown: &str| {
                if word.chars().any(char::is_uppercase) {
                    shown == word
                } else {
                    shown.to_lowercase() == *word
                }
            };
            same(shown)
        })
}

#[cfg(test)]
mod tests {
    use super::super::{Reading, spoken_tokens, tokens};
    use super::*;

    fn spoken(lexicon: &str, text: &str) -> Vec<String> {
        let lexicon = Lexicon::parse(lexicon).unwrap();
        let reading = Reading { language: "en-US", lexicon: &lexicon, emoji: false };
        spoken_tokens(text, &reading).into_iter().map(|token| token.spoken).collect()
    }

    #[test]
    fn words_are_spoken_as_the_user_says_and_shown_as_written() {
        let lexicon = "GIF: jif\nnguyen: { say: win }\nSQL server: sequel server\n$5M: five million bucks\n";
        assert_eq!(spoken(lexicon, "A GIF, by Nguyen!"), ["A", "jif,", "by", "win!"]);
        assert_eq!(spoken(lexicon, "a gif"), ["a", "gif"]);
        assert_eq!(spoken(lexicon, "The SQL server."), ["The", "sequel", "server."]);
        assert_eq!(spoken(lexicon, "It cost $5M."), ["It", "cost", "five million bucks."]);
        assert_eq!(
            spoken("", "It cost $5M."),
            tokens("It cost $5M.", "en-US").into_iter().map(|t| t.spoken).collect::<Vec<_>>()
        );
    }

    #[test]
    fn mistakes_name_the_word() {
        for (text, told) in [
            ("a: { say: b, ipa: c }", "`a` needs one of"),
            ("a: ''", "`a` is empty"),
            ("a: { ipa: ж }", "`ж` is no symbol"),
            ("a: [1]", "a"),
        ] {
            let error = Lexicon::parse(text).unwrap_err();
            assert!(error.contains(told), "{text}: {error}");
        }
    }
}
