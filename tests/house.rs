//! The floors of the house: imports go downward only, rooms on one floor do not know one another.

use std::{collections::BTreeSet, fs, path::Path};

const FLOORS: &[(&str, u32)] = &[
    ("cli", 7),
    ("run", 5),
    ("stages", 4),
    ("pipeline", 3),
    ("speech", 3),
    ("prompting", 3),
    ("diffusion", 3),
    ("upscale", 3),
    ("compose", 3),
    ("audio", 3),
    ("media", 3),
    ("story", 2),
    ("store", 2),
    ("models", 2),
    ("graph", 2),
    ("engine", 1),
    ("service", 1),
    ("digest", 1),
    ("kernels", 0),
];

/// A library that only these rooms may name, so that it can be changed in one place.
const CONFINED: &[(&str, &[&str])] = &[
    ("ort::", &["engine"]),
    ("ffmpeg_next", &["media"]),
    ("clap::", &["cli"]),
    ("indicatif", &["cli"]),
    // Fetching files and asking servers want different manners.
    ("reqwest", &["models", "service"]),
    ("println!", &["cli"]),
];

fn floor(room: &str) -> u32 {
    FLOORS
        .iter()
        .find(|(name, _)| *name == room)
        .unwrap_or_else(|| panic!("room `{room}` is on no floor: add it to FLOORS"))
        .1
}

fn visit(folder: &Path, see: &mut dyn FnMut(&Path, &str)) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            visit(&path, see);
        } else if path.extension().is_some_and(|e| e == "rs") {
            see(&path, &fs::read_to_string(&path).unwrap());
        }
    }
}

fn room_of(path: &Path) -> Option<String> {
    let first = path.strip_prefix("src").unwrap().components().next().unwrap();
    let name = Path::new(first.as_os_str()).file_stem().unwrap().to_str().unwrap().to_owned();
    (!matches!(name.as_str(), "lib" | "main")).then_some(name)
}

/// The room names after each `crate::` in `text`, groups like `crate::{a::b, c}` included.
fn imports(text: &str) -> BTreeSet<String> {
    let mut rooms = BTreeSet::new();
    for (at, _) in text.match_indices("crate::") {
        let rest = &text[at + "crate::".len()..];
        let mut word = |rest: &str| {
            let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            if !name.is_empty() {
                rooms.insert(name);
            }
        };
        if let Some(group) = rest.strip_prefix('{') {
            let mut depth = 0;
            let mut start = true;
            for (i, c) in group.char_indices() {
                match c {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => start = true,
                    c if c.is_whitespace() => {}
                    _ if start && depth == 0 => {
                        word(&group[i..]);
                        start = false;
                    }
                    _ => {}
                }
            }
        } else {
            word(rest);
        }
    }
    rooms
}

#[test]
fn imports_go_downward() {
    let mut wrong = Vec::new();
    let mut seen = BTreeSet::new();
    visit(Path::new("src"), &mut |path, text| {
        let Some(room) = room_of(path) else { return };
        for other in imports(text) {
            if other != room {
                if floor(&other) >= floor(&room) && floor(&room) != 1 {
                    wrong.push(format!("{}: `{room}` must not know `{other}`", path.display()));
                }
                seen.insert((room.clone(), other));
            }
        }
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(!seen.is_empty(), "found no import at all: the test looks in the wrong place");
}

#[test]
fn libraries_stay_in_their_room() {
    let mut wrong = Vec::new();
    visit(Path::new("src"), &mut |path, text| {
        let Some(room) = room_of(path) else { return };
        for (name, homes) in CONFINED {
            let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
            if !homes.contains(&room.as_str()) && code.into_iter().any(|line| names(line, name)) {
                wrong.push(format!("{}: `{name}` belongs to {homes:?}", path.display()));
            }
        }
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whether `line` has `name` and not only a longer word that ends in it, as `report::` does in `ort::`.
fn names(line: &str, name: &str) -> bool {
    line.match_indices(name).any(|(at, _)| !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_'))
}

#[test]
fn imports_are_found_in_groups() {
    let found = imports("use crate::{audio::{a, b}, story::Time};\ncrate::engine::x();");
    assert_eq!(found.into_iter().collect::<Vec<_>>(), ["audio", "engine", "story"]);
}
