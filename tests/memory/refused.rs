//! The program itself, refused memory.

use std::{fs, process::Output};

use serde_json::Value;

use super::program::{Place, number, said};

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures");

/// A place with a script of two sentences, a voice and an upscaler.
fn place(name: &str) -> Place {
    let place = Place::new(name);
    place.script("film", &["The sea is wide.", "A forest is near."]);
    let copy = |from: &str, to: &str| {
        let to = place.path("models").join(to);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(format!("{FIXTURES}/{from}"), to).unwrap();
    };
    copy("upscale/x4.onnx", "x4/model.onnx");
    copy("voices/piper.onnx", "piper/p.onnx");
    copy("voices/piper.onnx.json", "piper/p.onnx.json");
    place
}

const LINE: &str = "generate scripts/film.md -o film.mp4 --device cpu --models-dir models \
    --set images.inference_steps=1 --set upscale.engine=x4";

/// Makes the video with a fault, in a store of its own.
fn make(place: &Place, line: &str, store: &str, fault: &str) -> Output {
    let mut command = place.shortform(line);
    command.env("SHORTFORM_FAULT", fault).env("SHORTFORM_CACHE_DIR", place.path(store));
    command.output().unwrap()
}

/// The fallbacks of each stage, by the video's description.
fn fallbacks(place: &Place) -> Vec<String> {
    let description: Value = serde_json::from_slice(&fs::read(place.path("film.json")).unwrap()).unwrap();
    let of_stage = |stage: &Value| -> Vec<String> {
        let told = stage["fallbacks"].as_array().unwrap();
        told.iter()
            .map(|text| format!("{}: {}", stage["stage"].as_str().unwrap(), text.as_str().unwrap()))
            .collect()
    };
    description["stages"].as_array().unwrap().iter().flat_map(of_stage).collect()
}

#[test]
fn wherever_memory_runs_out_the_video_is_finished_and_says_how() {
    let place = place("refused");
    let line = format!("{LINE} --set narration.engine=piper --set narration.model=p");
    let mut told = Vec::new();
    // By default every second session; all with SHORTFORM_TEST_EVERY=1.
    for step in (1..).step_by(number("EVERY", 2) as usize) {
        let store = format!("store-{step}");
        let output = make(&place, &line, &store, &format!("memory.step:refuse@{step}"));
        assert_eq!(output.status.code(), Some(0), "refused in session {step}:\n{}", said(&output));
        assert!(place.path("film.mp4").is_file());
        let fallbacks = fallbacks(&place);
        fs::remove_file(place.path("film.mp4")).unwrap();
        fs::remove_dir_all(place.path(&store)).unwrap();
        if fallbacks.is_empty() {
            assert!(step > 12, "session {step} is not the last one:\n{}", said(&output));
            break;
        }
        assert_eq!(fallbacks.len(), 1, "one refusal costs one step down: {fallbacks:?}");
        told.extend(fallbacks);
    }
    let told = told.join("\n");
    for how in ["narration: ", "images: ", "one part loaded at a time", "upscale: ", "smaller tiles"] {
        assert!(told.contains(how), "{how:?} is not in\n{told}");
    }
}

#[test]
fn what_was_learned_is_remembered_until_it_is_forgotten() {
    let place = place("learned");
    // Less than the model needs when all of it is loaded, more than its largest part.
    let fault = "memory.held:refuse@51000000";
    let run = |seed: u64| {
        let output = make(&place, &format!("{LINE} --seed {seed}"), "store", fault);
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        (fallbacks(&place), said(&output))
    };
    let (first, _) = run(1);
    assert!(first.iter().any(|text| text.contains("one part loaded at a time")), "{first:?}");
    let (second, told) = run(2);
    assert_eq!(second, Vec::<String>::new());
    assert!(told.contains("where an earlier run ended up"), "{told}");
    let doctor = said(&place.shortform("doctor").output().unwrap());
    assert!(doctor.contains("learned") && doctor.contains("`pocket` on cpu draws"), "{doctor}");
    assert!(place.ends("cache forget", 0).contains("forgot 1 model"));
    assert!(!said(&place.shortform("doctor").output().unwrap()).contains("`pocket` on cpu draws"));
    assert_eq!(run(3).0, first);
}

