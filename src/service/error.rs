//! What can go wrong between this machine and a server, and what to do about it.

/// An error of asking a server.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// The network is forbidden.
    #[error(
        "{setting} asks {host}, and --offline (or SHORTFORM_OFFLINE) forbids the network: leave it out, or choose another engine"
    )]
    Offline {
        /// The setting.
        setting: &'static str,
        /// Who would have been asked.
        host: String,
    },
    /// The address is none.
    #[error(
        "`{setting}.url` is `{url}`, which cannot be a server's address: {reason}; write for example http://localhost:8880/v1"
    )]
    Address {
        /// The setting.
        setting: &'static str,
        /// What was set.
        url: String,
        /// Why not.
        reason: String,
    },
    /// The variable that should hold the key is not set.
    #[error(
        "the environment variable {variable}, which `{setting}.key` names, is not set: set it to the server's key, or write `key: none` for a server that needs none"
    )]
    NoKey {
        /// The setting.
        setting: &'static str,
        /// The variable.
        variable: String,
    },
    /// The key would go over an open line.
    #[error(
        "`{setting}.url` is {url}, and the key in {variable} would go over an unprotected line: use https, or `key: none`"
    )]
    OpenLine {
        /// The setting.
        setting: &'static str,
        /// The address.
        url: String,
        /// The variable.
        variable: String,
    },
    /// The server refuses the key, or the lack of one.
    #[error("{url} refuses (it answers {status}{said}): {}", key_hint(setting, variable.as_deref()))]
    Refused {
        /// The setting.
        setting: &'static str,
        /// What was asked.
        url: String,
        /// 401, 402 or 403.
        status: u16,
        /// What it said, behind a colon.
        said: String,
        /// The variable with the key.
        variable: Option<String>,
    },
    /// The server cannot be reached, or kept failing.
    #[error(
        "{url} did not answer as it should in {attempts} attempts; the last time {reason}: check that the server runs and that `{setting}.url` is right, or run again later, what is done is kept"
    )]
    Unreachable {
        /// The setting.
        setting: &'static str,
        /// What was asked.
        url: String,
        /// How often.
        attempts: usize,
        /// What happened last.
        reason: String,
    },
    /// The server asks to wait longer than anyone would.
    #[error("{url} asks to wait {seconds} s before it is asked again: run again then, what is done is kept")]
    Busy {
        /// What was asked.
        url: String,
        /// How long.
        seconds: u64,
    },
    /// The server does not do what it is asked.
    #[error(
        "{url} answers {status}{said}: check `{setting}.url`, `{setting}.model` and the voice's name there"
    )]
    Rejected {
        /// The setting.
        setting: &'static str,
        /// What was asked.
        url: String,
        /// The status.
        status: u16,
        /// What it said, behind a colon.
        said: String,
    },
    /// An answer that is not what was asked for.
    #[error(
        "{url} answers with something unexpected: {reason}; check that `{setting}.url` is the server's API"
    )]
    Answer {
        /// The setting.
        setting: &'static str,
        /// What was asked.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The user asked to stop.
    #[error("interrupted")]
    Cancelled,
}

fn key_hint(setting: &str, variable: Option<&str>) -> String {
    match variable {
        Some(name) => format!("check the key in the environment variable {name}, and what it may do"),
        None => format!("it wants a key: name the environment variable that holds it as `{setting}.key`"),
    }
}
