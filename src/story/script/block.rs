use std::{borrow::Cow, ops::Range};
use unicode_segmentation::UnicodeSegmentation;

use super::{
    FrontMatter, ScriptError,
    passage::{Source, is_unspaced},
};

/// A line's content in the script, without what marks its block, and what ends it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) range: Range<usize>,
    /// Whether the sentence ends with it, though no full stop says so.
    pub(super) ends: bool,
}

/// A part of the script.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Block {
    /// A heading's text.
    Heading(Range<usize>),
    /// Lines that belong together.
    Text(Vec<Line>),
    /// The end of a paragraph.
    Break,
}

/// The front matter, and where the rest begins.
pub(super) fn front_matter(source: &Source<'_>) -> Result<(Option<FrontMatter>, usize), ScriptError> {
    let bom = if source.text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let mut lines = source.lines_from(0);
    let first = match lines.next() {
        Some(first) if source.text[first.start.max(bom)..first.end].trim_end() == "---" => first,
        _ => return Ok((None, bom)),
    };
    let mut start = None;
    for line in lines {
        let start = *start.get_or_insert(line.start);
        if matches!(source.text[line.clone()].trim_end(), "---" | "...") {
            let text = source.text[start..line.start].to_owned();
            let rest = source.lines_from(line.end + 1).next().map_or(source.text.len(), |next| next.start);
            return Ok((Some(FrontMatter { text, line: source.line(start) }), rest));
        }
    }
    Err(ScriptError {
        line: 1,
        range: (bom, first.end),
        message: "the settings that begin here never end".to_owned(),
        help: "put a line `---` after the last setting, or remove this line".to_owned(),
    })
}

/// The text with every `<!-- comment -->` made blank, byte for byte.
pub(super) fn without_comments<'a>(
    source: &Source<'a>,
    from: usize,
    errors: &mut Vec<ScriptError>,
) -> Cow<'a, str> {
    let mut text = Cow::Borrowed(source.text);
    let mut at = from;
    while let Some(start) = source.text[at..].find("<!--").map(|found| at + found) {
        let Some(length) = source.text[start + 4..].find("-->") else {
            errors.push(ScriptError {
                line: source.line(start),
                range: (start, start + 4),
                message: "the comment that begins here never ends".to_owned(),
                help: "end it with `-->`".to_owned(),
            });
            break;
        };
        at = start + 4 + length + 3;
        let blank: String = source.text[start..at]
            .bytes()
            .map(|byte| if matches!(byte, b'\n' | b'\r') { byte as char } else { ' ' })
            .collect();
        text.to_mut().replace_range(start..at, &blank);
    }
    text
}

/// Cuts the text from `from` on into blocks.
pub(super) fn blocks(source: &Source<'_>, text: &str, from: usize) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Vec<Range<usize>> = Vec::new();
    let close = |open: &mut Vec<Range<usize>>, blocks: &mut Vec<Block>| {
        if !open.is_empty() {
            blocks.push(Block::Text(ended(text, std::mem::take(open))));
        }
    };
    for range in source.lines_from(from) {
        let content = within(text, &range);
        let line = &text[content.clone()];
        if line.is_empty() || is_rule(line) {
            close(&mut open, &mut blocks);
            blocks.push(Block::Break);
        } else if line.starts_with("```") || line.starts_with("~~~") || is_definition(line) {
            close(&mut open, &mut blocks);
        } else if let Some(heading) = heading(text, &content) {
            close(&mut open, &mut blocks);
            blocks.extend([Block::Break, Block::Heading(heading), Block::Break]);
        } else if let Some(item) = list_item(line) {
            close(&mut open, &mut blocks);
            open.push(within(text, &(content.start + item..content.end)));
        } else {
            open.push(content);
        }
    }
    close(&mut open, &mut blocks);
    blocks
}

/// The range without the space around it and without quote marks.
fn within(text: &str, range: &Range<usize>) -> Range<usize> {
    let line = &text[range.clone()];
    let inner = line.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, '>' | '\u{feff}'));
    let start = range.end - inner.len();
    start..start + inner.trim_end().len()
}

/// `---`, `* * *`, `___`, `===`: nothing but one of these marks, three times or more; `|---|:--|`
/// under a table's head.
fn is_rule(line: &str) -> bool {
    let marks: String = line.split_whitespace().collect();
    let one_mark = ['-', '*', '_', '='].iter().any(|mark| marks.chars().all(|c| c == *mark));
    let table = marks.starts_with('|') && marks.chars().all(|c| "|-:+".contains(c));
    marks.len() >= 3 && (one_mark || table)
}

/// `[name]: https://...` and `[^1]: ...` define what links and notes refer to.
fn is_definition(line: &str) -> bool {
    line.strip_prefix('[').and_then(|rest| rest.split_once("]:")).is_some_and(|(name, rest)| {
        let target = rest.trim_start();
        let address = target.starts_with(['<', '/', '#']) || target.contains("://");
        !name.contains(']') && (name.starts_with('^') || address)
    })
}

fn heading(text: &str, content: &Range<usize>) -> Option<Range<usize>> {
    let line = &text[content.clone()];
    let rest = line.trim_start_matches('#');
    let level = line.len() - rest.len();
    let spaced = rest.is_empty() || rest.starts_with([' ', '\t']);
    if !(1..=6).contains(&level) || !spaced {
        return None;
    }
    let title = within(text, &(content.start + level..content.end));
    let bare = text[title.clone()].trim_end_matches('#');
    Some(if bare.ends_with([' ', '\t']) { title.start..title.start + bare.trim_end().len() } else { title })
}

/// How much of the line marks a list item; numbers are part of what is said and stay.
fn list_item(line: &str) -> Option<usize> {
    if let Some(rest) = line.strip_prefix(['-', '*', '+', '•', '·', '–']) {
        return rest.starts_with([' ', '\t']).then(|| line.len() - rest.len());
    }
    let rest = line.trim_start_matches(|c: char| c.is_ascii_digit());
    let digits = line.len() - rest.len();
    let rest = rest.strip_prefix(['.', ')'])?;
    ((1..=3).contains(&digits) && rest.starts_with([' ', '\t'])).then_some(0)
}

/// Decides which lines of a paragraph end a sentence by ending.
///
/// Who wraps prose breaks a line where the next word no longer fits, and goes on in lower case;
/// who writes a sentence a line begins each with a capital and breaks where there was room.
fn ended(text: &str, lines: Vec<Range<usize>>) -> Vec<Line> {
    let width = |part: &str| part.chars().map(|c| if is_unspaced(c) { 2 } else { 1 }).sum::<usize>();
    let lower = |line: &str| line.chars().find(|c| c.is_alphanumeric()).is_some_and(char::is_lowercase);
    let wrapped = lines.iter().skip(1).any(|line| lower(&text[line.clone()]));
    let widest = lines.iter().map(|line| width(&text[line.clone()])).max().unwrap_or(0).max(60);
    let ends: Vec<bool> = lines
        .windows(2)
        .map(|pair| {
            let (this, next) = (&text[pair[0].clone()], &text[pair[1].clone()]);
            let first = next.split_word_bounds().next().unwrap_or_default();
            let room = width(this) + 1 + width(first) <= widest;
            !wrapped && room && !this.ends_with([',', ';', ':', '，', '、', '-', '–', '—', '\\'])
        })
        .chain([true])
        .collect();
    lines.into_iter().zip(ends).map(|(range, ends)| Line { range, ends }).collect()
}
