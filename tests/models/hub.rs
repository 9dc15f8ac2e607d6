//! A hub on the loopback: the requests real clients make, and every way such servers fail.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use sha1::Sha1;
use sha2::{Digest, Sha256};
use shortform::models::Settings;

/// The commit that `main` is at.
pub(crate) const COMMIT: &str = "1234567890abcdef1234567890abcdef12345678";

/// A repository.
#[derive(Clone, Default)]
pub(crate) struct Content {
    /// Each file, by its path.
    pub(crate) files: BTreeMap<String, Vec<u8>>,
    /// Files that are stored apart, as large ones are: what is listed is their SHA-256.
    pub(crate) large: Vec<String>,
    /// What the list says of a file instead of the truth: its size, its digest.
    pub(crate) lies: BTreeMap<String, (u64, String)>,
}

impl Content {
    pub(crate) fn file(mut self, path: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.files.insert(path.to_owned(), bytes.into());
        self
    }

    pub(crate) fn large(mut self, path: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.large.push(path.to_owned());
        self.file(path, bytes)
    }
}

/// What the client asked for.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// Path and query.
    pub(crate) path: String,
    /// By name in lower case.
    pub(crate) headers: BTreeMap<String, String>,
}

/// What goes wrong with one answer.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// Another status, with headers.
    Status(u16, Vec<(&'static str, String)>),
    /// Only so many bytes of the body come; then the connection is closed.
    Cut(usize),
    /// Only so many bytes of the body come; then nothing more.
    Stall(usize),
    /// It does not know ranges.
    NoRange,
    /// It answers a range that was not asked for.
    OtherRange,
    /// Other bytes, as many, under another tag.
    Changed,
    /// One bit is another.
    Flipped,
    /// It is shorter than listed, and says so.
    Shorter,
    /// A byte now and then, without end.
    Drip,
    /// To another place.
    Redirect(String),
}

type Faults = Arc<dyn Fn(&Request, usize) -> Option<Fault> + Send + Sync>;

/// The server; it ends with the test's process.
pub(crate) struct Hub {
    pub(crate) endpoint: String,
    asked: Arc<Mutex<Vec<Request>>>,
}

impl Hub {
    /// One that does everything right.
    pub(crate) fn new(content: Content) -> Self {
        Self::failing(content, |_, _| None)
    }

    /// One that answers with a fault whenever `faults` says so, given the request and how often its path was
    /// asked for before.
    pub(crate) fn failing(
        content: Content,
        faults: impl Fn(&Request, usize) -> Option<Fault> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (content, faults): (_, Faults) = (Arc::new(content), Arc::new(faults));
        let log = asked.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (content, faults, log) = (content.clone(), faults.clone(), log.clone());
                thread::spawn(move || answer(stream.unwrap(), &content, &faults, &log));
            }
        });
        Self { endpoint, asked }
    }

    /// Settings that ask here and do not wait long.
    pub(crate) fn settings(&self) -> Settings {
        Settings {
            timeout: Duration::from_secs(5),
            pause: Duration::from_millis(5),
            ..Settings::at(&self.endpoint)
        }
    }

    /// Everything asked for, in order.
    pub(crate) fn asked(&self) -> Vec<Request> {
        self.asked.lock().unwrap().clone()
    }

    /// How often a path that ends so was asked for.
    pub(crate) fn times(&self, ending: &str) -> usize {
        self.asked().iter().filter(|request| request.path.ends_with(ending)).count()
    }
}

fn answer(mut stream: TcpStream, content: &Content, faults: &Faults, log: &Mutex<Vec<Request>>) {
    let Some(request) = read(&stream) else { return };
    let before = {
        let mut log = log.lock().unwrap();
        let before = log.iter().filter(|earlier| earlier.path == request.path).count();
        log.push(request.clone());
        before
    };
    let fault = faults(&request, before);
    let reply = match &fault {
        Some(Fault::Status(status, headers)) => {
            let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
            Reply { status: *status, headers: headers.collect(), body: b"no".to_vec() }
        }
        Some(Fault::Redirect(to)) => Reply::redirect(to.clone()),
        _ => reply(&request, content, fault.as_ref()),
    };
    let send = match fault {
        Some(Fault::Cut(bytes) | Fault::Stall(bytes)) => bytes.min(reply.body.len()),
        Some(Fault::Drip) => 0,
        _ => reply.body.len(),
    };
    let mut head = format!("HTTP/1.1 {} x\r\nConnection: close\r\n", reply.status);
    head += &format!("Content-Length: {}\r\n", reply.body.len());
    reply.headers.iter().for_each(|(name, value)| head += &format!("{name}: {value}\r\n"));
    let _ = stream.write_all(head.as_bytes());
    let _ = stream.write_all(b"\r\n");
    let _ = stream.write_all(&reply.body[..send]);
    let _ = stream.flush();
    if let Some(Fault::Drip) = fault {
        for byte in &reply.body {
            if stream.write_all(&[*byte]).is_err() {
                break;
            }
            thread::sleep(Duration::from_millis(50));
        }
    }
    if let Some(Fault::Stall(_)) = fault {
        thread::sleep(Duration::from_secs(60));
    }
    let _ = stream.shutdown(Shutdown::Both);
}

