//! Money, percent, and what is measured in units.

use super::{
    calendar,
    numbers::{Number, cardinal},
    reader::Context,
};

/// A currency: its sign, its name for one and for many, and its hundredth.
struct Currency {
    signs: &'static [&'static str],
    one: &'static str,
    many: &'static str,
    cents: Option<(&'static str, &'static str)>,
}

const CURRENCIES: &[Currency] = &[
    Currency { signs: &["US$", "USD", "$"], one: "dollar", many: "dollars", cents: Some(("cent", "cents")) },
    Currency { signs: &["€", "EUR"], one: "euro", many: "euros", cents: Some(("cent", "cents")) },
    Currency { signs: &["£", "GBP"], one: "pound", many: "pounds", cents: Some(("penny", "pence")) },
    Currency { signs: &["¥", "JPY"], one: "yen", many: "yen", cents: None },
    Currency { signs: &["₹", "INR"], one: "rupee", many: "rupees", cents: Some(("paisa", "paise")) },
    Currency { signs: &["₩", "KRW"], one: "won", many: "won", cents: None },
    Currency { signs: &["₽"], one: "ruble", many: "rubles", cents: None },
    Currency { signs: &["₺"], one: "lira", many: "lira", cents: None },
    Currency { signs: &["₿", "BTC"], one: "bitcoin", many: "bitcoins", cents: None },
];

const SCALE_WORDS: [&str; 5] = ["hundred", "thousand", "million", "billion", "trillion"];

/// Units as written, for one and for many.
const UNITS: &[(&[&str], &str, &str)] = &[
    (&["%"], "percent", "percent"),
    (&["‰"], "per mille", "per mille"),
    (&["km"], "kilometer", "kilometers"),
    (&["m"], "meter", "meters"),
    (&["cm"], "centimeter", "centimeters"),
    (&["mm"], "millimeter", "millimeters"),
    (&["nm"], "nanometer", "nanometers"),
    (&["mi"], "mile", "miles"),
    (&["ft"], "foot", "feet"),
    (&["yd"], "yard", "yards"),
    (&["km²", "km2"], "square kilometer", "square kilometers"),
    (&["m²", "m2", "sqm"], "square meter", "square meters"),
    (&["m³", "m3"], "cubic meter", "cubic meters"),
    (&["sqft"], "square foot", "square feet"),
    (&["kg"], "kilogram", "kilograms"),
    (&["g"], "gram", "grams"),
    (&["mg"], "milligram", "milligrams"),
    (&["lb", "lbs"], "pound", "pounds"),
    (&["oz"], "ounce", "ounces"),
    (&["l", "L"], "liter", "liters"),
    (&["ml", "mL"], "milliliter", "milliliters"),
    (&["mph"], "mile per hour", "miles per hour"),
    (&["km/h", "kmh", "kph"], "kilometer per hour", "kilometers per hour"),
    (&["m/s"], "meter per second", "meters per second"),
    (&["°C", "℃"], "degree Celsius", "degrees Celsius"),
    (&["°F", "℉"], "degree Fahrenheit", "degrees Fahrenheit"),
    (&["°"], "degree", "degrees"),
    (&["Hz"], "hertz", "hertz"),
    (&["kHz"], "kilohertz", "kilohertz"),
    (&["MHz"], "megahertz", "megahertz"),
    (&["GHz"], "gigahertz", "gigahertz"),
    (&["W"], "watt", "watts"),
    (&["kW"], "kilowatt", "kilowatts"),
    (&["MW"], "megawatt", "megawatts"),
    (&["kWh"], "kilowatt hour", "kilowatt hours"),
    (&["V"], "volt", "volts"),
    (&["mAh"], "milliamp hour", "milliamp hours"),
    (&["KB", "kB"], "kilobyte", "kilobytes"),
    (&["MB"], "megabyte", "megabytes"),
    (&["GB"], "gigabyte", "gigabytes"),
    (&["GiB"], "gibibyte", "gibibytes"),
    (&["TB"], "terabyte", "terabytes"),
    (&["Mbps"], "megabit per second", "megabits per second"),
    (&["Gbps"], "gigabit per second", "gigabits per second"),
    (&["ms"], "millisecond", "milliseconds"),
    (&["s", "sec", "secs"], "second", "seconds"),
    (&["min", "mins"], "minute", "minutes"),
    (&["h", "hr", "hrs"], "hour", "hours"),
    (&["px"], "pixel", "pixels"),
    (&["fps"], "frame per second", "frames per second"),
    (&["rpm"], "revolution per minute", "revolutions per minute"),
    (&["dB"], "decibel", "decibels"),
    (&["kcal"], "kilocalorie", "kilocalories"),
];

