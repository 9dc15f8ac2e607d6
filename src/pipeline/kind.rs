//! Kinds of values: what is expected, how it is read, why it is refused.

use serde::de::{DeserializeOwned, Deserializer, Visitor, value::StrDeserializer};
use std::{ops::RangeInclusive, str::FromStr, time::Duration};

use super::{
    nearest::{list, nearest},
    tree::{Node, Value, quote},
};
use crate::story::{Color, FrameRate, Size};

/// Why a value is refused: ` is too large`, to be put behind the setting's path.
#[derive(Debug)]
pub(crate) struct Wrong {
    pub(crate) what: String,
    pub(crate) help: Option<String>,
}

impl Wrong {
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), help: None }
    }

    fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The value is something else altogether.
    fn type_of(node: &Node) -> Self {
        match &node.value {
            Value::Null => Self::new("has no value"),
            _ => Self::new(format!("is {}", node.kind())),
        }
    }
}

type Reader<T> = Box<dyn Fn(&Node) -> Result<T, Wrong>>;

/// A kind of value.
pub(crate) struct Kind<T> {
    /// What is expected, as `a whole number from 1 to 150`.
    pub(crate) expected: String,
    reader: Reader<T>,
}

impl<T> Kind<T> {
    /// Reads `node`.
    pub(crate) fn read(&self, node: &Node) -> Result<T, Wrong> {
        (self.reader)(node)
    }
}

impl<T: 'static> Kind<T> {
    pub(crate) fn new(
        expected: impl Into<String>,
        reader: impl Fn(&Node) -> Result<T, Wrong> + 'static,
    ) -> Self {
        Self { expected: expected.into(), reader: Box::new(reader) }
    }

    /// The value made into something else.
    pub(crate) fn map<U: 'static>(self, make: impl Fn(T) -> U + 'static) -> Kind<U> {
        let reader = self.reader;
        Kind { expected: self.expected, reader: Box::new(move |node| reader(node).map(&make)) }
    }

    /// The word `auto` means `automatic`, everything else is of this kind.
    pub(crate) fn or_auto(self, automatic: T) -> Self
    where
        T: Clone,
    {
        let reader = self.reader;
        Self {
            expected: format!("`auto` or {}", self.expected),
            reader: Box::new(move |node| match scalar(node) {
                Ok("auto") => Ok(automatic.clone()),
                _ => reader(node),
            }),
        }
    }

    /// These words are known, and mean something that this version cannot do yet.
    pub(crate) fn later(self, planned: &'static [&'static str]) -> Self {
        let reader = self.reader;
        let expected = self.expected.clone();
        Self {
            expected: self.expected,
            reader: Box::new(move |node| match scalar(node) {
                Ok(word) if planned.contains(&word) => {
                    Err(Wrong::new(format!("asks for {}, which is not built into this version", quote(word)))
                        .help(format!("this version has {expected}")))
                }
                Ok(other) => reader(node).map_err(|wrong| match nearest(other, planned.iter().copied()) {
                    Some(name) if wrong.help.is_none() => wrong.help(format!("did you mean `{name}`?")),
                    _ => wrong,
                }),
                Err(_) => reader(node),
            }),
        }
    }
}

impl<T: Clone + 'static> Kind<T> {
    /// The word `word` means `value`, where `otherwise` is what else could stand there.
    pub(crate) fn word(word: &'static str, otherwise: &str, value: T) -> Self {
        Self::new(format!("`{word}` or {otherwise}"), move |node| match scalar(node)? {
            text if text == word => Ok(value.clone()),
            _ => Err(Wrong::type_of(node)),
        })
    }
}

/// Only `word`, until `what` is built.
pub(crate) fn only(word: &'static str, what: &'static str) -> Kind<()> {
    Kind::new(format!("`{word}`"), move |node| match &node.value {
        Value::Null => Err(Wrong::type_of(node)),
        Value::Scalar { text, .. } if text == word => Ok(()),
        _ => Err(Wrong::new(format!("is {}: {what} is not built into this version", node.kind()))),
    })
}

