//! An utterance as Kokoro reads it: IPA with the punctuation and the spaces around it.

use super::{
    super::{
        Error, Reader, Token,
        ipa::{Part, parts},
        phonemes::{Phoneme, owners, plain},
    },
    vocabulary::Vocabulary,
};

/// The marks at which a text is cut before espeak-ng reads the parts.
const MARKS: &str = ";:,.!?¡¿—…\"«»“”(){}[]";

/// The symbols of an utterance that the network knows, each with its token.
pub(super) fn phonemes(tokens: &[Token], voice: &str, known: &Vocabulary) -> Result<Vec<Phoneme>, Error> {
    let mut reader = Reader::open(voice)?;
    let whole = read(&mut reader, &plain(tokens), known);
    let mut alone = Vec::new();
    for (index, token) in tokens.iter().enumerate().filter(|(_, token)| !token.spoken.is_empty()) {
        alone.extend(read(&mut reader, &token.spoken, known).into_iter().map(|symbol| (symbol, index)));
        alone.push((' ', index));
    }
    let owners = owners(&whole, &alone);
    Ok(whole.into_iter().zip(owners).map(|(symbol, token)| Phoneme { symbol, token }).collect())
}

/// The same symbols without whose they are, which costs most of the time.
pub(super) fn symbols_of(tokens: &[Token], voice: &str, known: &Vocabulary) -> Result<Vec<char>, Error> {
    Ok(read(&mut Reader::open(voice)?, &plain(tokens), known))
}

/// The symbols of a text: each part between marks read alone, the marks kept.
fn read(reader: &mut Reader, text: &str, known: &Vocabulary) -> Vec<char> {
    let mut ipa = String::new();
    for (index, piece) in parts(text).into_iter().enumerate() {
        match piece {
            Part::Ipa(said) => ipa.push_str(said),
            Part::Text(text) => {
                if index > 0 && text.starts_with(char::is_whitespace) {
                    ipa.push(' ');
                }
                read_part(reader, text, &mut ipa);
                if text.ends_with(char::is_whitespace) {
                    ipa.push(' ');
                }
            }
        }
    }
    let words = ipa.split_whitespace().collect::<Vec<_>>().join(" ");
    words.chars().filter(|symbol| known.id(*symbol).is_some()).collect::<String>().trim().chars().collect()
}

/// Reads a text without IPA in it: each part between marks alone, the marks kept.
fn read_part(reader: &mut Reader, text: &str, ipa: &mut String) {
    let mut part = String::new();
    let chars: Vec<char> = text.chars().collect();
    let digit = |at: Option<usize>| at.and_then(|at| chars.get(at)).is_some_and(char::is_ascii_digit);
    let is_mark = |at: usize| {
        let decimal = ",.".contains(chars[at]) && digit(at.checked_sub(1)) && digit(Some(at + 1));
        MARKS.contains(chars[at]) && !decimal
    };
    for (at, c) in chars.iter().enumerate() {
        if is_mark(at) {
            flush(reader, &mut part, ipa);
            ipa.push(*c);
        } else {
            part.push(*c);
        }
    }
    flush(reader, &mut part, ipa);
}

/// Reads the part between two marks, the spaces around it kept.
fn flush(reader: &mut Reader, part: &mut String, ipa: &mut String) {
    let words = part.trim();
    if !words.is_empty() {
        let read = reader.read(words);
        let text = read.iter().map(|clause| clause.ipa.trim()).collect::<Vec<_>>().join(" ");
        let (before, after) = (part.starts_with(char::is_whitespace), part.ends_with(char::is_whitespace));
        ipa.push_str(if before { " " } else { "" });
        ipa.push_str(&text);
        ipa.push_str(if after { " " } else { "" });
    } else if !part.is_empty() {
        ipa.push(' ');
    }
    part.clear();
}