fn read(stream: &TcpStream) -> Option<Request> {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next()?.ok()?;
    let path = first.split(' ').nth(1)?;
    // A proxy is asked with the whole address.
    let path = match path.split_once("://") {
        Some((_, rest)) => rest[rest.find('/')?..].to_owned(),
        None => path.to_owned(),
    };
    let mut headers = BTreeMap::new();
    for line in lines {
        let line = line.ok()?;
        let Some((name, value)) = line.split_once(':') else { break };
        headers.insert(name.to_lowercase(), value.trim().to_owned());
    }
    Some(Request { path, headers })
}

struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Reply {
    fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self { status: 200, headers: Vec::new(), body: body.into() }
    }

    fn redirect(to: String) -> Self {
        Self { status: 302, headers: vec![("Location".into(), to)], body: Vec::new() }
    }
}

fn reply(request: &Request, content: &Content, fault: Option<&Fault>) -> Reply {
    let path = request.path.split('?').next().unwrap();
    let parts: Vec<_> = path.trim_start_matches('/').split('/').collect();
    match parts[..] {
        ["api", "models", "them", "it", "revision", "main" | "v1.0" | COMMIT] => Reply::ok(format!(
            r#"{{"sha": "{COMMIT}", "cardData": {{"license": "mit"}}, "tags": ["onnx"], "siblings": []}}"#
        )),
        ["api", "models", "them", "it", "tree", COMMIT] => list(request, content),
        ["them", "it", "resolve", COMMIT, ..] => {
            let name = parts[4..].join("/").replace("%20", " ");
            match content.files.get(&name) {
                None => Reply { status: 404, ..Reply::ok("") },
                Some(bytes) if content.large.contains(&name) => {
                    Reply::redirect(format!("/storage/{}?Signature=SIGNATURE&name={name}", sha256(bytes)))
                }
                Some(bytes) => file(request, bytes, fault),
            }
        }
        ["storage", digest] => match content.files.values().find(|bytes| sha256(bytes) == digest) {
            Some(bytes) => file(request, bytes, fault),
            None => Reply { status: 404, ..Reply::ok("") },
        },
        _ => Reply { status: 404, ..Reply::ok("") },
    }
}

/// Three entries a page, as if they were a thousand.
fn list(request: &Request, content: &Content) -> Reply {
    let start = request.path.split("cursor=").nth(1).map_or(0, |cursor| cursor.parse().unwrap());
    let entries: Vec<_> = content
        .files
        .iter()
        .map(|(path, bytes)| {
            let (size, digest) =
                content.lies.get(path).cloned().unwrap_or((bytes.len() as u64, sha256(bytes)));
            if content.large.contains(path) {
                serde_json::json!({ "type": "file", "oid": "a".repeat(40), "size": size, "path": path,
                "lfs": { "oid": digest, "size": size, "pointerSize": 134 } })
            } else {
                let mut git = Sha1::new_with_prefix(format!("blob {}\0", bytes.len()));
                git.update(bytes);
                serde_json::json!({ "type": "file", "oid": hex(&git.finalize()), "size": size, "path": path })
            }
        })
        .collect();
    let end = (start + 3).min(entries.len());
    let mut reply = Reply::ok(serde_json::to_vec(&entries[start..end]).unwrap());
    if end < entries.len() {
        let next = format!(
            "<{}?recursive=true&cursor={end}>; rel=\"next\"",
            request.path.split('?').next().unwrap()
        );
        reply.headers.push(("Link".into(), next));
    }
    reply
}

fn file(request: &Request, bytes: &[u8], fault: Option<&Fault>) -> Reply {
    let mut bytes = bytes.to_vec();
    match fault {
        Some(Fault::Changed) => bytes.iter_mut().for_each(|byte| *byte ^= 0xff),
        Some(Fault::Flipped) => *bytes.last_mut().unwrap() ^= 1,
        Some(Fault::Shorter) => drop(bytes.pop()),
        _ => {}
    }
    let tag = format!("\"{}\"", sha256(&bytes));
    let range = request.headers.get("range").filter(|_| !matches!(fault, Some(Fault::NoRange)));
    let range = range.filter(|_| request.headers.get("if-range").is_none_or(|wanted| *wanted == tag));
    let start = range.map(|range| range.trim_start_matches("bytes=").trim_end_matches('-').parse().unwrap());
    let mut reply = match start {
        None => Reply::ok(bytes),
        Some(start) if start >= bytes.len() => Reply { status: 416, ..Reply::ok("") },
        Some(start) => {
            let start = if matches!(fault, Some(Fault::OtherRange)) { start - 1 } else { start };
            let range = format!("bytes {start}-{}/{}", bytes.len() - 1, bytes.len());
            let headers = vec![("Content-Range".to_owned(), range)];
            Reply { status: 206, headers, body: bytes[start..].to_vec() }
        }
    };
    reply.headers.push(("ETag".into(), tag));
    reply
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