/// The text of an unquoted or quoted scalar.
fn scalar(node: &Node) -> Result<&str, Wrong> {
    match &node.value {
        Value::Scalar { text, .. } => Ok(text),
        _ => Err(Wrong::type_of(node)),
    }
}

/// Any text, also an empty one in quotes; numbers are taken as written.
pub(crate) fn text() -> Kind<String> {
    Kind::new("a text", |node| scalar(node).map(str::to_owned))
}

/// A text that is not blank.
pub(crate) fn name(expected: &str) -> Kind<String> {
    Kind::new(expected, |node| match scalar(node)? {
        text if text.trim().is_empty() => Err(Wrong::new("is empty")),
        text => Ok(text.to_owned()),
    })
}

/// `true` or `false`.
pub(crate) fn truth() -> Kind<bool> {
    Kind::new("`true` or `false`", |node| {
        let wrong = Wrong::type_of(node);
        match &node.value {
            Value::Scalar { text, quoted: false } => match text.to_lowercase().as_str() {
                "true" if text == "true" => Ok(true),
                "false" if text == "false" => Ok(false),
                "true" | "yes" | "on" | "y" => Err(wrong.help("write `true`")),
                "false" | "no" | "off" | "n" => Err(wrong.help("write `false`")),
                _ => Err(wrong),
            },
            Value::Scalar { text, quoted: true } if text == "true" || text == "false" => {
                Err(wrong.help("remove the quotes"))
            }
            _ => Err(wrong),
        }
    })
}

fn parse_number<T: FromStr + PartialOrd>(node: &Node, range: &RangeInclusive<T>) -> Result<T, Wrong> {
    let text = scalar(node)?;
    let number = text.parse::<T>().map_err(|_| {
        let wrong = Wrong::type_of(node);
        match text.strip_suffix('%') {
            Some(_) => wrong.help("write a plain number, not a percentage"),
            None if text.contains(',') => wrong.help("write the decimal point as `.`"),
            None => wrong,
        }
    })?;
    match &node.value {
        Value::Scalar { quoted: true, .. } => Err(Wrong::type_of(node).help("remove the quotes")),
        // Not `contains`: it would refuse NaN as too large.
        _ if number < *range.start() => Err(Wrong::new(format!("is {}, too small", quote(text)))),
        _ if number > *range.end() => Err(Wrong::new(format!("is {}, too large", quote(text)))),
        _ if !range.contains(&number) => Err(Wrong::type_of(node)),
        _ => Ok(number),
    }
}

/// A whole number.
pub(crate) fn whole(range: RangeInclusive<u64>) -> Kind<u64> {
    let expected = match *range.end() {
        u64::MAX => format!("a whole number from {}", range.start()),
        end => format!("a whole number from {} to {end}", range.start()),
    };
    Kind::new(expected, move |node| parse_number(node, &range))
}

/// A whole number that fits 32 bits.
pub(crate) fn count(range: RangeInclusive<u32>) -> Kind<u32> {
    Kind::new(format!("a whole number from {} to {}", range.start(), range.end()), move |node| {
        // Read wider, so that a number beyond 32 bits is too large and not a text.
        parse_number(node, &(u64::from(*range.start())..=u64::from(*range.end()))).map(|number| number as u32)
    })
}

/// A number.
pub(crate) fn number(range: RangeInclusive<f64>) -> Kind<f64> {
    Kind::new(format!("a number from {} to {}", range.start(), range.end()), move |node| {
        parse_number(node, &range)
    })
}

/// A share from 0 to 1, or from 0% to 100%.
pub(crate) fn share() -> Kind<f64> {
    Kind::new("a number from 0 to 1, or a percentage from 0% to 100%", |node| {
        let Some(percent) = scalar(node)?.strip_suffix('%') else { return parse_number(node, &(0.0..=1.0)) };
        let out_of_range = |side: &str| Err(Wrong::new(format!("is {}, too {side}", node.kind())));
        match percent.parse::<f64>() {
            Ok(percent) if percent < 0.0 => out_of_range("small"),
            Ok(percent) if percent > 100.0 => out_of_range("large"),
            Ok(percent) if !percent.is_nan() => Ok(percent / 100.0),
            _ => Err(Wrong::type_of(node)),
        }
    })
}

