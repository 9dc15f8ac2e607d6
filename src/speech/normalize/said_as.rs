//! Text of a kind that its letters do not tell: `<say-as>`.

use super::{
    super::{Lexicon, Reading as How, spoken_tokens},
    english, primary, tabled,
};
use crate::story::{DateOrder, Kind};

/// How `written` is spoken as a thing of this kind in `language` (BCP 47); no mark behind it.
///
/// # Errors
/// In words, where it is no such thing.
pub(in super::super) fn said_as(kind: Kind, written: &str, language: &str) -> Result<String, String> {
    let primary = primary(language);
    let not = |thing: &str, example: &str| {
        format!("`{written}` is no {thing}: write one as `{example}`, or take the element away")
    };
    Ok(match kind {
        Kind::Usual => usual(written, language),
        Kind::Characters => characters(written, &primary),
        Kind::Digits if has_digit(written) => digits(written, &primary, " "),
        Kind::Digits => return Err(not("row of digits", "2041")),
        Kind::Telephone if has_digit(written) => {
            let plus =
                if written.starts_with('+') { format!("{} ", sign("+", &primary)) } else { String::new() };
            plus + &digits(written, &primary, ", ")
        }
        Kind::Telephone => return Err(not("telephone number", "+1-555-0199")),
        Kind::Cardinal => cardinal(written, &primary).ok_or_else(|| not("number", "1984"))?,
        Kind::Ordinal => ordinal(written, &primary).ok_or_else(|| not("number", "3"))?,
        Kind::Date(order) => {
            date(written, order, language).ok_or_else(|| not("date of that order", "2024-05-10"))?
        }
        Kind::Time => time(written, language).ok_or_else(|| not("time of day", "14:30"))?,
        Kind::Currency => currency(written, language).ok_or_else(|| not("amount of money", "USD 45.30"))?,
    })
}

fn has_digit(text: &str) -> bool {
    text.contains(|c: char| c.is_ascii_digit())
}

/// As the language reads it anyway.
fn usual(text: &str, language: &str) -> String {
    let lexicon = Lexicon::default();
    let tokens = spoken_tokens(text, &How { language, lexicon: &lexicon, emoji: false });
    let last = tokens.len().saturating_sub(1);
    let word = |(index, token)| {
        let token: &super::super::Token = token;
        if index == last { token.words().to_owned() } else { token.spoken.clone() }
    };
    tokens.iter().enumerate().map(word).filter(|said| !said.is_empty()).collect::<Vec<_>>().join(" ")
}

fn sign<'t>(sign: &'t str, primary: &str) -> &'t str {
    match primary {
        "en" => english::sign(sign).unwrap_or_default(),
        _ => tabled::sign(sign, primary).unwrap_or_default(),
    }
}

fn characters(text: &str, primary: &str) -> String {
    let named = |c: char| match c {
        c if c.is_ascii_digit() => digits(&c.to_string(), primary, " "),
        // Alone, it would be read as the article.
        'a' | 'A' if primary == "en" => "eigh".to_owned(),
        '-' if primary == "en" => "dash".to_owned(),
        '.' if primary == "en" => "dot".to_owned(),
        '/' if primary == "en" => "slash".to_owned(),
        '_' if primary == "en" => "underscore".to_owned(),
        '.' | '/' => tabled::dot_or_slash(c, primary).unwrap_or_default().to_owned(),
        c if c.is_alphabetic() => c.to_uppercase().collect(),
        c => sign(&c.to_string(), primary).to_owned(),
    };
    text.chars().map(named).filter(|name| !name.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Each digit by itself; `between` stands between groups.
fn digits(text: &str, primary: &str, between: &str) -> String {
    let group = |group: &str| match primary {
        "en" => english::digits(group),
        _ => group.chars().map(String::from).collect::<Vec<_>>().join(" "),
    };
    let groups = text.split(|c: char| !c.is_ascii_digit()).filter(|group| !group.is_empty());
    groups.map(group).collect::<Vec<_>>().join(between)
}

/// The number that a text is, in Roman numerals too, and what remains of it as digits.
fn number(text: &str) -> Option<u64> {
    let text = text.trim_end_matches(|c: char| c.is_alphabetic() || matches!(c, '.' | 'º' | 'ª'));
    let plain: String =
        text.chars().filter(|c| !matches!(c, ',' | '.' | ' ' | '\u{a0}' | '\u{202f}')).collect();
    plain.parse().ok()
}

fn cardinal(text: &str, primary: &str) -> Option<String> {
    if let Some(roman) = english::roman(text) {
        return cardinal(&roman.to_string(), primary);
    }
    if primary == "en" {
        return english::number(text);
    }
    let digits = text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '−' | '+'))
        && text.chars().skip(1).all(|c| c.is_ascii_digit() || ".,".contains(c));
    digits.then(|| text.to_owned())
}

fn ordinal(text: &str, primary: &str) -> Option<String> {
    let n = english::roman(text).or_else(|| number(text))?;
    Some(match primary {
        "en" => english::ordinal(n),
        "de" => tabled::german_ordinal(n)?,
        "fr" => tabled::ordinal(n, primary).unwrap_or_else(|| format!("{n}ième")),
        "es" | "it" | "pt" => tabled::ordinal(n, primary).map_or_else(|| format!("{n}º"), |stem| stem + "o"),
        "zh" | "cmn" | "ja" => format!("第{n}"),
        "hi" => format!("{n}वाँ"),
        _ => n.to_string(),
    })
}

