//! Asking a server: one client, one way to fail.

use std::{
    io::Read,
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use backon::{BackoffBuilder, ExponentialBuilder};
use reqwest::{
    StatusCode, Url,
    blocking::Client,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue},
    redirect::Policy,
};

use super::{Error, Settings, told, wish};

/// How often the user's wish to stop is looked for.
const GLANCE: Duration = Duration::from_millis(40);
/// The longest wait that we choose ourselves.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// More of what a server says about a failure is not shown.
const LONGEST_REASON: usize = 200;

/// What a server answers.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Its type, `audio/wav`; empty where it does not say.
    pub kind: String,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// A server, ready to be asked.
#[derive(Debug, Clone)]
pub struct Service {
    settings: Settings,
    client: Client,
    base: Url,
}

/// Why one attempt failed.
enum Fault {
    /// Another would too.
    Final(Error),
    /// Another may not; what happened, and how long the server asks to wait.
    Passing(String, Option<Duration>),
}

impl Service {
    /// Prepares to ask; connects to nothing yet.
    ///
    /// # Errors
    /// When the network is forbidden, the address is none, or the key would go over an open line.
    pub fn new(settings: Settings) -> Result<Self, Error> {
        let setting = settings.setting;
        let wrong = |reason: String| Error::Address { setting, url: settings.url.clone(), reason };
        let base = Url::parse(&settings.url).map_err(|error| wrong(error.to_string()))?;
        if !matches!(base.scheme(), "https" | "http") {
            return Err(wrong("it begins neither with https:// nor with http://".to_owned()));
        }
        let Some(host) = base.host_str().map(str::to_owned) else {
            return Err(wrong("it names no host".to_owned()));
        };
        if settings.offline && !is_here(&host) {
            return Err(Error::Offline { setting, host });
        }
        if settings.key.is_some() && base.scheme() == "http" && !is_here(&host) {
            let variable = settings.key_variable.clone().unwrap_or_default();
            return Err(Error::OpenLine { setting, url: shown(&base), variable });
        }
        // One provider of cryptography for the whole process; whoever was first stays.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .user_agent(concat!("shortform/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(Duration::from_secs(10).min(settings.timeout))
            .timeout(settings.timeout)
            // A question that is answered by sending it elsewhere would take the key along.
            .redirect(Policy::none())
            .build()
            .map_err(|error| wrong(told(&error)))?;
        Ok(Self { settings, client, base })
    }

    /// The base address, for messages and keys of the store.
    pub fn url(&self) -> String {
        shown(&self.base)
    }

    /// The same server at another path from its root, as `dev/captioned_speech`.
    pub fn root(&self) -> Url {
        let mut root = self.base.clone();
        let path = root.path().trim_end_matches('/');
        let path = path.strip_suffix("/v1").unwrap_or(path).to_owned();
        root.set_path(&path);
        root
    }

    /// Sends `body` to `path` below the base address and reads the answer with `read`, whose error (in words)
    /// is one more reason to try again.
    ///
    /// # Errors
    /// When the server refuses, keeps failing, says nothing until the timeout each time, or the user stops.
    pub fn post<T>(
        &self,
        path: &str,
        body: &serde_json::Value,
        read: impl Fn(&Answer) -> Result<T, String>,
    ) -> Result<T, Error> {
        let mut base = self.base.as_str().trim_end_matches('/').to_owned();
        base.push('/');
        self.post_to(&format!("{base}{path}"), body, read)
    }

    /// As [`post`](Self::post), to a whole address on the same server.
    pub fn post_to<T>(
        &self,
        url: &str,
        body: &serde_json::Value,
        read: impl Fn(&Answer) -> Result<T, String>,
    ) -> Result<T, Error> {
        let setting = self.settings.setting;
        let url = Url::parse(url).map_err(|error| Error::Address {
            setting,
            url: url.to_owned(),
            reason: error.to_string(),
        })?;
        let body = body.to_string();
        // The same question asked twice because its answer got lost is paid for once.
        let once = crate::digest::Digest::of(format!("{url} {body}").as_bytes()).to_string();
        let mut pauses = ExponentialBuilder::new()
            .with_min_delay(self.settings.pause)
            .with_max_delay(LONGEST_PAUSE)
            .with_max_times(self.settings.retries)
            .with_jitter()
            .build();
        let mut attempts = 0;
        loop {
            attempts += 1;
            let answer = self.attempt(&url, &body, &once);
            let read = answer.and_then(|answer| {
                read(&answer)
                    .map_err(|reason| Fault::Passing(format!("its answer was unusable ({reason})"), None))
            });
            let (reason, wish) = match read {
                Ok(value) => return Ok(value),
                Err(Fault::Final(error)) => return Err(error),
                Err(Fault::Passing(reason, wish)) => (reason, wish),
            };
            if let Some(wish) = wish.filter(|wish| *wish > self.settings.patience) {
                return Err(Error::Busy { url: shown(&url), seconds: wish.as_secs() });
            }
            let Some(pause) = pauses.next() else {
                return Err(Error::Unreachable { setting, url: shown(&url), attempts, reason });
            };
            self.wait(wish.map_or(pause, |wish| wish.max(pause)))?;
        }
    }