/// Reads an amount, and the words that belong to one that stands before them.
pub(super) fn amount(context: &Context<'_>) -> Option<String> {
    let core = context.core();
    let next_scales = context.next().is_some_and(|next| SCALE_WORDS.contains(&next));
    if let Some(amount) = Amount::parse(core) {
        if next_scales && amount.scale.is_none() {
            // The currency follows the `million`.
            return Some(amount.number_words());
        }
        if calendar::is_decade(context) || is_name_with_k(context) {
            return None;
        }
        return amount.words();
    }
    let previous = context.previous()?;
    if SCALE_WORDS.contains(&core) {
        let currency = Amount::parse(previous).filter(|amount| amount.scale.is_none())?.currency?;
        return Some(format!("{core} {}", currency.many));
    }
    let one = Number::parse(previous).map(|number| number.is_one());
    let one = one.or_else(|| SCALE_WORDS.contains(&previous).then_some(false))?;
    let name = |one_name, many_name| Some(String::from(if one { one_name } else { many_name }));
    if let Some(currency) = CURRENCIES.iter().find(|currency| currency.signs.contains(&core)) {
        return name(currency.one, currency.many);
    }
    let (_, one_name, many_name) = unit(core)?;
    name(one_name, many_name)
}

/// Reads `$5M`, `50%`, `20kg`, `~10`, `100+`; none for a bare number.
pub(super) fn quantity(text: &str) -> Option<String> {
    Amount::parse(text)?.words()
}

fn unit(text: &str) -> Option<(&'static [&'static str], &'static str, &'static str)> {
    UNITS.iter().find(|(written, ..)| written.contains(&text)).copied()
}

/// `4K video` and `a 10K run` are names, `10K views` is a number.
fn is_name_with_k(context: &Context<'_>) -> bool {
    let Some(number) = context.core().strip_suffix('K') else { return false };
    let next = context.next().unwrap_or_default().to_lowercase();
    let race = matches!(next.as_str(), "run" | "race" | "runner" | "marathon");
    let plural = next.ends_with('s') && next != "videos" && next != "displays";
    race || (matches!(number, "2" | "4" | "8") && !plural)
}

/// An amount taken apart.
struct Amount<'a> {
    before: &'static str,
    currency: Option<&'static Currency>,
    number: Number,
    scale: Option<&'static str>,
    unit: Option<(&'static str, &'static str)>,
    and_more: bool,
    per: Option<&'a str>,
}

impl<'a> Amount<'a> {
    /// `None` for what is no amount, and for a bare number.
    fn parse(text: &'a str) -> Option<Self> {
        let (before, rest) = qualifier(text);
        let negative = rest.starts_with(['-', '−']);
        let rest = rest.trim_start_matches(['-', '−']);
        let (prefix, rest) = match CURRENCIES.iter().find_map(|c| sign_before(c, rest)) {
            Some((currency, rest)) => (Some(currency), rest),
            None => (None, rest),
        };
        let negative = negative || (prefix.is_some() && rest.starts_with(['-', '−']));
        let rest = rest.trim_start_matches(['-', '−']);
        let end = rest.find(|c: char| !(c.is_ascii_digit() || c == ',' || c == '.')).unwrap_or(rest.len());
        let (digits, rest) = rest.split_at(end);
        let number = Number::parse(&format!("{}{digits}", if negative { "-" } else { "" }))?;
        let (rest, and_more) = match rest.strip_suffix('+') {
            Some(rest) => (rest, true),
            None => (rest, false),
        };
        let (rest, per) = match rest.split_once('/') {
            Some((rest, per)) if prefix.is_some() || rest.ends_with(['€', '$', '£']) => {
                (rest, Some(period(per)?))
            }
            _ => (rest, None),
        };
        let (scale, rest) = scale(rest, prefix.is_some());
        let suffix = CURRENCIES.iter().find(|currency| currency.signs.contains(&rest));
        let unit = unit(rest).map(|(_, one, many)| (one, many));
        if !rest.is_empty() && suffix.is_none() && unit.is_none() {
            return None;
        }
        let currency = prefix.or(suffix);
        let bare = currency.is_none() && scale.is_none() && unit.is_none() && !and_more && before.is_empty();
        (!bare).then_some(Self { before, currency, number, scale, unit, and_more, per })
    }