#[test]
fn an_upscaler_begins_where_it_ended_up() {
    let place = place("enlarged");
    // Less than it takes for a picture at once, more than in tiles.
    let fault = "memory.held:refuse@16000000";
    let run = |seed: u64| {
        let line = format!("{LINE} --seed {seed}");
        let drawn = make(&place, &format!("{line} --stop-after images"), "store", "");
        assert_eq!(drawn.status.code(), Some(0), "{}", said(&drawn));
        let output = make(&place, &line, "store", fault);
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        (fallbacks(&place), said(&output))
    };
    let (first, _) = run(1);
    assert!(!first.is_empty() && first.iter().all(|text| text.contains("in smaller tiles")), "{first:?}");
    let (second, told) = run(2);
    assert_eq!(second, Vec::<String>::new());
    assert!(told.contains("upscale: begins in"), "{told}");
    let doctor = said(&place.shortform("doctor").output().unwrap());
    assert!(doctor.contains("learned") && doctor.contains("`x4` on cpu enlarges"), "{doctor}");
    assert!(place.ends("cache forget", 0).contains("forgot 1 model"));
    assert_eq!(run(3).0, first);
}

#[test]
#[cfg(target_os = "linux")]
fn a_real_limit_on_the_process_is_stepped_down_to() {
    let place = place("limited");
    let line =
        format!("{LINE} --set images.size=288x512 --set upscale.engine=lanczos --stop-after upscale --json");
    // What is stepped down, or none where it ends otherwise than well.
    let run = |mebibytes: u64| {
        let _ = fs::remove_dir_all(place.path("store"));
        let limited = format!("ulimit -d {}; exec \"$0\" \"$@\"", mebibytes * 1024);
        let output = place.under("sh", &["-c", &limited], &line).output().unwrap();
        let told = String::from_utf8(output.stdout).unwrap();
        let fallback = |line: &&str| line.contains("\"what\":\"fallback\"");
        output.status.success().then(|| told.lines().filter(fallback).map(str::to_owned).collect::<Vec<_>>())
    };
    // Where it begins to be too little; how much that is depends on the libraries of the machine.
    let (mut too_little, mut enough) = (100, 600);
    assert_eq!(run(enough), Some(Vec::new()));
    while enough - too_little > 8 {
        let middle = (too_little + enough) / 2;
        match run(middle).is_some_and(|fallbacks| fallbacks.is_empty()) {
            true => enough = middle,
            false => too_little = middle,
        }
    }
    let stepped =
        (0..8).filter_map(|down| run(too_little - 3 * down)).find(|fallbacks| !fallbacks.is_empty());
    let stepped = stepped.unwrap_or_else(|| panic!("below {enough} MiB it never finishes"));
    assert!(stepped[0].contains("out of memory on cpu"), "{stepped:?}");
    println!("at {enough} MiB it goes as planned, below it steps down: {stepped:#?}");
}

#[test]
fn a_single_picture_is_drawn_in_less_memory_too() {
    let place = place("picture");
    let line = "image --prompt snow --size 160x288 --inference-steps 1 --device cpu -o snow.png";
    let output = make(&place, line, "store", "memory.held:refuse@51000000");
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(
        said(&output).contains("going on at 160x288, with one part loaded at a time"),
        "{}",
        said(&output)
    );
    assert!(place.path("snow.png").is_file());
}

#[test]
fn steps_are_taken_one_after_the_other_until_it_fits() {
    let place = place("steps");
    let line = "generate scripts/film.md -o film.mp4 --device cpu --stop-after images \
        --set images.inference_steps=1 --set images.guidance_scale=3";
    let steps = [
        "with one part loaded at a time",
        "with one row of guidance at a time",
        "with each part in pieces of at most",
        "in a smaller size",
    ];
    // From where all of it is loaded, down to where only a smaller picture does.
    for megabytes in (28..60).rev().step_by(2) {
        let store = format!("store-{megabytes}");
        let output = make(&place, line, &store, &format!("memory.held:refuse@{megabytes}000000"));
        let told = said(&output);
        assert_eq!(output.status.code(), Some(0), "in {megabytes} MB:\n{told}");
        if steps.iter().all(|step| told.contains(step)) {
            let lines: Vec<&str> = told.lines().filter(|line| line.contains("going on at")).collect();
            assert!(lines.last().is_some_and(|line| line.ends_with(steps[3])), "{lines:#?}");
            let again: std::collections::BTreeSet<_> = lines.iter().collect();
            assert_eq!(again.len(), lines.len(), "nothing is tried twice");
            return;
        }
    }
    panic!("no limit was low enough for all steps");
}
