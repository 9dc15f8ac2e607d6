//! kill -9 at any instant, as often as one likes.

use std::{
    fs,
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use super::program::{Place, number};
use shortform::run::batch::{Told, read_journal};

#[test]
fn killed_at_any_instant_it_goes_on_and_ends_the_same() {
    let (scripts, kills) = (number("SCRIPTS", 4), number("KILLS", 8));
    let whole = Place::new("whole");
    whole.scripts(scripts);
    let begun = Instant::now();
    whole.ends("batch scripts -o out --draft --jobs 2", 0);
    let took = begun.elapsed();
    let expected = whole.videos("out");
    let needed = made(&whole);

    let place = Place::new("killed");
    place.scripts(scripts);
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let (mut killed, mut steps, mut runs) = (0, 0, 0);
    // Instants spread over what a run takes, so that every stage is hit; each run gets a little further.
    while killed < kills {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let mut run = place
            .shortform("batch scripts -o out --draft --jobs 2")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let share = took / (kills as u32).max(4) * 4;
        thread::sleep(share.mul_f64((random % 1000) as f64 / 1000.0) + Duration::from_millis(5));
        if run.try_wait().unwrap().is_some() {
            // It got through: the kills go on with a fresh store and fresh outputs.
            runs += 1;
            assert_eq!(place.videos("out"), expected);
            steps += made(&place);
            fs::remove_dir_all(place.path("out")).unwrap();
            fs::remove_dir_all(place.path("store")).unwrap();
            continue;
        }
        run.kill().unwrap();
        run.wait().unwrap();
        killed += 1;
        journal_is_readable(&place);
    }
    place.ends("batch scripts -o out --draft --jobs 2", 0);
    assert!(place.videos("out") == expected, "a video differs from the one made without being killed");
    steps += made(&place);
    runs += 1;
    println!("{killed} kills over {runs} batches of {scripts}: {steps} steps made, {} needed", runs * needed);
    // A step in flight is made again; two are in flight on the CPU lane and one on the encoder's.
    assert!(steps <= runs * needed + 3 * kills as usize);
    place.is_tidy("out");
    let stat = place.ends("cache stat --json", 0);
    assert!(stat.contains("\"quarantined\":0"), "{stat}");
}

/// Steps made by all runs in this place, as its journal says.
fn made(place: &Place) -> usize {
    let (lines, _) = read_journal(&place.path("out/.shortform/journal.jsonl")).unwrap();
    let is_made = |told: &Told| {
        let text = serde_json::to_value(told).unwrap();
        text["happened"]["what"] == "step" && text["happened"]["hit"] == false
    };
    lines.iter().filter(|line| is_made(&line.told)).count()
}

fn journal_is_readable(place: &Place) {
    let path = place.path("out/.shortform/journal.jsonl");
    let (lines, torn) = read_journal(&path).unwrap();
    let killed = lines.iter().filter(|line| matches!(line.told, Told::BatchStarted { .. })).count();
    assert!(torn <= killed.max(1), "{torn} torn lines in {killed} runs");
}

#[test]
fn every_changed_bit_of_an_output_is_seen_and_mended() {
    let place = Place::new("flipped");
    place.scripts(3);
    place.ends("batch scripts -o out --draft", 0);
    let expected = place.videos("out");
    for round in 0..4_u64 {
        let mut broken = 0;
        for (at, name) in expected.keys().enumerate() {
            let ending = ["mp4", "jpg", "srt", "json"][(round as usize + at) % 4];
            let path = place.path(&format!("out/{name}/{name}.{ending}"));
            let mut bytes = fs::read(&path).unwrap();
            if (round + at as u64).is_multiple_of(3) {
                bytes.truncate(bytes.len() * 2 / 3);
            } else {
                let bit = (round * 7919 + at as u64 * 104_729) as usize % (bytes.len() * 8);
                bytes[bit / 8] ^= 1 << (bit % 8);
            }
            fs::write(&path, bytes).unwrap();
            broken += 1;
        }
        // Objects of the store too: what they belong to is made again.
        let object = fs::read_dir(place.path("store/v1/cas")).unwrap().next().unwrap().unwrap().path();
        let object = fs::read_dir(object).unwrap().next().unwrap().unwrap().path();
        let mut bytes = fs::read(&object).unwrap();
        bytes[0] ^= 1;
        fs::remove_file(&object).unwrap();
        fs::write(&object, bytes).unwrap();
        let (events, code) = place.events("batch scripts -o out --draft");
        assert_eq!(code, Some(0), "round {round}: {}", events.last().unwrap());
        let finished = events.iter().filter(|event| event["event"] == "video-finished").count();
        assert_eq!(finished, broken, "round {round}");
        assert_eq!(place.videos("out"), expected, "round {round}");
    }
}

#[test]
fn two_batches_share_one_store() {
    let place = Place::new("shared");
    place.scripts(4);
    let spawn = |out: &str| {
        place
            .shortform(&format!("batch scripts -o {out} --draft"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    };
    let mut runs = [spawn("one"), spawn("two")];
    assert!(runs.iter_mut().all(|run| run.wait().unwrap().success()));
    assert_eq!(place.videos("one"), place.videos("two"));
    // Two of the same step were never made: each object was made for one of the two.
    let made_in = |out: &str| {
        let (lines, _) = read_journal(&place.path(&format!("{out}/.shortform/journal.jsonl"))).unwrap();
        let videos = lines.iter().filter_map(|line| {
            let text = serde_json::to_value(&line.told).unwrap();
            (text["happened"]["stage"] == "video" && text["happened"]["hit"] == false).then_some(())
        });
        videos.count()
    };
    assert_eq!(made_in("one") + made_in("two"), 4);
}
