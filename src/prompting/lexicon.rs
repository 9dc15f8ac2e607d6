//! What can be drawn, and the words that lead there: the lists under `assets/`.

use serde::{Deserialize, de::DeserializeOwned};
use std::collections::{BTreeMap, HashMap, HashSet};

use super::Error;

/// Something that pictures can show, and how a prompt asks for it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Drawable {
    /// Its name in the lists.
    pub(super) name: String,
    /// Its words in a prompt.
    pub(super) prompt: String,
    /// The words of scripts that lead to it, the most telling first.
    words: Vec<String>,
}

/// `assets/subjects.yaml`; what else stands there (styles) is for others.
#[derive(Deserialize)]
struct Subjects {
    subjects: Vec<Drawable>,
    lights: Vec<Drawable>,
    weathers: Vec<Drawable>,
}

/// `assets/words/en.yaml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct English {
    weak: HashSet<String>,
    near: BTreeMap<String, Vec<String>>,
    pub(super) before_nouns: HashSet<String>,
    pub(super) after_nouns: HashSet<String>,
    pub(super) pronouns: HashSet<String>,
}

/// `assets/words/de.yaml` and its like: words and the English ones that lead to the same picture.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Dictionary {
    pub(super) words: BTreeMap<String, String>,
}

/// `assets/direction.yaml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Composition {
    pub(super) without_sky: HashSet<String>,
    pub(super) shots: Vec<String>,
    pub(super) turns: Vec<String>,
    pub(super) first_light: BTreeMap<String, String>,
    pub(super) lights: Vec<String>,
    pub(super) anywhere: Vec<String>,
    pub(super) people: HashSet<String>,
}

/// Which list a word leads into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Subject,
    Light,
    Weather,
}

/// Where a word leads, and how surely.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lead {
    pub(super) kind: Kind,
    pub(super) index: usize,
    pub(super) weight: f64,
}

/// All lists together.
#[derive(Debug)]
pub(super) struct Lexicon {
    pub(super) subjects: Vec<Drawable>,
    pub(super) lights: Vec<Drawable>,
    pub(super) weathers: Vec<Drawable>,
    pub(super) english: English,
    pub(super) composition: Composition,
    dictionaries: BTreeMap<&'static str, Dictionary>,
    leads: HashMap<String, Vec<Lead>>,
}

/// The longest phrase in the lists, in words.
pub(super) const LONGEST_PHRASE: usize = 4;
/// What a weak word weighs beside another.
const WEAK: f64 = 0.2;
/// What a word weighs beside the one that it is near to.
const NEAR: f64 = 0.7;

const DICTIONARIES: [(&str, &str, &str); 9] = [
    ("ar", "words/ar.yaml", include_str!("../../assets/words/ar.yaml")),
    ("de", "words/de.yaml", include_str!("../../assets/words/de.yaml")),
    ("es", "words/es.yaml", include_str!("../../assets/words/es.yaml")),
    ("fr", "words/fr.yaml", include_str!("../../assets/words/fr.yaml")),
    ("hi", "words/hi.yaml", include_str!("../../assets/words/hi.yaml")),
    ("it", "words/it.yaml", include_str!("../../assets/words/it.yaml")),
    ("ja", "words/ja.yaml", include_str!("../../assets/words/ja.yaml")),
    ("pt", "words/pt.yaml", include_str!("../../assets/words/pt.yaml")),
    ("zh", "words/zh.yaml", include_str!("../../assets/words/zh.yaml")),
];

fn read<T: DeserializeOwned>(file: &'static str, text: &str) -> Result<T, Error> {
    serde_yaml::from_str(text).map_err(|error| Error::Asset { file, reason: error.to_string() })
}

