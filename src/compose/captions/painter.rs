//! The caption of a frame: drawn once for each cue, recombined for each state of it.

use tiny_skia::Rect as Bounds;

use super::{
    draw::{self, Ink, Look, Plate},
    layout::{self, Block, CAPITALS, Part, Placed, Setting, Word},
    overlay::Overlay,
    style::{self, Measures},
};
use crate::{
    compose::{
        Error, Warning,
        error::Listed,
        fonts::{Face, Fonts, what_to_install},
    },
    story::{CaptionStyle, Captions, Cue, Frame, FrameRate, Rect, Size, Time},
};

/// Draws the captions of a timeline.
pub(in crate::compose) struct Painter<'a> {
    captions: &'a Captions,
    frame_size: Size,
    rate: FrameRate,
    face: Face,
    measures: Measures,
    /// What no font has; left out.
    undrawable: Vec<String>,
    /// The cue on screen.
    art: Option<Art>,
}

/// A cue's pictures.
struct Art {
    cue: usize,
    block: Block,
    /// No word spoken yet.
    quiet: Overlay,
    /// Every word in the colour it has while spoken.
    lit: Option<Overlay>,
    /// What `state` looks like, one over the other.
    shown: Vec<Overlay>,
    state: State,
}

/// What a frame shows of a cue.
#[derive(Debug, Clone, PartialEq)]
enum State {
    /// The plain text.
    Quiet,
    /// Letters inside these windows are lit.
    Lit(Vec<Rect>),
    /// These boxes lie behind this word.
    Plated(usize, Vec<Plate>),
    /// The text is so much larger.
    Swollen(f32),
    /// This word is lit and so much larger than the others.
    Raised(usize, f32),
    /// Only the words before this one, and so many letters of it.
    Typed(usize, usize),
}

impl<'a> Painter<'a> {
    /// Chooses fonts for all of `captions`, which lie on frames of `frame_size`.
    ///
    /// # Errors
    /// When the family asked for is not installed, or letters are missing from every font.
    pub(in crate::compose) fn new(
        fonts: &mut Fonts,
        captions: &'a Captions,
        frame_size: Size,
        rate: FrameRate,
    ) -> Result<Self, Error> {
        let off = captions.style == CaptionStyle::Off || captions.cues.is_empty();
        let face = fonts.family(if off { "" } else { &captions.font })?;
        let measures = Measures::of(captions.style, captions.color);
        let mut painter =
            Self { captions, frame_size, rate, face, measures, undrawable: Vec::new(), art: None };
        if !off {
            let texts = captions.cues.iter().map(|cue| painter.words(cue)).collect::<Vec<_>>();
            let texts = texts.into_iter().flatten().map(|word| word.text);
            painter.undrawable = undrawable(fonts, texts, &painter.face)?;
        }
        Ok(painter)
    }

    /// What will be left out.
    pub(in crate::compose) fn warnings(&self) -> Vec<Warning> {
        left_out(&self.undrawable).into_iter().collect()
    }

    /// Draws what `frame` shows of the captions over `out`.
    pub(in crate::compose) fn draw(
        &mut self,
        fonts: &mut Fonts,
        frame: u64,
        out: &mut Frame,
    ) -> Result<(), Error> {
        let Some(cue) = self.cue_at(frame) else {
            self.art = None;
            return Ok(());
        };
        if self.art.as_ref().is_none_or(|art| art.cue != cue) {
            self.art = self.paint(fonts, cue)?;
        }
        // A cue of which nothing can be drawn has no picture.
        let Some(mut art) = self.art.take() else { return Ok(()) };
        let state = self.state(&art, frame);
        if art.state != state {
            self.show(fonts, &mut art, state);
        }
        let first = self.captions.cues[cue].span.start.frame(self.rate);
        let age = (frame - first + 1) as f64 / self.rate.fps();
        let strength = if first == 0 { 1.0 } else { (age / self.measures.fade_in.max(1e-9)).min(1.0) };
        for overlay in &art.shown {
            overlay.blend(out, (strength * 256.0) as u16);
        }
        self.art = Some(art);
        Ok(())
    }

    fn cue_at(&self, frame: u64) -> Option<usize> {
        if self.captions.style == CaptionStyle::Off {
            return None;
        }
        let frames = |cue: &Cue| (cue.span.start.frame(self.rate), cue.span.end.frame(self.rate));
        let after = self.captions.cues.partition_point(|cue| frames(cue).0 <= frame);
        let cue = after.checked_sub(1)?;
        (frame < frames(&self.captions.cues[cue]).1).then_some(cue)
    }

    /// The words of `cue` as drawn.
    fn words(&self, cue: &Cue) -> Vec<Word> {
        let drawn = |word: &crate::story::CueWord| {
            let text = if self.measures.bare { bare(&word.text) } else { &word.text };
            let text = if self.captions.uppercase { text.to_uppercase() } else { text.to_owned() };
            Word { text: without(&text, &self.undrawable), space_before: word.space_before }
        };
        cue.words.iter().map(drawn).collect()
    }