    /// The number without its unit.
    fn number_words(&self) -> String {
        format!("{}{}", self.before, self.number.words())
    }

    fn words(&self) -> Option<String> {
        let many = self.scale.is_some() || !self.number.is_one();
        let mut words = match (self.currency, self.scale, &self.number.fraction) {
            (Some(currency), None, Some(fraction)) if fraction.len() == 2 && currency.cents.is_some() => {
                format!("{}{}", self.before, with_cents(currency, &self.number, fraction)?)
            }
            _ => {
                let scale = self.scale.map_or(String::new(), |scale| format!(" {scale}"));
                let name = match (self.currency, self.unit) {
                    (Some(currency), _) => {
                        if many {
                            currency.many
                        } else {
                            currency.one
                        }
                    }
                    (None, Some((one, many_name))) => {
                        if many {
                            many_name
                        } else {
                            one
                        }
                    }
                    (None, None) => "",
                };
                format!("{}{scale} {name}", self.number_words()).trim_end().to_owned()
            }
        };
        if self.and_more {
            words.push_str(" plus");
        }
        if let Some(per) = self.per {
            words = format!("{words} per {per}");
        }
        Some(words)
    }
}

fn with_cents(currency: &Currency, number: &Number, fraction: &str) -> Option<String> {
    let (cent, cents) = currency.cents?;
    let hundredths: u64 = fraction.parse().ok()?;
    let small = format!("{} {}", cardinal(hundredths), if hundredths == 1 { cent } else { cents });
    if hundredths > 0 && number.whole == 0 {
        return Some(small);
    }
    let name = if number.whole == 1 { currency.one } else { currency.many };
    let whole = number.words();
    let whole = whole.split(" point ").next().unwrap_or_default();
    Some(if hundredths == 0 { format!("{whole} {name}") } else { format!("{whole} {name} and {small}") })
}

fn qualifier(text: &str) -> (&'static str, &str) {
    const QUALIFIERS: [(&str, &str); 8] = [
        ("~", "about "),
        ("≈", "about "),
        ("<", "less than "),
        (">", "more than "),
        ("≤", "at most "),
        ("≥", "at least "),
        ("±", "plus or minus "),
        ("+", "plus "),
    ];
    QUALIFIERS
        .into_iter()
        .find_map(|(sign, words)| text.strip_prefix(sign).map(|rest| (words, rest)))
        .unwrap_or(("", text))
}

fn sign_before<'a>(currency: &'static Currency, text: &'a str) -> Option<(&'static Currency, &'a str)> {
    currency.signs.iter().find_map(|sign| text.strip_prefix(sign)).map(|rest| (currency, rest))
}

fn scale(text: &str, money: bool) -> (Option<&'static str>, &str) {
    const SCALES: [(&str, &str); 8] = [
        ("bn", "billion"),
        ("mn", "million"),
        ("tn", "trillion"),
        ("K", "thousand"),
        ("k", "thousand"),
        ("M", "million"),
        ("B", "billion"),
        ("T", "trillion"),
    ];
    if unit(text).is_some() && !money {
        return (None, text);
    }
    if money && matches!(text, "m" | "b") {
        return (Some(if text == "m" { "million" } else { "billion" }), "");
    }
    let found = SCALES.into_iter().find_map(|(sign, name)| Some((name, text.strip_prefix(sign)?)));
    match found {
        Some((name, rest)) if rest.is_empty() || rest.starts_with(['€', '$', '£', '₽']) => {
            (Some(name), rest)
        }
        _ => (None, text),
    }
}

fn period(text: &str) -> Option<&str> {
    Some(match text {
        "mo" => "month",
        "yr" => "year",
        "hr" | "h" => "hour",
        "wk" => "week",
        "month" | "year" | "hour" | "week" | "day" | "night" | "minute" | "person" | "kg" | "lb" => text,
        _ => return None,
    })
}
