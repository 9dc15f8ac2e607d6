//! Reading a YAML document into a tree, within limits.

use granit_parser::{ErrorKind, Event, Parser, ScalarStyle, ScanError, Tag};
use std::{
    collections::{HashMap, HashSet},
    ops::Range,
    sync::Arc,
};

use super::{
    node::{Key, Node, Value, quote},
    problem::{Problem, Problems},
    source::{Source, Spot},
};

/// The deepest nesting: settings need five levels.
const MAX_DEPTH: usize = 64;

/// The most nodes of a document, copies through aliases included: settings need a hundred.
const MAX_NODES: usize = 10_000;

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
                Ok((event, span)) => {
                    let range = span.byte_range().unwrap_or_default();
                    let tag =
                        span.tag_span().and_then(|tag| tag.byte_range()).unwrap_or_else(|| range.clone());
                    builder.refuse_tag(event.tag(), tag);
                    builder.take(event, range)?;
                }
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
            Event::Scalar(text, style, anchor, _) => {
                let spot = self.spot(range.clone());
                let node = match style {
                    ScalarStyle::Plain => Node::plain(&text, &spot),
                    _ => Node { value: Value::Scalar { text: text.into_owned(), quoted: true }, spot },
                };
                self.count(1, range)?;
                self.place(node, anchor, 0, 1)?;
            }
            Event::SequenceStart(_, anchor, _) => self.begin(false, anchor, range)?,
            Event::MappingStart(_, anchor, _) => self.begin(true, anchor, range)?,
            Event::SequenceEnd | Event::MappingEnd => self.end(range)?,
            Event::Alias(anchor) => self.copy(anchor, range)?,
            _ => {}
        }
        Ok(())
    }

    fn refuse_tag(&mut self, tag: Option<&Tag>, range: Range<usize>) {
        let Some(tag) = tag else { return };
        self.problems.push(
            Problem::new(format!("the tag {} has no meaning here", quote(&tag.original())))
                .at(&self.spot(range), "this tag")
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

    fn begin(&mut self, mapping: bool, anchor: usize, range: Range<usize>) -> Step {
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
            ErrorKind::UnclosedQuotedScalar | ErrorKind::InvalidQuotedScalarIndent => {
                Problem::new("a quoted text is not closed")
                    .at(&spot, "still inside of it")
                    .help("close the quotes; the lines of a longer text are indented")
            }
            ErrorKind::UnclosedFlowCollection { open } => {
                Problem::new(format!("`{open}` is not closed")).at(&spot, "opened here")
            }
            ErrorKind::InvalidColonPlacement | ErrorKind::ExpectedFlowSequenceSeparator => {
                Problem::new("a list is not closed").at(&spot, "still inside of it").help("close it with `]`")
            }
            ErrorKind::ExpectedFlowMappingSeparator => Problem::new("a mapping is not closed")
                .at(&spot, "still inside of it")
                .help("close it with `}`"),
            ErrorKind::ExpectedBlockMappingKey
            | ErrorKind::ExpectedBlockSequenceEntry
            | ErrorKind::InvalidIndentation => Problem::new("the indentation does not fit")
                .at(&spot, "here")
                .help("begin the entries of one list or mapping in the same column"),
            ErrorKind::MappingValueNotAllowed => Problem::new("a colon has no place here")
                .at(&spot, "this colon")
                .help("put a text that contains `: ` in quotes, and check the indentation"),
            kind => Problem::new(format!("not YAML: {kind}")).at(&spot, "here"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> (Option<Node>, Problems) {
        let source = Source::new("test", text);
        let mut problems = Problems::default();
        let node = parse(&source, 0..text.len(), &mut problems);
        (node, problems)
    }

    #[test]
    fn every_part_knows_its_place() {
        let text = "a: 1\nb: { c: [x, \"é y\"] }\n";
        let (node, problems) = read(text);
        assert!(problems.is_empty(), "{problems}");
        let node = node.unwrap();
        let list = node.get("b").unwrap().get("c").unwrap();
        assert_eq!(list.spot.text(), "[x, \"é y\"]");
        let Value::List(items) = &list.value else { panic!("{list:?}") };
        assert_eq!(items[1].spot.text(), "\"é y\"");
        assert_eq!(items[1].spot.line(), 2);
        assert_eq!(node.key("b").unwrap().spot.text(), "b");
        assert_eq!(node.get("b").unwrap().to_string(), "{c: [x, \"é y\"]}");
    }

    #[test]
    fn a_part_of_a_text_is_read_with_the_places_of_the_whole() {
        let source = Source::new("script", "---\nvoice: nova\n---\nHello.\n");
        let mut problems = Problems::default();
        let node = parse(&source, source.lines(1, 1), &mut problems).unwrap();
        assert_eq!(node.get("voice").unwrap().spot.line(), 2);
        assert_eq!(node.get("voice").unwrap().spot.text(), "nova");
    }

    #[test]
    fn what_is_written_on_one_line_reads_back() {
        let text = "{a: [1, \"two: 2\", {b: }], c: {}}";
        let written = read(text).0.unwrap().to_string();
        assert_eq!(read(&written).0.unwrap().to_string(), written);
    }

    #[test]
    fn nothing_is_no_node() {
        for text in ["", "\n\n", "# words\n"] {
            let (node, problems) = read(text);
            assert!(node.is_none() && problems.is_empty(), "{text:?}: {node:?} {problems}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        /// Whatever is written, reading ends, and what it says can be drawn.
        #[test]
        fn any_text_is_read_or_explained(text in "([-?:,\\[\\]{}#&*!|>'\"%@` \t\r\n.~<]|[a-c]|é|0|\u{1b}){0,60}") {
            let (node, problems) = read(&text);
            if !problems.is_empty() {
                let drawn = problems.draw(false);
                prop_assert!(!drawn.chars().any(|c| c != '\n' && c.is_control()), "{}", drawn);
                prop_assert!(problems.draw(true).len() < 100_000);
            } else if let Some(node) = node {
                prop_assert!(node.spot.text().len() <= text.len());
            }
        }
    }
}