    fn paint(&self, fonts: &mut Fonts, cue: usize) -> Result<Option<Art>, Error> {
        let words = self.words(&self.captions.cues[cue]);
        let setting = Setting {
            face: &self.face,
            area: self.captions.area,
            size: self.captions.font_size * self.frame_size.shorter() as f32 / 1080.0,
            max_lines: 2,
            pitch: 1.18 + self.measures.plate.map_or(0.0, |(_, up)| up),
            gap: self.measures.gap,
            margins: self.measures.margins(),
            swell: self.measures.largest(),
        };
        let Some(block) = layout::set(fonts, &words, &setting)? else { return Ok(None) };
        let (look, size) = (&self.measures.look, self.frame_size);
        let paint = |fonts: &mut Fonts, ink| draw::draw(fonts, &block, look, &[], ink, 1.0, size);
        let Some(quiet) = paint(fonts, self.ink()) else { return Ok(None) };
        let lit = match self.captions.style {
            CaptionStyle::Karaoke => paint(fonts, Ink::flat(self.captions.highlight)),
            _ => None,
        };
        Ok(Some(Art { cue, block, shown: vec![quiet.clone()], quiet, lit, state: State::Quiet }))
    }

    fn ink(&self) -> Ink {
        Ink { color: self.captions.color, feet: self.captions.gradient }
    }

    /// The box behind a part of a word: as high as its line, whatever letters it has.
    fn plate(&self, block: &Block, part: &Part) -> Option<Plate> {
        let (side, up) = self.measures.plate?;
        let (em, baseline) = (block.size, *block.baselines.get(part.line)?);
        let (top, bottom) = (part.ink.top().min(baseline - CAPITALS * em), part.ink.bottom().max(baseline));
        let bounds = Bounds::from_ltrb(
            part.ink.left() - side * em,
            top - up * em,
            part.ink.right() + side * em,
            bottom + up * em,
        )?;
        Some(Plate { bounds, radius: 0.18 * em, color: self.captions.highlight })
    }

    fn state(&self, art: &Art, frame: u64) -> State {
        let cue = &self.captions.cues[art.cue];
        let started = cue.words.partition_point(|word| word.span.start.frame(self.rate) <= frame);
        match (self.captions.style, started.checked_sub(1)) {
            (CaptionStyle::Highlight, Some(word)) => {
                // From the frame on that shows it: its first picture is the same at any rate.
                let first = cue.words[word].span.start.frame(self.rate);
                State::Raised(word, style::raise(Time::of_frame(frame - first, self.rate).seconds()))
            }
            (CaptionStyle::Typewriter, None) => State::Typed(0, 0),
            (CaptionStyle::Typewriter, Some(word)) => {
                let span = cue.words[word].span;
                let now = Time::of_frame(frame + 1, self.rate).since(span.start).seconds();
                // Written a little faster than spoken: nobody waits for the last letter.
                let share = (now / (0.75 * span.length().seconds()).max(1e-3)).min(1.0);
                let letters = art.block.glyphs.iter().filter(|placed| placed.word == word).count();
                State::Typed(word, (share * letters as f64).ceil() as usize)
            }
            (CaptionStyle::Karaoke, Some(word)) => {
                let span = cue.words[word].span;
                let (now, length) = (Time::of_frame(frame, self.rate).since(span.start), span.length());
                State::Lit(art.filled(word, now.seconds() / length.seconds().max(1e-3)))
            }
            (CaptionStyle::Box, Some(word)) => {
                let plates = art.parts(word).filter_map(|part| self.plate(&art.block, part));
                State::Plated(word, plates.collect())
            }
            (CaptionStyle::Pop, _) => {
                let first = cue.span.start.frame(self.rate);
                State::Swollen(style::pop(Time::of_frame(frame - first, self.rate).seconds()))
            }
            _ => State::Quiet,
        }
    }

