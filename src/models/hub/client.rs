//! Asking the hub: one client, one way to fail.

use std::{io::Read, net::IpAddr, time::Duration};

use reqwest::{
    StatusCode, Url,
    blocking::{Client, Response},
    header::{AUTHORIZATION, HeaderMap, HeaderValue, LINK},
    redirect::{Attempt, Policy},
};
use serde::de::DeserializeOwned;

use crate::service::{told, wish};

use super::{
    super::progress::Watch,
    HubError, Listed, Repository, Revision, Settings,
    pace::Pace,
    repository::{Entry, Info},
    retry::{Fault, passes, retry},
};

/// More of an answer than this is not read: the longest list of a repository has some megabytes.
const LONGEST_ANSWER: u64 = 64 << 20;

/// The hub, ready to be asked.
#[derive(Debug)]
pub struct Hub {
    pub(super) settings: Settings,
    client: Client,
    endpoint: Url,
}

impl Hub {
    /// Prepares to ask; connects to nothing yet.
    ///
    /// # Errors
    /// When the network is forbidden (`what` says what it is needed for), or the address is none.
    pub fn new(settings: Settings, what: &str) -> Result<Self, HubError> {
        if settings.offline {
            return Err(HubError::Offline { what: what.to_owned() });
        }
        let wrong = |reason: String| HubError::Endpoint { endpoint: settings.endpoint.clone(), reason };
        let endpoint = Url::parse(&settings.endpoint).map_err(|error| wrong(error.to_string()))?;
        if !matches!(endpoint.scheme(), "https" | "http") || endpoint.host_str().is_none() {
            return Err(wrong("it is no https:// address of a host".into()));
        }
        // One provider of cryptography for the whole process; whoever was first stays.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let start = endpoint.clone();
        let client = Client::builder()
            .user_agent(concat!("shortform/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(Duration::from_secs(10).min(settings.timeout))
            .timeout(settings.timeout)
            .redirect(Policy::custom(move |attempt| follow(&start, attempt)))
            .build()
            .map_err(|error| wrong(told(&error)))?;
        Ok(Self { settings, client, endpoint })
    }

    /// The commit that `revision` (a branch, a tag, a commit) of `repository` is at.
    pub fn resolve(
        &self,
        repository: &Repository,
        revision: &str,
        watch: &mut Watch<'_>,
    ) -> Result<Revision, HubError> {
        let url = self.url(&["api", "models", &repository.owner, &repository.name, "revision", revision]);
        let what = format!("model `{repository}` at revision `{revision}`");
        let (info, _) = self.json::<Info>(&url, repository, &what, watch)?;
        info.revision().map_err(|reason| HubError::Answer { url: shown(&url), reason })
    }

    /// Every file of `repository` at `commit`.
    pub fn list(
        &self,
        repository: &Repository,
        commit: &str,
        watch: &mut Watch<'_>,
    ) -> Result<Vec<Listed>, HubError> {
        let mut url = self.url(&["api", "models", &repository.owner, &repository.name, "tree", commit]);
        url.set_query(Some("recursive=true"));
        let what = format!("list of files of `{repository}` at {commit}");
        let mut files = Vec::new();
        // A thousand entries a page; no model has a hundred pages.
        for _ in 0..100 {
            let (entries, headers) = self.json::<Vec<Entry>>(&url, repository, &what, watch)?;
            for entry in entries {
                files.extend(entry.listed(repository)?);
            }
            let Some(next) = next_page(&headers, &url) else { return Ok(files) };
            if next.origin() != self.endpoint.origin() {
                let reason = "its next page lies on another server".into();
                return Err(HubError::Answer { url: shown(&url), reason });
            }
            url = next;
        }
        Err(HubError::Answer { url: shown(&url), reason: "its list of files has no end".into() })
    }

    /// Where `path` of `repository` at `commit` is fetched from.
    pub(super) fn file_url(&self, repository: &Repository, commit: &str, path: &str) -> Url {
        let mut parts = vec![repository.owner.as_str(), &repository.name, "resolve", commit];
        parts.extend(path.split('/'));
        self.url(&parts)
    }

    /// Asks once. An answer that is no success is a fault, except for those in `allowed`.
    pub(super) fn get(
        &self,
        url: &Url,
        mut headers: HeaderMap,
        repository: &Repository,
        what: &str,
        allowed: &[StatusCode],
    ) -> Result<Response, Fault> {
        if let Some(value) = self.authorization() {
            headers.insert(AUTHORIZATION, value);
        }
        let response = self.client.get(url.clone()).headers(headers).send().map_err(|error| {
            if error.is_redirect() || error.is_builder() {
                return Fault::Final(HubError::Answer { url: shown(url), reason: told(&error) });
            }
            Fault::passing(told(&error))
        })?;
        let status = response.status();
        if status.is_success() || allowed.contains(&status) {
            return Ok(response);
        }
        Err(match status.as_u16() {
            code @ (401 | 403) => Fault::Final(HubError::Refused {
                repository: repository.to_string(),
                status: code,
                has_token: self.settings.token.is_some(),
            }),
            404 => Fault::Final(HubError::NotFound {
                what: what.to_owned(),
                endpoint: self.settings.endpoint.clone(),
            }),
            _ if passes(status) => Fault::Passing {
                reason: format!("the server answers {status}"),
                wish: wish(response.headers()),
                advanced: false,
            },
            _ => Fault::Final(HubError::Answer {
                url: shown(url),
                reason: format!("the server answers {status}"),
            }),
        })
    }

    fn json<T: DeserializeOwned>(
        &self,
        url: &Url,
        repository: &Repository,
        what: &str,
        watch: &mut Watch<'_>,
    ) -> Result<(T, HeaderMap), HubError> {
        retry(&self.settings, &shown(url), watch, |_| {
            let response = self.get(url, HeaderMap::new(), repository, what, &[])?;
            let headers = response.headers().clone();
            let bytes = self.read(response.take(LONGEST_ANSWER))?;
            let value = serde_json::from_slice(&bytes).map_err(|error| {
                Fault::Final(HubError::Answer { url: shown(url), reason: error.to_string() })
            })?;
            Ok((value, headers))
        })
    }

    /// Reads a small answer; one that drips in is left.
    fn read(&self, mut answer: impl Read) -> Result<Vec<u8>, Fault> {
        let mut pace = Pace::new(self.settings.timeout);
        let mut bytes = Vec::new();
        let mut part = vec![0; 1 << 16];
        loop {
            match answer.read(&mut part) {
                Ok(0) => return Ok(bytes),
                Ok(count) => bytes.extend_from_slice(&part[..count]),
                Err(error) => return Err(Fault::passing(format!("the answer breaks off: {}", told(&error)))),
            }
            if let Some(slow) = pace.stalls(bytes.len() as u64) {
                return Err(Fault::passing(slow));
            }
        }
    }

    /// The token as a header, which is shown nowhere; it goes over no unprotected line.
    fn authorization(&self) -> Option<HeaderValue> {
        let token = self.settings.token.as_ref()?;
        if self.endpoint.scheme() != "https" && !is_here(&self.endpoint) {
            return None;
        }
        let mut value = HeaderValue::from_str(&format!("Bearer {}", token.0)).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    fn url(&self, parts: &[&str]) -> Url {
        let mut url = self.endpoint.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(parts);
        }
        url
    }
}

/// An address without what may be secret in it: signatures stand in queries, passwords before hosts.
pub(super) fn shown(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.to_string()
}

/// Follows a few redirects, never from a protected line to an open one, nor from the world into this
/// machine or its network.
fn follow(start: &Url, attempt: Attempt<'_>) -> reqwest::redirect::Action {
    if attempt.previous().len() > 8 {
        return attempt.error("it redirects without end");
    }
    let was_protected = attempt.previous().iter().any(|url| url.scheme() == "https");
    if was_protected && attempt.url().scheme() != "https" {
        return attempt.error("it redirects from https to an unprotected address");
    }
    if is_private(attempt.url()) && !is_private(start) {
        return attempt.error("it redirects into a private network");
    }
    attempt.follow()
}

/// Whether `url` names this machine.
fn is_here(url: &Url) -> bool {
    match host(url) {
        Some(Ok(address)) => address.is_loopback(),
        Some(Err(name)) => name == "localhost",
        None => false,
    }
}

/// Whether `url` names this machine or one of its network, by number.
fn is_private(url: &Url) -> bool {
    let private = |address: IpAddr| match address {
        IpAddr::V4(v4) => v4.is_private() || v4.is_link_local() || v4.is_unspecified(),
        IpAddr::V6(v6) => v6.is_unique_local() || v6.is_unicast_link_local() || v6.is_unspecified(),
    };
    is_here(url) || matches!(host(url), Some(Ok(address)) if private(address))
}

fn host(url: &Url) -> Option<Result<IpAddr, String>> {
    let name = url.host_str()?.trim_start_matches('[').trim_end_matches(']');
    Some(name.parse().map_err(|_| name.to_lowercase()))
}

/// `Link: <address>; rel="next"`.
fn next_page(headers: &HeaderMap, url: &Url) -> Option<Url> {
    let links = headers.get_all(LINK).iter().filter_map(|value| value.to_str().ok());
    let next = links.flat_map(|links| links.split(',')).find(|link| link.contains("rel=\"next\""))?;
    let address = next.split_once('<')?.1.split_once('>')?.0;
    url.join(address).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_leave_their_place_in_an_address() {
        let hub = Hub::new(Settings::at("https://hub.example/mirror/"), "").unwrap();
        let url = hub.url(&["api", "models", "a", "b", "revision", "refs/pr/1?x#y"]);
        assert_eq!(url.as_str(), "https://hub.example/mirror/api/models/a/b/revision/refs%2Fpr%2F1%3Fx%23y");
    }

    #[test]
    fn what_may_be_secret_is_not_shown() {
        let url = Url::parse("https://me:word@cdn.example/x?X-Signature=abc#d").unwrap();
        assert_eq!(shown(&url), "https://cdn.example/x");
        let settings =
            Settings { token: Some(super::super::Token::new("hf_secret")), ..Settings::at("https://h") };
        let hub = Hub::new(settings, "").unwrap();
        assert!(!format!("{hub:?} {:?}", hub.authorization()).contains("hf_secret"));
    }

    #[test]
    fn a_token_goes_over_no_open_line() {
        let sent = |endpoint: &str| {
            let token = Some(super::super::Token::new("hf_secret"));
            let hub = Hub::new(Settings { token, ..Settings::at(endpoint) }, "").unwrap();
            hub.authorization().is_some()
        };
        assert!(sent("https://hub.example") && sent("http://127.0.0.1:8080") && sent("http://[::1]:8080"));
        assert!(!sent("http://hub.example") && !sent("http://10.0.0.1"));
    }

    #[test]
    fn addresses_of_this_network_are_private() {
        let private = |url: &str| is_private(&Url::parse(url).unwrap());
        for url in ["http://localhost/", "http://127.0.0.1/", "http://169.254.169.254/x", "http://[::1]/"] {
            assert!(private(url), "{url}");
        }
        assert!(!private("https://huggingface.co/") && !private("https://1.1.1.1/"));
    }
}