/// A date: its parts in the order given, or in the language's own.
fn date(text: &str, order: Option<DateOrder>, language: &str) -> Option<String> {
    let primary = primary(language);
    let parts: Vec<&str> =
        text.split(|c: char| !c.is_alphanumeric()).filter(|part| !part.is_empty() && *part != "de").collect();
    let month = |part: &str| -> Option<u64> {
        let by_number = part.parse().ok().filter(|month| (1..=12).contains(month));
        by_number.or_else(|| month_of(part, &primary))
    };
    let number =
        |part: &str| -> Option<u64> { part.trim_end_matches(|c: char| c.is_alphabetic()).parse().ok() };
    let year_first = parts.first().is_some_and(|part| part.len() == 4 && number(part).is_some());
    let named_first = parts.first().is_some_and(|part| number(part).is_none());
    let american = named_first || matches!(language.to_ascii_lowercase().as_str(), "en" | "en-us");
    let order = order.unwrap_or(match (parts.len(), year_first, american) {
        (3, true, _) => DateOrder::Ymd,
        (3, _, true) if number(parts[1]).is_some() => DateOrder::Mdy,
        (3, ..) => DateOrder::Dmy,
        (2, true, _) => DateOrder::Ym,
        (2, _, true) => DateOrder::Md,
        (2, ..) => DateOrder::Dm,
        _ => DateOrder::Y,
    });
    let (day, named, year) = match (order, parts.as_slice()) {
        (DateOrder::Dmy, [d, m, y]) | (DateOrder::Mdy, [m, d, y]) | (DateOrder::Ymd, [y, m, d]) => {
            (Some(number(d)?), Some(month(m)?), Some(*y))
        }
        (DateOrder::Dm, [d, m]) | (DateOrder::Md, [m, d]) => (Some(number(d)?), Some(month(m)?), None),
        (DateOrder::My, [m, y]) | (DateOrder::Ym, [y, m]) => (None, Some(month(m)?), Some(*y)),
        (DateOrder::Y, [y]) => (None, None, Some(*y)),
        _ => return None,
    };
    if day.is_some_and(|day| !(1..=31).contains(&day)) {
        return None;
    }
    let year = match year {
        Some(year) => {
            let number: u64 = year.parse().ok()?;
            Some(if year.len() == 2 { 2_000 + number } else { number })
        }
        None => None,
    };
    if primary == "en" {
        return english::date(day, named, year);
    }
    let Some(months) = tabled::months(&primary) else { return Some(usual(text, language)) };
    let named = match named {
        Some(month) => Some(months.get(usize::try_from(month).ok()?.checked_sub(1)?)?),
        None => None,
    };
    let (between, stop) = match primary.as_str() {
        "es" | "pt" => (" de ", ""),
        "de" => (" ", "."),
        _ => (" ", ""),
    };
    let day = day.map(|day| format!("{day}{stop}"));
    let parts = [day, named.cloned(), year.map(|year| year.to_string())];
    let written = parts.into_iter().flatten().collect::<Vec<_>>().join(between);
    Some(usual(&written, language))
}

fn month_of(name: &str, primary: &str) -> Option<u64> {
    let lower = name.to_lowercase();
    let months: Vec<String> = match primary {
        "en" => english::months().map(str::to_lowercase).collect(),
        _ => tabled::months(primary)?.iter().map(|month| month.to_lowercase()).collect(),
    };
    let found = |month: &String| *month == lower || (lower.chars().count() >= 3 && month.starts_with(&lower));
    months.iter().position(found).map(|at| at as u64 + 1)
}

fn time(text: &str, language: &str) -> Option<String> {
    let bare = text.trim();
    let clock = bare.len() == 4 && bare.bytes().all(|b| b.is_ascii_digit());
    let written = if clock { format!("{}:{}", &bare[..2], &bare[2..]) } else { bare.replace('.', ":") };
    let written = if written.contains(|c: char| c.is_alphabetic()) { bare.to_owned() } else { written };
    let mut numbers = written.split(|c: char| !c.is_ascii_digit()).filter(|part| !part.is_empty());
    let hour: u64 = numbers.next()?.parse().ok()?;
    let minute: u64 = numbers.next().map_or(Ok(0), str::parse).ok()?;
    (hour <= 24 && minute < 60).then(|| usual(&written, language))
}

/// The signs of the currencies that the tables know, by their codes.
const CODES: [(&str, &str); 7] =
    [("USD", "$"), ("EUR", "€"), ("GBP", "£"), ("JPY", "¥"), ("CNY", "¥"), ("INR", "₹"), ("BRL", "R$")];

fn currency(text: &str, language: &str) -> Option<String> {
    if !has_digit(text) {
        return None;
    }
    let code: String = text.chars().filter(char::is_ascii_alphabetic).collect::<String>().to_uppercase();
    match CODES.iter().find(|(known, _)| *known == code) {
        Some((_, sign)) => {
            let amount: String = text.chars().filter(|c| !c.is_alphabetic() && !c.is_whitespace()).collect();
            Some(usual(&format!("{sign}{amount}"), language))
        }
        None => Some(usual(text, language)),
    }
}
