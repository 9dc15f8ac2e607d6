//! What a batch makes, and what it does not make twice.

use std::{fs, time::Instant};

use super::program::{Place, steps};

#[test]
fn a_folder_becomes_videos_and_a_bad_script_only_itself() {
    let place = Place::new("folder");
    place.scripts(2);
    fs::write(place.path("scripts/bad.md"), "---\nvoice: nobody\n---\nHello.\n").unwrap();
    let said = place.ends("batch scripts -o out --draft", 7);
    assert!(said.contains("1 of 3 videos are not there"), "{said}");
    assert_eq!(place.videos("out").keys().collect::<Vec<_>>(), ["s000", "s001"]);
    for ending in ["mp4", "json", "srt", "vtt", "jpg"] {
        assert!(place.path(&format!("out/s000/s000.{ending}")).is_file(), "{ending}");
    }
    let report = place.report("out");
    assert_eq!(report["totals"], serde_json::json!({ "failed": 1, "made": 2 }));
    assert_eq!(report["videos"][0]["id"], "bad");
    assert!(report["videos"][0]["failure"]["message"].as_str().unwrap().contains("nobody"), "{report}");
    assert!(report["videos"][1]["loudness"]["integrated_lufs"].is_number());
    place.is_tidy("out");

    let said = place.ends("batch scripts -o out --draft --fail-fast", 7);
    assert!(said.contains("2 reused"), "{said}");
    fs::remove_file(place.path("scripts/bad.md")).unwrap();
    place.ends("batch scripts -o out --draft", 0);
    assert_eq!(place.report("out")["totals"], serde_json::json!({ "reused": 2 }));
}

#[test]
fn one_sentence_changed_is_one_sentence_made() {
    let place = Place::new("sentence");
    place.script("one", &["The sea is wide today and the waves are high.", "The castle is very old."]);
    place.script("two", &["A river runs through the forest.", "The city sleeps."]);
    let line = "batch scripts -o out --set scenes.seconds=[1,3]";
    let (events, code) = place.events(line);
    assert_eq!(code, Some(0));
    let first = steps(&events, None);
    place.script("one", &["The sea is wide today and the waves are high.", "The train is very old."]);
    let (events, code) = place.events(line);
    assert_eq!(code, Some(0));
    assert_eq!(steps(&events, Some("two")), Default::default(), "the other video is not looked at again");
    let again = steps(&events, Some("one"));
    assert_eq!(again["narration"][0], 1, "{first:?} {again:?}");
    assert_eq!(again["images"][0], 1, "{again:?}");
    assert_eq!(again["upscale"][0], 1, "{again:?}");
    assert_eq!(again["video"], [1, 0], "{again:?}");
}

#[test]
fn every_video_is_what_it_would_be_alone() {
    let place = Place::new("alone");
    place.scripts(3);
    place.ends("batch scripts -o out", 0);
    let together = place.videos("out");
    assert_eq!(together.len(), 3);
    for (name, bytes) in together {
        let line = format!("generate scripts/{name}.md -o alone-{name}.mp4 --cache-dir apart");
        place.ends(&line, 0);
        assert!(fs::read(place.path(&format!("alone-{name}.mp4"))).unwrap() == bytes, "{name} differs");
    }
    assert_eq!(
        place.report("out")["runs"][0]["waves"],
        serde_json::json!([2, 1]),
        "models loaded once a wave"
    );
}

#[test]
fn platforms_of_one_script_share_all_but_the_file() {
    let place = Place::new("platforms");
    place.script(
        "tale",
        &["The sea is wide and the sky is dark tonight.", "A lighthouse stands on the cliff."],
    );
    let other = fs::read_to_string(place.path("config/shortform/platforms/small.yaml")).unwrap();
    fs::write(
        place.path("config/shortform/platforms/other.yaml"),
        other.replace("name: small", "name: other").replace("value: 400000", "value: 500000"),
    )
    .unwrap();
    fs::write(
        place.path("list.yaml"),
        "- script: scripts/tale.md\n  platforms: [small, other]\n  priority: 1\n",
    )
    .unwrap();
    let (events, code) = place.events("batch list.yaml -o out --jobs 1");
    assert_eq!(code, Some(0));
    let made = steps(&events, None);
    assert_eq!(place.videos("out").keys().collect::<Vec<_>>(), ["tale-other", "tale-small"]);
    let one = steps(&events, Some("tale-small"));
    assert_eq!(made["narration"][0], one["narration"][0] + one["narration"][1], "spoken once: {made:?}");
    let drawn: usize = ["tale-small", "tale-other"]
        .iter()
        .map(|video| steps(&events, Some(video)).get("images").map_or(0, |images| images[0]))
        .sum();
    let scenes = place.report("out")["videos"][0]["stages"][2].clone();
    assert_eq!(
        drawn,
        (scenes["made"].as_u64().unwrap() + scenes["hits"].as_u64().unwrap()) as usize,
        "{made:?}"
    );
    assert_eq!(made["video"][0], 2);
}

