//! A language model as the director, played on this machine; storyboards as files.

use std::{
    io::{Read, Write},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::{Arc, Mutex},
    thread,
};

use serde_json::{Value, json};

/// A chat server that gives these answers one after another, and what it was asked.
struct Server {
    url: String,
    asked: Arc<Mutex<Vec<Value>>>,
}

impl Server {
    fn new(answers: Vec<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = asked.clone();
        thread::spawn(move || {
            for (index, stream) in listener.incoming().enumerate() {
                let mut stream = stream.unwrap();
                let mut bytes = Vec::new();
                let mut part = [0; 65_536];
                let body = loop {
                    let count = stream.read(&mut part).unwrap();
                    bytes.extend(&part[..count]);
                    let text = String::from_utf8_lossy(&bytes).into_owned();
                    let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
                    let length = head.lines().find_map(|line| {
                        line.to_lowercase().strip_prefix("content-length: ")?.parse::<usize>().ok()
                    });
                    if body.len() >= length.unwrap() {
                        break body.to_owned();
                    }
                };
                log.lock().unwrap().push(serde_json::from_str(&body).unwrap());
                let content = &answers[index.min(answers.len() - 1)];
                let answer =
                    json!({ "choices": [{ "message": { "role": "assistant", "content": content } }] })
                        .to_string();
                write!(
                    stream,
                    "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{answer}",
                    answer.len()
                )
                .unwrap();
            }
        });
        Self { url, asked }
    }

    fn asked(&self) -> Vec<Value> {
        self.asked.lock().unwrap().clone()
    }
}

const SCRIPT: &str = "# The fall\n\nMia climbed the old wall. She was afraid of the dark water below.\n\nThen the sun came out. She jumped!\n";

fn program(folder: &Path, sets: &[String]) -> Output {
    let script = folder.join("fall.md");
    std::fs::write(&script, SCRIPT).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_shortform"));
    command.args(["generate", script.to_str().unwrap(), "--stop-after", "scenes", "-v"]);
    for set in sets {
        command.args(["--set", set]);
    }
    command.args(["-o", folder.join("fall.mp4").to_str().unwrap()]);
    command.env("SHORTFORM_CACHE_DIR", folder.join("cache")).env("NO_PROXY", "*").output().unwrap()
}

fn asking(server: &Server) -> Vec<String> {
    vec![
        "scenes.engine=llm".to_owned(),
        format!("scenes.llm.url={}", server.url),
        "scenes.llm.retries=0".to_owned(),
    ]
}

fn told(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn storyboard(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("fall.scenes.yaml")).unwrap()
}

fn scene(first: usize, last: usize, subject: &str) -> Value {
    json!({ "first_sentence": first, "last_sentence": last, "subject": subject, "shot": "wide view", "light": "at dusk",
            "mood": "tense", "characters": ["Mia"] })
}

fn answer(scenes: &[Value]) -> String {
    json!({
        "title": "A leap of courage", "description": "A girl, a wall and the sea.", "hashtags": ["#courage", "sea side"],
        "characters": [{ "name": "Mia", "description": "a girl of nine in red boots" }], "scenes": scenes
    })
    .to_string()
}

#[test]
fn a_model_directs_and_is_not_asked_twice() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::new(vec![answer(&[
        scene(1, 2, "a girl on a high wall"),
        scene(3, 4, "a girl leaping into the sea"),
    ])]);
    let output = program(folder.path(), &asking(&server));
    assert!(output.status.success(), "{}", told(&output));
    let asked = server.asked();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0]["response_format"]["json_schema"]["strict"], true);
    let question = asked[0]["messages"][1]["content"].as_str().unwrap();
    assert!(question.contains("1. [") && question.contains("Mia climbed the old wall."), "{question}");
    let board = storyboard(folder.path());
    // The same person is described in each prompt.
    assert_eq!(board.matches("a girl of nine in red boots").count(), 2, "{board}");
    assert!(board.contains("a girl leaping into the sea") && board.contains("at dusk"), "{board}");
    let json: Value =
        serde_json::from_slice(&std::fs::read(folder.path().join("fall.json")).unwrap()).unwrap();
    assert_eq!(json["title"], "The fall");
    assert_eq!(json["description"], "A girl, a wall and the sea.");
    assert_eq!(json["hashtags"], json!(["courage", "seaside"]));
    assert_eq!(json["scenes"].as_array().unwrap().len(), 2);

    assert!(program(folder.path(), &asking(&server)).status.success());
    assert_eq!(server.asked().len(), 1, "the second run asked again");
}

