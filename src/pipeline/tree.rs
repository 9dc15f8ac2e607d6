//! A YAML document as a tree whose every part knows where it was written.

use granit_parser::{ErrorKind, Event, Parser, ScalarStyle, ScanError, Tag};
use std::{
    collections::{HashMap, HashSet},
    ops::Range,
    sync::Arc,
};

use super::{
    problem::{Problem, Problems},
    source::{Source, Spot},
};

/// The deepest nesting: settings need five levels.
const MAX_DEPTH: usize = 64;

/// The most nodes of a document, copies through aliases included: settings need a hundred.
const MAX_NODES: usize = 10_000;

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

/// `text` between backticks, shortened and on one line.
pub(crate) fn quote(text: &str) -> String {
    let line: String = text.chars().take(60).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if line.len() < text.len() { format!("`{line}...`") } else { format!("`{line}`") }
}

/// Reads the one document in bytes `range` of `source`; `None` where there is none or it is broken.
pub(crate) fn parse(source: &Arc<Source>, range: Range<usize>, problems: &mut Problems) -> Option<Node> {
    let text = &source.text()[range.clone()];
    let mut builder = Builder::new(source, range.start);
    let read = builder.refuse_control_characters(text).and_then(|()| {
        let mut options =
            granit_parser::options! { flow_nesting_limit: MAX_DEPTH, block_nesting_limit: MAX_DEPTH };
        options.set_emit_comments(false);
        for event in Parser::new_from_str_with_options(text, options) {
            match event {
                Ok((event, span)) => builder.take(event, span.byte_range().unwrap_or_default())?,
                Err(error) => return Err(Box::new(builder.broken(&error))),
            }
        }
        Ok(())
    });
    builder.problems.drain(..).for_each(|problem| problems.push(problem));
    match read {
        Ok(()) => builder.root,
        Err(problem) => {
            problems.push(*problem);
            None
        }
    }
}

/// A list or mapping that is still open.
struct Open {
    /// The entries so far; only mappings have keys.
    entries: Vec<(Option<Key>, Node)>,
    /// `Some` in mappings: the names so far, and the key that waits for its value.
    names: Option<HashMap<String, Spot>>,
    key: Option<Key>,
    anchor: usize,
    start: usize,
    /// The levels below it.
    height: usize,
    nodes: usize,
}

/// A finished node that aliases may copy.
struct Anchored {
    node: Node,
    height: usize,
    nodes: usize,
}

type Step = Result<(), Box<Problem>>;

struct Builder<'a> {
    source: &'a Arc<Source>,
    offset: usize,
    open: Vec<Open>,
    anchors: HashMap<usize, Anchored>,
    unfinished: HashSet<usize>,
    nodes: usize,
    documents: usize,
    root: Option<Node>,
    problems: Vec<Problem>,
}

impl<'a> Builder<'a> {
    fn new(source: &'a Arc<Source>, offset: usize) -> Self {
        Self {
            source,
            offset,
            open: Vec::new(),
            anchors: HashMap::new(),
            unfinished: HashSet::new(),
            nodes: 0,
            documents: 0,
            root: None,
            problems: Vec::new(),
        }
    }

    fn spot(&self, range: Range<usize>) -> Spot {
        Spot::new(self.source, self.offset + range.start..self.offset + range.end)
    }

    /// Control characters are no YAML, and would play tricks on the terminal that shows them.
    fn refuse_control_characters(&self, text: &str) -> Step {
        let control = |c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r');
        let Some((at, c)) = text.char_indices().find(|&(_, c)| control(c)) else { return Ok(()) };
        let clean: String =
            self.source.text().chars().map(|c| if control(c) { '\u{fffd}' } else { c }).collect();
        let before = &self.source.text()[..self.offset + at];
        let shift = before.chars().filter(|&c| control(c)).map(|c| '\u{fffd}'.len_utf8() - c.len_utf8());
        let at = before.len() + shift.sum::<usize>();
        let spot = Spot::new(&Source::new(self.source.name(), clean), at..at + '\u{fffd}'.len_utf8());
        Err(Box::new(
            Problem::new("a control character has no place in YAML")
                .at(&spot, format!("U+{:04X}", c as u32))
                .help("remove it, or write it as an escape in double quotes"),
        ))
    }

