//! espeak-ng as a reader only: a text in IPA.

use super::{super::Error, languages::identifier, libespeak::Libespeak};

/// What is said between two marks of punctuation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clause {
    /// Its sounds in the International Phonetic Alphabet, words divided by spaces; without the flags
    /// by which espeak-ng tells that a word is of another language.
    pub ipa: String,
    /// The mark that ends it: one of `.,;:!?`.
    pub mark: Option<char>,
    /// Whether a sentence ends with it.
    pub ends_sentence: bool,
}

/// A reader of one language, open.
pub struct Reader {
    library: Libespeak,
}

impl Reader {
    /// Opens espeak-ng's `voice` (`en-us`); nobody else can use espeak-ng until it is dropped.
    ///
    /// # Errors
    /// When espeak-ng is not installed or knows no such voice.
    pub fn open(voice: &str) -> Result<Self, Error> {
        let mut library = Libespeak::load()?;
        let identifier = identifier(&mut library, voice)?;
        let gone = |voice: &str| Error::UnknownLanguage { voice: voice.to_owned(), similar: Vec::new() };
        if library.set_voice(&identifier) { Ok(Self { library }) } else { Err(gone(voice)) }
    }

    /// The clauses of `text`.
    pub fn read(&mut self, text: &str) -> Vec<Clause> {
        let clauses = self.library.phonemes(text);
        let count = clauses.len();
        let clause = |(index, (ipa, read)): (usize, (String, &str))| {
            let last = index + 1 == count;
            let mark = mark(read, last);
            // A text that ends without a mark ends a sentence all the same.
            let ends_sentence = last || matches!(mark, Some('.' | '!' | '?'));
            Clause { ipa: without_flags(&ipa), mark, ends_sentence }
        };
        clauses.into_iter().enumerate().map(clause).collect()
    }
}

/// The mark that ends what was read, which may reach one letter into what follows.
fn mark(read: &str, last: bool) -> Option<char> {
    let after = if last { 0 } else { 1 };
    let mut letters = 0;
    for c in read.chars().rev() {
        let mark = match c {
            '.' | '。' | '．' | '।' | '॥' | '۔' | '։' | '።' => '.',
            ',' | '，' | '、' | '،' => ',',
            ';' | '；' | '؛' | '—' | '–' => ';',
            ':' | '：' => ':',
            '!' | '！' => '!',
            '?' | '？' | '؟' => '?',
            c if c.is_alphanumeric() => {
                letters += 1;
                if letters > after {
                    return None;
                }
                continue;
            }
            _ => continue,
        };
        return Some(mark);
    }
    None
}

/// `(en)week-end(fr)` without its flags.
fn without_flags(ipa: &str) -> String {
    let mut bare = String::with_capacity(ipa.len());
    let mut rest = ipa;
    while let Some((before, flagged)) = rest.split_once('(') {
        bare.push_str(before);
        match flagged.split_once(')') {
            Some((_, after)) => rest = after,
            None => return bare,
        }
    }
    bare + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_told_from_what_lies_between_letters() {
        for (read, last, found) in [
            ("Hello, w", false, Some(',')),
            ("so?) Y", false, Some('?')),
            ("It is 3.5", true, None),
            ("the end.\" ", true, Some('.')),
            ("a very long clause that goes o", false, None),
            ("好。你", false, Some('.')),
        ] {
            assert_eq!(mark(read, last), found, "{read}");
        }
        assert_eq!(without_flags("lə (en)wˈiːkɛnd(fr) vjˈɛ̃"), "lə wˈiːkɛnd vjˈɛ̃");
    }

    #[test]
    fn clauses_are_read_with_their_marks() {
        let clauses = Reader::open("en-us").unwrap().read("Hello, world. Why not");
        let found: Vec<_> = clauses.iter().map(|c| (c.ipa.as_str(), c.mark, c.ends_sentence)).collect();
        assert_eq!(
            found,
            [("həlˈoʊ", Some(','), false), ("wˈɜːld", Some('.'), true), ("wˌaɪ nˈɑːt", None, true)]
        );
    }
}
