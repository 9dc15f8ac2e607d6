//! Texts, truths and names.

use std::path::PathBuf;

use serde::de::{DeserializeOwned, Deserializer, Visitor, value::StrDeserializer};

use super::{
    super::{
        nearest::{list, nearest},
        node::{Value, quote},
    },
    reader::{Kind, Wrong, scalar},
};

/// Any text, also an empty one in quotes; numbers are taken as written.
pub(crate) fn text() -> Kind<String> {
    Kind::new("a text", |node| scalar(node).map(str::to_owned))
}

/// A text that is not blank.
pub(crate) fn name(expected: &str) -> Kind<String> {
    Kind::new(expected, |node| match scalar(node)? {
        text if text.trim().is_empty() => Err(Wrong::type_of(node)),
        text => Ok(text.to_owned()),
    })
}

/// The path of a file that is there, from the folder the program runs in.
pub(crate) fn file(expected: &str) -> Kind<PathBuf> {
    Kind::new(expected, |node| match scalar(node)? {
        text if text.trim().is_empty() => Err(Wrong::type_of(node)),
        text if PathBuf::from(text).is_file() => Ok(PathBuf::from(text)),
        text => Err(Wrong::new(format!("is {}, where no file is", quote(text)))
            .help("paths start from the folder the program runs in")),
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

/// Only `word`, until `what` is built.
pub(crate) fn only(word: &'static str, what: &'static str) -> Kind<()> {
    Kind::new(format!("`{word}`"), move |node| match &node.value {
        Value::Null => Err(Wrong::type_of(node)),
        Value::Scalar { text, .. } if text == word => Ok(()),
        _ => Err(Wrong::new(format!("is {}: {what} is not built into this version", node.kind()))),
    })
}

/// One of a few names.
fn one_of(names: Vec<String>) -> Kind<String> {
    let expected = match names.as_slice() {
        [only] => format!("`{only}`"),
        _ => format!("one of: {}", list(names.iter().map(String::as_str), "or")),
    };
    listed(expected, names)
}

/// The name of a preset.
pub(crate) fn preset(what: &str, names: Vec<String>) -> Kind<String> {
    listed(format!("the name of a {what}; `shortform presets {what}s` lists them"), names)
}

fn listed(expected: String, names: Vec<String>) -> Kind<String> {
    Kind::new(expected, move |node| {
        let word = scalar(node)?;
        if names.iter().any(|name| name == word) {
            return Ok(word.to_owned());
        }
        if word.trim().is_empty() {
            return Err(Wrong::type_of(node));
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
    let known = one_of(names);
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
