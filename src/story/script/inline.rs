use std::ops::Range;

use super::{
    ScriptError,
    block::Line,
    directive::{Directive, Placed},
    passage::{Passage, Said, Source, is_unspaced},
    saying::How,
    tag::Tag,
};

/// What a block says, in order.
#[derive(Debug)]
pub(super) enum Inline {
    /// Spoken.
    Text(Passage),
    /// Not spoken.
    Directive(Placed),
}

/// A character of a block and where it was written; a line that ends its sentence ends in `\n`.
type Written = (char, usize);

/// The block's plain text and directives: Markdown, HTML tags and notes taken out.
pub(super) fn plain(
    source: &Source<'_>,
    text: &str,
    lines: &[Line],
    errors: &mut Vec<ScriptError>,
) -> Vec<Inline> {
    let written = joined(text, lines);
    let marks = emphasis(&written);
    let mut cleaner = Cleaner {
        source,
        written: &written,
        marks,
        errors,
        done: Vec::new(),
        open: Passage::default(),
        elements: Vec::new(),
    };
    cleaner.clean(0..written.len());
    cleaner.finish();
    cleaner.done
}

fn joined(text: &str, lines: &[Line]) -> Vec<Written> {
    let mut written: Vec<Written> = Vec::new();
    for line in lines {
        let unspaced = |c: Option<char>| c.is_some_and(is_unspaced);
        let content = &text[line.range.clone()];
        let before = written.last().map(|(c, _)| *c);
        if !(unspaced(before) && unspaced(content.chars().next())) && before.is_some_and(|c| c != '\n') {
            written.push((' ', line.range.start));
        }
        written.extend(content.char_indices().map(|(at, c)| (c, line.range.start + at)));
        if line.ends {
            written.push(('\n', line.range.end));
        }
    }
    written
}

/// What follows `](` further away than this does not close a link.
const LONGEST_ADDRESS: usize = 1_000;

const MARKS: [char; 4] = ['*', '_', '~', '`'];

/// Which characters only mark emphasis: `*`, `_`, `~~` and backticks that come in pairs.
fn emphasis(written: &[Written]) -> Vec<bool> {
    let mut marks = vec![false; written.len()];
    let character = |at: usize| written.get(at).map_or(' ', |(c, _)| *c);
    let mut open: Vec<Range<usize>> = Vec::new();
    // Below this, `open` holds none of the mark: without it, marks that never pair cost their square.
    let mut bottom = [0; MARKS.len()];
    let mut at = 0;
    while at < written.len() {
        let mark = character(at);
        let Some(kind) = MARKS.iter().position(|m| *m == mark) else {
            at += if mark == '\\' { 2 } else { 1 };
            continue;
        };
        let end = (at..written.len()).find(|i| character(*i) != mark).unwrap_or(written.len());
        let before = if at == 0 { ' ' } else { character(at - 1) };
        let after = character(end);
        let inside_word = mark == '_' && before.is_alphanumeric() && after.is_alphanumeric();
        let mut run = at..end;
        if !before.is_whitespace() && !inside_word {
            while !run.is_empty() {
                let above = bottom[kind].min(open.len());
                let Some(index) = open[above..].iter().rposition(|o| character(o.start) == mark) else {
                    bottom[kind] = open.len();
                    break;
                };
                let index = above + index;
                let length = run.len().min(open[index].len());
                marks[run.start..run.start + length].fill(true);
                run.start += length;
                let opener = open[index].clone();
                marks[opener.end - length..opener.end].fill(true);
                open.truncate(index);
                if opener.len() > length {
                    open.push(opener.start..opener.end - length);
                }
            }
        }
        let opens = !after.is_whitespace() && !inside_word && (mark != '~' || run.len() > 1);
        if opens && !run.is_empty() {
            open.push(run);
        }
        at = end;
    }
    // Two or more in a row mean nothing else, even alone.
    for run in open.iter().filter(|run| run.len() > 1) {
        marks[run.clone()].fill(true);
    }
    marks
}

struct Cleaner<'a, 's> {
    source: &'a Source<'s>,
    written: &'a [Written],
    marks: Vec<bool>,
    errors: &'a mut Vec<ScriptError>,
    done: Vec<Inline>,
    open: Passage,
    elements: Vec<Element>,
}

