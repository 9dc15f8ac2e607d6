//! Kinds of values: what is expected, how it is read, why it is refused.

use super::super::{
    nearest::nearest,
    node::{Node, Value, quote},
    source::Spot,
};

/// Why a value is refused: ` is too large`, to be put behind the setting's path.
#[derive(Debug)]
pub(crate) struct Wrong {
    pub(crate) what: String,
    pub(crate) help: Option<String>,
    /// The part of the value that is meant, where it is not all of it.
    pub(crate) part: Option<Spot>,
}

impl Wrong {
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), help: None, part: None }
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Of the value, only `node` is meant.
    pub(super) fn of(mut self, node: &Node) -> Self {
        self.part.get_or_insert_with(|| node.spot.clone());
        self
    }

    /// The value is something else altogether.
    pub(super) fn type_of(node: &Node) -> Self {
        match &node.value {
            Value::Null => Self::new("has no value"),
            Value::Scalar { text, .. } if text.trim().is_empty() => Self::new("is empty"),
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

    /// The word `off` means `None`, everything else is of this kind.
    pub(crate) fn or_off(self) -> Kind<Option<T>> {
        let reader = self.reader;
        Kind {
            expected: match self.expected.starts_with("`auto` or") {
                true => format!("`off`, {}", self.expected),
                false => format!("`off` or {}", self.expected),
            },
            reader: Box::new(move |node| match scalar(node) {
                Ok("off") => Ok(None),
                _ => reader(node).map(Some),
            }),
        }
    }

    /// These words are known, and mean something that this version cannot do yet.
    pub(crate) fn later(self, planned: &'static [&'static str]) -> Self {
        let reader = self.reader;
        Self {
            expected: self.expected,
            reader: Box::new(move |node| match scalar(node) {
                Ok(word) if planned.contains(&word) => {
                    Err(Wrong::new(format!("asks for {}, which is not built into this version", quote(word))))
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

/// The text of an unquoted or quoted scalar.
pub(super) fn scalar(node: &Node) -> Result<&str, Wrong> {
    match &node.value {
        Value::Scalar { text, .. } => Ok(text),
        _ => Err(Wrong::type_of(node)),
    }
}
