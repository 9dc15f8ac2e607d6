//! A beat of a script as it is to be said: its words, and what SSML asks of them.

use std::ops::Range;

use super::{
    Error, Reading, Token,
    ipa::respelled,
    lexicon::say_instead,
    normalize::said_as,
    segment::sounds,
    token::{placed_tokens, spoken_tokens},
};
use crate::story::{Beat, How, Prosody, Saying};

/// The words of a beat, and how they are said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// The words.
    pub tokens: Vec<Token>,
    /// Runs of tokens that are said faster, higher or louder than the voice's own.
    pub prosody: Vec<(Range<usize>, Prosody)>,
}

/// Reads a beat.
///
/// # Errors
/// When an element of SSML holds what is not of the kind it says, or sounds that no IPA has.
pub fn said(beat: &Beat, reading: &Reading<'_>) -> Result<Said, Error> {
    let (mut tokens, places) = placed_tokens(&beat.text, reading);
    let mut prosody = Vec::new();
    for saying in &beat.sayings {
        let wrong = |reason: String| Error::Saying { line: saying.line, reason };
        let held = held(&beat.text, saying, &places);
        let Some(held) = held else {
            if matches!(saying.how, How::Prosody(_)) {
                continue;
            }
            return Err(wrong("this element holds nothing that is spoken: put it around a word".to_owned()));
        };
        let written = &beat.text[saying.range.0..saying.range.1];
        let instead = match &saying.how {
            How::Prosody(how) => {
                prosody.extend((*how != Prosody::PLAIN).then_some((held, *how)));
                continue;
            }
            How::As(kind) => said_as(*kind, written.trim(), reading.language).map_err(wrong)?,
            How::Alias(alias) => spoken(&spoken_tokens(alias, reading)),
            How::Ipa(ipa) => respelled(ipa).map_err(|symbol| {
                wrong(format!("`{symbol}` in `{ipa}` is no symbol of the IPA that is known here"))
            })?,
        };
        if instead.is_empty() {
            return Err(wrong(format!("nothing of `{written}` is spoken so: put the element around a word")));
        }
        // What stands outside of the element in its first and last word stays.
        let (first, last) = (&places[held.start], &places[held.end - 1]);
        let letters = |range: Range<usize>| {
            let outside = beat.text.get(range).unwrap_or_default();
            outside.trim_matches(|c: char| !c.is_alphanumeric()).to_owned()
        };
        let before = letters(first.start..saying.range.0.max(first.start));
        let after = letters(saying.range.1.min(last.end)..last.end);
        let space = if before.is_empty() { "" } else { " " };
        say_instead(&mut tokens[held], &format!("{before}{space}{instead}{after}"));
    }
    Ok(Said { tokens, prosody })
}

/// The tokens of which something that sounds lies inside of the element.
fn held(text: &str, saying: &Saying, places: &[Range<usize>]) -> Option<Range<usize>> {
    let inside = |place: &Range<usize>| {
        let (start, end) = (place.start.max(saying.range.0), place.end.min(saying.range.1));
        text.get(start..end).is_some_and(sounds)
    };
    let first = places.iter().position(inside)?;
    let last = places.iter().rposition(inside)?;
    Some(first..last + 1)
}

/// What tokens say, without the mark at the end.
fn spoken(tokens: &[Token]) -> String {
    let mut said: Vec<&str> = tokens.iter().map(|token| token.spoken.as_str()).collect();
    if let (Some(said), Some(last)) = (said.last_mut(), tokens.last()) {
        *said = last.words();
    }
    said.retain(|words| !words.is_empty());
    said.join(" ")
}
