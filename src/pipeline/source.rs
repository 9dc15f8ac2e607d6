//! Texts that settings come from, and places in them.

use miette::{MietteError, MietteSpanContents, SourceCode, SourceSpan, SpanContents};
use std::{fs::File, io::Read, ops::Range, path::Path, sync::Arc};

use super::problem::Problem;

/// The largest file that is read as YAML.
pub(crate) const MAX_BYTES: u64 = 1 << 20;

/// How much of a very long line is drawn on each side of what is meant, in bytes.
const LINE_WINDOW: usize = 160;

/// A named text: a file, an environment variable, an option of the command line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Source {
    name: String,
    text: String,
    /// Where each line starts.
    lines: Vec<usize>,
}

impl Source {
    /// A text that is already known.
    pub(crate) fn new(name: impl Into<String>, text: impl Into<String>) -> Arc<Self> {
        let text = text.into();
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Arc::new(Self { name: name.into(), text, lines })
    }

    /// Reads a file of at most [`MAX_BYTES`] in UTF-8, without its byte order mark.
    pub(crate) fn read(path: &Path) -> Result<Arc<Self>, Problem> {
        let name = path.display().to_string();
        let unreadable = |error: std::io::Error| {
            let problem = Problem::new(format!("cannot read `{name}`: {}", reason(&error)));
            match error.kind() {
                std::io::ErrorKind::NotFound => problem.help("check the path"),
                std::io::ErrorKind::PermissionDenied => problem.help("check the file's permissions"),
                _ => problem,
            }
        };
        let file = File::open(path).map_err(unreadable)?;
        if file.metadata().map_err(unreadable)?.is_dir() {
            return Err(Problem::new(format!("cannot read `{name}`: it is a folder"))
                .help("name a YAML file inside it"));
        }
        let mut bytes = Vec::new();
        file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(Problem::new(format!("`{name}` is larger than 1 MiB"))
                .help("a settings file has a few KiB; is this the right file?"));
        }
        match String::from_utf8(bytes) {
            Ok(text) => match text.strip_prefix('\u{feff}') {
                Some(rest) => Ok(Self::new(name, rest)),
                None => Ok(Self::new(name, text)),
            },
            Err(error) => {
                let at = error.utf8_error().valid_up_to();
                let source = Self::new(name, String::from_utf8_lossy(error.as_bytes()));
                let spot = Spot::new(&source, at..at + '\u{fffd}'.len_utf8());
                Err(Problem::new(format!("`{}` is not UTF-8", source.name))
                    .at(&spot, "the first byte that is not UTF-8")
                    .help("save the file as UTF-8"))
            }
        }
    }

    /// What to call it.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// All of it.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The line that byte `at` is on, from 0.
    pub(crate) fn line_of(&self, at: usize) -> usize {
        self.lines.partition_point(|&start| start <= at) - 1
    }

    /// The bytes of `count` lines from line `first` on (from 0).
    pub(crate) fn lines(&self, first: usize, count: usize) -> Range<usize> {
        let start = |line: usize| self.lines.get(line).copied().unwrap_or(self.text.len());
        start(first)..start(first + count)
    }
}

/// Draws lines without searching the text for them, and only the part of a very long line that matters.
impl SourceCode for Source {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let (start, end) = (span.offset(), span.offset() + span.len());
        if end > self.text.len() {
            return Err(MietteError::OutOfBounds);
        }
        let first = self.line_of(start).saturating_sub(before);
        let last = self.line_of(end.saturating_sub(1).max(start)) + after;
        let shown = self.lines(first, last + 1 - first);
        let near = self.text.floor_char_boundary(start.saturating_sub(LINE_WINDOW));
        let far = self.text.ceil_char_boundary((end + LINE_WINDOW).min(self.text.len()));
        let from = if before == 0 { start } else { shown.start.max(near) };
        let to = shown.end.min(far);
        let line = self.line_of(from);
        let column = self.text[self.lines[line]..from].chars().count();
        Ok(Box::new(MietteSpanContents::new_named(
            self.name.clone(),
            &self.text.as_bytes()[from..to],
            (from, to - from).into(),
            line,
            column,
            last + 1 - first,
        )))
    }
}

/// A place in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Spot {
    source: Arc<Source>,
    range: Range<usize>,
}

impl Spot {
    /// The bytes `range` of `source`.
    pub(crate) fn new(source: &Arc<Source>, range: Range<usize>) -> Self {
        let len = source.text.len();
        let start = source.text.floor_char_boundary(range.start.min(len));
        let end = source.text.ceil_char_boundary(range.end.clamp(start, len));
        Self { source: Arc::clone(source), range: start..end }
    }

    /// From the start of this place to the end of another in the same text.
    pub(crate) fn to(&self, end: &Self) -> Self {
        Self::new(&self.source, self.range.start..end.range.end)
    }

    /// The text it lies in.
    pub(crate) fn source(&self) -> &Arc<Source> {
        &self.source
    }

    /// The line it starts on, from 1.
    pub(crate) fn line(&self) -> usize {
        self.source.line_of(self.range.start) + 1
    }

    /// The text and the line, for people: `story.yaml:12`, or all of a variable or an option.
    pub(crate) fn origin(&self) -> String {
        let source = &self.source;
        match source.lines.len() {
            1 => format!("{}: {}", source.name, source.text),
            _ => format!("{}:{}", source.name, self.line()),
        }
    }

    /// Where it starts.
    pub(crate) fn start(&self) -> usize {
        self.range.start
    }

    /// The bytes of the text.
    pub(crate) fn range(&self) -> Range<usize> {
        self.range.clone()
    }

    /// What is written there.
    pub(crate) fn text(&self) -> &str {
        &self.source.text[self.range.clone()]
    }

    /// What to underline: no more than its first line.
    pub(crate) fn underline(&self) -> Range<usize> {
        let line = self.text().lines().next().unwrap_or_default().trim_end();
        self.range.start..self.range.start + line.floor_char_boundary(line.len().min(LINE_WINDOW))
    }
}

/// The operating system's reason without its number.
fn reason(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
        std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        std::io::ErrorKind::IsADirectory => "it is a folder".to_owned(),
        _ => error.to_string(),
    }
}