#[test]
fn shards_make_everything_once_and_report_together() {
    let place = Place::new("shards");
    place.scripts(5);
    for part in 1..=2 {
        place.ends(&format!("batch scripts -o out --draft --shard {part}/2"), 0);
    }
    assert_eq!(place.videos("out").len(), 5);
    place.ends("report out", 0);
    let report = place.report("out");
    assert_eq!(report["totals"], serde_json::json!({ "made": 5 }));
    assert_eq!(report["runs"].as_array().unwrap().len(), 2);
    // As Slurm runs each task of an array: the line in a shell, and who is who in variables.
    for task in 1..=3 {
        let output = place
            .under("sh", &["-c", "exec \"$@\"", "sh"], "batch scripts -o array --draft")
            .env("SLURM_ARRAY_TASK_ID", task.to_string())
            .env("SLURM_ARRAY_TASK_MIN", "1")
            .env("SLURM_ARRAY_TASK_COUNT", "3")
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", super::program::said(&output));
    }
    assert_eq!(place.videos("array"), place.videos("out"));
    // As a cluster says it, each machine with a disk of its own.
    for index in 0..2 {
        let line = format!("batch scripts -o node{index} --draft --shard /2");
        let output = place.shortform(&line).env("JOB_COMPLETION_INDEX", index.to_string()).output().unwrap();
        assert!(output.status.success());
    }
    assert_eq!(place.videos("node0").len() + place.videos("node1").len(), 5);
    place.ends("report node0 node1", 0);
    assert_eq!(place.report("node0")["totals"], serde_json::json!({ "made": 5 }));
    place.ends("report scripts", 4);
}

#[test]
fn what_cannot_be_meant_is_said() {
    let place = Place::new("wrong");
    place.script("same", &["One."]);
    fs::create_dir(place.path("more")).unwrap();
    fs::write(place.path("more/same.md"), "Two.").unwrap();
    fs::write(place.path("file"), "no folder").unwrap();
    for (line, code, text) in [
        ("batch scripts more -o out", 3, "two videos would be called `same`"),
        ("batch absent -o out", 3, "there is no file or folder absent"),
        ("batch store* -o out", 3, "no file matches"),
        ("batch scripts -o out --shard 4/2", 2, "there is no part 4 of 2"),
        ("batch scripts -o out --deadline soon", 2, "write a time of day"),
        ("batch scripts -o file/out --draft", 1, "cannot make the folder"),
    ] {
        let said = place.ends(line, code);
        assert!(said.contains(text), "{line}: {said}");
    }
}

#[test]
fn an_unchanged_second_run_takes_no_time() {
    let place = Place::new("again");
    let count = super::program::number("SCRIPTS", 8);
    place.scripts(count);
    place.ends("batch scripts -o out --draft", 0);
    let begun = Instant::now();
    let (events, code) = place.events("batch scripts -o out --draft");
    let took = begun.elapsed().as_secs_f64();
    assert_eq!(code, Some(0));
    assert_eq!(steps(&events, None), Default::default());
    let reused = events.iter().filter(|event| event["event"] == "video-reused").count();
    assert_eq!(reused as u64, count);
    println!("{count} videos again: {took:.2} s");
    assert!(took < 2.0_f64.max(count as f64 * 0.02), "{took} s");
}

#[test]
fn a_thousand_scripts_are_planned() {
    let place = Place::new("plan");
    place.scripts(1000);
    let begun = Instant::now();
    let output = place.run("plan scripts --draft --json");
    assert!(output.status.success(), "{}", super::program::said(&output));
    assert_eq!(String::from_utf8(output.stdout).unwrap().lines().count(), 1000);
    println!("1000 scripts planned in {:.1} s", begun.elapsed().as_secs_f64());
}

#[test]
fn the_store_says_why_something_was_made_again() {
    let place = Place::new("explain");
    place.script("one", &["The sea is wide."]);
    place.ends("batch scripts -o out --draft --stop-after narration", 0);
    place.ends("batch scripts -o out --draft --stop-after narration --set narration.rate=1.2", 0);
    let list = place.ends("cache explain", 0);
    let key = list.lines().find(|line| line.ends_with("narration")).unwrap();
    let told = place.ends(&format!("cache explain {}", key.split(' ').next().unwrap()), 0);
    assert!(told.contains("differs in 1 place"), "{told}");
    assert!(told.lines().last().unwrap().contains("rate"), "{told}");
    place.ends("cache explain 123456789", 4);
}
