//! Numbers in words.

const ONES: [&str; 20] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
];
const TENS: [&str; 10] =
    ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];
const SCALES: [(u64, &str); 5] = [
    (1_000_000_000_000_000, "quadrillion"),
    (1_000_000_000_000, "trillion"),
    (1_000_000_000, "billion"),
    (1_000_000, "million"),
    (1_000, "thousand"),
];

/// `1250` is `one thousand two hundred fifty`.
pub(super) fn cardinal(n: u64) -> String {
    if let Some(word) = ONES.get(n as usize) {
        return (*word).to_owned();
    }
    if n < 100 {
        let tens = TENS[(n / 10) as usize];
        return if n.is_multiple_of(10) { tens.to_owned() } else { format!("{tens}-{}", cardinal(n % 10)) };
    }
    let (scale, name) = SCALES.into_iter().find(|(scale, _)| n >= *scale).unwrap_or((100, "hundred"));
    let head = format!("{} {name}", cardinal(n / scale));
    if n.is_multiple_of(scale) { head } else { format!("{head} {}", cardinal(n % scale)) }
}

/// `21` is `twenty-first`.
pub(in super::super) fn ordinal(n: u64) -> String {
    let words = cardinal(n);
    let at = words.rfind([' ', '-']).map_or(0, |at| at + 1);
    let (head, last) = words.split_at(at);
    let last = match last {
        "one" => "first".to_owned(),
        "two" => "second".to_owned(),
        "three" => "third".to_owned(),
        "five" => "fifth".to_owned(),
        "eight" => "eighth".to_owned(),
        "nine" => "ninth".to_owned(),
        "twelve" => "twelfth".to_owned(),
        tens if tens.ends_with('y') => format!("{}ieth", &tens[..tens.len() - 1]),
        other => format!("{other}th"),
    };
    format!("{head}{last}")
}

/// Each digit by itself; what is no digit makes a pause.
pub(in super::super) fn digits(text: &str) -> String {
    let group = |group: &str| {
        let words: Vec<&str> = group.bytes().map(|digit| ONES[usize::from(digit - b'0')]).collect();
        words.join(" ")
    };
    let groups = text.split(|c: char| !c.is_ascii_digit()).filter(|part| !part.is_empty());
    groups.map(group).collect::<Vec<_>>().join(", ")
}

/// `1984` is `nineteen eighty-four`, `2007` is `two thousand seven`.
pub(super) fn year(n: u64) -> String {
    let (century, rest) = (n / 100, n % 100);
    match (century, rest) {
        _ if !(1_100..=2_099).contains(&n) => cardinal(n),
        (20, 0..=9) => cardinal(n),
        (_, 0) => format!("{} hundred", cardinal(century)),
        (_, 1..=9) => format!("{} oh {}", cardinal(century), cardinal(rest)),
        _ => format!("{} {}", cardinal(century), cardinal(rest)),
    }
}

/// `1990` is `nineteen nineties`, `90` is `nineties`.
pub(super) fn decade(n: u64) -> String {
    let words = if n < 100 { cardinal(n) } else { year(n) };
    plural(&words)
}

/// `twenty` is `twenties`, `hundred` is `hundreds`, `six` is `sixes`.
pub(super) fn plural(words: &str) -> String {
    match words.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None if words.ends_with('x') => format!("{words}es"),
        None => format!("{words}s"),
    }
}

/// A number as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Number {
    /// Its integer part.
    pub(super) whole: u64,
    /// The digits behind the point.
    pub(super) fraction: Option<String>,
    negative: bool,
    /// Written with leading zeros or too long to say: read digit by digit.
    code: Option<String>,
}

impl Number {
    /// Reads `1,250.50`, `-5`, `.5`, `007`; nothing else.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let unsigned = text.strip_prefix(['-', '−']);
        let negative = unsigned.is_some();
        let (whole, fraction) = match unsigned.unwrap_or(text).split_once('.') {
            Some((whole, fraction)) => (whole, Some(fraction.to_owned())),
            None => (unsigned.unwrap_or(text), None),
        };
        let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if fraction.as_deref().is_some_and(|fraction| !all_digits(fraction)) {
            return None;
        }
        let mut groups = whole.split(',');
        let first = groups.next()?;
        let grouped = groups.clone().count() > 0;
        let well_grouped = !grouped
            || ((1..=3).contains(&first.len()) && groups.all(|group| group.len() == 3 && all_digits(group)));
        let plain = whole.replace(',', "");
        if !well_grouped || !(all_digits(&plain) || (plain.is_empty() && fraction.is_some())) {
            return None;
        }
        let long = plain.len() > 18;
        let code = (long || (plain.len() > 1 && plain.starts_with('0') && !grouped)).then(|| plain.clone());
        let whole = if plain.is_empty() || long { 0 } else { plain.parse().ok()? };
        Some(Self { whole, fraction, negative, code })
    }

    /// Whether a unit behind it stays singular.
    pub(super) fn is_one(&self) -> bool {
        self.whole == 1 && self.fraction.is_none() && !self.negative
    }

    /// In words: `minus five`, `three point one four`.
    pub(super) fn words(&self) -> String {
        let mut words = match &self.code {
            Some(code) => digits(code),
            None => cardinal(self.whole),
        };
        if let Some(fraction) = &self.fraction {
            words = format!("{words} point {}", digits(fraction));
        }
        if self.negative { format!("minus {words}") } else { words }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_words() {
        assert_eq!(cardinal(0), "zero");
        assert_eq!(cardinal(1_000_021), "one million twenty-one");
        assert_eq!(cardinal(999_999), "nine hundred ninety-nine thousand nine hundred ninety-nine");
        assert_eq!(ordinal(20), "twentieth");
        assert_eq!(ordinal(112), "one hundred twelfth");
        assert_eq!(ordinal(1_000), "one thousandth");
        assert_eq!(year(1905), "nineteen oh five");
        assert_eq!(year(2000), "two thousand");
        assert_eq!(year(2026), "twenty twenty-six");
        assert_eq!(decade(1960), "nineteen sixties");
        assert_eq!(digits("555-0199"), "five five five, zero one nine nine");
    }

    #[test]
    fn what_is_no_number_is_none() {
        for text in ["", ".", "1,23", "1.2.3", "12a", "-", ",100", "1,2345"] {
            assert_eq!(Number::parse(text), None, "{text}");
        }
        for text in ["99999999999999999999", "18446744073709551616"] {
            assert!(
                Number::parse(text)
                    .unwrap()
                    .words()
                    .starts_with(&text[..1].replace('9', "nine").replace('1', "one"))
            );
        }
    }
}