/// Two numbers in a list, the first not above the second.
pub(crate) fn span(range: RangeInclusive<f64>) -> Kind<[f64; 2]> {
    let expected = format!("`[shortest, longest]`, two numbers from {} to {}", range.start(), range.end());
    Kind::new(expected, move |node| match &node.value {
        Value::List(items) if items.len() == 2 => {
            let [least, most] = [parse_number(&items[0], &range)?, parse_number(&items[1], &range)?];
            if least > most {
                return Err(Wrong::new(format!("is upside down: {least} is more than {most}"))
                    .help(format!("write `[{most}, {least}]`")));
            }
            Ok([least, most])
        }
        Value::List(items) => Err(Wrong::new(format!("is a list of {}", items.len()))),
        _ => Err(Wrong::type_of(node)),
    })
}

/// A length of time: `250ms`, `1.5s`.
pub(crate) fn duration(range: RangeInclusive<Duration>) -> Kind<Duration> {
    let expected =
        format!("a length of time from {:?} to {:?}, as `250ms` or `1.5s`", range.start(), range.end());
    Kind::new(expected, move |node| {
        let text = scalar(node)?;
        let (digits, unit) = match text.strip_suffix("ms") {
            Some(digits) => (digits, 0.001),
            None => match text.strip_suffix('s') {
                Some(digits) => (digits, 1.0),
                None if text.parse::<f64>().is_ok() => {
                    return Err(Wrong::new(format!("is {}, without a unit", quote(text)))
                        .help(format!("write `{text}ms` or `{text}s`")));
                }
                None => return Err(Wrong::type_of(node)),
            },
        };
        let seconds = digits.trim_end().parse::<f64>().map_err(|_| Wrong::type_of(node))? * unit;
        // Milliseconds are the finest anyone writes; this makes `0.3s` exactly 300 ms.
        let time = Duration::try_from_secs_f64(seconds).map_err(|_| Wrong::type_of(node))?;
        let time = Duration::from_micros((time.as_secs_f64() * 1e6).round() as u64);
        if time < *range.start() {
            Err(Wrong::new(format!("is {}, too short", quote(text))))
        } else if time > *range.end() {
            Err(Wrong::new(format!("is {}, too long", quote(text))))
        } else {
            Ok(time)
        }
    })
}

/// A colour, in quotes because `#` begins a comment.
pub(crate) fn color() -> Kind<Color> {
    Kind::new("a color as `\"#rrggbb\"` or `\"#rrggbbaa\"`", |node| {
        let text = scalar(node).map_err(|wrong| match node.value {
            Value::Null => wrong.help("put the color in quotes: `#` begins a comment"),
            _ => wrong,
        })?;
        text.parse().map_err(|_| Wrong::type_of(node).help("for example `\"#ffe500\"`"))
    })
}

/// A size in pixels of which both sides are multiples of `multiple`.
pub(crate) fn size(side: RangeInclusive<u32>, multiple: u32) -> Kind<Size> {
    let expected = format!(
        "a size as `720x1280`, each side from {} to {} and a multiple of {multiple}",
        side.start(),
        side.end()
    );
    Kind::new(expected, move |node| {
        let size: Size = scalar(node)?.parse().map_err(|_| Wrong::type_of(node))?;
        for pixels in [size.width, size.height] {
            if !side.contains(&pixels) {
                return Err(Wrong::new(format!("is {}, out of range", node.kind())));
            }
            if pixels % multiple != 0 {
                let near =
                    |n: u32| ((n + multiple / 2) / multiple * multiple).clamp(*side.start(), *side.end());
                return Err(Wrong::new(format!("is {}: {pixels} is no multiple of {multiple}", node.kind()))
                    .help(format!("the nearest is `{}`", Size::new(near(size.width), near(size.height)))));
            }
        }
        Ok(size)
    })
}

