use std::{ops::Range, time::Duration};

use super::{
    Beat, Pause, Script, ScriptError,
    block::{Block, Line, blocks, front_matter, without_comments},
    clause::clauses,
    directive::{Directive, Placed},
    encoding::{NOT_TEXT, is_binary},
    inline::{Inline, plain},
    passage::{Passage, Source},
    saying::{How, Saying},
    sentence::sentences,
};

/// The silence between the parts of a sentence too long for one breath.
const BREATH: Duration = Duration::from_millis(150);

impl Script {
    /// Reads a script.
    ///
    /// # Errors
    /// Every mistake in it, in order: nothing to speak, unknown or unfinished directives, brackets,
    /// comments and settings that never end, and text that is none.
    pub fn parse(text: &str) -> Result<Self, Vec<ScriptError>> {
        let source = Source::new(text);
        if is_binary(text.as_bytes()) {
            let at = text.find(|c: char| c.is_control() && !c.is_whitespace()).unwrap_or(0);
            return Err(vec![ScriptError {
                line: source.line(at),
                range: (at, at + 1),
                message: "this is not a text file".to_owned(),
                help: NOT_TEXT.to_owned(),
            }]);
        }
        let (front_matter, from) = front_matter(&source).map_err(|error| vec![error])?;
        let mut reader = Reader::new(&source);
        let bare = without_comments(&source, from, &mut reader.errors);
        for block in blocks(&source, &bare, from) {
            reader.block(&bare, block);
        }
        reader.finish().map(|(title, beats)| Self { title, front_matter, beats })
    }
}

/// Puts beats together from what the blocks say.
struct Reader<'a> {
    source: &'a Source<'a>,
    title: Option<String>,
    beats: Vec<Beat>,
    voice: Option<String>,
    /// A picture that the next words will be shown with.
    scene: Option<Placed>,
    errors: Vec<ScriptError>,
}

impl<'a> Reader<'a> {
    fn new(source: &'a Source<'a>) -> Self {
        Self { source, title: None, beats: Vec::new(), voice: None, scene: None, errors: Vec::new() }
    }

    fn block(&mut self, text: &str, block: Block) {
        match block {
            Block::Break => {
                if let Some(Beat { pause: pause @ Pause::Sentence, .. }) = self.beats.last_mut() {
                    *pause = Pause::Paragraph;
                }
            }
            Block::Heading(range) => {
                let line = Line { range, ends: false };
                for part in plain(self.source, text, &[line], &mut self.errors) {
                    match part {
                        Inline::Text(heading) if self.title.is_none() => {
                            self.title = Some(heading.text.trim().to_owned()).filter(|t| !t.is_empty());
                        }
                        Inline::Text(_) => {}
                        Inline::Directive(placed) => self.direct(placed),
                    }
                }
            }
            Block::Text(lines) => {
                let parts = plain(self.source, text, &lines, &mut self.errors);
                self.text(parts);
            }
        }
    }

    fn text(&mut self, parts: Vec<Inline>) {
        // A picture asked for inside a sentence is shown from that sentence's beginning: the words
        // on both sides are one passage.
        let mut passage = Passage::default();
        let mut scenes: Vec<(usize, Placed)> = Vec::new();
        for part in parts {
            match part {
                Inline::Text(text) => passage.append(text),
                Inline::Directive(placed) if matches!(placed.directive, Directive::Scene(_)) => {
                    passage.space(placed.range.start);
                    scenes.push((passage.text.len(), placed));
                }
                Inline::Directive(placed) => {
                    self.speak(&std::mem::take(&mut passage), std::mem::take(&mut scenes));
                    self.direct(placed);
                }
            }
        }
        self.speak(&passage, scenes);
    }

    fn speak(&mut self, passage: &Passage, scenes: Vec<(usize, Placed)>) {
        let mut scenes = scenes.into_iter().peekable();
        for sentence in sentences(&passage.text) {
            let parts = clauses(&passage.text[sentence.clone()]);
            let count = parts.len();
            for (index, clause) in parts.into_iter().enumerate() {
                let range = sentence.start + clause.range.start..sentence.start + clause.range.end;
                while let Some((_, scene)) = scenes.next_if(|(at, _)| *at < range.end) {
                    self.show(scene);
                }
                let pause = match (index + 1 < count, clause.ends) {
                    (false, _) => Pause::Sentence,
                    (true, true) => Pause::Exactly(BREATH),
                    (true, false) => Pause::Exactly(Duration::ZERO),
                };
                self.beat(passage, range, pause);
            }
        }
        for (_, scene) in scenes {
            self.show(scene);
        }
    }

