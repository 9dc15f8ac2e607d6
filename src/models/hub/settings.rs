//! Where the hub is, who asks, and how patiently.

use std::{fmt, time::Duration};

/// How the hub is reached.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Its address; `HF_ENDPOINT`, as for every client of this hub, names a mirror.
    pub endpoint: String,
    /// Who asks, for repositories that not everyone may read.
    pub token: Option<Token>,
    /// Whether the network is forbidden.
    pub offline: bool,
    /// How long a server may say nothing.
    pub timeout: Duration,
    /// How often in a row something may fail without a single new byte.
    pub retries: usize,
    /// The wait after the first failure; each next one waits twice as long.
    pub pause: Duration,
}

impl Settings {
    /// The longest wait between two attempts that we choose ourselves.
    pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(60);
    /// The longest wait that a server may ask for.
    pub(super) const LONGEST_WISH: Duration = Duration::from_secs(300);

    /// What the environment says: `HF_ENDPOINT` and `HF_TOKEN`, each only if it is not empty.
    pub fn from_environment() -> Self {
        let said = |name: &str| std::env::var(name).ok().map(|value| value.trim().to_owned());
        let said = |name: &str| said(name).filter(|value| !value.is_empty());
        let endpoint = said("HF_ENDPOINT").unwrap_or_else(|| "https://huggingface.co".into());
        Self { token: said("HF_TOKEN").map(Token), ..Self::at(endpoint) }
    }

    /// The hub at `endpoint`, asked by nobody in particular.
    pub fn at(endpoint: impl Into<String>) -> Self {
        Self {
            endpoint: endpoint.into().trim_end_matches('/').to_owned(),
            token: None,
            offline: false,
            timeout: Duration::from_secs(30),
            retries: 5,
            pause: Duration::from_millis(500),
        }
    }
}

/// An access token. It is never printed.
#[derive(Clone)]
pub struct Token(pub(super) String);

impl Token {
    /// Takes a token.
    pub fn new(token: impl Into<String>) -> Self {
        Self(token.into())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}