/// Frames a second: `30`, `29.97` (which is 30000/1001), `24000/1001`.
pub(crate) fn frame_rate() -> Kind<FrameRate> {
    Kind::new("frames a second from 1 to 120, as `30`, `29.97` or `30000/1001`", |node| {
        let text = scalar(node)?;
        let parse = |text: &str| text.trim().parse::<u32>().ok().filter(|&n| n > 0);
        let rate = match text {
            "23.976" | "23.98" => Some(FrameRate::new(24_000, 1001)),
            "29.97" => Some(FrameRate::new(30_000, 1001)),
            "59.94" => Some(FrameRate::new(60_000, 1001)),
            _ => match text.split_once('/') {
                Some((num, den)) => parse(num).zip(parse(den)).map(|(num, den)| FrameRate::new(num, den)),
                None => parse(text).map(|num| FrameRate::new(num, 1)),
            },
        };
        match rate {
            None => Err(Wrong::type_of(node)),
            Some(rate) if !(1.0..=120.0).contains(&rate.fps()) => {
                Err(Wrong::new(format!("is {}, out of range", quote(text))))
            }
            Some(rate) => Ok(rate),
        }
    })
}

/// An amount of memory: `6GiB`, `512MiB`.
pub(crate) fn bytes(range: RangeInclusive<u64>) -> Kind<u64> {
    const UNITS: [(&str, u64); 6] = [
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
        ("KB", 1_000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
    ];
    Kind::new("an amount of memory as `6GiB` or `800MiB`", move |node| {
        let text = scalar(node)?;
        let Some((digits, unit)) =
            UNITS.iter().find_map(|(name, unit)| text.strip_suffix(name).map(|digits| (digits, unit)))
        else {
            return Err(match text.parse::<f64>() {
                Ok(_) => Wrong::new(format!("is {}, without a unit", quote(text)))
                    .help(format!("write `{text}GiB` or `{text}MiB`")),
                Err(_) => Wrong::type_of(node),
            });
        };
        let amount = digits.trim_end().parse::<f64>().map_err(|_| Wrong::type_of(node))? * *unit as f64;
        let amount = amount as u64;
        if amount < *range.start() {
            Err(Wrong::new(format!("is {}, too little", quote(text))))
        } else if amount > *range.end() {
            Err(Wrong::new(format!("is {}, too much", quote(text))))
        } else {
            Ok(amount)
        }
    })
}

/// One of the names.
pub(crate) fn one_of(what: &str, names: Vec<String>) -> Kind<String> {
    Kind::new(format!("{what}: {}", list(names.iter().map(String::as_str), "or")), move |node| {
        let word = scalar(node)?;
        if names.iter().any(|name| name == word) {
            return Ok(word.to_owned());
        }
        let wrong = Wrong::new(format!("is {}, which is unknown", quote(word)));
        Err(match nearest(word, names.iter().map(String::as_str)) {
            Some(name) => wrong.help(format!("did you mean `{name}`?")),
            None => wrong,
        })
    })
}

/// A variant of `T` by the name that `serde` gives it, so that a new variant needs no table here.
pub(crate) fn variant<T: DeserializeOwned + 'static>() -> Kind<T> {
    let mut names = Names(&[]);
    // The answer is in `names`: asking for the variants is all that this is for.
    let _ = T::deserialize(&mut names);
    let names: Vec<String> = names.0.iter().map(|&name| name.to_owned()).collect();
    let known = one_of("one of", names);
    Kind::new(known.expected.clone(), move |node| {
        let name = known.read(node)?;
        T::deserialize(StrDeserializer::<serde::de::value::Error>::new(&name))
            .map_err(|error| Wrong::new(format!("is refused: {error}")))
    })
}

/// Notes which variants an enum has, and gives none.
struct Names(&'static [&'static str]);

impl<'de> Deserializer<'de> for &mut Names {
    type Error = serde::de::value::Error;

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        _visitor: V,
    ) -> Result<V::Value, Self::Error> {
        self.0 = variants;
        Err(serde::de::Error::custom("only the names were wanted"))
    }

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Self::Error> {
        Err(serde::de::Error::custom("not an enum"))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}
