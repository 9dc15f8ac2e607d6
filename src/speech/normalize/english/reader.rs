//! The order of the rules.

use super::{
    super::{Reading, word::Word},
    abbreviations, amounts, calendar, names,
    numbers::{Number, cardinal, digits, ordinal},
};

/// A word with its neighbours.
#[derive(Debug, Clone, Copy)]
pub(super) struct Context<'a> {
    words: &'a [Word],
    at: usize,
    /// Whether the day comes before the month.
    pub(super) day_first: bool,
}

impl<'a> Context<'a> {
    /// The word itself.
    pub(super) fn core(&self) -> &'a str {
        &self.words[self.at].core
    }

    /// What follows the word.
    pub(super) fn tail(&self) -> &'a str {
        &self.words[self.at].tail
    }

    /// The word before, unless a pause lies between.
    pub(super) fn previous(&self) -> Option<&'a str> {
        let word = self.words.get(self.at.checked_sub(1)?)?;
        (word.tail.is_empty() || word.tail == ".").then_some(word.core.as_str())
    }

    /// The word after, unless a pause lies between.
    pub(super) fn next(&self) -> Option<&'a str> {
        let word = self.words.get(self.at + 1)?;
        matches!(self.tail(), "" | "." | " -" | " –" | ")").then_some(word.core.as_str())
    }

    /// The word before the one before.
    pub(super) fn before_previous(&self) -> Option<&'a str> {
        self.previous()?;
        Context { at: self.at - 1, ..*self }.previous()
    }

    /// The same neighbourhood seen from the word before.
    pub(super) fn back(&self) -> Option<Self> {
        self.previous().map(|_| Context { at: self.at - 1, ..*self })
    }

    /// Whether it is the last word of all.
    pub(super) fn is_last(&self) -> bool {
        self.at + 1 == self.words.len()
    }
}

/// How each of `words` is read.
pub(in super::super) fn read(words: &[Word], language: &str) -> Vec<Reading> {
    let day_first = !matches!(language.to_ascii_lowercase().as_str(), "en" | "en-us" | "en_us");
    (0..words.len()).map(|at| word(&Context { words, at, day_first })).collect()
}

fn word(context: &Context<'_>) -> Reading {
    if let Some(reading) = abbreviations::abbreviation(context) {
        return reading;
    }
    let rules: [fn(&Context<'_>) -> Option<String>; 9] = [
        names::idiom,
        names::network,
        names::phone,
        calendar::time,
        calendar::date,
        amounts::amount,
        calendar::year_or_day,
        names::numeral,
        range,
    ];
    let words = rules.iter().find_map(|rule| rule(context)).unwrap_or_else(|| plain(context));
    if leads_to_number(context) { Reading { words: words + " to", takes_sign: true } } else { words.into() }
}

/// `10 - 20`: the dash stands behind the first number.
fn leads_to_number(context: &Context<'_>) -> bool {
    let numeric = |text: &str| text.starts_with(|c: char| c.is_ascii_digit() || "$€£".contains(c));
    matches!(context.tail(), " -" | " –") && numeric(context.core()) && context.next().is_some_and(numeric)
}

/// `10-20`, `1990–1995`, `$5-10`, `3:1`.
fn range(context: &Context<'_>) -> Option<String> {
    let core = context.core();
    let (from, to) = core.split_once(['-', '–', ':'])?;
    let year = |text: &str| text.len() == 4 && text.bytes().all(|b| b.is_ascii_digit());
    if year(from) && year(to) {
        return Some(format!("{} to {}", calendar::as_year(from)?, calendar::as_year(to)?));
    }
    if year(from) && to.len() == 2 {
        return Some(format!("{} to {}", calendar::as_year(from)?, cardinal(to.parse().ok()?)));
    }
    let second = amounts::quantity(to).or_else(|| Number::parse(to).map(|n| n.words()))?;
    let first = Number::parse(from).map(|n| n.words()).or_else(|| amounts::quantity(from));
    // `$5-10` names its currency once, behind.
    let first = match (from.strip_prefix(['$', '€', '£']), Number::parse(to)) {
        (Some(bare), Some(_)) => {
            let number = Number::parse(bare)?.words();
            let sign = from.chars().next()?;
            return Some(format!("{number} to {}", amounts::quantity(&format!("{sign}{to}"))?));
        }
        _ => first?,
    };
    Some(format!("{first} to {second}"))
}

/// Anything else: numbers, and what letters, digits and signs make together.
pub(super) fn plain(context: &Context<'_>) -> String {
    let core = context.core();
    if let Some(words) = whole(core) {
        return words;
    }
    if core.chars().all(|c| c.is_alphabetic() || "'’-.".contains(c)) {
        return core.to_owned();
    }
    let parts = names::parts(core);
    let numeric =
        |at: Option<usize>| at.and_then(|at| parts.get(at)).is_some_and(|part| Number::parse(part).is_some());
    let by =
        |at: usize| matches!(parts[at], "x" | "×") && numeric(at.checked_sub(1)) && numeric(Some(at + 1));
    let words = (0..parts.len()).map(|at| if by(at) { String::from("by") } else { part(parts[at]) });
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// A part of a compound like `mid-1990s` or `COVID-19`; empty where it is silent.
fn part(part: &str) -> String {
    whole(part).unwrap_or_else(|| names::sign(part).unwrap_or(part).to_owned())
}

/// A number, an ordinal, a decade, a version.
fn whole(text: &str) -> Option<String> {
    if let Some(number) = Number::parse(text) {
        return Some(number.words());
    }
    let letters = text.find(|c: char| !(c.is_ascii_digit() || c == ',')).unwrap_or(text.len());
    let (number, suffix) = text.split_at(letters);
    if let Some(number) = Number::parse(number) {
        match suffix.to_ascii_lowercase().as_str() {
            "st" | "nd" | "rd" | "th" => return Some(ordinal(number.whole)),
            "s" | "'s" | "’s" => return Some(calendar::plural(number.whole)),
            _ => {}
        }
    }
    if let Some(decade) = text.strip_prefix(['\'', '’']) {
        return whole(decade);
    }
    let version: Vec<&str> = text.split('.').collect();
    if version.len() > 2
        && version.iter().all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()))
    {
        let part = |part: &&str| Number::parse(part).map_or_else(|| digits(part), |n| n.words());
        return Some(version.iter().map(part).collect::<Vec<_>>().join(" point "));
    }
    None
}
