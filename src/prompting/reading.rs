//! What a text is about, as far as it can be drawn.

use icu_segmenter::{WordSegmenter, options::WordBreakInvariantOptions};
use std::ops::Range;

use super::{
    lexicon::{Dictionary, English, Kind, LONGEST_PHRASE, Lead, Lexicon, primary},
    words::{DIVIDER, forms, tokens},
};

/// How strongly a text speaks of each thing that can be drawn.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Reading {
    pub(super) subjects: Vec<f64>,
    pub(super) lights: Vec<f64>,
    pub(super) weathers: Vec<f64>,
    /// The words that led to each subject and to no other, plainest first.
    pub(super) keywords: Vec<Vec<String>>,
}

/// The head of a group of words, as `garden` in `a quiet garden`, is most likely a thing.
const NOUN: f64 = 1.3;
/// A phrase says more than its words.
const PHRASE: f64 = 1.5;
/// Words at least this plain are written into the prompt.
const TELLING: f64 = 0.75;
/// What is named first counts a little more.
const EARLIER: f64 = 0.05;

impl Reading {
    /// Reads `text`, written in `language` (BCP 47); names in `except` (lower case) are people, not things.
    pub(super) fn of(text: &str, language: &str, lexicon: &Lexicon, except: &[String]) -> Self {
        let mut reading = Self {
            subjects: vec![0.0; lexicon.subjects.len()],
            lights: vec![0.0; lexicon.lights.len()],
            weathers: vec![0.0; lexicon.weathers.len()],
            keywords: vec![Vec::new(); lexicon.subjects.len()],
        };
        if primary(language) == "en" {
            reading.read_english(&tokens(text), lexicon, except);
        } else if let Some(dictionary) = lexicon.dictionary(language) {
            for english in glosses(text, dictionary) {
                if let Some(leads) = lexicon.leads(&forms(english)) {
                    reading.follow(leads, 1.0, None);
                }
            }
        }
        reading
    }

    fn read_english(&mut self, tokens: &[String], lexicon: &Lexicon, except: &[String]) {
        let mut at = 0;
        while at < tokens.len() {
            let longest = LONGEST_PHRASE.min(tokens.len() - at);
            let found = (1..=longest).rev().find_map(|count| {
                let phrase = tokens[at..at + count].join(" ");
                let leads = if count == 1 {
                    (!except.contains(&phrase)).then(|| lexicon.leads(&forms(&phrase))).flatten()
                } else {
                    lexicon.leads([&phrase])
                };
                leads.map(|leads| (count, phrase, leads))
            });
            let Some((count, phrase, leads)) = found else {
                at += 1;
                continue;
            };
            let mut factor = 1.0 + EARLIER * (1.0 - at as f64 / tokens.len() as f64);
            factor *= if count > 1 { PHRASE } else { 1.0 };
            factor *= if is_head(tokens, at, at + count, &lexicon.english) { NOUN } else { 1.0 };
            self.follow(leads, factor, Some(&phrase));
            at += count;
        }
    }

    fn follow(&mut self, leads: &[Lead], factor: f64, word: Option<&str>) {
        let subjects = leads.iter().filter(|lead| lead.kind == Kind::Subject).count();
        for lead in leads {
            let weight = lead.weight * factor;
            match lead.kind {
                Kind::Subject => {
                    self.subjects[lead.index] += weight;
                    let keywords = &mut self.keywords[lead.index];
                    if let Some(word) = word.filter(|_| subjects == 1 && lead.weight >= TELLING)
                        && !keywords.iter().any(|known| known == word)
                    {
                        keywords.push(word.to_owned());
                    }
                }
                Kind::Light => self.lights[lead.index] += weight,
                Kind::Weather => self.weathers[lead.index] += weight,
            }
        }
    }

    /// The strongest of `scores` and how strong it is, if any is at least `least`.
    pub(super) fn strongest(scores: &[f64], least: f64) -> Option<(usize, f64)> {
        let better = |best: Option<(usize, f64)>, (index, score): (usize, f64)| match best {
            Some((_, held)) if held >= score => best,
            _ => Some((index, score)),
        };
        scores
            .iter()
            .copied()
            .enumerate()
            .fold(None, better)
            .filter(|(_, score)| *score >= least && *score > 0.0)
    }
}

/// Whether `tokens[from..to]` ends a group of words that an article or its like begins.
fn is_head(tokens: &[String], from: usize, to: usize, english: &English) -> bool {
    let opens = |token: &String| english.before_nouns.contains(token);
    let closes = |token: &String| {
        token == DIVIDER || english.after_nouns.contains(token) || english.pronouns.contains(token)
    };
    let ended = tokens.get(to).is_none_or(|next| closes(next) || opens(next));
    let mut before = tokens[..from].iter().rev().take(3);
    ended && before.find(|token| opens(token) || closes(token)).is_some_and(opens)
}

