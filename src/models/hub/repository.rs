//! A repository of the hub: its name, its state at a commit, its files.

use std::{
    fmt,
    path::{Component, Path},
    str::FromStr,
};

use serde::Deserialize;

use super::HubError;

/// `owner/name`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository {
    /// Who owns it.
    pub owner: String,
    /// What it is called there.
    pub name: String,
}

impl FromStr for Repository {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_word = |word: &&str| {
            !word.is_empty()
                && word.len() <= 96
                && word.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
                && !word.starts_with(['.', '-'])
                && !word.contains("..")
        };
        match text.split('/').collect::<Vec<_>>()[..] {
            [owner, name] if [owner, name].iter().all(is_word) => {
                Ok(Self { owner: owner.to_owned(), name: name.to_owned() })
            }
            _ => Err(format!("`{text}` is no repository of the hub: they are called owner/name")),
        }
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.owner, self.name)
    }
}

/// The state that a branch, tag or commit names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revision {
    /// The commit: forty hexadecimal digits.
    pub commit: String,
    /// The licence, as the hub names it.
    pub licence: Option<String>,
}

/// A file of a repository, as the hub lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its path, with `/`.
    pub path: String,
    /// Its size.
    pub size: u64,
    /// The SHA-256 digest of its content; large files have one.
    pub sha256: Option<String>,
    /// The name Git gives its content, a SHA-1 digest; small files have this one only.
    pub git: Option<String>,
}

/// `GET /api/models/OWNER/NAME/revision/REVISION`, the fields used.
#[derive(Deserialize)]
pub(super) struct Info {
    sha: String,
    #[serde(rename = "cardData", default)]
    card: Option<Card>,
    #[serde(default)]
    tags: Vec<String>,
}

#[derive(Deserialize)]
struct Card {
    /// A name, or several.
    #[serde(default)]
    license: serde_json::Value,
    #[serde(default)]
    license_name: Option<String>,
}

impl Info {
    /// What it says, if its commit is one.
    pub(super) fn revision(self) -> Result<Revision, String> {
        if self.sha.len() != 40 || !self.sha.chars().all(|c| c.is_ascii_hexdigit()) {
            return Err(format!("its commit is `{}`", self.sha.escape_debug()));
        }
        let named = self.card.and_then(|card| match (card.license.as_str(), card.license_name) {
            (Some("other") | None, Some(name)) => Some(name),
            (Some(name), _) => Some(name.to_owned()),
            (None, None) => None,
        });
        let tagged = || self.tags.iter().find_map(|tag| tag.strip_prefix("license:").map(str::to_owned));
        let clean = |text: String| text.chars().filter(|c| !c.is_control()).take(80).collect();
        Ok(Revision { commit: self.sha, licence: named.or_else(tagged).map(clean) })
    }
}

/// An entry of `GET /api/models/OWNER/NAME/tree/COMMIT`, the fields used.
#[derive(Deserialize)]
pub(super) struct Entry {
    #[serde(rename = "type")]
    kind: String,
    path: String,
    #[serde(default)]
    size: u64,
    #[serde(default)]
    oid: Option<String>,
    #[serde(default)]
    lfs: Option<Large>,
}

#[derive(Deserialize)]
struct Large {
    oid: String,
    size: u64,
}

impl Entry {
    /// The file, unless it is a folder.
    pub(super) fn listed(self, repository: &Repository) -> Result<Option<Listed>, HubError> {
        if !is_plain(&self.path) {
            return Err(HubError::Path { repository: repository.to_string(), name: self.path });
        }
        let is_digest = |text: &String, digits: usize| {
            text.len() == digits && text.chars().all(|c| c.is_ascii_hexdigit())
        };
        Ok((self.kind == "file").then(|| match self.lfs {
            Some(large) => Listed {
                path: self.path,
                size: large.size,
                sha256: Some(large.oid.trim_start_matches("sha256:").to_lowercase())
                    .filter(|digest| is_digest(digest, 64)),
                git: None,
            },
            None => Listed {
                path: self.path,
                size: self.size,
                sha256: None,
                git: self.oid.filter(|digest| is_digest(digest, 40)).map(|digest| digest.to_lowercase()),
            },
        }))
    }
}

/// Whether `path` can only lead to something below the folder it is joined to, on any system.
fn is_plain(path: &str) -> bool {
    let plain = |c: Component<'_>| matches!(c, Component::Normal(_));
    !path.is_empty()
        && path.len() < 1024
        && !path.contains(['\\', ':', '\0'])
        && !path.chars().any(char::is_control)
        && path.split('/').all(|part| !part.is_empty() && part != "." && part != "..")
        && Path::new(path).components().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_an_owner_and_a_name() {
        assert!("nmkd/stable-diffusion-1.5-onnx-fp16".parse::<Repository>().is_ok());
        for wrong in ["", "one", "a/b/c", "a/", "/b", "../b", "a/..", "a/b?x", "a/b c", "-a/b", "https://a/b"]
        {
            assert!(wrong.parse::<Repository>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn only_paths_that_stay_below_are_plain() {
        for fine in ["a", "unet/model.onnx", "a b/ü.json", "..a/b"] {
            assert!(is_plain(fine), "{fine}");
        }
        for wrong in ["", "/a", "../a", "a/../b", "a//b", "a/", "./a", "a\\b", "c:a", "a\0", "a\nb", "a/.."] {
            assert!(!is_plain(wrong), "{wrong:?}");
        }
    }

    #[test]
    fn licences_are_found_where_the_hub_puts_them() {
        let licence = |json: &str| {
            let json = format!(r#"{{"sha": "{}", {json}}}"#, "a1".repeat(20));
            serde_json::from_str::<Info>(&json).unwrap().revision().unwrap().licence
        };
        assert_eq!(licence(r#""cardData": {"license": "mit"}"#).as_deref(), Some("mit"));
        let other = r#""cardData": {"license": "other", "license_name": "sai-nc-community"}"#;
        assert_eq!(licence(other).as_deref(), Some("sai-nc-community"));
        assert_eq!(licence(r#""tags": ["onnx", "license:openrail++"]"#).as_deref(), Some("openrail++"));
        assert_eq!(licence(r#""cardData": {"license": ["mit", "apache-2.0"]}"#), None);
        let info: Info = serde_json::from_str(r#"{"sha": "../../main"}"#).unwrap();
        assert!(info.revision().is_err());
    }
}
