//! What a sentence calls by name, and the things it speaks of: for image models that were taught more
//! words than our lists hold.

use super::{
    lexicon::{English, primary},
    words::{DIVIDER, tokens},
};

/// More than that makes a prompt of everything and a picture of nothing.
const MOST: usize = 2;
/// Written large, and no picture of anything.
const NOT_SHOWN: &[&str] = &[
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
    "i",
    "ok",
    "tv",
    "ceo",
    "english",
    "god",
];
/// Between the words of one name: `Tower of London`.
const INSIDE: &[&str] = &["of", "de", "da", "di", "del", "della", "du", "la", "le", "the", "von", "van"];

/// Names and, in English, groups of words around a thing that `shows` knows one of, in their order, as written.
pub(super) fn named(
    text: &str,
    language: &str,
    english: &English,
    shows: &dyn Fn(&str) -> bool,
) -> Vec<String> {
    // In German every noun is written large; elsewhere there are no large letters.
    let mut found = if matches!(primary(language).as_str(), "en" | "es" | "fr" | "it" | "pt" | "nl") {
        names(text)
    } else {
        Vec::new()
    };
    if primary(language) == "en" {
        for group in groups(text, english) {
            let lower = group.to_lowercase();
            let telling = group.contains(' ') && group.split(' ').any(shows);
            if telling && !found.iter().any(|known| known.to_lowercase().contains(&lower)) {
                found.push(group);
            }
        }
    }
    found.truncate(MOST);
    found
}

/// Words written large in the middle of a sentence, with those that belong to them.
fn names(text: &str) -> Vec<String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let bare = |word: &str| {
        let word = word.trim_matches(|c: char| !c.is_alphanumeric());
        word.strip_suffix("'s").or_else(|| word.strip_suffix("’s")).unwrap_or(word).to_owned()
    };
    let large = |at: usize| {
        let word = bare(words[at]);
        word.starts_with(char::is_uppercase)
            && word.chars().count() > 1
            && !NOT_SHOWN.contains(&word.to_lowercase().as_str())
    };
    let opens = |at: usize| {
        at == 0
            || words[at - 1].ends_with(['.', '!', '?', ':', '"', '”', '“', '—'])
            || words[at].starts_with(['"', '“', '«', '¿', '¡'])
    };
    let ends = |at: usize| words[at].ends_with(|c: char| !c.is_alphanumeric());
    let mut found: Vec<String> = Vec::new();
    let mut at = 0;
    while at < words.len() {
        // The first word of a sentence is written large whatever it is; a second one beside it tells.
        if !large(at) || (opens(at) && !(at + 1 < words.len() && large(at + 1) && !ends(at))) {
            at += 1;
            continue;
        }
        let mut end = at + 1;
        while end < words.len() && !ends(end - 1) {
            let inside = INSIDE.contains(&words[end]) && end + 1 < words.len() && large(end + 1);
            if !large(end) && !inside {
                break;
            }
            end += 1;
        }
        let name = words[at..end].iter().map(|word| bare(word)).collect::<Vec<_>>().join(" ");
        if !found.contains(&name) {
            found.push(name);
        }
        at = end;
    }
    found
}

/// What stands between an article or its like and the end of its group: `old clock tower`.
fn groups(text: &str, english: &English) -> Vec<String> {
    let tokens = tokens(text);
    let closes = |token: &str| {
        token == DIVIDER
            || english.after_nouns.contains(token)
            || english.pronouns.contains(token)
            || english.before_nouns.contains(token)
    };
    let mut groups = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let opens = matches!(
            tokens[at].as_str(),
            "a" | "an" | "the" | "his" | "her" | "its" | "their" | "our" | "my" | "your" | "this" | "that"
        );
        if !opens {
            at += 1;
            continue;
        }
        let end = (at + 1..tokens.len()).find(|end| closes(&tokens[*end])).unwrap_or(tokens.len());
        // Longer groups hold a verb.
        if (2..=3).contains(&(end - at - 1)) {
            groups.push(tokens[at + 1..end].join(" "));
        }
        at = end.max(at + 1);
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::super::lexicon::Lexicon;
    use super::*;

    #[test]
    fn names_and_things_are_found_as_written() {
        let lexicon = Lexicon::load().unwrap();
        let shows = |word: &str| ["tower", "ship", "lighthouse"].contains(&word);
        for (text, expected) in [
            ("In 1889 the Eiffel Tower opened in Paris.", &["Eiffel Tower", "Paris"][..]),
            ("Napoleon lost. Nobody cried.", &[]),
            ("Napoleon Bonaparte lost at Waterloo.", &["Napoleon Bonaparte", "Waterloo"]),
            ("On Monday she saw the Tower of London.", &["Tower of London"]),
            ("He climbed the old clock tower and waited.", &["old clock tower"]),
            ("It is a question of time.", &[]),
            ("I think the wind will change.", &[]),
        ] {
            assert_eq!(named(text, "en-US", &lexicon.english, &shows), expected, "{text}");
        }
        assert!(named("Der Mann ging.", "de", &lexicon.english, &shows).is_empty());
    }
}
