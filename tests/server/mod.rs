//! A server on this machine that answers as it is told to, right or wrong; it ends with the test's process.
#![allow(dead_code, reason = "each test uses a part of it")]

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

/// One answer of the server: what it does with the connection.
pub(crate) type Act = Arc<dyn Fn(&mut TcpStream) + Send + Sync>;

/// A server that gives its answers one after another, the last one again and again.
pub(crate) struct Server {
    pub(crate) url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    pub(crate) fn new(acts: Vec<Act>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = asked.clone();
        thread::spawn(move || {
            for (index, stream) in listener.incoming().enumerate() {
                let (Ok(mut stream), log) = (stream, log.clone()) else { return };
                let act = acts[index.min(acts.len() - 1)].clone();
                thread::spawn(move || {
                    let request = read(&mut stream);
                    log.lock().unwrap().push(request);
                    act(&mut stream);
                });
            }
        });
        Self { url, asked }
    }

    /// Every request whole, in order.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    /// What the requests held, in order.
    pub(crate) fn bodies(&self) -> Vec<serde_json::Value> {
        let body = |request: &String| request.split_once("\r\n\r\n").unwrap().1.to_owned();
        self.asked().iter().map(|request| serde_json::from_str(&body(request)).unwrap()).collect()
    }
}

fn read(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut part = [0; 65_536];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
            if body.len() >= length.unwrap_or(0) {
                return text;
            }
        }
        match stream.read(&mut part) {
            Ok(0) | Err(_) => return text,
            Ok(count) => bytes.extend(&part[..count]),
        }
    }
}

/// An answer as it should be: status, further lines of its head, body.
pub(crate) fn answer(status: &'static str, head: &'static str, body: Vec<u8>) -> Act {
    Arc::new(move |stream| {
        let _ = write!(
            stream,
            "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n{head}\r\n",
            body.len()
        );
        let _ = stream.write_all(&body);
    })
}

/// The first half of an answer.
pub(crate) fn truncated(body: Vec<u8>) -> Act {
    Arc::new(move |stream| {
        let _ = write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
        let _ = stream.write_all(&body[..body.len() / 2]);
    })
}

/// Nothing, for longer than anybody waits.
pub(crate) fn hanging() -> Act {
    Arc::new(|_| thread::sleep(Duration::from_secs(20)))
}

/// The connection is closed without a word.
pub(crate) fn closed() -> Act {
    Arc::new(|_| {})
}

/// A byte now and then, which a timeout that begins anew with each of them never meets.
pub(crate) fn dripping() -> Act {
    Arc::new(|stream| {
        let _ = write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: 90000\r\n\r\n");
        for _ in 0..400 {
            if stream.write_all(b"R").is_err() {
                return;
            }
            thread::sleep(Duration::from_millis(50));
        }
    })
}

/// An answer without end.
pub(crate) fn huge() -> Act {
    Arc::new(|stream| {
        let _ = write!(stream, "HTTP/1.1 200 OK\r\n\r\n");
        while stream.write_all(&[b' '; 65_536]).is_ok() {}
    })
}

/// Somebody else's page.
pub(crate) fn page() -> Act {
    answer("200 OK", "Content-Type: text/html\r\n", b"<html>Please log in</html>".to_vec())
}

/// Too many requests: asks to wait for a second.
pub(crate) fn busy() -> Act {
    answer("429 Too Many Requests", "Retry-After: 1\r\n", b"{}".to_vec())
}

/// A failure of the server's own.
pub(crate) fn broken() -> Act {
    answer("500 Internal Server Error", "", b"oops".to_vec())
}

/// Whether any file below `folder` holds `text`.
pub(crate) fn holds(folder: &std::path::Path, text: &str) -> bool {
    std::fs::read_dir(folder).unwrap().flatten().any(|entry| {
        let path = entry.path();
        if path.is_dir() {
            return holds(&path, text);
        }
        std::fs::read(&path).is_ok_and(|bytes| bytes.windows(text.len()).any(|part| part == text.as_bytes()))
    })
}
