//! Which symbol has which id.

use std::{collections::HashMap, path::Path};

use serde::Deserialize;

use super::super::Error;

/// The symbols of Kokoro 1.0, each behind its id.
const SYMBOLS: &[(i64, &str)] = &[
    (1, ";:,.!?"),
    (9, "—…\"()“” \u{303}ʣʥʦʨᵝꭧAI"),
    (31, "O"),
    (33, "Q"),
    (35, "ST"),
    (39, "W"),
    (41, "Yᵊabcdef"),
    (50, "hijklmnopqrstuvwxyzɑɐɒæ"),
    (75, "βɔɕç"),
    (80, "ɖðʤə"),
    (85, "ɚɛɜ"),
    (90, "ɟ"),
    (92, "ɡ"),
    (99, "ɥ"),
    (101, "ɨɪʝ"),
    (110, "ɯɰŋɳɲɴ"),
    (118, "ɸθœ"),
    (123, "ɹ"),
    (125, "ɾɻ"),
    (128, "ʁɽʂʃʈʧ"),
    (135, "ʊʋ"),
    (138, "ʌɣɤ"),
    (142, "χʎ"),
    (147, "ʒʔ"),
    (156, "ˈˌː"),
    (162, "ʰ"),
    (164, "ʲ"),
    (169, "↓"),
    (171, "→↗↘"),
    (177, "ᵻ"),
];
/// Ids that the runs above do not reach by counting.
const APART: &[(char, i64)] = &[('ø', 116)];

/// Symbols to ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Vocabulary(HashMap<char, i64>);

#[derive(Deserialize)]
struct Config {
    vocab: HashMap<String, i64>,
}

impl Vocabulary {
    /// That of the network whose file says `embedded` of itself and lies in `folder`: its own, else that
    /// of the `config.json` beside it, else Kokoro 1.0's.
    pub(super) fn of(embedded: Option<&str>, folder: &Path) -> Result<Self, Error> {
        let path = folder.join("config.json");
        let text = match embedded {
            Some(text) => Some(text.to_owned()),
            None => std::fs::read_to_string(&path).ok(),
        };
        // Other programs put a config.json without a vocabulary there.
        let config = text.and_then(|text| serde_json::from_str::<Config>(&text).ok());
        let Some(Config { vocab }) = config else { return Ok(Self::standard()) };
        let symbol = |(text, id): (String, i64)| {
            let mut chars = text.chars();
            chars.next().filter(|_| chars.next().is_none()).map(|symbol| (symbol, id))
        };
        Ok(Self(vocab.into_iter().filter_map(symbol).collect()))
    }

    fn standard() -> Self {
        let runs = SYMBOLS.iter().flat_map(|(first, symbols)| symbols.chars().zip(*first..));
        Self(runs.chain(APART.iter().copied()).collect())
    }

    pub(super) fn id(&self, symbol: char) -> Option<i64> {
        self.0.get(&symbol).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_those_of_the_published_table() {
        let vocabulary = Vocabulary::standard();
        assert_eq!(vocabulary.0.len(), 114);
        for (symbol, id) in [
            (';', 1),
            ('I', 25),
            ('O', 31),
            ('T', 36),
            ('f', 48),
            ('æ', 72),
            ('ç', 78),
            ('ə', 83),
            ('ɲ', 114),
            ('ø', 116),
            ('œ', 120),
            ('ʧ', 133),
            ('ː', 158),
            ('↘', 173),
            ('ᵻ', 177),
        ] {
            assert_eq!(vocabulary.id(symbol), Some(id), "{symbol}");
        }
        assert_eq!(vocabulary.id('ж'), None);
    }
}
