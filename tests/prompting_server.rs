//! A language model as the director, played on this machine; storyboards as files.

mod server;

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use server::{Server, broken, busy, closed, dripping, hanging, huge, page, truncated};

/// What a chat server sends that answers so.
fn chat(content: &str) -> Vec<u8> {
    json!({ "choices": [{ "message": { "role": "assistant", "content": content } }] })
        .to_string()
        .into_bytes()
}

/// A chat server that gives these answers one after another.
fn chatting(answers: &[String]) -> Server {
    let act =
        |content: &String| server::answer("200 OK", "Content-Type: application/json\r\n", chat(content));
    Server::new(answers.iter().map(act).collect())
}

const SCRIPT: &str = "# The fall\n\nMia climbed the old wall. She was afraid of the dark water below.\n\nThen the sun came out. She jumped!\n";

const KEY: &str = "sk-canary-51d0aa77c2";

fn program(folder: &Path, sets: &[String]) -> Output {
    let script = folder.join("fall.md");
    std::fs::write(&script, SCRIPT).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_shortform"));
    command.args(["generate", script.to_str().unwrap(), "--stop-after", "scenes", "-v"]);
    for set in sets {
        command.args(["--set", set]);
    }
    command.args(["-o", folder.join("fall.mp4").to_str().unwrap()]);
    command.env("CANARY_KEY", KEY).env("SHORTFORM_CACHE_DIR", folder.join("cache"));
    command.env("NO_PROXY", "*").output().unwrap()
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
    let server = chatting(&[answer(&[
        scene(1, 2, "a girl on a high wall"),
        scene(3, 4, "a girl leaping into the sea"),
    ])]);
    let output = program(folder.path(), &asking(&server));
    assert!(output.status.success(), "{}", told(&output));
    let asked = server.bodies();
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
    let server = chatting(&[gap, whole]);
    let output = program(folder.path(), &asking(&server));
    assert!(output.status.success(), "{}", told(&output));
    let asked = server.bodies();
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
            program(folder.path(), &asking(&chatting(&answers)))
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

/// Everything that goes wrong with servers, once: asked again, the model directs; and again and again: the rules
/// take over, and the server is named.
#[test]
fn a_failing_server_is_asked_again_and_then_left() {
    let board = answer(&[scene(1, 2, "a wall"), scene(3, 4, "the sea")]);
    let folder = tempfile::tempdir().unwrap();
    let ask = |server: &Server| {
        let mut sets = asking(server);
        sets.retain(|set| !set.contains("retries"));
        sets.extend(["scenes.llm.retries=1", "scenes.llm.timeout=1s"].map(str::to_owned));
        let started = Instant::now();
        let output = program(folder.path(), &sets);
        assert!(output.status.success(), "{}", told(&output));
        assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
        told(&output)
    };
    let good = || server::answer("200 OK", "Content-Type: application/json\r\n", chat(&board));
    for (name, fault) in [
        ("busy", busy()),
        ("broken", broken()),
        ("truncated", truncated(chat(&board))),
        ("hanging", hanging()),
        ("closed", closed()),
        ("page", page()),
        ("dripping", dripping()),
    ] {
        let server = Server::new(vec![fault.clone(), good()]);
        let said = ask(&server);
        assert!(!said.contains("the rules direct"), "{name}: {said}");
        assert_eq!(server.asked().len(), 2, "{name}");
        assert!(storyboard(folder.path()).contains("a wall"), "{name}");
        let server = Server::new(vec![fault]);
        let said = ask(&server);
        assert!(said.contains("the rules direct instead of the language model"), "{name}: {said}");
        assert!(said.contains(&server.url) && server.asked().len() >= 2, "{name}: {said}");
    }
    let server = Server::new(vec![huge()]);
    let said = ask(&server);
    assert!(said.contains("the rules direct") && said.contains("MiB"), "{said}");
}

#[test]
fn no_log_and_no_file_holds_the_key() {
    let folder = tempfile::tempdir().unwrap();
    let board = answer(&[scene(1, 2, "a wall"), scene(3, 4, "the sea")]);
    let body = format!(r#"{{"error":{{"message":"key {KEY} has no credit"}}}}"#).into_bytes();
    for server in [chatting(&[board]), Server::new(vec![server::answer("401 Unauthorized", "", body)])] {
        let mut sets = asking(&server);
        sets.push("scenes.llm.key=CANARY_KEY".to_owned());
        let output = program(folder.path(), &sets);
        assert!(output.status.success(), "{}", told(&output));
        assert!(server.asked()[0].contains(&format!("Bearer {KEY}")), "{}", server.asked()[0]);
        assert!(!told(&output).contains(KEY), "{}", told(&output));
    }
    assert!(!server::holds(folder.path(), KEY));
}