#[test]
fn a_faulty_storyboard_is_sent_back_once() {
    let folder = tempfile::tempdir().unwrap();
    let gap = answer(&[scene(1, 1, "a wall"), scene(3, 4, "the sea")]);
    let whole =
        format!("Here it is:\n```json\n{}\n```", answer(&[scene(1, 2, "a wall"), scene(3, 4, "the sea")]));
    let server = Server::new(vec![gap, whole]);
    let output = program(folder.path(), &asking(&server));
    assert!(output.status.success(), "{}", told(&output));
    let asked = server.asked();
    let again = asked[1]["messages"].as_array().unwrap().last().unwrap()["content"].as_str().unwrap();
    assert!(again.contains("scene 2 begins with sentence 3 instead of 2"), "{again}");
    assert!(!told(&output).contains("the rules direct"), "{}", told(&output));
}

#[test]
fn where_the_model_fails_the_rules_take_over_and_say_so() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (answers, reason) in [
        (vec!["I'd rather not.".to_owned()], "not the JSON asked for"),
        (vec![answer(&[scene(1, 9, "x")])], "ends with sentence 9 of 4"),
        (Vec::new(), "did not answer"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let output = if answers.is_empty() {
            let sets = [
                "scenes.engine=llm".to_owned(),
                format!("scenes.llm.url=http://{nobody}/v1"),
                "scenes.llm.retries=0".to_owned(),
            ];
            program(folder.path(), &sets)
        } else {
            program(folder.path(), &asking(&Server::new(answers)))
        };
        assert!(output.status.success(), "{}", told(&output));
        let told = told(&output);
        assert!(
            told.contains("the rules direct instead of the language model") && told.contains(reason),
            "{told}"
        );
        assert!(storyboard(folder.path()).contains("prompt:"));
    }
}

#[test]
fn a_reviewed_storyboard_is_taken_word_for_word() {
    let folder = tempfile::tempdir().unwrap();
    assert!(program(folder.path(), &[]).status.success());
    let written = storyboard(folder.path());
    let board: Vec<&str> = written.lines().collect();
    let prompt = board.iter().position(|line| line.trim_start().starts_with("prompt:")).unwrap();
    let mut changed: Vec<String> = board.iter().map(|line| (*line).to_owned()).collect();
    changed[prompt] = "    prompt: \"a red balloon\"".to_owned();
    let file: PathBuf = folder.path().join("fall.scenes.yaml");
    std::fs::write(&file, changed.join("\n")).unwrap();
    let output = program(folder.path(), &["scenes.engine=file".to_owned()]);
    assert!(output.status.success(), "{}", told(&output));
    let json: Value =
        serde_json::from_slice(&std::fs::read(folder.path().join("fall.json")).unwrap()).unwrap();
    assert_eq!(json["scenes"][0]["prompt"], "a red balloon");
    // What was not changed was read back and written again exactly.
    assert_eq!(storyboard(folder.path()), changed.join("\n") + "\n");

    for (text, told_of, code) in [
        ("scenes: []", "it has no scenes", 3),
        ("scenes: [{ sentence: 2, subject: x }]", "the first scene begins with sentence 1", 3),
        ("scenes: [{ sentence: 1, subject: x }, { sentence: 9, subject: y }]", "sentences 1 to 4", 3),
        ("scenes: [{ sentence: 1 }]", "neither `subject` nor `prompt`", 3),
        ("scenes: [{ sentence: 1, subjct: x }]", "subjct", 3),
    ] {
        std::fs::write(&file, text).unwrap();
        let output = program(folder.path(), &["scenes.engine=file".to_owned()]);
        assert_eq!(output.status.code(), Some(code), "{text}: {}", told(&output));
        assert!(told(&output).contains(told_of), "{text}: {}", told(&output));
    }
    std::fs::remove_file(&file).unwrap();
    let output = program(folder.path(), &["scenes.engine=file".to_owned()]);
    assert_eq!(output.status.code(), Some(4), "{}", told(&output));
}
