//! The order of the rules.

use super::{
    super::{Reading, word::Word},
    amounts::numeric,
    table::Table,
};

/// A word with its neighbours.
pub(super) struct Context<'a> {
    pub(super) words: &'a [Word],
    pub(super) at: usize,
    pub(super) table: &'static Table,
    pub(super) language: &'a str,
}

/// How each of `words` is read; `language` is a primary subtag.
pub(in super::super) fn read(words: &[Word], language: &str) -> Vec<Reading> {
    let Some(table) = Table::of(language) else {
        return words.iter().map(|word| word.core.clone().into()).collect();
    };
    (0..words.len()).map(|at| Context { words, at, table, language }.read()).collect()
}

impl Context<'_> {
    pub(super) fn core(&self) -> &str {
        &self.words[self.at].core
    }

    pub(super) fn tail(&self) -> &str {
        &self.words[self.at].tail
    }

    pub(super) fn previous(&self) -> Option<&str> {
        let word = self.words.get(self.at.checked_sub(1)?)?;
        Some(word.core.as_str())
    }

    pub(super) fn next(&self) -> Option<&str> {
        self.words.get(self.at + 1).map(|word| word.core.as_str())
    }

    fn read(&self) -> Reading {
        if let Some(reading) = self.abbreviation().or_else(|| self.multiplier()).or_else(|| self.ordinal()) {
            return reading;
        }
        let rules: [fn(&Self) -> Option<String>; 11] = [
            Self::behind_sign,
            Self::sign,
            Self::hashtag,
            Self::time,
            Self::hour_word,
            Self::percent,
            Self::money,
            Self::unit,
            Self::range,
            Self::year,
            Self::address,
        ];
        let words = rules.iter().find_map(|rule| rule(self)).unwrap_or_else(|| self.core().to_owned());
        words.into()
    }

    fn abbreviation(&self) -> Option<Reading> {
        let lower = self.core().to_lowercase();
        let stop = self.tail().starts_with('.');
        let found = |name: &str| self.table.abbreviations.get(name).cloned();
        // `z. B.` is two words: the first says all, and the second is its own letter no more.
        if stop && let Some(next) = self.words.get(self.at + 1).filter(|next| next.tail.starts_with('.')) {
            let both = format!("{lower}.{}", next.core.to_lowercase());
            if let Some(words) = found(&both) {
                let first = words.split(' ').next().unwrap_or_default().to_owned();
                return Some(Reading { words: first, takes_sign: true });
            }
        }
        if let Some(before) = self.at.checked_sub(1).map(|at| &self.words[at]).filter(|word| word.tail == ".")
        {
            let both = format!("{}.{lower}", before.core.to_lowercase());
            if let (true, Some(words)) = (stop, found(&both)) {
                let rest = words.split_once(' ').map_or("", |(_, rest)| rest).to_owned();
                return Some(Reading { words: rest, takes_sign: true });
            }
        }
        let wary = self.table.abbreviations_before_names.contains(&lower);
        let followed = self.at + 1 < self.words.len();
        let needs_stop = lower.chars().count() <= 4 && !lower.contains(['.', 'º', '°', '-']);
        let bare = self.table.abbreviations_without_stop.iter().any(|known| known == self.core());
        let written = if needs_stop { stop || bare } else { true };
        let allowed = written && (!wary || ((stop || bare) && followed));
        found(&lower).filter(|_| allowed).map(|words| Reading { words, takes_sign: stop })
    }

    /// `3. Oktober`, `1er`, `2ª`.
    fn ordinal(&self) -> Option<Reading> {
        let table = self.table;
        let nth = |number: &str| {
            let at = number.parse::<usize>().ok()?.checked_sub(1)?;
            table.ordinals.get(at).map(String::as_str)
        };
        if self.language == "de" {
            // A number with a stop before a noun: nouns are written large.
            let begins = |word: &str| table.beginners.iter().any(|known| known == word);
            let noun = self.next().is_some_and(|next| next.starts_with(char::is_uppercase) && !begins(next));
            let stem = nth(self.core()).filter(|_| self.tail() == "." && noun)?;
            let before = self.previous().unwrap_or_default().to_lowercase();
            let ending = match before.as_str() {
                "am" | "dem" | "den" | "des" | "im" | "vom" | "zum" | "seit" | "bis" | "ab" | "beim" => "en",
                "der" | "die" | "das" => "e",
                _ => "er",
            };
            return Some(Reading { words: format!("{stem}{ending}"), takes_sign: true });
        }
        let core = self.core();
        let digits = core.find(|c: char| !c.is_ascii_digit()).unwrap_or(core.len());
        let (number, suffix) = core.split_at(digits);
        let stop = |words: String| Some(Reading { words, takes_sign: false });
        match (self.language, suffix) {
            ("fr", "er" | "ère" | "re") if number == "1" => {
                stop(if suffix == "er" { "premier" } else { "première" }.to_owned())
            }
            ("fr", "e" | "ème" | "ième") => match nth(number) {
                Some(words) => stop(words.to_owned()),
                None => stop(format!("{number}ième")),
            },
            ("es" | "it" | "pt", "º" | "o") => stop(format!("{}o", nth(number)?)),
            ("es" | "it" | "pt", "ª" | "a") => stop(format!("{}a", nth(number)?)),
            ("es", "er") => stop(nth(number)?.to_owned()),
            (_, "") if number == "1" && self.before_month() => stop(table.first_of_month.clone()?),
            _ => None,
        }
    }

    fn before_month(&self) -> bool {
        let names = |word: Option<&str>| {
            word.is_some_and(|word| self.table.months.iter().any(|month| month.eq_ignore_ascii_case(word)))
        };
        let after = self.words.get(self.at + 2).map(|word| word.core.as_str());
        names(self.next()) || (self.next() == Some("de") && names(after))
    }

    fn sign(&self) -> Option<String> {
        let sign = self.table.signs.get(self.core());
        sign.or_else(|| self.table.fractions.get(self.core())).cloned()
    }

    /// `#LearnOnTikTok`, `@nasa`.
    fn hashtag(&self) -> Option<String> {
        let (word, name) = match (self.core().strip_prefix('#'), self.core().strip_prefix('@')) {
            (Some(name), _) => (&self.table.hashtag, name),
            (_, Some(name)) => (&self.table.at, name),
            _ => return None,
        };
        if word.is_empty() || name.is_empty() {
            return None;
        }
        let mut spoken = format!("{word} ");
        let mut small = false;
        for c in name.chars() {
            if small && c.is_uppercase() {
                spoken.push(' ');
            }
            small = c.is_lowercase();
            spoken.push(if c == '_' { ' ' } else { c });
        }
        Some(spoken)
    }

    /// Hours and minutes of `14:30` or `14h30`.
    fn clock<'t>(&self, text: &'t str) -> Option<(&'t str, &'t str)> {
        let (hours, minutes) = text.split_once([':', 'h'])?;
        let number = |text: &str, below: u32| text.parse::<u32>().is_ok_and(|n| n < below) && text.len() <= 2;
        (number(hours, 25) && minutes.len() == 2 && number(minutes, 60)).then_some((hours, minutes))
    }

    fn time(&self) -> Option<String> {
        let table = self.table;
        if table.hour.is_empty() {
            return None;
        }
        let (hours, minutes) = self.clock(self.core())?;
        let (hours, minutes) = (hours.trim_start_matches('0'), minutes.trim_start_matches('0'));
        let hours = if hours.is_empty() { "0" } else { hours };
        // `14:30 Uhr` is spoken `14 Uhr 30`.
        if self.next().is_some_and(|next| table.hour_words.iter().any(|word| word == next)) {
            return Some(hours.to_owned());
        }
        let letter = self.core().contains('h');
        Some(match (self.language, minutes) {
            ("es" | "it", "") => hours.to_owned(),
            ("pt", "") => format!("{hours} horas"),
            ("fr", "") => format!("{hours} heure{}", if hours == "1" || hours == "0" { "" } else { "s" }),
            (_, "") => format!("{hours} {}", table.hour),
            ("fr", minutes) if hours == "1" => format!("1 heure {minutes}"),
            ("pt", minutes) if letter => format!("{hours} horas e {minutes}"),
            (_, minutes) => format!("{hours} {} {minutes}", table.hour),
        })
    }

    /// The `Uhr` of `14:30 Uhr`.
    fn hour_word(&self) -> Option<String> {
        if !self.table.hour_words.iter().any(|word| word == self.core()) {
            return None;
        }
        let (_, minutes) = self.clock(self.previous()?)?;
        let minutes = minutes.trim_start_matches('0');
        Some(if minutes.is_empty() { self.core().to_owned() } else { format!("{} {minutes}", self.core()) })
    }

    /// `10-20`, `1990–1995`, `3:1`.
    fn range(&self) -> Option<String> {
        let core = self.core();
        let (between, from, to) = match core.split_once(['-', '–']) {
            Some((from, to)) => (&self.table.range, from, to),
            None => {
                let (from, to) = core.split_once(':')?;
                (&self.table.ratio, from, to)
            }
        };
        if between.is_empty() || !numeric(from) {
            return None;
        }
        let (number, behind) = match to.strip_suffix('%') {
            Some(number) => (number, self.table.signs.get("%")),
            None => (to, None),
        };
        if !numeric(number) {
            return None;
        }
        let year = |text: &str| self.as_year(text).unwrap_or_else(|| text.to_owned());
        let behind = behind.map(|sign| format!(" {sign}")).unwrap_or_default();
        Some(format!("{} {between} {}{behind}", year(from), year(number)))
    }

    fn year(&self) -> Option<String> {
        self.as_year(self.core())
    }

    /// German years count by hundreds.
    fn as_year(&self, text: &str) -> Option<String> {
        if text.len() != 4 || !text.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let century = self.table.centuries.get(&text[..2])?;
        // A number of things is no year: its noun follows, or its unit.
        let counted = self.next().is_some_and(|next| {
            self.table.units.contains_key(next) || self.table.currencies.contains_key(next)
        });
        let rest = text[2..].trim_start_matches('0');
        (!counted).then(|| if rest.is_empty() { century.clone() } else { format!("{century} {rest}") })
    }

    /// `example.org/a`, `me@example.org`.
    fn address(&self) -> Option<String> {
        let core = self.core();
        let table = self.table;
        if table.dot.is_empty() {
            return None;
        }
        let bare = core.strip_prefix("https://").or_else(|| core.strip_prefix("http://")).unwrap_or(core);
        let bare = bare.strip_prefix("www.").unwrap_or(bare);
        let host = bare.split('/').next().unwrap_or(bare);
        let (_, ending) = host.rsplit_once('.')?;
        let letters = host.chars().any(char::is_alphabetic) && host.is_ascii();
        let known = bare.len() < core.len()
            || host.contains('@')
            || [
                "com", "org", "net", "de", "es", "fr", "it", "pt", "br", "io", "eu", "info", "ai", "tv",
                "me", "ch", "at",
            ]
            .contains(&ending);
        if !letters || !known || ending.len() < 2 || !ending.bytes().all(|b| b.is_ascii_alphabetic()) {
            return None;
        }
        let mut spoken = String::new();
        for c in bare.trim_end_matches('/').chars() {
            match c {
                '.' => spoken.push_str(&format!(" {} ", table.dot)),
                '/' => spoken.push_str(&format!(" {} ", table.slash)),
                '@' => spoken.push_str(&format!(" {} ", table.at)),
                '-' | '_' => spoken.push(' '),
                c => spoken.push(c),
            }
        }
        Some(spoken)
    }
}
