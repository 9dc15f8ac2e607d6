//! Numbers, with and without a unit.

use std::{ops::RangeInclusive, str::FromStr, time::Duration};

use super::{
    super::node::{Node, Value, quote},
    reader::{Kind, Wrong, scalar},
};

fn parse_number<T: FromStr + PartialOrd>(node: &Node, range: &RangeInclusive<T>) -> Result<T, Wrong> {
    let text = scalar(node)?;
    let number = text.parse::<T>().map_err(|_| {
        let wrong = Wrong::type_of(node);
        match text.strip_suffix('%') {
            Some(_) => wrong.help("write a plain number, not a percentage"),
            None if text.contains(',') => wrong.help("write the decimal point as `.`"),
            // What is no whole number of this type may be one of a wider type.
            None if text.parse::<i128>().is_ok_and(|number| number < 0) => {
                Wrong::new(format!("is {}, too small", quote(text)))
            }
            None if text.parse::<i128>().is_ok() => Wrong::new(format!("is {}, too large", quote(text))),
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
            let read = |item: &Node| parse_number(item, &range).map_err(|wrong| wrong.of(item));
            let [least, most] = [read(&items[0])?, read(&items[1])?];
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
    let (least, most) = (range.start().as_secs_f64(), range.end().as_secs_f64());
    let expected = format!("a length of time from {least}s to {most}s, as `250ms` or `1.5s`");
    Kind::new(expected, move |node| {
        let text = scalar(node)?;
        let (digits, unit) = match (text.strip_suffix("ms"), text.strip_suffix('s')) {
            (Some(digits), _) => (digits, 0.001),
            (None, Some(digits)) => (digits, 1.0),
            (None, None) if text.parse::<f64>().is_ok() => {
                return Err(Wrong::new(format!("is {}, without a unit", quote(text)))
                    .help(format!("write `{text}ms` or `{text}s`")));
            }
            (None, None) => return Err(Wrong::type_of(node)),
        };
        let seconds = digits.trim_end().parse::<f64>().map_err(|_| Wrong::type_of(node))? * unit;
        if seconds < least {
            Err(Wrong::new(format!("is {}, too short", quote(text))))
        } else if seconds > most {
            Err(Wrong::new(format!("is {}, too long", quote(text))))
        } else if seconds.is_nan() {
            Err(Wrong::type_of(node))
        } else {
            // Nobody writes less than a microsecond; rounding makes `0.3s` exactly 300 ms.
            Ok(Duration::from_micros((seconds * 1e6).round() as u64))
        }
    })
}

/// A level: `-18dB`.
pub(crate) fn decibels(range: RangeInclusive<f64>) -> Kind<f64> {
    let expected = format!("a level from {}dB to {}dB", range.start(), range.end());
    Kind::new(expected, move |node| {
        let text = scalar(node)?;
        let Some(digits) = text.strip_suffix("dB") else {
            return Err(match text.parse::<f64>() {
                Ok(_) => Wrong::new(format!("is {}, without a unit", quote(text)))
                    .help(format!("write `{text}dB`")),
                Err(_) => Wrong::type_of(node),
            });
        };
        match digits.trim_end().parse::<f64>() {
            Ok(level) if level < *range.start() => Err(Wrong::new(format!("is {}, too low", quote(text)))),
            Ok(level) if level > *range.end() => Err(Wrong::new(format!("is {}, too high", quote(text)))),
            Ok(level) if level.is_finite() => Ok(level),
            _ => Err(Wrong::type_of(node)),
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
        let amount = digits.trim_end().parse::<f64>().ok().filter(|amount| *amount >= 0.0);
        let amount = (amount.ok_or_else(|| Wrong::type_of(node))? * *unit as f64) as u64;
        if amount < *range.start() {
            Err(Wrong::new(format!("is {}, too little", quote(text))))
        } else if amount > *range.end() {
            Err(Wrong::new(format!("is {}, too much", quote(text))))
        } else {
            Ok(amount)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::{
        super::super::source::{Source, Spot},
        *,
    };

    fn node(text: &str) -> Node {
        let source = Source::new("test", text);
        Node::plain(text, &Spot::new(&source, 0..text.len()))
    }

    fn refused<T: std::fmt::Debug + 'static>(kind: &Kind<T>, text: &str) -> String {
        kind.read(&node(text)).unwrap_err().what
    }

    #[test]
    fn lengths_of_time_are_exact() {
        let kind = duration(Duration::ZERO..=Duration::from_secs(10));
        for (text, milliseconds) in
            [("250ms", 250), ("0.3s", 300), ("1.5 s", 1500), ("0s", 0), ("10s", 10_000)]
        {
            assert_eq!(kind.read(&node(text)).unwrap(), Duration::from_millis(milliseconds), "{text}");
        }
        assert_eq!(refused(&kind, "10.001s"), "is `10.001s`, too long");
        assert_eq!(refused(&kind, "-1ms"), "is `-1ms`, too short");
        assert_eq!(refused(&kind, "5"), "is `5`, without a unit");
        for nonsense in ["s", "ms", "nans", "1h", "1 m s", "half"] {
            assert_eq!(refused(&kind, nonsense), format!("is `{nonsense}`"));
        }
    }

    #[test]
    fn whole_numbers_beyond_their_type_are_out_of_range_not_text() {
        assert_eq!(refused(&count(1..=16), "-1"), "is `-1`, too small");
        assert_eq!(
            refused(&count(1..=16), "99999999999999999999999"),
            "is `99999999999999999999999`, too large"
        );
        assert_eq!(refused(&whole(0..=9), "1.5"), "is `1.5`");
        assert_eq!(refused(&number(0.0..=1.0), "nan"), "is `nan`");
        assert_eq!(refused(&number(0.0..=1.0), "inf"), "is `inf`, too large");
    }

    #[test]
    fn shares_are_numbers_or_percentages() {
        assert_eq!(share().read(&node("0.25")).unwrap(), 0.25);
        assert_eq!(share().read(&node("25%")).unwrap(), 0.25);
        assert_eq!(refused(&share(), "101%"), "is `101%`, too large");
        assert_eq!(refused(&share(), "%"), "is `%`");
    }

    #[test]
    fn memory_is_counted_in_both_kinds_of_units() {
        let kind = bytes(0..=1 << 40);
        assert_eq!(kind.read(&node("1.5GiB")).unwrap(), 3 << 29);
        assert_eq!(kind.read(&node("2 GB")).unwrap(), 2_000_000_000);
        assert_eq!(refused(&kind, "6"), "is `6`, without a unit");
        assert_eq!(refused(&kind, "-6GiB"), "is `-6GiB`");
        assert_eq!(refused(&kind, "1e30GiB"), "is `1e30GiB`, too much");
    }
}
