//! Several deliveries of one edit.

use std::fs;

use super::program::{fail, ffprobe, folder, shortform, succeed, words};

#[test]
fn one_edit_is_delivered_in_several_shapes_and_drawn_once() {
    let folder = folder("deliveries");
    fs::write(folder.join("film.md"), "A lighthouse stands on the cliff. Its beam crosses the sea.\n")
        .unwrap();
    let mut generate = shortform(&folder);
    generate.args(words("generate film.md -o out/ --draft --set video.quality=draft"));
    succeed(generate.args(["--set", "deliver=[reels 4:5, 16:9]"]));
    let described = |name: &str| -> serde_json::Value {
        serde_json::from_slice(&fs::read(folder.join(format!("out/{name}.json"))).unwrap()).unwrap()
    };
    for (name, platform, size) in [
        ("film", "tiktok", (1080, 1920)),
        ("film-reels-4x5", "reels", (1080, 1350)),
        ("film-16x9", "tiktok", (1920, 1080)),
    ] {
        let video = folder.join(format!("out/{name}.mp4"));
        let stream = &ffprobe(&video, "-show_streams -select_streams v")["streams"][0];
        assert_eq!((&stream["width"], &stream["height"]), (&size.0.into(), &size.1.into()), "{name}");
        let said = described(name);
        assert_eq!(said["platform"], platform);
        assert_eq!(said["frame_size"], format!("{}x{}", size.0, size.1));
        assert_eq!(said["narration"], described("film")["narration"], "{name} is another edit");
        for stage in said["stages"].as_array().unwrap() {
            let shared = ["narration", "images", "upscale"].contains(&stage["stage"].as_str().unwrap());
            let made = stage["made"].as_u64().unwrap();
            assert!(name == "film" || !shared || made == 0, "{name} made again: {stage}");
        }
        for ending in ["srt", "vtt", "jpg"] {
            assert!(folder.join(format!("out/{name}.{ending}")).is_file(), "{name}.{ending}");
        }
        let mut verify = shortform(&folder);
        succeed(verify.args(words("verify --platform")).arg(platform).arg(&video));
    }
    let mut wrong = shortform(&folder);
    let said = fail(wrong.args(words("generate film.md --draft --platform shorts --format 9:16,16:9")), 3);
    assert!(said.contains("`shorts 16:9`") || said.contains("16:9"), "{said}");
    assert!(said.contains("does not take") && said.contains("9:16, 4:5, 1:1"), "{said}");
}
