//! Two devices at the same time: here the processor twice.

use std::{collections::BTreeMap, fs};

use super::program::{Place, said};

const LINE: &str =
    "generate scripts/film.md --stop-after images --set images.inference_steps=2 --set images.size=96x160";

/// The pictures of a run, by their names, and what it said.
fn pictures(place: &Place, folder: &str, line: &str) -> (BTreeMap<String, Vec<u8>>, String) {
    let _ = fs::remove_dir_all(place.path("store"));
    fs::create_dir_all(place.path(folder)).unwrap();
    let output = place.shortform(&format!("{LINE} -o {folder}/film.mp4 {line}")).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let files = fs::read_dir(place.path(folder)).unwrap().map(|entry| entry.unwrap().path());
    let pictures = files.filter(|path| path.extension().is_some_and(|ending| ending == "png"));
    let named = pictures
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read(&path).unwrap()));
    (named.collect(), said(&output))
}

#[test]
fn two_devices_share_the_pictures_and_draw_what_one_does() {
    let place = Place::new("shared");
    place
        .script("film", &["The sea is wide.", "A forest is near.", "The castle is old.", "A river is long."]);
    let (one, _) = pictures(&place, "one", "--device cpu");
    assert!(one.len() > 1, "{:?}", one.keys());
    let (two, told) = pictures(&place, "two", "--device cpu,cpu --set memory.share=pictures");
    assert_eq!(one, two);
    assert!(
        told.contains("at the same time on cpu twice, ") && told.contains("every other picture"),
        "{told}"
    );
    assert!(told.contains("this process is expected to take"), "{told}");
    let (apart, told) = pictures(&place, "apart", "--device cpu,cpu --set memory.share=parts");
    assert_eq!(one, apart);
    assert!(told.contains("in turn on cpu, ") && told.contains("all else on the second"), "{told}");
    // A second device that finds no room is no reason to fail where the first one steps down.
    let (tight, told) =
        pictures(&place, "tight", "--device cpu,cpu --set memory.share=pictures --memory-budget 300MiB");
    assert_eq!(one.keys().collect::<Vec<_>>(), tight.keys().collect::<Vec<_>>(), "{told}");
}

#[test]
fn what_two_devices_take_is_planned_before() {
    let place = Place::new("planned");
    place.script("film", &["The sea is wide."]);
    let plan = |share: &str| {
        let line = format!("plan scripts/film.md --device cpu,cpu --set memory.share={share}");
        said(&place.shortform(&line).output().unwrap())
    };
    assert!(plan("guidance").contains("one half of guidance each"), "{}", plan("guidance"));
    assert!(plan("pictures").contains("every other picture each"), "{}", plan("pictures"));
    assert!(plan("parts").contains("the denoiser on the first"), "{}", plan("parts"));
}
