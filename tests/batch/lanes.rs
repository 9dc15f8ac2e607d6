//! What runs at once, and what never does.

use std::{
    collections::BTreeSet,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use serde_json::Value;

use super::program::Place;

/// How often a picture came farther while a video was being encoded.
fn drawn_while_encoding(events: &[Value]) -> usize {
    let (mut encoding, mut drawn) = (BTreeSet::new(), 0);
    for event in events {
        let video = event["video"].as_str().unwrap_or_default();
        match event["event"].as_str().unwrap() {
            "step-started" if event["lane"] == "encoder" => drop(encoding.insert(video.to_owned())),
            "step-ended" if event["lane"] == "encoder" => drop(encoding.remove(video)),
            "video" if event["happened"]["stage"] == "images" && event["happened"]["what"] == "progress" => {
                drawn += usize::from(!encoding.is_empty());
            }
            _ => {}
        }
    }
    drawn
}

#[test]
fn what_does_not_fit_together_never_runs_together() {
    let place = Place::new("memory budget");
    place.scripts(5);
    // Each fits alone, with 300 MiB for drawing and 9 MiB for encoding, as the plan says.
    let (events, code) = place.events("batch scripts -o roomy --memory-budget 2GiB --set video.quality=high");
    assert_eq!(code, Some(0));
    assert!(drawn_while_encoding(&events) > 0, "with room enough both lanes work at once");
    let expected = place.report("roomy")["runs"][0]["held"][0].clone();
    let [foretold, peak] = ["expected", "peak"].map(|name| expected[name].as_u64().unwrap());
    println!("drawing: {} MiB expected, {} MiB held", foretold >> 20, peak >> 20);
    assert!(peak <= foretold && foretold < 2 * peak, "{expected}");

    std::fs::remove_dir_all(place.path("store")).unwrap();
    let own = place.report("roomy")["runs"][0]["memory"][0]["own"].as_u64().unwrap();
    let tight = (foretold + own + (4 << 20)) >> 20;
    let (events, code) =
        place.events(&format!("batch scripts -o tight --memory-budget {tight}MiB --set video.quality=high"));
    assert_eq!(code, Some(0));
    assert_eq!(drawn_while_encoding(&events), 0, "{tight} MiB hold a picture or a video, not both");
    let memory = place.report("tight")["runs"][0].clone();
    let limit = memory["memory_limit"].as_u64().unwrap();
    for at in memory["memory"].as_array().unwrap() {
        assert!(at["reserved"].as_u64().unwrap() <= limit, "{at} of {limit}");
    }
    assert!(place.videos("tight") == place.videos("roomy"), "memory changed a picture");
}

/// A server that speaks and directs, slowly, and counts how many ask it at once.
struct Server {
    url: String,
    most: Arc<AtomicUsize>,
    asked: Arc<AtomicUsize>,
}

impl Server {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let (now, most, asked) = (Arc::new(AtomicUsize::new(0)), Arc::default(), Arc::default());
        let (counts, server) = ((Arc::clone(&most), Arc::clone(&asked)), Self { url, most, asked });
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (now, (most, asked)) = (Arc::clone(&now), counts.clone());
                thread::spawn(move || {
                    most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    asked.fetch_add(1, Ordering::SeqCst);
                    answer(stream.unwrap(), &now);
                });
            }
        });
        server
    }
}

fn answer(mut stream: TcpStream, now: &AtomicUsize) {
    let (mut bytes, mut part) = (Vec::new(), [0; 65_536]);
    let head = loop {
        let count = stream.read(&mut part).unwrap();
        bytes.extend(&part[..count]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length =
            head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
        if body.len() >= length.unwrap_or(0) {
            break head.to_owned();
        }
    };
    thread::sleep(Duration::from_millis(150));
    let body = if head.contains("audio/speech") { wav() } else { storyboard() };
    // Before the last byte: whoever has that may ask again at once.
    now.fetch_sub(1, Ordering::SeqCst);
    let _ = write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    let _ = stream.write_all(&body);
}

/// A second and a half of three bursts, as three words.
fn wav() -> Vec<u8> {
    let mut sound = std::io::Cursor::new(Vec::new());
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 24_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::new(&mut sound, spec).unwrap();
    for at in 0..36_000 {
        let loud = (at / 6_000) % 2 == 0;
        writer.write_sample(if loud { ((f64::from(at) * 0.12).sin() * 9_000.0) as i16 } else { 0 }).unwrap();
    }
    writer.finalize().unwrap();
    sound.into_inner()
}

fn storyboard() -> Vec<u8> {
    let board = serde_json::json!({
        "title": "A tale", "description": "Short.", "hashtags": [], "characters": [],
        "scenes": [{ "first_sentence": 1, "last_sentence": 2, "subject": "a castle by the sea", "shot": "wide view",
                     "light": "at dusk", "mood": "tense", "characters": [] }]
    });
    let message = serde_json::json!({ "role": "assistant", "content": board.to_string() });
    serde_json::json!({ "choices": [{ "message": message }] }).to_string().into_bytes()
}

#[test]
fn servers_are_asked_by_so_many_at_once_and_the_other_lanes_go_on() {
    let place = Place::new("network");
    place.scripts(8);
    for (most, wanted) in [(3, 3), (1, 1)] {
        let server = Server::new();
        let _ = std::fs::remove_dir_all(place.path("store"));
        let url = &server.url;
        let line = format!(
            "batch scripts -o out{most} --stop-after scenes --network {most} --jobs 8 --json \
             --set narration.engine=remote --set narration.remote.url={url} --set narration.remote.key=none \
             --set narration.remote.price=15 \
             --set scenes.engine=llm --set scenes.llm.url={url} --set scenes.llm.key=none"
        );
        let output = place.shortform(&line).env("NO_PROXY", "*").output().unwrap();
        assert!(output.status.success(), "{}", super::program::said(&output));
        assert!(
            !super::program::said(&output).contains("the rules direct"),
            "{}",
            super::program::said(&output)
        );
        let report = place.report(&format!("out{most}"));
        assert_eq!(report["totals"]["made"], 8, "{report}");
        // Sentences that scripts share are asked for once; each script is directed.
        let asked = server.asked.load(Ordering::SeqCst);
        assert!((16..=24).contains(&asked), "{asked}");
        assert_eq!(server.most.load(Ordering::SeqCst), wanted);
        let spans = report["runs"][0]["spans"].as_array().unwrap();
        assert!(spans.iter().all(|span| span["lane"] == "network"), "{spans:?}");
        let page = std::fs::read_to_string(place.path(&format!("out{most}/report.html"))).unwrap();
        assert!(
            page.contains(&format!("{url} was asked for 8 storyboards"))
                && page.contains(" sentences: about 0.0")
        );
        let workers: BTreeSet<_> = spans.iter().map(|span| span["worker"].as_u64()).collect();
        assert_eq!(workers.len(), most);
    }
}
