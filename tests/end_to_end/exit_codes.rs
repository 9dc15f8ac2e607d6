//! Each kind of failure has its documented exit code, and a message that names the remedy.

use std::{fs, process::Command};

use super::program::{fail, folder, shortform, succeed, words};

#[test]
fn a_wrong_command_line_is_2() {
    let folder = folder("usage");
    fail(&mut shortform(&folder), 2);
    fail(shortform(&folder).arg("genrate"), 2);
    fail(shortform(&folder).args(words("generate sea.md --colour red")), 2);
    fail(shortform(&folder).args(["generate", "The sea is wide.", "--set", "images.model"]), 2);
    fail(shortform(&folder).args(["generate", "The sea is wide.", "-o", "sea.avi"]), 2);
}

#[test]
fn an_invalid_script_preset_or_pipeline_is_3() {
    let folder = folder("invalid");
    fs::write(folder.join("wrong.yaml"), "version: 1\nstages:\n  - imagse: { model: pocket }\n").unwrap();
    let generate = |arguments: &[&str]| {
        fail(shortform(&folder).args(["generate", "The sea is wide.", "-o", "sea.mp4"]).args(arguments), 3)
    };
    assert!(generate(&["--pipeline", "wrong.yaml"]).contains("images"), "the nearest right name");
    assert!(generate(&["--style", "cinematik"]).contains("cinematic"), "the nearest right name");
    assert!(generate(&["--set", "images.inference_steps=0"]).contains("inference_steps"));
    fail(shortform(&folder).args(words("generate missing.md")), 3);
    fail(shortform(&folder).args(words("check wrong.yaml")), 3);
}

#[test]
fn something_missing_is_4() {
    let folder = folder("missing");
    let generate =
        ["generate", "The sea is wide, and nobody has ever seen the whole of it at once.", "-o", "sea.mp4"];
    let said = fail(shortform(&folder).args(generate).env("ORT_DYLIB_PATH", "/nonexistent"), 4);
    assert!(said.contains("just setup"), "{said}");
    let said = fail(shortform(&folder).args(generate).args(["--set", "images.model=nowhere"]), 4);
    assert!(said.contains("nowhere"), "{said}");
    assert!(!folder.join("sea.mp4").exists());
}

#[test]
fn a_video_that_breaks_the_rules_is_8() {
    let folder = folder("rejected");
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(words(
        "-v error -f lavfi -i testsrc=size=320x240:rate=25:duration=2 -f lavfi -i sine=duration=2",
    ));
    succeed(ffmpeg.args(words("-c:v libx264 -pix_fmt yuv420p -c:a aac -y")).arg(folder.join("small.mp4")));
    let said = fail(shortform(&folder).args(words("verify small.mp4 --platform tiktok")), 8);
    assert!(said.contains("320x240"), "{said}");
}

#[test]
fn a_finished_video_passes_the_check_of_its_platform() {
    let film = super::film::Film::captioned();
    let folder = film.video.parent().unwrap();
    succeed(shortform(folder).args(words("verify film.mp4 --platform tiktok")));
}
