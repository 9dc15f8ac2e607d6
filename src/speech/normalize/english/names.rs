//! Idioms, addresses, telephone numbers, Roman numerals, and words with signs inside.

use super::{
    numbers::{Number, cardinal, digits, ordinal},
    reader::Context,
};

const IDIOMS: &[(&str, &str)] = &[
    ("24/7", "twenty-four seven"),
    ("9/11", "nine eleven"),
    ("50/50", "fifty fifty"),
    ("w/", "with"),
    ("w/o", "without"),
    ("b/c", "because"),
    ("A/B", "A B"),
    ("I/O", "I O"),
    ("C++", "C plus plus"),
    ("C#", "C sharp"),
    ("F#", "F sharp"),
    (".NET", "dot net"),
    ("RAM", "ram"),
    ("ROM", "rom"),
    ("007", "double oh seven"),
];

/// What is read in a way of its own, and signs that stand alone.
pub(super) fn idiom(context: &Context<'_>) -> Option<String> {
    let core = context.core();
    if let Some((_, words)) = IDIOMS.iter().find(|(written, _)| *written == core) {
        return Some((*words).to_owned());
    }
    let numeric = |word: Option<&str>| word.is_some_and(|word| Number::parse(word).is_some());
    if core == "x" && numeric(context.previous()) && numeric(context.next()) {
        return Some(String::from("by"));
    }
    if core == "#" && numeric(context.next()) {
        return Some(String::from("number"));
    }
    if let Some(number) = core.strip_suffix('p').and_then(|n| n.parse::<u64>().ok())
        && matches!(number, 360 | 480 | 720 | 1080 | 1440 | 2160)
    {
        return Some(format!("{} {} p", cardinal(number / 100), cardinal(number % 100)));
    }
    let emergency = matches!(core, "911" | "999" | "112" | "988");
    let called = context.previous().map(str::to_lowercase);
    if emergency && matches!(called.as_deref(), Some("call" | "dial" | "text" | "called" | "dialed")) {
        return Some(digits(core));
    }
    sign(core).map(str::to_owned)
}

/// The name of a sign.
pub(in super::super) fn sign(part: &str) -> Option<&'static str> {
    Some(match part {
        "&" => "and",
        "+" => "plus",
        "=" => "equals",
        "@" => "at",
        "%" => "percent",
        "#" => "hash",
        "×" => "times",
        "÷" => "divided by",
        "→" => "to",
        "<" => "less than",
        ">" => "greater than",
        "°" => "degrees",
        "±" => "plus or minus",
        "$" => "dollars",
        "€" => "euros",
        "£" => "pounds",
        "." => "dot",
        "-" | "–" | "_" | "/" | "*" | "'" | "’" | "," | ":" | "(" | ")" | "\"" => "",
        _ => return None,
    })
}

/// Addresses on the net, `@handles` and `#hashtags`.
pub(super) fn network(context: &Context<'_>) -> Option<String> {
    let core = context.core();
    if let Some(tag) = core.strip_prefix('#') {
        let number = Number::parse(tag).map(|number| format!("number {}", number.words()));
        return number.or_else(|| tag.starts_with(is_letter).then(|| format!("hashtag {}", humps(tag))));
    }
    if let Some(handle) = core.strip_prefix('@') {
        return handle.starts_with(is_letter).then(|| format!("at {}", address(handle)));
    }
    if let Some((name, domain)) = core.split_once('@') {
        return is_domain(domain).then(|| format!("{} at {}", address(name), address(domain)));
    }
    let bare = core.split_once("://").map_or(core, |(_, rest)| rest);
    let host = bare.split(['/', '?', '#']).next().unwrap_or_default();
    if bare == core && !is_domain(host) {
        return None;
    }
    let bare = bare.split(['?', '#']).next().unwrap_or_default();
    let words = address(bare.trim_end_matches('/'));
    Some(words)
}

fn is_letter(c: char) -> bool {
    c.is_alphabetic() || c == '_'
}

fn is_domain(host: &str) -> bool {
    const ENDINGS: &[&str] = &[
        "com", "org", "net", "io", "co", "uk", "de", "dev", "app", "ai", "gov", "edu", "info", "me", "tv",
        "us", "eu", "fr", "es", "it", "ca", "au", "in", "gg", "xyz", "shop", "js", "py", "rs", "ts",
    ];
    let labels: Vec<&str> = host.split('.').collect();
    let plain =
        |label: &&str| !label.is_empty() && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    labels.len() > 1 && labels.iter().all(plain) && labels.last().is_some_and(|end| ENDINGS.contains(end))
}

/// Spells out an address: `example.com/a-b` is `example dot com slash a dash b`.
fn address(text: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    for part in parts(text) {
        let word = match part {
            "." => "dot",
            "/" => "slash",
            "-" => "dash",
            "_" => "underscore",
            "@" => "at",
            ":" => "colon",
            "www" => "W W W",
            "js" | "py" | "rs" | "ts" | "io" | "ai" | "tv" | "uk" | "us" | "eu" => {
                words.push(part.to_uppercase());
                continue;
            }
            part => {
                let number = Number::parse(part).map(|number| number.words());
                words.push(number.unwrap_or_else(|| part.to_owned()));
                continue;
            }
        };
        words.push(word.to_owned());
    }
    words.join(" ")
}

