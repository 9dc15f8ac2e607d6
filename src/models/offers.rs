//! Models that others publish: `assets/models.yaml`.

use serde::{Deserialize, Serialize};

use super::Error;

static FILE: &str = include_str!("../../assets/models.yaml");

/// A published model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Offer {
    /// Its short name here.
    pub name: String,
    /// Its repository at the hub: `owner/name`.
    pub repository: String,
    /// The branch or commit to take, where it is not `main`.
    #[serde(default)]
    pub revision: Option<String>,
    /// The one file to take, where the repository has several networks.
    #[serde(default)]
    pub file: Option<String>,
    /// What kind of model it is.
    pub family: String,
    /// Its licence, as the hub names it; nothing if its page names none.
    pub licence: Option<String>,
    /// What its files take, as people write it.
    pub size: String,
    /// What it is good at.
    pub good_at: String,
    /// What should be known before.
    #[serde(default)]
    pub note: Option<String>,
    /// What it consists of.
    pub parts: Vec<String>,
    /// How we know of it.
    pub seen: Seen,
    /// Where that stands.
    pub source: String,
    /// When it was read.
    pub read: String,
}

/// How a published model is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Seen {
    /// Its page was read; nobody here has run it.
    Documentation,
    /// It was pulled, and drew.
    Run,
}

#[derive(Deserialize)]
struct Offers {
    models: Vec<Offer>,
}

impl Offer {
    /// All of them.
    pub fn all() -> Result<Vec<Self>, Error> {
        let offers: Offers = serde_yaml::from_str(FILE)
            .map_err(|error| Error::Json { path: "assets/models.yaml".into(), reason: error.to_string() })?;
        Ok(offers.models)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::models::{Repository, lock::check_name};

    #[test]
    fn every_offer_can_be_pulled_by_its_name() {
        let offers = Offer::all().unwrap();
        let names: BTreeSet<_> = offers.iter().map(|offer| &offer.name).collect();
        assert_eq!(names.len(), offers.len(), "two have one name");
        for offer in &offers {
            check_name(&offer.name).unwrap();
            offer.repository.parse::<Repository>().unwrap();
            assert!(
                offer.source.starts_with("https://") && offer.source.contains(&offer.repository),
                "{offer:?}"
            );
        }
    }
}
