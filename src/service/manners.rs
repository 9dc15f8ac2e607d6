//! What is common to all who ask servers.

use std::{
    error::Error,
    io,
    time::{Duration, SystemTime},
};

use reqwest::header::{HeaderMap, RETRY_AFTER};

/// How long the server asks to wait: seconds, or a date.
pub fn wish(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(SystemTime::now()).unwrap_or_default())
}

/// What went wrong, down to the last cause, without the address: it may hold what is secret.
pub fn told(error: &(dyn Error + 'static)) -> String {
    let mut texts: Vec<String> = Vec::new();
    let mut cause = Some(error);
    while let Some(error) = cause {
        let text = error.to_string();
        let text = text.split(" for url (").next().unwrap_or_default();
        if texts.last().is_none_or(|last| last != text) {
            texts.push(text.to_owned());
        }
        cause = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            // An I/O error speaks as the one inside it does.
            Some(inner) => inner.source(),
            None => error.source(),
        };
    }
    texts.join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wishes_are_seconds_or_dates() {
        let wish = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, text.parse().unwrap());
            wish(&headers)
        };
        assert_eq!(wish("7"), Some(Duration::from_secs(7)));
        assert_eq!(wish("Wed, 21 Oct 2015 07:28:00 GMT"), Some(Duration::ZERO));
        let later = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(90));
        assert!((80..=90).contains(&wish(&later).unwrap().as_secs()));
        assert_eq!(wish("soon"), None);
    }
}
