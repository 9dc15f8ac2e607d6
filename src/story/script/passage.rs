use std::ops::Range;

use super::saying::How;

/// Text that remembers where in the script each of its bytes was written.
#[derive(Debug, Default)]
pub(super) struct Passage {
    pub(super) text: String,
    pub(super) sayings: Vec<Said>,
    origins: Vec<usize>,
}

/// What an element of SSML asks for.
#[derive(Debug, Clone)]
pub(super) struct Said {
    /// The bytes of the passage that it holds.
    pub(super) range: Range<usize>,
    pub(super) how: How,
    /// Its tag in the script.
    pub(super) tag: Range<usize>,
}

impl Passage {
    pub(super) fn push(&mut self, character: char, origin: usize) {
        self.text.push(character);
        self.origins.resize(self.text.len(), origin);
    }

    /// Adds a space unless there is one, or nothing before it.
    pub(super) fn space(&mut self, origin: usize) {
        if !self.text.is_empty() && !self.text.ends_with([' ', '\n']) {
            self.push(' ', origin);
        }
    }

    /// Ends the line, which ends the sentence too.
    pub(super) fn end_line(&mut self, origin: usize) {
        if self.text.ends_with(' ') {
            self.text.pop();
            self.origins.pop();
        }
        if !self.text.is_empty() && !self.text.ends_with('\n') {
            self.push('\n', origin);
        }
    }

    /// Adds another passage.
    pub(super) fn append(&mut self, other: Self) {
        let before = self.text.len();
        let moved = |said: Said| Said { range: said.range.start + before..said.range.end + before, ..said };
        self.sayings.extend(other.sayings.into_iter().map(moved));
        self.text.push_str(&other.text);
        self.origins.extend(other.origins);
    }

    /// Where the byte at `at` was written.
    pub(super) fn origin(&self, at: usize) -> usize {
        self.origins.get(at).copied().unwrap_or_default()
    }
}

/// The script as given, with its lines.
pub(super) struct Source<'a> {
    pub(super) text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Source<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let bytes = text.as_bytes();
        let after_break = bytes.iter().enumerate().filter(|&(at, byte)| match byte {
            b'\n' => true,
            b'\r' => bytes.get(at + 1) != Some(&b'\n'),
            _ => false,
        });
        let starts = std::iter::once(0).chain(after_break.map(|(at, _)| at + 1)).collect();
        Self { text, starts }
    }

    /// The line of the byte at `at`, from 1.
    pub(super) fn line(&self, at: usize) -> u32 {
        self.starts.partition_point(|start| *start <= at) as u32
    }

    /// The lines from the byte `from` on, without their ends.
    pub(super) fn lines_from(&self, from: usize) -> impl Iterator<Item = Range<usize>> {
        let first = self.starts.partition_point(|start| *start < from);
        (first..self.starts.len()).map(move |index| {
            let start = self.starts[index];
            let end = self.starts.get(index + 1).copied().unwrap_or(self.text.len());
            start..start + self.text[start..end].trim_end_matches(['\r', '\n']).len()
        })
    }
}

/// Whether words of this character's script are written without spaces between them.
pub(super) fn is_unspaced(character: char) -> bool {
    matches!(character,
        '\u{0e00}'..='\u{0eff}' // Thai, Lao
        | '\u{1000}'..='\u{109f}' // Burmese
        | '\u{1780}'..='\u{17ff}' // Khmer
        | '\u{3000}'..='\u{30ff}' // punctuation, kana
        | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' // Han
        | '\u{ff00}'..='\u{ff9f}' // wide forms
        | '\u{20000}'..='\u{3ffff}')
}
