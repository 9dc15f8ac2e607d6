//! Reading a mapping field by field, keeping every problem.

use super::{
    kind::Kind,
    nearest::{list, nearest},
    node::{Node, Value, quote},
    problem::{Problem, Problems},
    source::Spot,
};

/// The fields of one mapping.
///
/// Whatever is asked for is known; what nobody asked for is reported at the end. A reader takes all its
/// fields first and only then gives up on those that are `None`, so that every problem is told.
pub(crate) struct Fields<'a> {
    node: &'a Node,
    path: String,
    known: Vec<&'static str>,
    problems: &'a mut Problems,
}

/// Reads mapping `node`, called `path`, with `read`; reports keys that `read` did not ask for.
pub(crate) fn read_fields<T>(
    node: &Node,
    path: &str,
    problems: &mut Problems,
    read: impl FnOnce(&mut Fields<'_>) -> Option<T>,
) -> Option<T> {
    match node.value {
        Value::Map(_) => {
            let mut fields = Fields { node, path: path.to_owned(), known: Vec::new(), problems };
            let value = read(&mut fields);
            fields.report_unknown();
            value
        }
        _ => {
            let what = if path.is_empty() { "the file".to_owned() } else { quote(path) };
            problems.push(
                Problem::new(format!("{what} is {}", node.kind())).at(&node.spot, "expected a mapping"),
            );
            None
        }
    }
}

impl Fields<'_> {
    /// Field `name`, which must be there.
    pub(crate) fn get<T>(&mut self, name: &'static str, kind: &Kind<T>) -> Option<T> {
        let Some(node) = self.node(name) else {
            self.report_missing(name, &kind.expected);
            return None;
        };
        self.read(name, node, kind)
    }

    /// Field `name`, or `None` where it is absent or empty; the outer `None` is a problem.
    pub(crate) fn optional<T>(&mut self, name: &'static str, kind: &Kind<T>) -> Option<Option<T>> {
        match self.node(name) {
            None => Some(None),
            Some(node) if node.value == Value::Null => Some(None),
            Some(node) => self.read(name, node, kind).map(Some),
        }
    }

    /// A list of which every item is of `kind`.
    pub(crate) fn list<T>(&mut self, name: &'static str, kind: &Kind<T>) -> Option<Vec<T>> {
        let Some(node) = self.node(name) else {
            self.report_missing(name, &format!("a list of {}", kind.expected));
            return None;
        };
        match &node.value {
            // Every item is read, whatever happens to the first, so that all problems are told.
            Value::List(items) => {
                let read: Vec<_> = items.iter().map(|item| self.read(name, item, kind)).collect();
                read.into_iter().collect()
            }
            _ => {
                self.problem(name, &format!("is {}", node.kind()), &node.spot, "expected a list".to_owned());
                None
            }
        }
    }

    /// A mapping from names of the user's choice to values of `kind`.
    pub(crate) fn names<T>(&mut self, name: &'static str, kind: &Kind<T>) -> Option<Vec<(String, T)>> {
        let Some(node) = self.node(name) else {
            self.report_missing(name, "a mapping");
            return None;
        };
        match &node.value {
            Value::Map(entries) => {
                let read: Vec<_> = entries
                    .iter()
                    .map(|(key, node)| {
                        self.read(&format!("{name}.{}", key.name), node, kind)
                            .map(|value| (key.name.clone(), value))
                    })
                    .collect();
                read.into_iter().collect()
            }
            _ => {
                self.problem(
                    name,
                    &format!("is {}", node.kind()),
                    &node.spot,
                    "expected a mapping".to_owned(),
                );
                None
            }
        }
    }

    /// A mapping from names of the user's choice to values of `kind`, or to mappings that `read` reads.
    pub(crate) fn names_or_groups<T>(
        &mut self,
        name: &'static str,
        kind: &Kind<T>,
        read: impl Fn(&mut Fields<'_>) -> Option<T>,
    ) -> Option<Vec<(String, T)>> {
        let Some(Value::Map(entries)) = self.node.get(name).map(|node| &node.value) else {
            return self.names(name, kind);
        };
        self.known.push(name);
        let read: Vec<_> = entries
            .iter()
            .map(|(key, node)| {
                let path = format!("{name}.{}", key.name);
                let value = match node.value {
                    Value::Map(_) => {
                        let path = self.path_of(&path);
                        read_fields(node, &path, self.problems, &read)
                    }
                    _ => self.read(&path, node, kind),
                };
                value.map(|value| (key.name.clone(), value))
            })
            .collect();
        read.into_iter().collect()
    }

    /// The mapping `name`, read by `read`.
    pub(crate) fn group<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&mut Fields<'_>) -> Option<T>,
    ) -> Option<T> {
        let path = self.path_of(name);
        match self.node(name) {
            Some(node) => {
                // `node` borrows the tree, not `self`.
                read_fields(node, &path, self.problems, read)
            }
            None => {
                self.report_missing(name, "a mapping");
                None
            }
        }
    }

    /// Whether field `name` is there at all.
    pub(crate) fn has(&mut self, name: &'static str) -> bool {
        self.node(name).is_some()
    }

    /// Whether field `name` is a mapping.
    pub(crate) fn is_mapping(&mut self, name: &'static str) -> bool {
        self.node(name).is_some_and(|node| matches!(node.value, Value::Map(_)))
    }

    /// Whether field `name` is the plain word `word`.
    pub(crate) fn word(&mut self, name: &'static str, word: &str) -> bool {
        self.node(name).is_some_and(|node| matches!(&node.value, Value::Scalar { text, .. } if text == word))
    }

    /// Knows field `name`, whatever it holds.
    pub(crate) fn ignore<T>(&mut self, name: &'static str) -> Option<Option<T>> {
        self.expect(name);
        Some(None)
    }

    /// Knows field `name` without reading it.
    pub(crate) fn expect(&mut self, name: &'static str) {
        self.known.push(name);
    }

    /// Reports a `name` that is not the file's.
    pub(crate) fn check_name(&mut self, file: &str) {
        let Some(node) = self.node.get("name") else { return };
        if let Value::Scalar { text, .. } = &node.value
            && text != file
        {
            let wrong = format!("is {}, but the file is called `{file}`", quote(text));
            self.problem("name", &wrong, &node.spot, format!("expected `{file}`"));
        }
    }

    /// Where the value at `path` below this mapping was written.
    pub(crate) fn spot_at(&self, path: &[&str]) -> Option<Spot> {
        path.iter().try_fold(self.node, |node, name| node.get(name)).map(|node| node.spot.clone())
    }

    /// Where field `name` was written.
    pub(crate) fn spot(&self, name: &str) -> Option<Spot> {
        self.node.get(name).map(|node| node.spot.clone())
    }

    /// Reports what is wrong with field `name` in itself or beside another.
    pub(crate) fn problem(&mut self, name: &str, wrong: &str, spot: &Spot, label: String) {
        let path = self.path_of(name);
        self.problems.push(Problem::new(format!("{} {wrong}", quote(&path))).at(spot, label));
    }

    /// The list that problems go to.
    pub(crate) fn problems(&mut self) -> &mut Problems {
        self.problems
    }

    fn read<T>(&mut self, name: &str, node: &Node, kind: &Kind<T>) -> Option<T> {
        match kind.read(node) {
            Ok(value) => Some(value),
            Err(wrong) => {
                let path = self.path_of(name);
                self.problems.push(
                    Problem::new(format!("{} {}", quote(&path), wrong.what))
                        .at(wrong.part.as_ref().unwrap_or(&node.spot), format!("expected {}", kind.expected))
                        .maybe_help(wrong.help),
                );
                None
            }
        }
    }

    fn path_of(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    fn report_missing(&mut self, name: &str, expected: &str) {
        let path = self.path_of(name);
        self.problems.push(
            Problem::new(format!("{} is missing", quote(&path)))
                .at(&self.node.spot, format!("expected {expected}")),
        );
    }

    fn report_unknown(self) {
        let Value::Map(entries) = &self.node.value else { return };
        for (key, _) in entries {
            if !self.known.contains(&key.name.as_str()) {
                let path = self.path_of(&key.name);
                let help = match nearest(&key.name, self.known.iter().copied()) {
                    Some(name) => format!("did you mean `{name}`?"),
                    None => format!("known here: {}", list(self.known.iter().copied(), "and")),
                };
                self.problems.push(
                    Problem::new(format!("unknown setting {}", quote(&path)))
                        .at(&key.spot, "no such setting")
                        .help(help),
                );
            }
        }
    }
}

impl<'a> Fields<'a> {
    fn node(&mut self, name: &'static str) -> Option<&'a Node> {
        self.known.push(name);
        self.node.get(name)
    }
}
