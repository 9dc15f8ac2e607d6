//! A YAML document as a tree whose every part knows where it was written.

use std::fmt;

use super::source::Spot;

/// A value and where it was written.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) value: Value,
    pub(crate) spot: Spot,
}

/// What a node holds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    /// Nothing, `~` or `null`.
    Null,
    /// A number, a word, a text; what it is depends on who asks.
    Scalar { text: String, quoted: bool },
    /// A list.
    List(Vec<Node>),
    /// A mapping in the order written; no key appears twice.
    Map(Vec<(Key, Node)>),
}

/// A mapping's key.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Key {
    pub(crate) name: String,
    pub(crate) spot: Spot,
}

impl Node {
    /// An unquoted scalar, or null where `text` is empty.
    pub(crate) fn plain(text: &str, spot: &Spot) -> Self {
        let value = match text {
            "" | "~" | "null" => Value::Null,
            _ => Value::Scalar { text: text.to_owned(), quoted: false },
        };
        Self { value, spot: spot.clone() }
    }

    /// A mapping.
    pub(crate) fn map(entries: Vec<(Key, Node)>, spot: &Spot) -> Self {
        Self { value: Value::Map(entries), spot: spot.clone() }
    }

    /// The value of key `name` of a mapping.
    pub(crate) fn get(&self, name: &str) -> Option<&Self> {
        match &self.value {
            Value::Map(entries) => entries.iter().find(|(key, _)| key.name == name).map(|(_, node)| node),
            _ => None,
        }
    }

    /// Key `name` of a mapping itself.
    pub(crate) fn key(&self, name: &str) -> Option<&Key> {
        match &self.value {
            Value::Map(entries) => entries.iter().map(|(key, _)| key).find(|key| key.name == name),
            _ => None,
        }
    }

    /// Takes key `name` out of a mapping.
    pub(crate) fn remove(&mut self, name: &str) -> Option<(Key, Self)> {
        let Value::Map(entries) = &mut self.value else { return None };
        let at = entries.iter().position(|(key, _)| key.name == name)?;
        Some(entries.remove(at))
    }

    /// Every setting below this mapping: its path and its value.
    pub(crate) fn settings(&self) -> Vec<(Vec<&str>, &Self)> {
        let Value::Map(entries) = &self.value else { return Vec::new() };
        let mut settings = Vec::new();
        for (key, node) in entries {
            let below = node.settings();
            if below.is_empty() {
                settings.push((vec![key.name.as_str()], node));
            }
            for (mut path, node) in below {
                path.insert(0, &key.name);
                settings.push((path, node));
            }
        }
        settings
    }

    /// What it is, in the user's words.
    pub(crate) fn kind(&self) -> String {
        match &self.value {
            Value::Null => "nothing".to_owned(),
            Value::Scalar { text, quoted: true } => format!("the text {}", quote(text)),
            Value::Scalar { text, quoted: false } => quote(text),
            Value::List(_) => "a list".to_owned(),
            Value::Map(_) => "a mapping".to_owned(),
        }
    }
}

/// As YAML on one line.
impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Value::Null => Ok(()),
            Value::Scalar { text, quoted: true } => write!(f, "{text:?}"),
            Value::Scalar { text, quoted: false } => f.write_str(text),
            Value::List(items) => {
                let items: Vec<_> = items.iter().map(Self::to_string).collect();
                write!(f, "[{}]", items.join(", "))
            }
            Value::Map(entries) => {
                let entries: Vec<_> =
                    entries.iter().map(|(key, node)| format!("{}: {node}", key.name)).collect();
                write!(f, "{{{}}}", entries.join(", "))
            }
        }
    }
}

/// `text` between backticks, shortened and on one line.
pub(crate) fn quote(text: &str) -> String {
    let line: String = text.chars().take(60).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if line.len() < text.len() { format!("`{line}...`") } else { format!("`{line}`") }
}