impl Lexicon {
    /// Reads the embedded lists.
    pub(super) fn load() -> Result<Self, Error> {
        let Subjects { subjects, lights, weathers } =
            read("subjects.yaml", include_str!("../../assets/subjects.yaml"))?;
        let english: English = read("words/en.yaml", include_str!("../../assets/words/en.yaml"))?;
        let composition = read("direction.yaml", include_str!("../../assets/direction.yaml"))?;
        let dictionaries = DICTIONARIES
            .into_iter()
            .map(|(language, file, text)| Ok((language, read(file, text)?)))
            .collect::<Result<_, Error>>()?;
        let mut leads: HashMap<String, Vec<Lead>> = HashMap::new();
        for (kind, list) in [(Kind::Subject, &subjects), (Kind::Light, &lights), (Kind::Weather, &weathers)] {
            for (index, drawable) in list.iter().enumerate() {
                let words: Vec<&String> = std::iter::once(&drawable.name).chain(&drawable.words).collect();
                for (rank, word) in words.iter().enumerate() {
                    // The first words of a list say it most plainly, the last ones half as much.
                    let plainness = 1.0 - 0.5 * rank as f64 / words.len() as f64;
                    let weight = if english.weak.contains(*word) { WEAK } else { plainness };
                    let entry = leads.entry(word.to_lowercase()).or_default();
                    if !entry.iter().any(|lead| lead.kind == kind && lead.index == index) {
                        entry.push(Lead { kind, index, weight });
                    }
                }
            }
        }
        // A word that leads to several subjects says little of each.
        for entry in leads.values_mut() {
            let several = entry.clone();
            for lead in entry {
                let sharing = several.iter().filter(|other| other.kind == lead.kind).count();
                lead.weight /= (sharing as f64).sqrt();
            }
        }
        for (known, words) in &english.near {
            let Some(known) = leads.get(known).cloned() else { continue };
            for word in words {
                let nearness = if english.weak.contains(word) { NEAR * NEAR } else { NEAR };
                let near = known.iter().map(|lead| Lead { weight: lead.weight * nearness, ..*lead });
                leads.entry(word.clone()).or_insert_with(|| near.collect());
            }
        }
        Ok(Self { subjects, lights, weathers, english, composition, dictionaries, leads })
    }

    /// Where a word or phrase leads, in any of the `forms` given.
    pub(super) fn leads<'a>(&self, forms: impl IntoIterator<Item = &'a String>) -> Option<&[Lead]> {
        forms.into_iter().find_map(|form| self.leads.get(form)).map(Vec::as_slice)
    }

    /// The dictionary of a language given as BCP 47; none for English and for languages without a list.
    pub(super) fn dictionary(&self, language: &str) -> Option<&Dictionary> {
        self.dictionaries.get(primary(language).as_str())
    }
}

/// The language itself, without region: `de` of `de-AT`.
pub(super) fn primary(language: &str) -> String {
    language.split(['-', '_']).next().unwrap_or_default().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prompting::words::forms;

    #[test]
    fn the_lists_hold_together() {
        let lexicon = Lexicon::load().unwrap();
        assert!(lexicon.subjects.len() >= 20 && lexicon.lights.len() >= 4 && lexicon.weathers.len() >= 3);
        let longest = lexicon.leads.keys().map(|phrase| phrase.split(' ').count()).max().unwrap();
        assert!(longest <= LONGEST_PHRASE, "a phrase of {longest} words would never be found");
        for (language, dictionary) in &lexicon.dictionaries {
            assert!(dictionary.words.len() > 200, "{language}");
            for (word, english) in &dictionary.words {
                assert!(
                    lexicon.leads(&forms(english)).is_some(),
                    "{language}: {word} leads to `{english}`, which leads nowhere"
                );
            }
        }
        for known in lexicon.english.near.keys() {
            assert!(lexicon.leads([known]).is_some(), "`{known}` leads nowhere");
        }
        let named = |list: &[Drawable], name: &String| list.iter().any(|d| d.name == *name);
        let composition = &lexicon.composition;
        assert!(composition.anywhere.iter().any(|name| named(&lexicon.subjects, name)));
        assert!(
            composition.first_light.values().chain(&composition.lights).all(|n| named(&lexicon.lights, n))
        );
        assert!(composition.shots.len() > 2);
    }
}
