//! What espeak-ng can speak.

use super::{
    super::Error,
    libespeak::{Libespeak, ListedVoice},
};

/// A language that the installed espeak-ng speaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Language {
    /// What to write as a preset's `voice`: `en-us`, `de`, `cmn`.
    pub code: String,
    /// `English (America)`.
    pub name: String,
}

/// Every language that the installed espeak-ng speaks, by code.
///
/// # Errors
/// When espeak-ng is not installed.
pub fn languages() -> Result<Vec<Language>, Error> {
    let mut languages: Vec<Language> =
        spoken(&mut Libespeak::load()?).iter().filter_map(Language::of).collect();
    languages.sort_by(|a, b| a.code.cmp(&b.code));
    languages.dedup_by(|a, b| a.code == b.code);
    Ok(languages)
}

impl Language {
    fn of(voice: &ListedVoice) -> Option<Self> {
        Some(Self { code: voice.languages.first()?.clone(), name: voice.name.replace('_', " ") })
    }
}

/// The voices that are there; those of MBROLA are listed whether or not their data are installed.
fn spoken(library: &mut Libespeak) -> Vec<ListedVoice> {
    let mut voices = library.voices(false);
    voices.retain(|voice| !voice.identifier.starts_with("mb"));
    voices
}

/// The file of the voice that a name means: a language (`en-us`, `fr`), or the file itself (`roa/fr`).
pub(super) fn identifier(library: &mut Libespeak, name: &str) -> Result<String, Error> {
    let voices = spoken(library);
    match find(&voices, name) {
        Some(voice) => Ok(voice.identifier.clone()),
        None => Err(unknown(name, &voices)),
    }
}

/// The best match for a name: by first language, by file, by any other language.
fn find<'a>(voices: &'a [ListedVoice], name: &str) -> Option<&'a ListedVoice> {
    let is = |other: &str| other.eq_ignore_ascii_case(name);
    let by_language = |voice: &&ListedVoice| voice.languages.first().is_some_and(|code| is(code));
    let by_file = |voice: &&ListedVoice| is(&voice.identifier) || is(base(&voice.identifier));
    let by_alias = |voice: &&ListedVoice| voice.languages.iter().any(|code| is(code));
    voices
        .iter()
        .find(by_language)
        .or_else(|| voices.iter().find(by_file))
        .or_else(|| voices.iter().find(by_alias))
}

fn base(identifier: &str) -> &str {
    identifier.rsplit(['/', '\\']).next().unwrap_or(identifier)
}

fn unknown(name: &str, voices: &[ListedVoice]) -> Error {
    let codes = voices.iter().filter_map(|voice| voice.languages.first().cloned());
    Error::UnknownLanguage { voice: name.to_owned(), similar: nearest(name, codes) }
}

/// Lists the variants that go with any voice: `f2`, `m3`, `whisper`.
pub(super) fn variants(library: &mut Libespeak) -> Vec<String> {
    library.voices(true).iter().map(|voice| base(&voice.identifier).to_owned()).collect()
}

/// espeak-ng's voice for a BCP 47 language: `en-us` for `en-US`, `cmn` for `zh-CN`.
///
/// # Errors
/// When espeak-ng is not installed or does not speak the language.
pub fn voice_of_language(language: &str) -> Result<String, Error> {
    let voices = spoken(&mut Libespeak::load()?);
    let tag = language.replace('_', "-").to_lowercase();
    let primary = tag.split('-').next().unwrap_or_default();
    let candidates = match (tag.as_str(), primary) {
        ("en", _) => ["en-us", "en"],
        ("zh-hk" | "zh-mo", _) => ["yue", "cmn"],
        (_, "zh") => ["cmn", "cmn"],
        (_, "no") => ["nb", "nb"],
        // `en` is British, and serves for Australia, India, ... too.
        _ => [tag.as_str(), primary],
    };
    candidates
        .into_iter()
        .find_map(|candidate| find(&voices, candidate))
        .and_then(Language::of)
        .map(|language| language.code)
        .ok_or_else(|| unknown(language, &voices))
}

/// The three names most like `wanted`, best first; none where nothing is alike.
pub(in super::super) fn nearest(wanted: &str, names: impl IntoIterator<Item = String>) -> Vec<String> {
    let wanted = wanted.to_lowercase();
    let mut scored: Vec<(f64, String)> = names
        .into_iter()
        .map(|name| (strsim::jaro_winkler(&wanted, &name.to_lowercase()), name))
        .filter(|(score, _)| *score >= 0.6)
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    scored.into_iter().take(3).map(|(_, name)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_languages_are_listed_once_each() {
        let languages = languages().unwrap();
        assert!(languages.len() > 80, "{}", languages.len());
        for code in ["en-us", "en-gb", "de", "es", "hi", "ar", "ja", "cmn", "yue"] {
            assert_eq!(languages.iter().filter(|l| l.code == code).count(), 1, "{code}");
        }
    }

    #[test]
    fn variants_have_short_names() {
        let variants = variants(&mut Libespeak::load().unwrap());
        for name in ["f2", "m3", "whisper"] {
            assert!(variants.iter().any(|variant| variant == name), "{name} in {variants:?}");
        }
    }

    #[test]
    fn every_language_listed_can_be_opened() {
        let codes: Vec<String> = languages().unwrap().into_iter().map(|language| language.code).collect();
        let mut library = Libespeak::load().unwrap();
        for code in codes {
            let identifier = identifier(&mut library, &code).unwrap();
            assert!(library.set_voice(&identifier), "{code}: {identifier}");
        }
        for name in ["fr", "EN-US", "zh", "roa/fr"] {
            assert!(identifier(&mut library, name).is_ok(), "{name}");
        }
    }

    #[test]
    fn a_language_tag_becomes_a_voice() {
        for (tag, voice) in [
            ("en-US", "en-us"),
            ("en", "en-us"),
            ("en-AU", "en-gb"),
            ("de-AT", "de"),
            ("zh-CN", "cmn"),
            ("zh", "cmn"),
            ("pt-BR", "pt-br"),
            ("pt-PT", "pt"),
            ("es-MX", "es-419"),
            ("es-419", "es-419"),
            ("no", "nb"),
            ("fr-FR", "fr-fr"),
            ("fr-CA", "fr-fr"),
            ("fr", "fr-fr"),
            ("ja-JP", "ja"),
        ] {
            assert_eq!(voice_of_language(tag).as_deref(), Ok(voice), "{tag}");
        }
        let error = voice_of_language("xx").unwrap_err();
        assert!(matches!(error, Error::UnknownLanguage { .. }), "{error}");
    }
}
