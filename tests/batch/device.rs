//! The process that draws dies, hangs and dies again.

use std::{
    fs,
    io::{BufRead, BufReader},
    process::{Child, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::program::Place;

/// The child process that draws, if there is one now.
fn device_of(run: &Child) -> Option<Pid> {
    let tasks = fs::read_dir(format!("/proc/{}/task", run.id())).ok()?;
    let children = tasks.flatten().filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    let pids: Vec<i32> = children
        .flat_map(|text| text.split_whitespace().map(|pid| pid.parse().unwrap()).collect::<Vec<_>>())
        .collect();
    pids.first().and_then(|pid| Pid::from_raw(*pid))
}

/// Runs a batch and lets `meddle` do something to the device's process at each event.
fn meddled(place: &Place, line: &str, mut meddle: impl FnMut(&Value, &Child)) -> (Vec<Value>, Option<i32>) {
    let mut run = place
        .shortform(&format!("{line} --json"))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(run.stdout.take().unwrap());
    let mut events = Vec::new();
    for line in lines.lines() {
        let event: Value = serde_json::from_str(&line.unwrap()).unwrap();
        meddle(&event, &run);
        events.push(event);
    }
    (events, run.wait().unwrap().code())
}

fn is_drawing(event: &Value) -> bool {
    event["happened"]["stage"] == "images" && event["happened"]["what"] == "progress"
}

fn signal(run: &Child, signal: Signal) {
    if let Some(device) = device_of(run) {
        // It may have ended meanwhile.
        let _ = kill_process(device, signal);
    }
}

fn deaths(events: &[Value]) -> Vec<&str> {
    events
        .iter()
        .filter(|event| event["event"] == "device-died")
        .map(|event| event["why"].as_str().unwrap())
        .collect()
}

#[test]
fn a_death_costs_one_step_and_changes_nothing() {
    let whole = Place::new("alive");
    whole.scripts(3);
    whole.ends("batch scripts -o out", 0);
    let place = Place::new("died");
    place.scripts(3);
    let (mut drawn, mut killed) = (0, false);
    let (events, code) = meddled(&place, "batch scripts -o out", |event, run| {
        drawn += usize::from(event["happened"]["what"] == "step" && event["happened"]["stage"] == "images");
        // After the first picture, so that the next process has one to try the device with.
        if drawn >= 1 && is_drawing(event) && !killed {
            killed = true;
            signal(run, Signal::KILL);
        }
    });
    assert_eq!(code, Some(0));
    assert!(
        deaths(&events)[..]
            == ["the process that draws was killed by signal 9; perhaps the system ran out of memory"],
        "{:?}",
        deaths(&events)
    );
    assert_eq!(place.videos("out"), whole.videos("out"));
    let failed = events.iter().filter(|event| event["event"] == "video-failed").count();
    assert_eq!(failed, 0);
}

#[test]
fn a_hang_is_noticed() {
    let place = Place::new("hung");
    place.scripts(1);
    let mut stopped = false;
    let (events, code) = meddled(&place, "batch scripts -o out --watchdog 2", |event, run| {
        if is_drawing(event) && event["happened"]["done"].as_u64() >= Some(2) && !stopped {
            stopped = true;
            signal(run, Signal::STOP);
        }
    });
    assert_eq!(code, Some(0));
    assert!(deaths(&events)[0].contains("said nothing for "), "{:?}", deaths(&events));
    assert_eq!(place.videos("out").len(), 1);
}

#[test]
fn what_kills_it_twice_is_set_aside_and_a_dead_device_is_left_alone() {
    let place = Place::new("poison");
    place.scripts(2);
    // The first picture kills every process that draws it.
    let (events, code) = meddled(&place, "batch scripts -o out", |event, run| {
        if is_drawing(event) {
            signal(run, Signal::KILL);
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    assert_eq!(code, Some(7));
    assert_eq!(deaths(&events).len(), 3, "{:?}", deaths(&events));
    let failures: Vec<_> = events
        .iter()
        .filter(|event| event["event"] == "video-failed")
        .map(|event| event["message"].as_str().unwrap())
        .collect();
    assert!(failures[0].contains("twice: it is set aside"), "{failures:?}");
    assert!(failures[1].contains("the device is no longer used"), "{failures:?}");
    // The next night, with a device that works.
    place.ends("batch scripts -o out", 0);
}
