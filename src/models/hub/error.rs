//! What can go wrong between this machine and the hub, and what to do about it.

use std::{path::PathBuf, time::Duration};

use crate::engine::Bytes;

/// An error of asking or fetching.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// The network is forbidden.
    #[error(
        "{what} needs the network, which --offline (or SHORTFORM_OFFLINE) forbids: leave it out, or choose an installed model"
    )]
    Offline {
        /// What would have been fetched.
        what: String,
    },
    /// The address of the hub is none.
    #[error(
        "`{endpoint}` cannot be the hub's address: {reason}; set HF_ENDPOINT to one such as https://huggingface.co, or unset it"
    )]
    Endpoint {
        /// What was set.
        endpoint: String,
        /// Why not.
        reason: String,
    },
    /// The server could not be reached, or kept failing.
    #[error(
        "cannot fetch {url}: {reason} (attempt {attempts}); what has arrived is kept, so the same command goes on there"
    )]
    Unreachable {
        /// What was asked for.
        url: String,
        /// How often.
        attempts: usize,
        /// What happened last.
        reason: String,
    },
    /// The server asks to wait longer than anyone would.
    #[error("the server asks to wait {} s before {url} is asked for again; what has arrived is kept, so try later{}", wait.as_secs(), hint(*has_token))]
    Busy {
        /// What was asked for.
        url: String,
        /// How long.
        wait: Duration,
        /// Whether a token was sent.
        has_token: bool,
    },
    /// The server refuses.
    #[error("the hub does not let you read `{repository}` (it answers {status}): {}", refused(repository, *has_token))]
    Refused {
        /// Which repository.
        repository: String,
        /// 401 or 403.
        status: u16,
        /// Whether a token was sent.
        has_token: bool,
    },
    /// There is no such thing.
    #[error("the hub has no {what}: check the name at {endpoint}, or see `shortform models list`")]
    NotFound {
        /// What was asked for.
        what: String,
        /// Where.
        endpoint: String,
    },
    /// An answer that is not what was asked for.
    #[error("{url} answers with something unexpected: {reason}")]
    Answer {
        /// What was asked for.
        url: String,
        /// What is wrong with the answer.
        reason: String,
    },
    /// A name in a repository's list that could lead out of the folder it is fetched into.
    #[error(
        "the repository `{repository}` lists a file called {name:?}, which is no plain path: nothing was fetched; do not trust it"
    )]
    Path {
        /// Which repository.
        repository: String,
        /// The name.
        name: String,
    },
    /// A fetched file that is not the listed one.
    #[error(
        "`{file}` of {url} is not what the hub lists: {what} should be {expected} and is {found}; it was removed, and nothing is installed"
    )]
    Differs {
        /// Which file.
        file: String,
        /// From where.
        url: String,
        /// `its size`, `its SHA-256 digest`.
        what: &'static str,
        /// What is listed.
        expected: String,
        /// What came.
        found: String,
    },
    /// The disk is too small.
    #[error("{} are needed in `{}`, and {} are free: free some, or name another folder with --models-dir", Bytes(*needed), folder.display(), Bytes(*free))]
    Space {
        /// Where.
        folder: PathBuf,
        /// How much.
        needed: u64,
        /// How much there is.
        free: u64,
    },
    /// A file that cannot be written.
    #[error("cannot write `{}`: {source}", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The user asked to stop.
    #[error("interrupted; what has arrived is kept, so the same command goes on there")]
    Cancelled,
}

fn hint(has_token: bool) -> &'static str {
    if has_token { "" } else { ", or set HF_TOKEN: known users wait less" }
}

fn refused(repository: &str, has_token: bool) -> String {
    if has_token {
        return format!(
            "the token in HF_TOKEN does not give access; accept the model's terms at \
             https://huggingface.co/{repository} as its owner, and let the token read gated repositories"
        );
    }
    format!(
        "it is private, or gated, or does not exist; accept the model's terms at \
         https://huggingface.co/{repository}, make a token that may read at \
         https://huggingface.co/settings/tokens, and set the variable HF_TOKEN to it"
    )
}