/// The English words for those of `text` that the dictionary holds, in order.
///
/// Words are divided by Unicode's rules, and by dictionaries where they are written without spaces: 上海 is no sea.
fn glosses<'a>(text: &str, dictionary: &'a Dictionary) -> Vec<&'a str> {
    let lower = text.to_lowercase();
    let breaks: Vec<usize> =
        WordSegmenter::new_auto(WordBreakInvariantOptions::default()).segment_str(&lower).collect();
    let words: Vec<Range<usize>> = breaks
        .windows(2)
        .map(|pair| pair[0]..pair[1])
        .filter(|word| lower[word.clone()].contains(char::is_alphanumeric))
        .collect();
    let mut found = Vec::new();
    let mut at = 0;
    while at < words.len() {
        let longest = LONGEST_PHRASE.min(words.len() - at);
        let phrase = |count: usize| {
            let phrase = &lower[words[at].start..words[at + count - 1].end];
            dictionary.words.get(phrase).map(|english| (count, english.as_str()))
        };
        let hit = (1..=longest).rev().find_map(phrase);
        let (count, english) = match hit {
            Some((count, english)) => (count, Some(english)),
            None => (1, inflected(&lower[words[at].clone()], dictionary)),
        };
        found.extend(english);
        at += count;
    }
    found
}

fn is_han_or_kana(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}')
}

/// The entry that a word is a form of: `winternacht` ends with `nacht`, `leuchtturms` begins with `leuchtturm`,
/// `البحر` is `بحر` with its article, 灯台守 begins with 灯台.
fn inflected<'a>(word: &str, dictionary: &'a Dictionary) -> Option<&'a str> {
    const ARABIC_PREFIXES: [&str; 9] = ["وال", "بال", "كال", "فال", "ال", "لل", "و", "ب", "ل"];
    let bare = ARABIC_PREFIXES.iter().filter_map(|prefix| word.strip_prefix(prefix));
    if let Some(known) = bare.filter_map(|bare| dictionary.words.get(bare)).next() {
        return Some(known);
    }
    let unspaced = word.contains(is_han_or_kana);
    // A single character is part of many words that mean something else.
    let least = if unspaced { 2 } else { 4 };
    let letters = |text: &str| text.chars().count();
    let begins = |known: &str| word.starts_with(known) && (unspaced || letters(word) - letters(known) <= 3);
    let fits = |known: &&String| letters(known) >= least && (begins(known) || word.ends_with(known.as_str()));
    let known = dictionary.words.keys().filter(fits).max_by_key(|known| known.len())?;
    dictionary.words.get(known).map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(text: &str, language: &str) -> String {
        let lexicon = Lexicon::load().unwrap();
        let reading = Reading::of(text, language, &lexicon, &[]);
        Reading::strongest(&reading.subjects, 0.0)
            .map_or("-".into(), |(i, _)| lexicon.subjects[i].name.clone())
    }

    #[test]
    fn sentences_lead_to_what_they_name() {
        for (text, name) in [
            ("Sailors steered across the open sea.", "sea"),
            ("Skyscrapers rise above downtown Manhattan.", "city skyline"),
            ("She watched the lighthouse like a second home.", "lighthouse"),
            ("Now is the second you still feel well.", "-"),
            ("The black hole at the centre of our galaxy", "space"),
        ] {
            let found = subject(text, "en-US");
            if name == "-" {
                let lexicon = Lexicon::load().unwrap();
                let reading = Reading::of(text, "en-US", &lexicon, &[]);
                assert_eq!(Reading::strongest(&reading.subjects, 0.5), None, "{text}");
            } else {
                assert_eq!(found, name, "{text}");
            }
        }
    }

    #[test]
    fn other_languages_lead_there_too() {
        for (language, text, name) in [
            ("de-DE", "Der alte Leuchtturm stand in der Winternacht.", "lighthouse"),
            ("de", "Wälder und Baumwipfel", "forest"),
            ("es-MX", "Los barcos cruzan los océanos", "sea"),
            ("fr-FR", "Le château du roi", "castle"),
            ("hi-IN", "समुद्र में लहरें उठती हैं", "sea"),
            ("ar", "السفينة في البحر", "sea"),
            ("ja-JP", "静かな森の中で", "forest"),
            ("zh-CN", "古老的灯塔", "lighthouse"),
            ("pl-PL", "Morze jest spokojne", "-"),
        ] {
            assert_eq!(subject(text, language), name, "{text}");
        }
    }
}
