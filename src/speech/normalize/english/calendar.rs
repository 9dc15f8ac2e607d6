//! Times, dates, years, decades and fractions.

use super::{
    numbers::{self, Number, cardinal, ordinal},
    reader::Context,
};

const MONTHS: [(&str, &str); 12] = [
    ("Jan", "January"),
    ("Feb", "February"),
    ("Mar", "March"),
    ("Apr", "April"),
    ("May", "May"),
    ("Jun", "June"),
    ("Jul", "July"),
    ("Aug", "August"),
    ("Sep", "September"),
    ("Oct", "October"),
    ("Nov", "November"),
    ("Dec", "December"),
];

/// `7:30`, `7:05pm`, `7pm`, `1:02:30`.
pub(super) fn time(context: &Context<'_>) -> Option<String> {
    let core = context.core().to_ascii_lowercase();
    let (clock, half) = ["am", "pm", "a.m", "p.m"]
        .iter()
        .find_map(|half| {
            core.strip_suffix(half).map(|clock| (clock, Some(half.replace('.', "").to_uppercase())))
        })
        .unwrap_or((core.as_str(), None));
    let parts: Vec<&str> = clock.split(':').collect();
    let number = |text: &str| text.parse::<u64>().ok().filter(|_| text.len() <= 2);
    let hour = number(parts[0]).filter(|hour| *hour <= 24)?;
    let in_hour = |text: &str| number(text).filter(|n| text.len() == 2 && *n < 60);
    let said = |n: u64| if n < 10 { format!("oh {}", cardinal(n)) } else { cardinal(n) };
    let half_follows = context
        .next()
        .is_some_and(|next| matches!(next.to_ascii_lowercase().as_str(), "am" | "pm" | "a.m" | "p.m"));
    let words = match (&parts[1..], &half) {
        ([], Some(_)) => cardinal(hour),
        ([minute], _) => match in_hour(minute)? {
            0 if half.is_some() || half_follows => cardinal(hour),
            0 if hour > 12 => format!("{} hundred", cardinal(hour)),
            0 => format!("{} o'clock", cardinal(hour)),
            minute => format!("{} {}", cardinal(hour), said(minute)),
        },
        ([minute, second], _) => {
            format!("{} {} {}", cardinal(hour), said(in_hour(minute)?), said(in_hour(second)?))
        }
        _ => return None,
    };
    Some(half.map_or(words.clone(), |half| format!("{words} {half}")))
}

/// `2024-11-21`, `12/25`, `Nov`, `3/4`, `½`.
pub(super) fn date(context: &Context<'_>) -> Option<String> {
    let core = context.core();
    iso(core).or_else(|| slashed(context)).or_else(|| month_name(context)).or_else(|| vulgar(core))
}

fn iso(core: &str) -> Option<String> {
    let parts: Vec<&str> = core.split('-').collect();
    let [year, month, day] = parts[..] else { return None };
    if (year.len(), month.len(), day.len()) != (4, 2, 2) {
        return None;
    }
    spell(month.parse().ok()?, day.parse().ok()?, Some(year))
}

fn slashed(context: &Context<'_>) -> Option<String> {
    let parts: Vec<&str> = context.core().split('/').collect();
    if parts.iter().any(|part| part.is_empty() || !part.bytes().all(|b| b.is_ascii_digit())) {
        return None;
    }
    let numbers: Vec<u64> = parts.iter().map(|part| part.parse().ok()).collect::<Option<_>>()?;
    match numbers[..] {
        [a, b] if is_fraction(a, b) => {
            let number = context.previous().and_then(Number::parse);
            let words = fraction(a, b);
            Some(if number.is_some() { format!("and {words}") } else { words })
        }
        [a, b] if b == 10 || a == b => Some(format!("{} out of {}", cardinal(a), cardinal(b))),
        [a, b] => match in_order(a, b, context.day_first) {
            Some((month, day)) => spell(month, day, None),
            None => Some(format!("{} over {}", cardinal(a), cardinal(b))),
        },
        [a, b, _] => {
            let (month, day) = in_order(a, b, context.day_first)?;
            spell(month, day, Some(parts[2]))
        }
        _ => None,
    }
}

/// The month and the day of two numbers; whichever order only makes sense wins.
fn in_order(a: u64, b: u64, day_first: bool) -> Option<(u64, u64)> {
    let valid = |(month, day): &(u64, u64)| (1..=12).contains(month) && (1..=31).contains(day);
    let orders = if day_first { [(b, a), (a, b)] } else { [(a, b), (b, a)] };
    orders.into_iter().find(valid)
}

fn spell(month: u64, day: u64, year: Option<&str>) -> Option<String> {
    let (_, name) = MONTHS.get(usize::try_from(month).ok()?.checked_sub(1)?)?;
    if !(1..=31).contains(&day) {
        return None;
    }
    let date = format!("{name} {}", ordinal(day));
    match year {
        None => Some(date),
        Some(year) if year.len() == 2 => Some(format!("{date}, {}", as_year(&format!("20{year}"))?)),
        Some(year) => Some(format!("{date}, {}", as_year(year)?)),
    }
}

/// The months' names in order.
pub(in super::super) fn months() -> impl Iterator<Item = &'static str> {
    MONTHS.into_iter().map(|(_, long)| long)
}

/// A date of which any part may be left out: `May tenth, twenty twenty-four`, `May twenty twenty-four`.
pub(in super::super) fn date_of(day: Option<u64>, month: Option<u64>, year: Option<u64>) -> Option<String> {
    let name = match month {
        Some(month) => Some(months().nth(usize::try_from(month).ok()?.checked_sub(1)?)?),
        None => None,
    };
    let mut said: Vec<String> = name.map(str::to_owned).into_iter().collect();
    said.extend(day.map(ordinal));
    let comma = if day.is_some() && year.is_some() { "," } else { "" };
    let said = said.join(" ") + comma;
    Some(match year {
        Some(year) if said.is_empty() => numbers::year(year),
        Some(year) => format!("{said} {}", numbers::year(year)),
        None => said,
    })
}

