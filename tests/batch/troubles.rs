//! Disks that are full or may not be written, models that vanish, clocks that go back, broken stores.

use std::{fs, process::Command};

use shortform::digest::Digest;

use super::program::{Place, said};

const LINE: &str = "batch scripts -o out --draft";

/// Runs a batch where `mounts` were made first, which nobody else sees; what lies in `out` and `store` is kept
/// as `out` and `store` behind them. Nothing where the system allows no such thing.
fn confined(place: &Place, mounts: &str) -> Option<(i32, String)> {
    let allowed = Command::new("unshare").args(["-rm", "true"]).status().is_ok_and(|status| status.success());
    if !allowed {
        println!("nothing can be mounted here: not tried");
        return None;
    }
    let script = format!(
        "set -e; {mounts}; set +e; \"$@\"; code=$?; rm -rf kept; mkdir kept; cp -a out store kept; exit $code"
    );
    let output = place.under("unshare", &["-rm", "sh", "-c", &script, "sh"], LINE).output().unwrap();
    for folder in ["out", "store"] {
        let kept = place.path("kept").join(folder);
        if kept.is_dir() {
            fs::remove_dir_all(place.path(folder)).unwrap();
            fs::rename(kept, place.path(folder)).unwrap();
        }
    }
    Some((output.status.code().unwrap(), said(&output)))
}

#[test]
fn a_full_disk_costs_what_does_not_fit_and_nothing_else() {
    let whole = Place::new("roomy disk");
    whole.scripts(4);
    whole.ends(LINE, 0);
    let expected = whole.videos("out");
    for (folder, size) in [("out", "200k"), ("store", "400k")] {
        let place = Place::new(&format!("full {folder}"));
        place.scripts(4);
        fs::create_dir_all(place.path("out")).unwrap();
        fs::create_dir_all(place.path("store")).unwrap();
        let Some((code, said)) = confined(&place, &format!("mount -t tmpfs -o size={size} tmpfs {folder}"))
        else {
            return;
        };
        assert_eq!(code, 7, "{folder}: {said}");
        assert!(said.contains("no space left") || said.contains("No space left"), "{folder}: {said}");
        let there = place.videos("out");
        assert!(there.len() < 4, "{folder}: {size} were enough for all");
        assert!(there.iter().all(|(name, bytes)| expected[name] == *bytes), "{folder}: a wrong video");
        // With room again nothing is lost.
        place.ends(LINE, 0);
        assert!(place.videos("out") == expected, "{folder}");
        place.is_tidy("out");
    }
}

#[test]
fn what_may_not_be_written_is_named() {
    let place = Place::new("read-only");
    place.scripts(1);
    place.ends(LINE, 0);
    let expected = place.videos("out");
    place.scripts(2);
    for folder in ["out", "store"] {
        let mount = format!("mount --bind {folder} {folder}; mount -o remount,ro,bind {folder}");
        let Some((code, said)) = confined(&place, &mount) else { return };
        assert_eq!(code, 1, "{folder}: {said}");
        assert!(said.contains("Read-only file system") && said.contains(folder), "{folder}: {said}");
        assert!(place.videos("out") == expected, "{folder}");
    }
    place.ends(LINE, 0);
    assert_eq!(place.videos("out").len(), 2);
}

#[test]
fn a_model_that_vanishes_is_named_and_missed_no_longer_than_it_is_away() {
    let place = Place::new("vanished");
    place.scripts(2);
    let pocket = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/models/pocket");
    let copied = Command::new("cp").args(["-r", pocket]).arg(place.path("mine")).status().unwrap();
    assert!(copied.success());
    let line = "batch scripts -o out --set images.model=./mine --set images.inference_steps=2";
    place.ends(line, 0);
    let expected = place.videos("out");
    place.scripts(3);
    let (network, aside) = (place.path("mine/unet/model.onnx"), place.path("aside.onnx"));
    fs::rename(&network, &aside).unwrap();
    let said = place.ends(line, 7);
    assert!(said.contains("unet"), "{said}");
    let report = place.report("out");
    assert_eq!(report["videos"][0]["failure"]["kind"], "missing", "{report}");
    assert!(place.videos("out") == expected, "what is finished stays");
    fs::rename(&aside, &network).unwrap();
    let (events, code) = place.events(line);
    assert_eq!(code, Some(0));
    let reused = events.iter().filter(|event| event["event"] == "video-reused").count();
    assert_eq!((reused, place.videos("out").len()), (2, 3));
}

#[test]
fn a_clock_set_back_makes_nothing_again() {
    let place = Place::new("clock");
    place.scripts(2);
    // Ten days ahead, and back again.
    let output = place
        .under("faketime", &["-f", "+10d"], LINE)
        .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
        .output()
        .expect("faketime: `scripts/setup.sh --tests` installs it");
    assert!(output.status.success(), "{}", said(&output));
    let begun = |place: &Place| place.report("out")["runs"][0]["begun"].as_f64().unwrap();
    let ahead = begun(&place);
    place.scripts(3);
    let (events, code) = place.events(LINE);
    assert_eq!(code, Some(0));
    assert!(ahead - begun(&place) > 9.0 * 86_400.0, "the clock was not set back");
    let count = |what: &str| events.iter().filter(|event| event["event"] == what).count();
    assert_eq!((count("video-reused"), count("video-finished")), (2, 1));
    let run = &place.report("out")["runs"][0];
    assert!(run["seconds"].as_f64().unwrap() < 600.0, "{run}");
    assert!(run["spans"].as_array().unwrap().iter().all(|span| span["start"].as_f64().unwrap() >= 0.0));
    // What was used "in the future" is dropped last, and nothing is dropped wrongly.
    place.ends("cache prune --max-size 10GiB", 0);
    assert_eq!(place.events("batch scripts -o again --draft").1, Some(0));
    assert!(place.videos("again") == place.videos("out"));
}

#[test]
fn a_store_broken_from_end_to_end_is_made_anew_in_one_run() {
    let place = Place::new("broken store");
    place.scripts(3);
    place.ends(LINE, 0);
    let expected = place.videos("out");
    for object in super::chaos::files(&place.path("store/v1/cas")) {
        let mut bytes = fs::read(&object).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 4;
        fs::remove_file(&object).unwrap();
        fs::write(&object, bytes).unwrap();
    }
    let said = place.ends("batch scripts -o again --draft --retries 0", 0);
    assert!(place.videos("again") == expected, "a wrong video");
    assert!(said.contains("is damaged and was moved"), "{said}");
    for object in super::chaos::files(&place.path("store/v1/cas")) {
        let name = object.file_name().unwrap().to_str().unwrap().to_owned();
        assert_eq!(Digest::of_file(&object).unwrap().to_string(), name, "it is still broken");
    }
}
