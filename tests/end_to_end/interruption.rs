//! Ctrl-C ends a run soon, and leaves nothing half done.
#![cfg(unix)]

use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::process::ExitStatusExt,
    path::Path,
    process::{ExitStatus, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

use super::program::{folder, shortform, words};

const SCRIPT: &str = "\
The sea is wide. Waves roll over the sea. A ship sails towards the harbour.

The mountains are high. Snow lies on the mountains. A river runs down to the forest.

The city never sleeps. Cars drive along the street. Lights shine in the night.
";

#[test]
fn ctrl_c_ends_it_within_two_seconds_at_any_moment() {
    // Moments that fall into narration, images, and, drafted, into the encoding.
    for (name, arguments, after) in [
        ("at once", "", Duration::from_millis(100)),
        ("speaking", "", Duration::from_millis(700)),
        ("drawing", "", Duration::from_secs(4)),
        ("encoding", "--draft", Duration::from_millis(2500)),
    ] {
        let folder = folder(&format!("interrupted {name}"));
        fs::write(folder.join("long.md"), SCRIPT.repeat(6)).unwrap();
        let mut command = shortform(&folder);
        command.args(words("generate long.md -o long.mp4")).args(words(arguments));
        let mut run = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        sleep(after);
        assert!(run.try_wait().unwrap().is_none(), "{name}: it ended before it was interrupted");

        let asked = Instant::now();
        kill_process(Pid::from_child(&run), Signal::INT).unwrap();
        let status = run.wait().unwrap();
        let took = asked.elapsed();
        assert!(is_interrupted(status), "{name}: {status}");
        assert!(took < Duration::from_secs(2), "{name}: it went on for {took:?}");

        let names: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(names.iter().all(|name| name == "long.md" || name == "store"), "{name} leaves {names:?}");
    }
}

#[test]
fn ctrl_c_ends_a_decoding_between_two_bands() {
    let folder = folder("interrupted decoding");
    let model = folder.join("models/velocity");
    for part in ["shared", "velocity"] {
        copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/diffusion").join(part), &model);
    }
    let mut command = shortform(&folder);
    command
        .args(words("image --model velocity --models-dir models --size 360x640 --inference-steps 1 --json"))
        .args(words("--set memory.offload=sequential --set memory.vae_tiling=exact -o picture.png"))
        .args(["--prompt", "a lighthouse in the snow"]);
    let mut run = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut told = BufReader::new(run.stdout.take().unwrap()).lines().map(Result::unwrap);
    let begun = told.find(|line| line.contains("bands decoded") && line.contains(r#""done":1,"#));
    assert!(begun.is_some(), "no band was told of");
    kill_process(Pid::from_child(&run), Signal::INT).unwrap();

    // It ends of itself: what ends it after a while does not know of bands.
    let last = told.last().unwrap();
    assert!(last.contains("cancelled after") && last.contains("bands decoded"), "{last}");
    assert_eq!(run.wait().unwrap().code(), Some(130));
    assert!(!folder.join("picture.png").exists());
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &to),
            false => drop(fs::copy(entry.path(), to).unwrap()),
        }
    }
}

/// Exit code 130, or, before the program listens for it, the signal itself: which shells call 130.
fn is_interrupted(status: ExitStatus) -> bool {
    status.code() == Some(130) || status.signal() == Some(Signal::INT.as_raw())
}
