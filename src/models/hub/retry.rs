//! Trying again: which failures are worth it, and how long to wait.

use std::{thread, time::Duration};

use backon::{BackoffBuilder, ExponentialBuilder};
use reqwest::StatusCode;

use super::{super::progress::Watch, HubError, Settings};
use crate::models::Event;

/// Why one attempt failed.
pub(super) enum Fault {
    /// Another attempt would fail too.
    Final(HubError),
    /// Another attempt may succeed.
    Passing {
        /// What happened.
        reason: String,
        /// How long the server asks to wait.
        wish: Option<Duration>,
        /// Whether anything arrived before.
        advanced: bool,
    },
}

impl From<HubError> for Fault {
    fn from(error: HubError) -> Self {
        Self::Final(error)
    }
}

impl Fault {
    /// A failure that may pass.
    pub(super) fn passing(reason: impl Into<String>) -> Self {
        Self::Passing { reason: reason.into(), wish: None, advanced: false }
    }
}

/// Does `attempt` until it succeeds, fails for good, or has failed so often in a row that it is given up.
pub(super) fn retry<T>(
    settings: &Settings,
    url: &str,
    watch: &mut Watch<'_>,
    mut attempt: impl FnMut(&mut Watch<'_>) -> Result<T, Fault>,
) -> Result<T, HubError> {
    let pauses = || {
        ExponentialBuilder::new()
            .with_min_delay(settings.pause)
            .with_max_delay(Settings::LONGEST_PAUSE)
            .with_max_times(settings.retries)
            .with_jitter()
            .build()
    };
    let mut left = pauses();
    let mut attempts = 0;
    loop {
        attempts += 1;
        let (reason, wish, advanced) = match attempt(watch) {
            Ok(value) => return Ok(value),
            Err(Fault::Final(error)) => return Err(error),
            Err(Fault::Passing { reason, wish, advanced }) => (reason, wish, advanced),
        };
        // A slow line that brings something each time gets there in the end.
        if advanced {
            left = pauses();
        }
        let url = url.to_owned();
        if let Some(wait) = wish.filter(|wait| *wait > Settings::LONGEST_WISH) {
            return Err(HubError::Busy { url, wait, has_token: settings.token.is_some() });
        }
        let Some(pause) = left.next() else { return Err(HubError::Unreachable { url, attempts, reason }) };
        let pause = wish.map_or(pause, |wish| wish.max(pause));
        watch.say(Event::Retried { url, reason, seconds: pause.as_secs_f64() })?;
        thread::sleep(pause);
    }
}

/// Whether a server that answers `status` may answer otherwise in a moment.
pub(super) fn passes(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 425 | 429 | 500 | 502 | 503 | 504)
}
