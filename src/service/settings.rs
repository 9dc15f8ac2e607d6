//! Where a server is, who asks, and how patiently.

use std::{fmt, sync::Arc, time::Duration};

use super::Error;

/// Tells whether the user wants to stop.
pub type Stop = Arc<dyn Fn() -> bool + Send + Sync>;

/// How a server is reached.
#[derive(Clone)]
pub struct Settings {
    /// The setting that describes it, for messages: `narration.remote`.
    pub setting: &'static str,
    /// Its base address: `https://api.openai.com/v1`, `http://localhost:8880/v1`.
    pub url: String,
    /// Who asks.
    pub key: Option<Secret>,
    /// The environment variable that the key was looked for in.
    pub key_variable: Option<String>,
    /// Whether the network is forbidden.
    pub offline: bool,
    /// How long one request may take, its answer included.
    pub timeout: Duration,
    /// How often it is tried again.
    pub retries: usize,
    /// The wait after the first failure; each next one waits about twice as long.
    pub pause: Duration,
    /// The longest wait that a server may ask for.
    pub patience: Duration,
    /// More of an answer than this is refused, in bytes.
    pub longest_answer: u64,
    /// The user's wish to stop.
    pub stop: Stop,
}

impl Settings {
    /// The server at `url`, asked with the key that the environment variable `key_variable` holds.
    ///
    /// # Errors
    /// When a variable is named that is not set.
    pub fn new(setting: &'static str, url: &str, key_variable: Option<&str>) -> Result<Self, Error> {
        let key = key_variable.map(|name| Secret::of(setting, name)).transpose()?;
        Ok(Self {
            setting,
            url: url.trim_end_matches('/').to_owned(),
            key,
            key_variable: key_variable.map(str::to_owned),
            offline: false,
            timeout: Duration::from_secs(120),
            retries: 4,
            pause: Duration::from_millis(500),
            patience: Duration::from_secs(300),
            longest_answer: 256 << 20,
            stop: Arc::new(|| false),
        })
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("setting", &self.setting)
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

/// A key. It is never printed.
#[derive(Clone)]
pub struct Secret(pub(super) String);

impl Secret {
    fn of(setting: &'static str, variable: &str) -> Result<Self, Error> {
        let held =
            std::env::var(variable).ok().map(|key| key.trim().to_owned()).filter(|key| !key.is_empty());
        held.map(Self).ok_or_else(|| Error::NoKey { setting, variable: variable.to_owned() })
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}
