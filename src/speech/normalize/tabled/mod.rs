//! Languages whose ways of saying signs stand in tables: `assets/spoken`.
//!
//! Numbers stay digits, which voices read well; what they misread or drop is written out: money,
//! units, abbreviations, times, ordinals, addresses, hashtags.

mod amounts;
mod reader;
mod table;

pub(super) use reader::read;
use table::Table;

/// The name of a sign.
pub(super) fn sign(sign: &str, language: &str) -> Option<&'static str> {
    Table::of(language)?.signs.get(sign).map(String::as_str)
}

/// The name of `.` or `/` in addresses.
pub(super) fn dot_or_slash(c: char, language: &str) -> Option<&'static str> {
    let table = Table::of(language)?;
    Some(if c == '.' { &table.dot } else { &table.slash })
}

/// The months' names; none where the table has none.
pub(super) fn months(language: &str) -> Option<&'static [String]> {
    Table::of(language).map(|table| table.months.as_slice()).filter(|months| months.len() == 12)
}

/// The ordinal as the table has it: without its ending where the language has several.
pub(super) fn ordinal(n: u64, language: &str) -> Option<String> {
    Table::of(language)?.ordinals.get(usize::try_from(n).ok()?.checked_sub(1)?).cloned()
}

/// `zweiunddreißigste`; below a thousand.
pub(super) fn german_ordinal(n: u64) -> Option<String> {
    const ONES: [&str; 10] = ["", "ein", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun"];
    const TENS: [&str; 10] =
        ["", "zehn", "zwanzig", "dreißig", "vierzig", "fünfzig", "sechzig", "siebzig", "achtzig", "neunzig"];
    if !(1..1_000).contains(&n) {
        return None;
    }
    let (hundreds, rest) = ((n / 100) as usize, n % 100);
    let hundred = if hundreds == 0 { String::new() } else { format!("{}hundert", ONES[hundreds]) };
    let tail = match (ordinal(rest, "de"), rest) {
        (_, 0) => "ste".to_owned(),
        (Some(stem), _) => stem + "e",
        (None, _) => {
            let (tens, ones) = (TENS[(rest / 10) as usize], ONES[(rest % 10) as usize]);
            let and = if ones.is_empty() { "" } else { "und" };
            format!("{ones}{and}{tens}ste")
        }
    };
    Some(hundred + &tail)
}