    /// Makes what `art` shows what `state` looks like.
    fn show(&self, fonts: &mut Fonts, art: &mut Art, state: State) {
        let (look, ink) = (&self.measures.look, self.ink());
        let mut draw_as = |block: &Block, look: &Look, plates: &[Plate], ink, swell| {
            draw::draw(fonts, block, look, plates, ink, swell, self.frame_size)
        };
        let mut draw = |block: &Block, ink, swell| draw_as(block, look, &[], ink, swell);
        let block = &art.block;
        let shown = match &state {
            State::Plated(word, plates) => {
                let others = draw(&block.only(|placed| placed.word != *word), ink, 1.0);
                // On a box of one colour letters need nothing around them.
                let bare = Look { outline: None, shadow: None };
                let ink = Ink::flat(style::contrast(self.captions.highlight));
                vec![others, block.word(*word).and_then(|block| draw_as(&block, &bare, plates, ink, 1.0))]
            }
            State::Swollen(swell) => vec![draw(block, ink, *swell)],
            State::Typed(word, letters) => {
                vec![draw(&block.only(|p| typed(block, p, *word, *letters)), ink, 1.0)]
            }
            State::Raised(word, swell) => {
                // The others stay as they are while it grows.
                let others = match art.state {
                    State::Raised(before, _) if before == *word => art.shown.drain(..).next(),
                    _ => draw(&block.only(|placed| placed.word != *word), ink, 1.0),
                };
                let lit = Ink::flat(self.captions.highlight);
                vec![others, block.word(*word).and_then(|block| draw(&block, lit, *swell))]
            }
            State::Quiet | State::Lit(_) => vec![Some(art.quiet.clone())],
        };
        art.shown = shown.into_iter().flatten().collect();
        if let (State::Lit(windows), Some(lit), [shown]) = (&state, &art.lit, art.shown.as_mut_slice()) {
            for window in windows {
                shown.take(lit, *window);
            }
        }
        art.state = state;
    }
}

/// Whether `placed` is written once `letters` letters of `word` are.
fn typed(block: &Block, placed: &Placed, word: usize, letters: usize) -> bool {
    let before = |other: &&Placed| other.word == word && other.glyph.bytes.start < placed.glyph.bytes.start;
    placed.word < word || (placed.word == word && block.glyphs.iter().filter(before).count() < letters)
}

impl Art {
    fn parts(&self, word: usize) -> impl Iterator<Item = &Part> {
        self.block.parts.iter().filter(move |part| part.word == word)
    }

    /// The windows of a fill that has come through `share` of `word`.
    fn filled(&self, word: usize, share: f64) -> Vec<Rect> {
        let before = self.block.parts.iter().filter(|part| part.word < word);
        let mut windows: Vec<Rect> = before.map(whole).collect();
        let width: f32 = self.parts(word).map(|part| part.ink.width()).sum();
        let mut left = width * share.clamp(0.0, 1.0) as f32;
        for part in self.parts(word) {
            let fill = left.min(part.ink.width());
            left -= fill;
            let (from, to) = if part.right_to_left {
                (part.ink.right() - fill, part.ink.right())
            } else {
                (part.ink.left(), part.ink.left() + fill)
            };
            if fill > 0.0 {
                windows.push(even(part.ink, from, to, 0.0));
            }
        }
        windows
    }
}

/// The even pixels that hold a part, and one more around.
fn whole(part: &Part) -> Rect {
    even(part.ink, part.ink.left(), part.ink.right(), 1.0)
}

/// The even pixels that hold `ink` from `left` to `right`, and `more` around.
fn even(ink: Bounds, left: f32, right: f32, more: f32) -> Rect {
    let low = |edge: f32| (edge - more).max(0.0) as u32 & !1;
    let high = |edge: f32| ((edge + more).ceil().max(0.0) as u32).next_multiple_of(2);
    Rect { left: low(left), top: low(ink.top()), right: high(right), bottom: high(ink.bottom()) }
}

/// A word without the comma or full stop at its end; abbreviations keep theirs.
fn bare(word: &str) -> &str {
    let trimmed = word.trim_end_matches([',', ';', ':', '،', '，', '、', '；', '：', '。', '।']);
    let trimmed = match trimmed.strip_suffix('.') {
        Some(rest) if !rest.contains('.') => rest,
        _ => trimmed,
    };
    if trimmed.chars().any(char::is_alphanumeric) { trimmed } else { word }
}

/// `text` in one line, without what no font can draw.
pub(super) fn without(text: &str, undrawable: &[String]) -> String {
    let mut text: String =
        text.chars().map(|c| if c.is_whitespace() || c.is_control() { ' ' } else { c }).collect();
    for cluster in undrawable {
        text = text.replace(cluster.as_str(), "");
    }
    text.trim().to_owned()
}

/// The clusters of `texts` that no font has; letters among them are an error.
pub(super) fn undrawable(
    fonts: &mut Fonts,
    texts: impl Iterator<Item = String>,
    face: &Face,
) -> Result<Vec<String>, Error> {
    let mut missing: Vec<String> = Vec::new();
    for text in texts {
        for cluster in fonts.missing(&text, face) {
            if !missing.iter().any(|known| known == cluster) {
                missing.push(cluster.to_owned());
            }
        }
    }
    let letters: Vec<String> =
        missing.iter().filter(|cluster| cluster.chars().any(char::is_alphanumeric)).cloned().collect();
    if letters.is_empty() {
        return Ok(missing);
    }
    let install = what_to_install(&letters);
    Err(Error::NoGlyphs { letters, install })
}

/// Says what is left out.
pub(super) fn left_out(undrawable: &[String]) -> Option<Warning> {
    (!undrawable.is_empty()).then(|| {
        let install = what_to_install(undrawable);
        Warning(format!(
            "captions leave out {}, which no installed font can draw: {install}",
            Listed(undrawable)
        ))
    })
}