/// An element of SSML that is not closed yet.
struct Element {
    name: &'static str,
    /// Nothing where it changes nothing.
    how: Option<How>,
    tag: Range<usize>,
    /// Where in the open passage its text begins.
    start: usize,
}

impl Cleaner<'_, '_> {
    fn clean(&mut self, range: Range<usize>) {
        let mut at = range.start;
        while at < range.end {
            let (character, origin) = self.written[at];
            at = match character {
                _ if self.marks[at] => at + 1,
                '\\' if self.character(at + 1).is_some_and(|c| c.is_ascii_punctuation()) => {
                    let (escaped, origin) = self.written[at + 1];
                    self.open.push(escaped, origin);
                    at + 2
                }
                '!' if self.character(at + 1) == Some('[') && self.link(at + 1, range.end).is_some() => {
                    self.link(at + 1, range.end).map_or(at + 1, |(_, end)| end)
                }
                '[' => self.bracket(at, range.end),
                '<' => self.tag(at, range.end),
                '&' => self.entity(at, range.end),
                '|' if range.start == 0 && self.written[0].0 == '|' => {
                    self.open.space(origin);
                    at + 1
                }
                '\n' => {
                    self.open.end_line(origin);
                    at + 1
                }
                c if c.is_whitespace() => {
                    self.open.space(origin);
                    at + 1
                }
                c if c.is_control() || matches!(c, '\u{ad}' | '\u{200b}' | '\u{2060}' | '\u{feff}') => at + 1,
                c => {
                    self.open.push(c, origin);
                    at + 1
                }
            };
        }
    }

    /// Ends the passage; an element that is open goes on in the next one.
    fn close(&mut self) {
        let elements = std::mem::take(&mut self.elements);
        for element in &elements {
            self.said(element);
        }
        self.elements = elements.into_iter().map(|element| Element { start: 0, ..element }).collect();
        let passage = std::mem::take(&mut self.open);
        if !passage.text.is_empty() {
            self.done.push(Inline::Text(passage));
        }
    }

    /// Ends the block.
    fn finish(&mut self) {
        for Element { name, tag, .. } in std::mem::take(&mut self.elements) {
            let help = format!("close it with `</{name}>` in the same paragraph");
            self.error(tag, &format!("this `<{name}>` is never closed"), &help);
        }
        self.close();
    }

    /// Notes what an element holds in the open passage.
    fn said(&mut self, element: &Element) {
        let end = self.open.text.len();
        let start = element.start.min(end);
        if let (Some(how), true) = (&element.how, start < end) {
            self.open.sayings.push(Said { range: start..end, how: how.clone(), tag: element.tag.clone() });
        }
    }

    fn character(&self, at: usize) -> Option<char> {
        self.written.get(at).map(|(c, _)| *c)
    }

    fn string(&self, range: Range<usize>) -> String {
        self.written[range].iter().map(|(c, _)| if *c == '\n' { ' ' } else { *c }).collect()
    }

    /// Where the bracket or parenthesis at `at` is closed.
    fn closed(&self, at: usize, end: usize) -> Option<usize> {
        let open = self.written[at].0;
        let close = if open == '[' { ']' } else { ')' };
        let mut depth = 0;
        let mut at = at;
        while at < end {
            match self.written[at].0 {
                '\\' => at += 1,
                c if c == open => depth += 1,
                c if c == close => {
                    depth -= 1;
                    if depth == 0 {
                        return Some(at);
                    }
                }
                _ => {}
            }
            at += 1;
        }
        None
    }

    /// The text and the end of the link whose bracket opens at `at`.
    fn link(&self, at: usize, end: usize) -> Option<(Range<usize>, usize)> {
        let text = self.closed(at, end)?;
        let target = (self.character(text + 1) == Some('('))
            .then(|| self.closed(text + 1, end.min(text + LONGEST_ADDRESS)))??;
        let is_note = matches!(Directive::read(&self.string(at + 1..text)), Ok(None));
        is_note.then_some((at + 1..text, target + 1))
    }

