//! Speech servers, played on this machine: what is sent, what comes back, and everything that goes wrong.

mod server;

use std::{
    net::TcpListener,
    path::Path,
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

use server::{Act, Server, answer, broken, busy, closed, dripping, hanging, huge, page, truncated};

use shortform::{
    service::{Error as ServiceError, Settings},
    speech::{Error, Remote, RemoteVoice, Speech, Utterance, Voice, tokens},
    story::{ServerTimings, SoundFormat},
};

/// What espeak-ng makes of the words, as a WAV file whose header does not know its length, as streams have.
fn wav() -> Vec<u8> {
    let tone: Vec<u8> = (0..36_000)
        .map(|i| {
            // Three bursts, as three words.
            let loud = (i / 6_000) % 2 == 0;
            if loud { ((f64::from(i) * 0.12).sin() * 9_000.0) as i16 } else { 0 }
        })
        .flat_map(i16::to_le_bytes)
        .collect();
    let mut bytes = b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0\x01\0\x01\0\xc0\x5d\0\0\x80\xbb\0\0\x02\0\x10\0data\xff\xff\xff\xff".to_vec();
    bytes.extend(tone);
    bytes
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let held =
            three.iter().fold(0u32, |held, byte| held << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        for at in 0..=three.len() {
            text.push(LETTERS[(held >> (18 - 6 * at)) as usize & 63] as char);
        }
    }
    text
}

fn settings(url: &str) -> Settings {
    let settings = Settings::new("narration.remote", url, None).unwrap();
    Settings { timeout: Duration::from_millis(900), retries: 2, pause: Duration::from_millis(20), ..settings }
}

fn voice(timings: ServerTimings) -> RemoteVoice {
    RemoteVoice {
        model: "tts-1".into(),
        voice: "nova".into(),
        instructions: String::new(),
        format: SoundFormat::Wav,
        timings,
        language: "en-US".into(),
    }
}

fn speak(settings: Settings, voice: RemoteVoice) -> Result<Speech, Error> {
    let tokens = tokens("One $5M three.", "en-US");
    Remote::open(settings, voice)?.speak(&Utterance { tokens: &tokens, rate: 1.0 })
}

fn asked_at(server: &Server) -> Result<Speech, Error> {
    speak(settings(&server.url), voice(ServerTimings::Align))
}

#[test]
fn the_question_is_that_of_the_openai_api_and_words_are_found() {
    let server = Server::new(vec![answer("200 OK", "Content-Type: audio/wav\r\n", wav())]);
    let speech = asked_at(&server).unwrap();
    assert_eq!((speech.samples.rate, speech.samples.len(), speech.words.len()), (24_000, 36_000, 3));
    let asked = server.asked();
    let body = asked[0].split("\r\n\r\n").nth(1).unwrap();
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    assert!(asked[0].starts_with("POST /v1/audio/speech HTTP/1.1"), "{}", asked[0]);
    assert_eq!(
        body,
        serde_json::json!({
            "model": "tts-1", "input": "One five million dollars three.", "voice": "nova", "response_format": "wav", "speed": 1.0
        })
    );
    assert!(!asked[0].to_lowercase().contains("authorization"));
}

#[test]
fn captions_of_the_server_are_believed_and_missing_ones_replaced() {
    let sound = base64(&wav());
    let stamps = r#"[{"word":"One","start_time":0.1,"end_time":0.2},{"word":"5 million dollars","start_time":0.2,"end_time":0.5},{"word":"three","start_time":0.6,"end_time":0.8},{"word":".","start_time":0.8,"end_time":0.8}]"#;
    let with = format!(r#"{{"audio":"{sound}","audio_format":"wav","timestamps":{stamps}}}"#);
    let without = format!(r#"{{"audio":"{sound}","timestamps":null}}"#);
    let server = Server::new(vec![
        answer("200 OK", "", with.into_bytes()),
        answer("200 OK", "", without.into_bytes()),
    ]);
    let ask = || speak(settings(&server.url), voice(ServerTimings::Captioned)).unwrap();
    let speech = ask();
    let times: Vec<usize> = speech.words.iter().map(|word| word.start).collect();
    assert_eq!(times, [2_400, 4_800, 14_400]);
    assert!(server.asked()[0].starts_with("POST /dev/captioned_speech "));
    assert_eq!(ask().words.len(), 3);
}

#[test]
fn what_passes_is_tried_again() {
    let whole = || answer("200 OK", "Content-Type: audio/wav\r\n", wav());
    for (name, fault) in [
        ("truncated", truncated(wav())),
        ("hanging", hanging()),
        ("closed", closed()),
        ("html", page()),
        ("busy", busy()),
        ("broken", broken()),
    ] {
        let server = Server::new(vec![fault, whole()]);
        let started = Instant::now();
        let speech = asked_at(&server).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!((speech.words.len(), server.asked().len()), (3, 2), "{name}");
        let waited = started.elapsed();
        assert!(name != "busy" || waited >= Duration::from_secs(1), "{waited:?}");
        assert!(waited < Duration::from_secs(8), "{name}: {waited:?}");
    }
}

#[test]
fn what_does_not_pass_names_the_address_and_the_remedy() {
    let cases: [(&str, Act, &str, usize); 7] = [
        ("slow", dripping(), "check that the server runs", 3),
        ("huge", huge(), "more than 1 MiB", 1),
        (
            "key",
            answer("401 Unauthorized", "", br#"{"error":{"message":"no key"}}"#.to_vec()),
            "no key): it wants a key",
            1,
        ),
        ("wrong", answer("404 Not Found", "", b"{}".to_vec()), "check `narration.remote.url`", 1),
        ("moved", answer("302 Found", "Location: http://example.org/\r\n", Vec::new()), "answers 302", 1),
        ("long", answer("429 Too Many", "Retry-After: 4000\r\n", Vec::new()), "asks to wait 4000 s", 1),
        (
            "mp3",
            answer("200 OK", "Content-Type: audio/mpeg\r\n", b"ID3\x04 sound".to_vec()),
            "no WAV file",
            3,
        ),
    ];
    for (name, act, told, times) in cases {
        let server = Server::new(vec![act]);
        let started = Instant::now();
        let short = Settings { longest_answer: 1 << 20, ..settings(&server.url) };
        let error = speak(short, voice(ServerTimings::Align)).unwrap_err().to_string();
        assert!(error.contains(told) && error.contains(&server.url), "{name}: {error}");
        assert_eq!(server.asked().len(), times, "{name}: {error}");
        assert!(started.elapsed() < Duration::from_secs(8), "{name}");
    }
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error =
        speak(settings(&format!("http://{nobody}/v1")), voice(ServerTimings::Align)).unwrap_err().to_string();
    assert!(error.contains("3 attempts") && error.contains("narration.remote.url"), "{error}");
}

#[test]
fn keys_stay_secret_and_networks_forbidden() {
    let offline = Settings { offline: true, ..settings("https://speech.example/v1") };
    let error = speak(offline, voice(ServerTimings::Align)).unwrap_err();
    assert!(matches!(error, Error::Service(ServiceError::Offline { .. })), "{error}");
    assert!(error.to_string().contains("--offline"), "{error}");
    let missing = Settings::new("narration.remote", "https://x.example", Some("SHORTFORM_TEST_NO_SUCH_KEY"))
        .unwrap_err();
    assert!(missing.to_string().contains("SHORTFORM_TEST_NO_SUCH_KEY"), "{missing}");
    for url in ["ftp://x", "not an address", "http://"] {
        let error = speak(settings(url), voice(ServerTimings::Align)).unwrap_err();
        assert!(matches!(error, Error::Service(ServiceError::Address { .. })), "{url}: {error}");
    }
}

/// The user's wish to stop ends a request that hangs.
#[test]
fn stopping_does_not_wait_for_the_server() {
    let server = Server::new(vec![hanging()]);
    let started = Instant::now();
    let stop = Settings {
        timeout: Duration::from_secs(15),
        stop: Arc::new(move || started.elapsed() > Duration::from_millis(200)),
        ..settings(&server.url)
    };
    let error = speak(stop, voice(ServerTimings::Align)).unwrap_err();
    assert!(matches!(error, Error::Service(ServiceError::Cancelled)), "{error}");
    assert!(started.elapsed() < Duration::from_secs(2));
}

const KEY: &str = "sk-canary-8f2b61c0d9";

fn program(folder: &Path, server: &str, more: &[&str]) -> std::process::Output {
    Command::new(env!("CARGO_BIN_EXE_shortform"))
        .args(["speak", "--text", "One two three. Four five six.", "-vv", "--json"])
        .args(["--set", "narration.engine=remote", "--set", &format!("narration.remote.url={server}")])
        .args(["--set", "narration.remote.key=CANARY_KEY", "--set", "narration.remote.retries=0"])
        .args(more)
        .args([
            "-o",
            folder.join("out.wav").to_str().unwrap(),
            "--timings",
            folder.join("out.json").to_str().unwrap(),
        ])
        .env("CANARY_KEY", KEY)
        .env("SHORTFORM_CACHE_DIR", folder.join("cache"))
        .env("NO_PROXY", "*")
        .output()
        .unwrap()
}

#[test]
fn a_second_run_costs_nothing_and_no_file_holds_the_key() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::new(vec![answer("200 OK", "Content-Type: audio/wav\r\n", wav())]);
    let told = |output: &std::process::Output| {
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
    };
    let first = program(folder.path(), &server.url, &[]);
    assert!(first.status.success(), "{}", told(&first));
    assert_eq!(server.asked().len(), 2);
    assert!(server.asked()[0].contains(&format!("Bearer {KEY}")), "{}", server.asked()[0]);
    let again = program(folder.path(), &server.url, &[]);
    assert!(again.status.success());
    assert_eq!(server.asked().len(), 2, "the second run asked again");

    // A server that repeats the key in its anger.
    let body = format!(r#"{{"error":{{"message":"key {KEY} has no credit"}}}}"#);
    let angry = Server::new(vec![answer("401 Unauthorized", "", body.into_bytes())]);
    let refused = program(folder.path(), &angry.url, &[]);
    assert_eq!(refused.status.code(), Some(5), "{}", told(&refused));
    assert!(
        told(&refused).contains("CANARY_KEY") && told(&refused).contains("has no credit"),
        "{}",
        told(&refused)
    );
    for output in [&first, &again, &refused] {
        assert!(!told(output).contains(KEY));
    }
    assert!(!server::holds(folder.path(), KEY));

    let dear = program(
        folder.path(),
        &angry.url,
        &["--set", "narration.remote.price=1000", "--set", "narration.remote.max_cost=0.01"],
    );
    assert_eq!(dear.status.code(), Some(3), "{}", told(&dear));
    assert!(told(&dear).contains("max_cost") && angry.asked().len() == 1, "{}", told(&dear));
}