    fn take(&mut self, event: Event<'_>, range: Range<usize>) -> Step {
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    let spot = self.spot(range.start..range.start + 3);
                    return Err(Box::new(
                        Problem::new("a file holds one YAML document, this one holds more")
                            .at(&spot, "a second document begins here")
                            .help("keep each in a file of its own"),
                    ));
                }
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse(tag.as_deref(), &range);
                let spot = self.spot(range.clone());
                let node = match style {
                    ScalarStyle::Plain => Node::plain(&text, &spot),
                    _ => Node { value: Value::Scalar { text: text.into_owned(), quoted: true }, spot },
                };
                self.count(1, range)?;
                self.place(node, anchor, 0, 1)?;
            }
            Event::SequenceStart(_, anchor, tag) => self.begin(false, anchor, tag.as_deref(), range)?,
            Event::MappingStart(_, anchor, tag) => self.begin(true, anchor, tag.as_deref(), range)?,
            Event::SequenceEnd | Event::MappingEnd => self.end(range)?,
            Event::Alias(anchor) => self.copy(anchor, range)?,
            _ => {}
        }
        Ok(())
    }

    fn refuse(&mut self, tag: Option<&Tag>, range: &Range<usize>) {
        let Some(tag) = tag else { return };
        self.problems.push(
            Problem::new(format!("the tag {} has no meaning here", quote(&tag.original())))
                .at(&self.spot(range.clone()), "tagged value")
                .help("write the value without a tag"),
        );
    }

    fn count(&mut self, nodes: usize, range: Range<usize>) -> Step {
        self.nodes += nodes;
        if self.nodes <= MAX_NODES {
            return Ok(());
        }
        Err(Box::new(
            Problem::new(format!("more than {MAX_NODES} values, copies through aliases included"))
                .at(&self.spot(range), "this one is too many")
                .help("settings need about a hundred"),
        ))
    }

    fn begin(&mut self, mapping: bool, anchor: usize, tag: Option<&Tag>, range: Range<usize>) -> Step {
        self.refuse(tag, &range);
        self.count(1, range.clone())?;
        if self.open.len() >= MAX_DEPTH {
            return Err(Box::new(self.too_deep(range)));
        }
        self.unfinished.insert(anchor);
        self.open.push(Open {
            entries: Vec::new(),
            names: mapping.then(HashMap::new),
            key: None,
            anchor,
            start: range.start,
            height: 0,
            nodes: 1,
        });
        Ok(())
    }

    fn end(&mut self, range: Range<usize>) -> Step {
        let Some(open) = self.open.pop() else { return Ok(()) };
        let spot = self.spot(open.start..range.end.max(open.start));
        let value = match open.names {
            Some(_) => Value::Map(
                open.entries.into_iter().filter_map(|(key, node)| key.map(|key| (key, node))).collect(),
            ),
            None => Value::List(open.entries.into_iter().map(|(_, node)| node).collect()),
        };
        self.unfinished.remove(&open.anchor);
        self.place(Node { value, spot }, open.anchor, open.height + 1, open.nodes)
    }

    fn copy(&mut self, anchor: usize, range: Range<usize>) -> Step {
        let spot = self.spot(range.clone());
        let Some(anchored) = self.anchors.get(&anchor) else {
            let why = if self.unfinished.contains(&anchor) { "contains itself" } else { "names nothing" };
            return Err(Box::new(Problem::new(format!("this alias {why}")).at(&spot, "alias")));
        };
        let (height, nodes) = (anchored.height, anchored.nodes);
        if self.open.len() + height > MAX_DEPTH {
            return Err(Box::new(self.too_deep(range)));
        }
        self.count(nodes, range)?;
        let node = self.anchors[&anchor].node.clone();
        self.place(node, 0, height, nodes)
    }

    /// Puts a finished node into whatever is open around it.
    fn place(&mut self, node: Node, anchor: usize, height: usize, nodes: usize) -> Step {
        if anchor != 0 {
            self.anchors.insert(anchor, Anchored { node: node.clone(), height, nodes });
        }
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        open.height = open.height.max(height);
        open.nodes += nodes;
        let Some(names) = &mut open.names else {
            open.entries.push((None, node));
            return Ok(());
        };
        let Some(key) = open.key.take() else {
            let Value::Scalar { text, .. } = node.value else {
                return Err(Box::new(
                    Problem::new(format!("a key is a word, not {}", node.kind())).at(&node.spot, "this key"),
                ));
            };
            open.key = Some(Key { name: text, spot: node.spot });
            return Ok(());
        };
        if let Some(first) = names.get(&key.name) {
            self.problems.push(
                Problem::new(format!("{} is set twice", quote(&key.name)))
                    .at(&key.spot, "again here")
                    .at(first, "first here")
                    .help("keep one of them"),
            );
        } else {
            names.insert(key.name.clone(), key.spot.clone());
            open.entries.push((Some(key), node));
        }
        Ok(())
    }

    fn too_deep(&self, range: Range<usize>) -> Problem {
        Problem::new(format!("nested deeper than {MAX_DEPTH} levels"))
            .at(&self.spot(range), "this is one level too many")
    }

    /// The parser's refusal in the user's words.
    fn broken(&self, error: &ScanError) -> Problem {
        let at = error.marker().byte_offset().unwrap_or(0);
        let rest = self.source.text()[self.offset..].get(at..).unwrap_or_default();
        let width = rest.chars().next().filter(|&c| c != '\n' && c != '\r').map_or(0, char::len_utf8);
        let spot = self.spot(at..at + width);
        match error.kind() {
            ErrorKind::TabNotAllowed
            | ErrorKind::TabInBlockIndentation
            | ErrorKind::TabInIndentation
            | ErrorKind::TabAtBlockScalarStart
            | ErrorKind::TabInPlainScalar => {
                Problem::new("a tab is used for indentation").at(&spot, "here").help("indent with spaces")
            }
            ErrorKind::RecursionLimitExceeded => self.too_deep(at..at + width),
            ErrorKind::UnknownAnchor => Problem::new("this alias names nothing")
                .at(&spot, "alias")
                .help("put a text that begins with `*` in quotes"),
            ErrorKind::UnclosedQuotedScalar => {
                Problem::new("a quoted text is not closed").at(&spot, "it begins here")
            }
            ErrorKind::MappingValueNotAllowed => Problem::new("a colon has no place here")
                .at(&spot, "this colon")
                .help("put a text that contains `: ` in quotes, and check the indentation"),
            kind => Problem::new(format!("not YAML: {kind}")).at(&spot, "here"),
        }
    }
}
