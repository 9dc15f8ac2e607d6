//! Pronunciations in the International Phonetic Alphabet, inside what is spoken: `[[fˈʌ]]`.
//!
//! Voices that read IPA take it as it is; espeak-ng is told in its own mnemonics.

/// The symbols that are known, and espeak-ng's mnemonics for them; the longest first where one begins another.
const SYMBOLS: &[(&str, &str)] = &[
    ("t͡ʃ", "tS"),
    ("d͡ʒ", "dZ"),
    ("tʃ", "tS"),
    ("dʒ", "dZ"),
    ("ʧ", "tS"),
    ("ʤ", "dZ"),
    ("aɪ", "aI"),
    ("aʊ", "aU"),
    ("eɪ", "eI"),
    ("oʊ", "oU"),
    ("əʊ", "oU"),
    ("ɔɪ", "OI"),
    ("ɑː", "A:"),
    ("iː", "i:"),
    ("uː", "u:"),
    ("ɔː", "O:"),
    ("ɜː", "3:"),
    ("ɝ", "3:"),
    ("ɚ", "3"),
    ("ˈ", "'"),
    ("ˌ", ","),
    ("ː", ":"),
    ("p", "p"),
    ("b", "b"),
    ("t", "t"),
    ("d", "d"),
    ("k", "k"),
    ("ɡ", "g"),
    ("g", "g"),
    ("f", "f"),
    ("v", "v"),
    ("θ", "T"),
    ("ð", "D"),
    ("s", "s"),
    ("z", "z"),
    ("ʃ", "S"),
    ("ʒ", "Z"),
    ("h", "h"),
    ("m", "m"),
    ("n", "n"),
    ("ŋ", "N"),
    ("l", "l"),
    ("ɹ", "r"),
    ("r", "r"),
    ("ɾ", "t"),
    ("j", "j"),
    ("w", "w"),
    ("x", "x"),
    ("ç", "C"),
    ("ʔ", "?"),
    ("i", "i"),
    ("ɪ", "I"),
    ("e", "e"),
    ("ɛ", "E"),
    ("æ", "a"),
    ("a", "a"),
    ("ɑ", "A:"),
    ("ɒ", "0"),
    ("ɔ", "O"),
    ("o", "oU"),
    ("ʊ", "U"),
    ("u", "u:"),
    ("ʌ", "V"),
    ("ə", "@"),
    ("ɐ", "a#"),
    ("ᵻ", "I2"),
    ("y", "y"),
    ("ø", "Y"),
    ("œ", "W"),
];

/// What stands for the IPA text in what is spoken.
///
/// # Errors
/// The first symbol that is not known.
pub(super) fn respelled(ipa: &str) -> Result<String, String> {
    let bare = ipa.trim().trim_matches('/').trim();
    mnemonics(bare)?;
    // A word that nothing is stressed in sounds swallowed.
    let stressed = bare.contains(['ˈ', 'ˌ']);
    let spoken: Vec<String> = bare
        .split_whitespace()
        .map(|word| format!("[[{}{word}]]", if stressed { "" } else { "ˈ" }))
        .collect();
    if spoken.is_empty() { Err(String::from(" ")) } else { Ok(spoken.join(" ")) }
}

/// The same in espeak-ng's mnemonics.
fn mnemonics(ipa: &str) -> Result<String, String> {
    let mut rest = ipa;
    let mut mnemonics = String::new();
    while let Some(c) = rest.chars().next() {
        if c.is_whitespace() || c == '.' {
            rest = &rest[c.len_utf8()..];
            continue;
        }
        let Some((symbol, mnemonic)) = SYMBOLS.iter().find(|(symbol, _)| rest.starts_with(symbol)) else {
            return Err(c.to_string());
        };
        mnemonics.push_str(mnemonic);
        rest = &rest[symbol.len()..];
    }
    Ok(mnemonics)
}

/// A part of what is spoken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part<'a> {
    /// To be read.
    Text(&'a str),
    /// IPA, said as it stands.
    Ipa(&'a str),
}

/// What is spoken, taken apart at `[[...]]`.
pub(super) fn parts(spoken: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut rest = spoken;
    while let Some((before, after)) = rest.split_once("[[") {
        let Some((ipa, behind)) = after.split_once("]]") else { break };
        if !before.is_empty() {
            parts.push(Part::Text(before));
        }
        parts.push(Part::Ipa(ipa));
        rest = behind;
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest));
    }
    parts
}

/// What is spoken as espeak-ng takes it: mnemonics between the brackets.
pub(super) fn for_espeak(spoken: &str) -> String {
    let part = |part: Part<'_>| match part {
        Part::Text(text) => text.to_owned(),
        Part::Ipa(ipa) => format!("[[{}]]", mnemonics(ipa).unwrap_or_default()),
    };
    parts(spoken).into_iter().map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pronunciations_become_what_each_engine_takes() {
        assert_eq!(respelled("/ˈnwin/").unwrap(), "[[ˈnwin]]");
        assert_eq!(respelled("wɪn").unwrap(), "[[ˈwɪn]]");
        assert_eq!(respelled("ж"), Err("ж".into()));
        assert_eq!(for_espeak("so [[ˈd͡ʒɪf]],"), "so [['dZIf]],");
        assert_eq!(parts("a [[b]]."), [Part::Text("a "), Part::Ipa("b"), Part::Text(".")]);
    }
}
