//! One language's words for signs.

use std::{
    collections::{BTreeMap, HashMap},
    sync::OnceLock,
};

use serde::Deserialize;

/// A table of `assets/spoken`; what is not there is left to the voice.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Table {
    /// Sign: name for one, name for many.
    pub(super) currencies: BTreeMap<String, [String; 2]>,
    /// `Mio`, `M`: behind a number, before a currency.
    pub(super) multipliers: BTreeMap<String, String>,
    pub(super) signs: BTreeMap<String, String>,
    /// Unit: name for one, name for many.
    pub(super) units: BTreeMap<String, [String; 2]>,
    /// Lower case, without the stop behind.
    pub(super) abbreviations: BTreeMap<String, String>,
    /// Those that are words too, or end sentences: only with a stop and something behind it.
    pub(super) abbreviations_before_names: Vec<String>,
    /// Those that are written without a stop, as they are written.
    pub(super) abbreviations_without_stop: Vec<String>,
    pub(super) dot: String,
    pub(super) slash: String,
    pub(super) at: String,
    pub(super) hashtag: String,
    /// Between the ends of a range.
    pub(super) range: String,
    /// Between the parts of a ratio.
    pub(super) ratio: String,
    /// Between hours and minutes.
    pub(super) hour: String,
    /// Words that follow a time and stand between hours and minutes when spoken.
    pub(super) hour_words: Vec<String>,
    pub(super) months: Vec<String>,
    /// What the first of a month is called, where the other days are plain numbers.
    pub(super) first_of_month: Option<String>,
    /// From the first on, without endings where the language has them.
    pub(super) ordinals: Vec<String>,
    /// Words that begin sentences and are no nouns, though written large.
    pub(super) beginners: Vec<String>,
    /// `19`: neunzehnhundert.
    pub(super) centuries: BTreeMap<String, String>,
    pub(super) fractions: BTreeMap<String, String>,
    /// Said before the number and not behind it.
    pub(super) percent_before: Option<String>,
    /// Whether words are written without spaces.
    pub(super) unspaced: bool,
}

impl Table {
    /// The table of a language (a primary subtag).
    pub(super) fn of(language: &str) -> Option<&'static Self> {
        static TABLES: OnceLock<HashMap<String, Table>> = OnceLock::new();
        let language = if language == "cmn" { "zh" } else { language };
        TABLES.get_or_init(tables).get(language)
    }

    /// Between a number and what follows it.
    pub(super) fn space(&self) -> &'static str {
        if self.unspaced { "" } else { " " }
    }
}

fn tables() -> HashMap<String, Table> {
    let own = [
        ("de", include_str!("../../../../assets/spoken/de.yaml")),
        ("es", include_str!("../../../../assets/spoken/es.yaml")),
        ("fr", include_str!("../../../../assets/spoken/fr.yaml")),
        ("it", include_str!("../../../../assets/spoken/it.yaml")),
        ("pt", include_str!("../../../../assets/spoken/pt.yaml")),
    ];
    let others: HashMap<String, Table> =
        serde_yaml::from_str(include_str!("../../../../assets/spoken/others.yaml"))
            .expect("an embedded table");
    let own = own.into_iter().map(|(language, text)| {
        (language.to_owned(), serde_yaml::from_str(text).expect("an embedded table"))
    });
    own.chain(others).collect()
}
