//! The sounds of an utterance, each with the token that it belongs to.
//!
//! A sentence is read as a whole, because words change one another (`of the` is one word to
//! espeak-ng, and `the` sounds otherwise before a vowel); whose sounds they are is found by
//! aligning them with those of each token read alone.

use unicode_normalization::UnicodeNormalization;

use super::{
    Clause, Error, Reader, Token,
    ipa::{Part, parts},
};

/// One code point of IPA or punctuation, or a space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Phoneme {
    pub(super) symbol: char,
    /// The token that it is a sound of; spaces and marks go with the token before them.
    pub(super) token: usize,
}

impl Phoneme {
    /// Whether it is heard, and not a space or a mark of punctuation.
    pub(super) fn sounds(self) -> bool {
        !self.symbol.is_whitespace() && !".,;:!?".contains(self.symbol)
    }
}

/// The utterance as a voice engine that reads plain text would get it.
pub(super) fn plain(tokens: &[Token]) -> String {
    let mut text = String::new();
    for token in tokens.iter().filter(|token| !token.spoken.is_empty()) {
        if token.space_before && !text.is_empty() {
            text.push(' ');
        }
        text.push_str(&token.spoken);
    }
    text
}

/// The tokens for an engine that reads letters alone: a word whose sounds are given in IPA as it is written.
pub(super) fn readable(tokens: &[Token]) -> Vec<Token> {
    let token = |token: &Token| match token.spoken.contains("[[") {
        true => Token { spoken: token.text.clone(), ..token.clone() },
        false => token.clone(),
    };
    tokens.iter().map(token).collect()
}

/// The sentences of an utterance as sounds, decomposed (NFD), read by espeak-ng's `voice`.
pub(super) fn sentences(tokens: &[Token], voice: &str) -> Result<Vec<Vec<Phoneme>>, Error> {
    let mut reader = Reader::open(voice)?;
    let whole = read(&mut reader, &plain(tokens));
    let mut alone: Vec<(char, usize)> = Vec::new();
    for (index, token) in tokens.iter().enumerate().filter(|(_, token)| !token.spoken.is_empty()) {
        let clauses = read(&mut reader, &token.spoken);
        alone.extend(clauses.into_iter().flat_map(|(symbols, _)| symbols).map(|symbol| (symbol, index)));
        alone.push((' ', index));
    }
    let all: Vec<char> = whole.iter().flat_map(|(symbols, _)| symbols).copied().collect();
    let mut owners = owners(&all, &alone).into_iter();
    let mut sentences = vec![Vec::new()];
    for (symbols, ends) in whole {
        let owned = symbols.into_iter().zip(&mut owners).map(|(symbol, token)| Phoneme { symbol, token });
        if let Some(sentence) = sentences.last_mut() {
            sentence.extend(owned);
        }
        if ends {
            sentences.push(Vec::new());
        }
    }
    sentences.retain(|sentence| !sentence.is_empty());
    Ok(sentences)
}

/// The same sentences without whose sounds they are, which costs most of the time.
pub(super) fn symbols_of(tokens: &[Token], voice: &str) -> Result<Vec<Vec<char>>, Error> {
    let mut sentences = vec![Vec::new()];
    for (symbols, ends) in read(&mut Reader::open(voice)?, &plain(tokens)) {
        if let Some(sentence) = sentences.last_mut() {
            sentence.extend(symbols);
        }
        if ends {
            sentences.push(Vec::new());
        }
    }
    sentences.retain(|sentence: &Vec<char>| !sentence.is_empty());
    Ok(sentences)
}

/// The clauses of a text, and whether each ends a sentence; IPA in it goes through as it is.
fn read(reader: &mut Reader, text: &str) -> Vec<(Vec<char>, bool)> {
    let mut whole: Vec<(Vec<char>, bool)> = Vec::new();
    let parts = parts(text);
    for (index, part) in parts.iter().enumerate() {
        match part {
            Part::Ipa(ipa) => whole.push((ipa.nfd().collect(), false)),
            Part::Text(text) => {
                if index > 0 && text.starts_with(char::is_whitespace) {
                    whole.push((vec![' '], false));
                }
                for clause in reader.read(text) {
                    let symbols = symbols(&clause);
                    // Words that IPA follows end no sentence; nothing but a mark ends the word before it.
                    let ends = clause.ends_sentence && (clause.mark.is_some() || index + 1 == parts.len());
                    if !symbols.is_empty() {
                        whole.push((symbols, ends));
                    }
                }
                if index + 1 < parts.len() && text.ends_with(char::is_whitespace) {
                    whole.push((vec![' '], false));
                }
            }
        }
    }
    whole
}