/// `LearnOnTikTok2024` is `Learn On Tik Tok twenty twenty-four`.
fn humps(tag: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    for part in parts(tag) {
        if let Some(number) = Number::parse(part) {
            let year = super::calendar::as_year(part).filter(|_| (1_900..2_100).contains(&number.whole));
            words.push(year.unwrap_or_else(|| number.words()));
            continue;
        }
        let mut word = String::new();
        for c in part.chars().filter(|c| *c != '_') {
            let hump = c.is_uppercase() && word.ends_with(char::is_lowercase);
            if hump {
                words.push(std::mem::take(&mut word));
            }
            word.push(c);
        }
        if !word.is_empty() {
            words.push(word);
        }
    }
    words.join(" ")
}

/// `555-123-4567`, `(555) 123-4567`, `+1-555-123-4567`.
pub(super) fn phone(context: &Context<'_>) -> Option<String> {
    let core = context.core();
    let area = |core: &str| core.len() == 3 && core.bytes().all(|b| b.is_ascii_digit());
    if area(core) && context.tail() == ")" && context.next().is_some_and(|next| groups(next) == [3, 4]) {
        return Some(digits(core));
    }
    if !core.chars().all(|c| c.is_ascii_digit() || "+-.() ".contains(c)) {
        return None;
    }
    let lengths = groups(core);
    let named = matches!(
        context.previous().map(str::to_lowercase).as_deref(),
        Some("call" | "dial" | "text" | "phone" | "number" | "tel" | "at" | "is")
    );
    let round = core.ends_with("00");
    let is_phone = match lengths[..] {
        [3, 3, 4] | [1, 3, 3, 4] => true,
        [3, 4] => {
            core.contains('-') && (named || !round || context.back().is_some_and(|back| back.tail() == ")"))
        }
        _ => core.starts_with('+') && lengths.len() > 1 && lengths.iter().sum::<usize>() >= 8,
    };
    let plus = if core.starts_with('+') { "plus " } else { "" };
    is_phone.then(|| format!("{plus}{}", digits(core)))
}

fn groups(text: &str) -> Vec<usize> {
    text.split(|c: char| !c.is_ascii_digit()).map(str::len).filter(|length| *length > 0).collect()
}

/// Roman numerals where nothing else can be meant: `World War II`, `Henry VIII`.
pub(super) fn numeral(context: &Context<'_>) -> Option<String> {
    const NUMBERED: &[&str] = &[
        "War", "Chapter", "Part", "Act", "Volume", "Book", "Phase", "Type", "Level", "Episode", "Season",
        "Class", "Mark", "Title", "Article", "Section", "Bowl", "Rocky", "Fantasy", "Scene", "Stage",
        "Apollo",
    ];
    const RULERS: &[&str] = &[
        "Henry",
        "Louis",
        "Charles",
        "George",
        "Edward",
        "James",
        "William",
        "Elizabeth",
        "Richard",
        "Philip",
        "Napoleon",
        "Nicholas",
        "Alexander",
        "Catherine",
        "Francis",
        "Pius",
        "Paul",
        "Benedict",
        "Gregory",
        "Leo",
        "Frederick",
        "Peter",
        "Mary",
        "Ramses",
        "Ptolemy",
        "Innocent",
        "Ivan",
        "John",
        "Juan",
        "Carlos",
        "Felipe",
    ];
    let core = context.core();
    let previous = context.previous()?;
    let value = roman(core)?;
    if NUMBERED.contains(&previous) {
        Some(cardinal(value))
    } else if RULERS.contains(&previous) && core != "I" || (RULERS.contains(&previous) && context.is_last()) {
        Some(format!("the {}", ordinal(value)))
    } else {
        None
    }
}

/// The value of a well-formed Roman numeral up to 89.
pub(in super::super) fn roman(text: &str) -> Option<u64> {
    let tens = ["", "X", "XX", "XXX", "XL", "L", "LX", "LXX", "LXXX"];
    let ones = ["", "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX"];
    (1..90).find(|n| text == format!("{}{}", tens[n / 10], ones[n % 10])).map(|n| n as u64)
}

/// Runs of letters, numbers with their suffix, and single signs.
pub(super) fn parts(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let end = if first.is_ascii_digit() {
            number_end(rest)
        } else if first.is_alphabetic() {
            rest.find(|c: char| !(c.is_alphabetic() || c == '\'' || c == '’')).unwrap_or(rest.len())
        } else {
            first.len_utf8()
        };
        let (part, after) = rest.split_at(end);
        parts.push(part);
        rest = after;
    }
    parts
}

/// Where a number ends, with the `s`, `st`, `nd`, `rd` or `th` that belongs to it.
fn number_end(text: &str) -> usize {
    let mut end = 0;
    for (at, c) in text.char_indices() {
        let digit_follows = text[at + c.len_utf8()..].starts_with(|c: char| c.is_ascii_digit());
        if !(c.is_ascii_digit() || (matches!(c, '.' | ',') && digit_follows)) {
            break;
        }
        end = at + c.len_utf8();
    }
    let letters = text[end..].find(|c: char| !c.is_alphabetic()).unwrap_or(text.len() - end);
    if matches!(&text[end..end + letters], "s" | "st" | "nd" | "rd" | "th") { end + letters } else { end }
}