    /// Waits, unless the user stops.
    fn wait(&self, pause: Duration) -> Result<(), Error> {
        let end = Instant::now() + pause;
        loop {
            if (self.settings.stop)() {
                return Err(Error::Cancelled);
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            thread::sleep(left.min(GLANCE));
        }
    }

    /// Asks once, on a thread of its own so that the user need not wait for the server to stop.
    fn attempt(&self, url: &Url, body: &str, once: &str) -> Result<Answer, Fault> {
        let (send, receive) = mpsc::sync_channel(1);
        let (service, url, body, once) = (self.clone(), url.clone(), body.to_owned(), once.to_owned());
        let asking = thread::Builder::new().name("service".into()).spawn(move || {
            let _ = send.send(service.ask(&url, body, &once));
        });
        if let Err(error) = asking {
            return Err(Fault::Passing(format!("no thread could be started: {error}"), None));
        }
        let end = Instant::now() + self.settings.timeout + GLANCE;
        loop {
            if (self.settings.stop)() {
                return Err(Fault::Final(Error::Cancelled));
            }
            if Instant::now() > end {
                return Err(Fault::Passing(self.too_slow(), None));
            }
            match receive.recv_timeout(GLANCE) {
                Ok(answer) => return answer,
                Err(mpsc::RecvTimeoutError::Timeout) => {}
                Err(mpsc::RecvTimeoutError::Disconnected) => {
                    return Err(Fault::Passing("the thread that asked it ended".to_owned(), None));
                }
            }
        }
    }

    fn ask(&self, url: &Url, body: String, once: &str) -> Result<Answer, Fault> {
        let setting = self.settings.setting;
        let asked = Instant::now();
        let mut request = self
            .client
            .post(url.clone())
            .header(CONTENT_TYPE, "application/json")
            .header("Idempotency-Key", once)
            .body(body);
        if let Some(key) = &self.settings.key {
            let mut value = HeaderValue::from_str(&format!("Bearer {}", key.0)).map_err(|_| {
                let variable = self.settings.key_variable.clone().unwrap_or_default();
                Fault::Final(Error::NoKey { setting, variable })
            })?;
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        let response = request.send().map_err(|error| Fault::Passing(told(&error), None))?;
        let status = response.status();
        let wish = wish(response.headers());
        let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or("");
        let kind = kind.split(';').next().unwrap_or_default().trim().to_lowercase();
        let mut bytes = Vec::new();
        let read = self.read(response, asked, &mut bytes);
        if !status.is_success() {
            return Err(self.failed(url, status, wish, &bytes));
        }
        read?;
        if bytes.len() as u64 > self.settings.longest_answer {
            let reason = format!("more than {} MiB", self.settings.longest_answer >> 20);
            return Err(Fault::Final(Error::Answer { setting, url: shown(url), reason }));
        }
        Ok(Answer { kind, bytes })
    }

    /// Reads an answer as far as it may be long. The client's own timeout begins anew with each part that
    /// arrives: a server that drips would never meet it.
    fn read(&self, mut answer: impl Read, asked: Instant, bytes: &mut Vec<u8>) -> Result<(), Fault> {
        let mut part = vec![0; 64 << 10];
        loop {
            if asked.elapsed() > self.settings.timeout {
                return Err(Fault::Passing(self.too_slow(), None));
            }
            let count = answer
                .read(&mut part)
                .map_err(|error| Fault::Passing(format!("the answer broke off: {}", told(&error)), None))?;
            bytes.extend_from_slice(&part[..count]);
            if count == 0 || bytes.len() as u64 > self.settings.longest_answer {
                return Ok(());
            }
        }
    }

    fn too_slow(&self) -> String {
        format!("it was not done within {:.1} s", self.settings.timeout.as_secs_f64())
    }

    fn failed(&self, url: &Url, status: StatusCode, wish: Option<Duration>, bytes: &[u8]) -> Fault {
        let (setting, url) = (self.settings.setting, shown(url));
        let said = self.said(bytes);
        match status.as_u16() {
            408 | 425 | 429 | 500 | 502 | 503 | 504 | 529 => {
                Fault::Passing(format!("it answered {status}{said}"), wish)
            }
            status @ (401..=403) => {
                let variable = self.settings.key_variable.clone();
                Fault::Final(Error::Refused { setting, url, status, said, variable })
            }
            status => Fault::Final(Error::Rejected { setting, url, status, said }),
        }
    }

    /// What a server says about its failure, `: insufficient quota`; some repeat the key there.
    fn said(&self, bytes: &[u8]) -> String {
        let text = String::from_utf8_lossy(bytes);
        let json: Option<serde_json::Value> = serde_json::from_str(&text).ok();
        let message = json.as_ref().and_then(|json| {
            let error = json.get("error").unwrap_or(json);
            [error.get("message"), error.get("detail"), json.get("detail"), Some(error)]
                .into_iter()
                .flatten()
                .find_map(serde_json::Value::as_str)
        });
        let plain = if json.is_none() && !text.trim_start().starts_with('<') { text.trim() } else { "" };
        let mut message: String = message.unwrap_or(plain).chars().filter(|c| !c.is_control()).collect();
        if let Some(key) = &self.settings.key {
            message = message.replace(&key.0, "(the key)");
        }
        let message: String = message.chars().take(LONGEST_REASON).collect();
        if message.is_empty() { message } else { format!(": {message}") }
    }
}

/// An address without what may be secret in it.
fn shown(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.to_string()
}

/// Whether a host is this machine.
fn is_here(host: &str) -> bool {
    let name = host.trim_start_matches('[').trim_end_matches(']');
    name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}