/// A clause as Piper's voices were taught to read it: its sounds, its mark, and a space after a mark that
/// ends no sentence.
pub(super) fn symbols(clause: &Clause) -> Vec<char> {
    let mark = clause.mark.map(String::from).unwrap_or_default();
    let space = if matches!(clause.mark, Some(',' | ':' | ';')) { " " } else { "" };
    format!("{}{mark}{space}", clause.ipa).nfd().collect()
}

/// The token of each of `whole`, by the cheapest way to turn `alone` into it.
pub(super) fn owners(whole: &[char], alone: &[(char, usize)]) -> Vec<usize> {
    const GAP: f32 = 1.0;
    let columns = alone.len() + 1;
    let mut costs = vec![0.0f32; (whole.len() + 1) * columns];
    let same = |a: char, b: char| {
        if a == b {
            0.0
        } else if kind(a) == kind(b) {
            0.8
        } else {
            1.9
        }
    };
    for (column, cost) in costs.iter_mut().take(columns).enumerate() {
        *cost = column as f32 * GAP;
    }
    for row in 1..=whole.len() {
        costs[row * columns] = row as f32 * GAP;
        for column in 1..columns {
            let both = costs[(row - 1) * columns + column - 1] + same(whole[row - 1], alone[column - 1].0);
            let one = costs[(row - 1) * columns + column].min(costs[row * columns + column - 1]) + GAP;
            costs[row * columns + column] = both.min(one);
        }
    }
    let first = alone.first().map_or(0, |(_, token)| *token);
    let mut owners = vec![None; whole.len()];
    let (mut row, mut column) = (whole.len(), columns - 1);
    while row > 0 {
        let here = costs[row * columns + column];
        let both = |row: usize, column: usize| {
            costs[(row - 1) * columns + column - 1] + same(whole[row - 1], alone[column - 1].0)
        };
        if column > 0 && here == both(row, column) {
            owners[row - 1] = Some(alone[column - 1].1);
            (row, column) = (row - 1, column - 1);
        } else if column > 0 && here == costs[row * columns + column - 1] + GAP {
            column -= 1;
        } else {
            row -= 1;
        }
    }
    // What nobody claims goes with what sounds before it, within its own word.
    let mut latest = None;
    let mut filled: Vec<Option<usize>> = owners.clone();
    for (at, owner) in owners.iter().enumerate() {
        latest = owner.or(if whole[at] == ' ' { None } else { latest });
        filled[at] = latest;
    }
    let mut following = None;
    for (at, owner) in filled.iter_mut().enumerate().rev() {
        following = owner.or(following);
        if whole[at] != ' ' {
            *owner = owner.or(following);
        }
    }
    let mut token = first;
    filled
        .into_iter()
        .map(|owner| {
            token = owner.unwrap_or(token).max(token);
            token
        })
        .collect()
}

#[derive(PartialEq, Eq)]
enum Kind {
    Space,
    Vowel,
    Length,
    Consonant,
}

fn kind(symbol: char) -> Kind {
    match symbol {
        c if c.is_whitespace() || ".,;:!?".contains(c) => Kind::Space,
        'ˈ' | 'ˌ' | 'ː' | 'ˑ' | '\u{300}'..='\u{36f}' => Kind::Length,
        c if "aeiouyæœøɐɑɒɔəɘɚɛɜɝɞɤɨɪɯɵɶʉʊʌʏᵻ".contains(c) => Kind::Vowel,
        _ => Kind::Consonant,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tokens;
    use super::*;

    /// Each token's own sounds.
    fn sounds(text: &str, language: &str, voice: &str) -> Vec<String> {
        let tokens = tokens(text, language);
        let mut sounds = vec![String::new(); tokens.len()];
        for phoneme in sentences(&tokens, voice).unwrap().concat().into_iter().filter(|p| p.sounds()) {
            sounds[phoneme.token].push(phoneme.symbol);
        }
        sounds
    }

    #[test]
    fn merged_words_keep_their_own_sounds() {
        assert_eq!(sounds("The end of the story.", "en-US", "en-us"), ["ðɪ", "ˈɛnd", "ʌv", "ðə", "stˈoːɹi"]);
        let money = sounds("It cost $5M in 1984, for a week.", "en-US", "en-us");
        assert_eq!(money[2], "fˈaɪvmˈɪliəndˈɑːlɚz");
        assert_eq!((money[4].as_str(), money[7].as_str()), ("nˈaɪntiːnˈeɪɾifˈoːɹ", "wˈiːk"), "{money:?}");
        assert!(money.iter().all(|sounds| !sounds.is_empty()), "{money:?}");
    }

    #[test]
    fn sentences_are_divided_and_keep_their_marks() {
        let tokens = tokens("Hello, you! Why?", "en-US");
        let sentences = sentences(&tokens, "en-us").unwrap();
        let text = |at: usize| sentences[at].iter().map(|p| p.symbol).collect::<String>();
        assert_eq!((sentences.len(), text(0), text(1)), (2, "həlˈoʊ, juː!".into(), "wˈaɪ?".into()));
    }
}