    fn bracket(&mut self, at: usize, end: usize) -> usize {
        if let Some((text, end)) = self.link(at, end) {
            self.clean(text);
            return end;
        }
        let start = self.written[at].1;
        let Some(close) = self.closed(at, end) else {
            self.error(
                start..start + 1,
                "this bracket is never closed",
                "close it with `]` in the same paragraph, or write `\\[` for the character itself",
            );
            return end;
        };
        let range = start..self.written[close].1 + 1;
        match Directive::read(&self.string(at + 1..close)) {
            Ok(Some(directive)) => {
                self.close();
                self.done.push(Inline::Directive(Placed { directive, range }));
            }
            Ok(None) => {}
            Err(wrong) => self.error(range, &wrong.message, &wrong.help),
        }
        close + 1
    }

    fn error(&mut self, range: Range<usize>, message: &str, help: &str) {
        self.errors.push(ScriptError {
            line: self.source.line(range.start),
            range: (range.start, range.end),
            message: message.to_owned(),
            help: help.to_owned(),
        });
    }

    /// Takes out `<b>`, `</p>`, `<br/>`; hears SSML; keeps the address of `<https://...>`.
    fn tag(&mut self, at: usize, end: usize) -> usize {
        let origin = self.written[at].1;
        let is_tag = self.character(at + 1).is_some_and(|c| c.is_ascii_alphabetic() || c == '/');
        let Some(close) = is_tag.then(|| self.tag_end(at, end)).flatten() else {
            self.open.push('<', origin);
            return at + 1;
        };
        let range = origin..self.written[close].1 + 1;
        let start = self.open.text.len();
        match Tag::read(&self.string(at + 1..close)) {
            Ok(Tag::Open(name, how)) => {
                self.elements.push(Element { name, how: Some(how), tag: range, start })
            }
            Ok(Tag::Empty(name)) => self.elements.push(Element { name, how: None, tag: range, start }),
            Ok(Tag::Close(name)) => self.end_element(name, range),
            Ok(Tag::Directive(directive)) => {
                self.close();
                self.done.push(Inline::Directive(Placed { directive, range }));
            }
            Ok(Tag::Address) => self.clean(at + 1..close),
            Ok(Tag::LineEnd) => self.open.end_line(origin),
            Ok(Tag::Silent) => {}
            Err(wrong) => self.error(range, &wrong.message, &wrong.help),
        }
        close + 1
    }

    /// Where the tag that begins at `at` ends, if nothing else begins before.
    fn tag_end(&self, at: usize, end: usize) -> Option<usize> {
        let mut quote = None;
        for index in at + 1..end.min(at + LONGEST_ADDRESS) {
            match (self.written[index].0, quote) {
                (c, Some(open)) if c == open => quote = None,
                (_, Some(_)) => {}
                (c @ ('"' | '\''), None)
                    if self.written[index - 1].0 == '=' || self.written[index - 1].0 == ' ' =>
                {
                    quote = Some(c);
                }
                ('<', None) => return None,
                ('>', None) => return Some(index),
                _ => {}
            }
        }
        None
    }

    fn end_element(&mut self, name: &'static str, range: Range<usize>) {
        match self.elements.pop() {
            Some(element) if element.name == name => self.said(&element),
            Some(element) => {
                let message = format!("`</{name}>` stands where `<{}>` is open", element.name);
                let help = format!("close `<{}>` first", element.name);
                // What it was to close is told of once.
                if let Some(at) = self.elements.iter().rposition(|element| element.name == name) {
                    self.elements.remove(at);
                }
                self.elements.push(element);
                self.error(range, &message, &help);
            }
            None => {
                let help = format!("put `<{name}>` before it, in the same paragraph, or remove it");
                self.error(range, &format!("`</{name}>` closes nothing"), &help);
            }
        }
    }

    fn entity(&mut self, at: usize, end: usize) -> usize {
        const ENTITIES: [(&str, char); 7] = [
            ("&amp;", '&'),
            ("&lt;", '<'),
            ("&gt;", '>'),
            ("&quot;", '"'),
            ("&apos;", '\''),
            ("&#39;", '\''),
            ("&nbsp;", ' '),
        ];
        let origin = self.written[at].1;
        let rest = self.string(at..end.min(at + 6));
        match ENTITIES.iter().find(|(name, _)| rest.starts_with(name)) {
            Some((name, ' ')) => {
                self.open.space(origin);
                at + name.len()
            }
            Some((name, character)) => {
                self.open.push(*character, origin);
                at + name.len()
            }
            None => {
                self.open.push('&', origin);
                at + 1
            }
        }
    }
}