fn is_fraction(a: u64, b: u64) -> bool {
    a < b && matches!(b, 2 | 3 | 4 | 5 | 6 | 8 | 16) && a > 0
}

fn fraction(a: u64, b: u64) -> String {
    let part = match b {
        2 => String::from("half"),
        4 => String::from("quarter"),
        b => ordinal(b),
    };
    if a == 1 { format!("one {part}") } else { format!("{} {part}s", cardinal(a)) }
}

/// `½`, `2½`.
fn vulgar(core: &str) -> Option<String> {
    let last = core.chars().last()?;
    let (a, b) = match last {
        '½' => (1, 2),
        '⅓' => (1, 3),
        '⅔' => (2, 3),
        '¼' => (1, 4),
        '¾' => (3, 4),
        '⅕' => (1, 5),
        '⅛' => (1, 8),
        _ => return None,
    };
    let words = match (a, b) {
        (1, 2) => String::from("a half"),
        (1, 4) => String::from("a quarter"),
        _ => fraction(a, b),
    };
    match &core[..core.len() - last.len_utf8()] {
        "" => Some(fraction(a, b)),
        whole => Some(format!("{} and {words}", Number::parse(whole)?.words())),
    }
}

/// The month that a word names.
fn month(word: &str) -> Option<&'static str> {
    let short = if word == "Sept" { "Sep" } else { word };
    MONTHS.iter().find(|(name, long)| *name == short || *long == word).map(|(_, long)| *long)
}

/// A month written short beside a day or a year, and `of` between a day and its month.
pub(super) fn month_name(context: &Context<'_>) -> Option<String> {
    let name = month(context.core())?;
    let numeric =
        |word: Option<&str>| word.is_some_and(|word| word.starts_with(|c: char| c.is_ascii_digit()));
    let day_before = context.previous().is_some_and(|previous| day(previous).is_some());
    if day_before && context.before_previous().and_then(month).is_none() {
        return Some(format!("of {name}"));
    }
    let short = name != context.core();
    (short && (numeric(context.next()) || context.tail().starts_with('.'))).then(|| name.to_owned())
}

fn day(word: &str) -> Option<u64> {
    let digits = word.trim_end_matches(|c: char| c.is_ascii_lowercase());
    let suffix = &word[digits.len()..];
    let day = digits.parse().ok().filter(|day| (1..=31).contains(day) && digits.len() <= 2)?;
    matches!(suffix, "" | "st" | "nd" | "rd" | "th").then_some(day)
}

/// A number that is a year or a day of a month.
pub(super) fn year_or_day(context: &Context<'_>) -> Option<String> {
    let core = context.core();
    let beside = |word: Option<&str>| word.and_then(month).is_some();
    if let Some(day) = day(core)
        && (beside(context.previous()) || beside(context.next()))
        && !(context.next() == Some("May") && core.len() == 4)
    {
        return Some(ordinal(day));
    }
    let written = core.strip_suffix("'s").or_else(|| core.strip_suffix("’s"));
    let digits = core.len() == 4 && core.bytes().all(|b| b.is_ascii_digit());
    let n: u64 = core.parse().ok().filter(|_| digits && written.is_none())?;
    reads_as_year(context, n).then(|| numbers::year(n))
}

/// Whether a number of four digits is a year here.
fn reads_as_year(context: &Context<'_>, n: u64) -> bool {
    const BEFORE: &[&str] = &[
        "in", "since", "until", "till", "by", "year", "before", "after", "around", "circa", "during",
        "between", "early", "late", "mid", "from", "to", "spring", "summer", "autumn", "fall", "winter",
        "of",
    ];
    const NOT_THINGS: &[&str] =
        &["was", "is", "has", "as", "this", "us", "its", "vs", "always", "perhaps", "across"];
    let next = context.next().unwrap_or_default();
    let counts_things =
        next.ends_with('s') && next.starts_with(|c: char| c.is_lowercase()) && !NOT_THINGS.contains(&next);
    let previous = context.previous().unwrap_or_default();
    let dated = BEFORE.contains(&previous.to_lowercase().as_str()) || month(previous).is_some();
    let era = matches!(next, "AD" | "BC" | "CE" | "BCE");
    match n {
        1_900..=2_099 => !counts_things,
        1_100..=1_899 => (dated || era) && !counts_things,
        _ => false,
    }
}

/// The words of a year of four digits.
pub(super) fn as_year(text: &str) -> Option<String> {
    Some(numbers::year(text.parse().ok().filter(|_| text.len() == 4)?))
}

/// Whether the word is a decade, `90s`, and not ninety seconds.
pub(super) fn is_decade(context: &Context<'_>) -> bool {
    const OF_TIME: &[&str] = &["for", "in", "after", "every", "under", "within", "just", "only", "about"];
    let Some(number) = context.core().strip_suffix('s').and_then(|n| n.parse::<u64>().ok()) else {
        return false;
    };
    let timed =
        context.previous().is_some_and(|previous| OF_TIME.contains(&previous.to_lowercase().as_str()));
    let whole = number.is_multiple_of(10) && (matches!(number, 20..=90) || number >= 1_000);
    whole && (number >= 1_000 || !timed)
}

/// `1990s`, `90s`, `747s`.
pub(super) fn plural(n: u64) -> String {
    let decade = n.is_multiple_of(10) && (matches!(n, 20..=90) || (1_100..=2_099).contains(&n));
    if decade { numbers::decade(n) } else { numbers::plural(&cardinal(n)) }
}