    fn beat(&mut self, passage: &Passage, range: Range<usize>, pause: Pause) {
        let scene = self.scene.take().and_then(|placed| match placed.directive {
            Directive::Scene(picture) => Some(picture),
            Directive::Pause(_) | Directive::Voice(_) => None,
        });
        let sayings = self.sayings(passage, &range);
        self.beats.push(Beat {
            line: self.source.line(passage.origin(range.start)),
            sayings,
            text: passage.text[range].replace('\n', " "),
            voice: self.voice.clone(),
            scene,
            pause,
        });
    }

    /// What the elements around and inside of `range` ask for.
    fn sayings(&mut self, passage: &Passage, range: &Range<usize>) -> Vec<Saying> {
        let mut sayings = Vec::new();
        for said in &passage.sayings {
            let (start, end) = (said.range.start.max(range.start), said.range.end.min(range.end));
            if passage.text.get(start..end).is_none_or(|text| text.trim().is_empty()) {
                continue;
            }
            let outside = |text: Range<usize>| !passage.text[text].trim().is_empty();
            let whole = !outside(said.range.start..start) && !outside(end..said.range.end);
            if !whole && !matches!(said.how, How::Prosody(_)) {
                // Said of the sentence that it begins in, once.
                if said.range.start >= range.start {
                    self.error(
                        said.tag.clone(),
                        "this element reaches over the end of a sentence",
                        "what it says is said in one sentence: put one element into each",
                    );
                }
                continue;
            }
            sayings.push(Saying {
                range: (start - range.start, end - range.start),
                how: said.how.clone(),
                line: self.source.line(said.tag.start),
            });
        }
        sayings
    }

    fn direct(&mut self, placed: Placed) {
        match (placed.directive, self.beats.last_mut()) {
            (Directive::Scene(picture), _) => {
                self.show(Placed { directive: Directive::Scene(picture), range: placed.range });
            }
            (Directive::Voice(voice), beat) => {
                // Somebody is quoted inside of a sentence: a breath, and no full stop.
                if let Some(beat) = beat.filter(|beat| beat.pause == Pause::Sentence && self.voice != voice) {
                    let ends = beat.text.trim_end_matches(['"', '\'', '”', '’', '»', '」', ')']);
                    if !ends.ends_with(['.', '!', '?', '…', '。', '！', '？', '।', '؟']) {
                        beat.pause = Pause::Exactly(BREATH);
                    }
                }
                self.voice = voice;
            }
            (Directive::Pause(length), Some(beat)) => {
                let already = match beat.pause {
                    Pause::Exactly(already) => already,
                    Pause::Sentence | Pause::Paragraph => Duration::ZERO,
                };
                beat.pause = Pause::Exactly(already.saturating_add(length));
            }
            (Directive::Pause(_), None) => self.error(
                placed.range,
                "nothing is spoken before this pause",
                "for silence before the first word, set `lead` of the narration stage",
            ),
        }
    }

    fn show(&mut self, scene: Placed) {
        if let Some(unused) = self.scene.replace(scene) {
            self.unused(unused.range);
        }
    }

    fn unused(&mut self, range: Range<usize>) {
        self.error(
            range,
            "nothing is spoken while this picture would be shown",
            "put a sentence after it, or remove it",
        );
    }

    fn error(&mut self, range: Range<usize>, message: &str, help: &str) {
        self.errors.push(ScriptError {
            line: self.source.line(range.start),
            range: (range.start, range.end),
            message: message.to_owned(),
            help: help.to_owned(),
        });
    }

    fn finish(mut self) -> Result<(Option<String>, Vec<Beat>), Vec<ScriptError>> {
        if self.beats.is_empty() && self.errors.is_empty() {
            let blank = self.source.text.chars().all(|c| c.is_whitespace() || c == '\u{feff}');
            let (message, help) = if blank {
                ("the script is empty", "write at least one sentence")
            } else {
                (
                    "nothing in the script is spoken",
                    "headings, settings, comments and what is in brackets are never spoken: write a sentence",
                )
            };
            self.error(0..self.source.text.len(), message, help);
        } else if let Some(scene) = self.scene.take() {
            self.unused(scene.range);
        }
        if self.errors.is_empty() {
            // Blank lines at the end of a file mean nothing.
            if let Some(Beat { pause: pause @ Pause::Paragraph, .. }) = self.beats.last_mut() {
                *pause = Pause::Sentence;
            }
            return Ok((self.title, self.beats));
        }
        self.errors.sort_by_key(|error| error.range);
        Err(self.errors)
    }
}
