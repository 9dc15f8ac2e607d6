//! Signals, deadlines, and two runs at once.

use std::{
    fs,
    process::{Child, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

use super::program::{Place, number};

fn spawn(place: &Place, line: &str) -> Child {
    place.shortform(line).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

#[test]
fn a_signal_ends_it_soon_and_the_same_command_goes_on() {
    let place = Place::new("signal");
    place.scripts(6);
    for (signal, after) in [(Signal::INT, 300), (Signal::TERM, 900), (Signal::TERM, 1500)] {
        let mut run = spawn(&place, "batch scripts -o out");
        sleep(Duration::from_millis(after));
        if run.try_wait().unwrap().is_some() {
            break;
        }
        let asked = Instant::now();
        kill_process(Pid::from_child(&run), signal).unwrap();
        let status = run.wait().unwrap();
        let took = asked.elapsed();
        assert!(took < Duration::from_secs(8), "it went on for {took:?}");
        assert!(matches!(status.code(), None | Some(130)), "{status}");
    }
    place.ends("batch scripts -o out", 0);
    assert_eq!(place.videos("out").len(), 6);
    place.is_tidy("out");
}

#[test]
fn a_second_run_in_the_same_folder_is_refused() {
    let place = Place::new("locked");
    place.scripts(6);
    let mut run = spawn(&place, "batch scripts -o out --draft");
    while !place.path("out/.shortform/journal.jsonl").is_file() {
        sleep(Duration::from_millis(5));
    }
    let said = place.ends("batch scripts -o out --draft", 1);
    assert!(said.contains("another batch is writing into out"), "{said}");
    run.kill().unwrap();
    run.wait().unwrap();
    // The kernel gave the lock back: nothing has to be cleared away.
    place.ends("batch scripts -o out --draft", 0);
}

#[test]
fn the_deadline_ends_it_and_the_next_night_goes_on() {
    let place = Place::new("deadline");
    place.scripts(12);
    let said = place.ends("batch scripts -o out --deadline 1s", 7);
    assert!(said.contains("the time was up"), "{said}");
    let report = place.report("out");
    assert!(report["totals"]["left"].as_u64().unwrap() > 0, "{report}");
    assert_eq!(report["runs"][0]["stopped"], "deadline");
    place.ends("batch scripts -o out --draft", 0);
}

#[test]
fn the_most_urgent_comes_first() {
    let place = Place::new("priority");
    place.scripts(3);
    let list = "script,priority\nscripts/s000.md,1\nscripts/s001.md,3\nscripts/s002.md,2\n";
    fs::write(place.path("list.csv"), list).unwrap();
    let (events, code) = place.events("batch list.csv -o out --draft --jobs 1 --encoders 1");
    assert_eq!(code, Some(0));
    let order: Vec<_> = events
        .iter()
        .filter(|event| event["event"] == "video-finished")
        .map(|event| event["video"].as_str().unwrap())
        .collect();
    assert_eq!(order, ["s001", "s002", "s000"]);
}

#[test]
fn memory_does_not_grow_from_video_to_video() {
    let place = Place::new("memory");
    // With pictures by a model: SHORTFORM_TEST_SCRIPTS=100 SHORTFORM_TEST_MODELS=1.
    let (count, models) = (number("SCRIPTS", 20).max(20), number("MODELS", 0) > 0);
    place.scripts(count);
    let manner = if models { "--set images.inference_steps=1" } else { "--draft" };
    let (events, code) = place.events(&format!("batch scripts -o out --jobs 1 {manner}"));
    assert_eq!(code, Some(0));
    let after: Vec<u64> = events
        .iter()
        .filter(|event| {
            event["happened"]["event"] == "stage-finished" && event["happened"]["stage"] == "video"
        })
        .map(|event| event["happened"]["memory"]["resident"].as_u64().unwrap())
        .collect();
    assert_eq!(after.len() as u64, count);
    // The first ones fill the allocator's pools.
    let fifth = (count / 5) as usize;
    let most = |part: &[u64]| part.iter().copied().max().unwrap() as f64;
    let (first, last) = (most(&after[..fifth]), most(&after[after.len() - fifth..]));
    println!("{count} videos: {:.3} times the memory at the end, {:.0} MiB", last / first, last / 1048576.0);
    // Twenty are too few for a twentieth; a hundred are not.
    let limit = if count >= 100 { 1.05 } else { 1.25 };
    assert!(last <= first * limit, "{after:?}");
    if models {
        // Waves of 2, 4, 8, 16, ...: a process each, which begins anew.
        let report = place.report("out");
        let run = &report["runs"][0];
        let peaks: Vec<u64> =
            run["held"].as_array().unwrap().iter().map(|held| held["peak"].as_u64().unwrap()).collect();
        let (first, last) = (most(&peaks[..peaks.len() / 2]), most(&peaks[peaks.len() / 2..]));
        println!("models: {:.3} times, {:.0} MiB; waves of {}", last / first, last / 1048576.0, run["waves"]);
        assert!(last <= first * limit, "{peaks:?}");
        assert_eq!(run["renewed"], 0, "it seemed to grow within a wave");
    }
}
