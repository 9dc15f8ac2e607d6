//! Every point at which we write, failing in every way, at every call.

use std::{
    collections::BTreeMap,
    fs,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use super::program::{Place, number, said};
use shortform::store::fault::POINTS;

const KINDS: [&str; 4] = ["abort", "eio", "enospc", "short"];

#[test]
fn nothing_is_lost_or_doubled_wherever_writing_fails() {
    // By default one call of each point and kind, the first ones in turn; all with SHORTFORM_TEST_CALLS=1000.
    let most = number("CALLS", 0);
    let whole = Place::new("faultless");
    whole.script("one", &["The sea."]);
    whole.ends("batch scripts -o out --draft --jobs 1", 0);
    let expected = whole.videos("out");
    let (next, struck) = (AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        for worker in 0..2 {
            let (next, struck, expected) = (&next, &struck, &expected);
            scope.spawn(move || {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(point) = POINTS.get(at) else { return };
                    if most == 0 {
                        for (kind, call) in KINDS.iter().zip(at as u64 % 3 + 1..) {
                            let struck_here = fails(worker, &format!("{point}:{kind}@{call}"), expected);
                            struck.fetch_add(usize::from(struck_here), Ordering::Relaxed);
                        }
                        continue;
                    }
                    // How often a run comes by the point, an abort tells.
                    let mut last = 0;
                    while last < most && fails(worker, &format!("{point}:abort@{}", last + 1), expected) {
                        last += 1;
                    }
                    struck.fetch_add(last as usize, Ordering::Relaxed);
                    for kind in &KINDS[1..] {
                        for call in 1..=last {
                            let struck_here = fails(worker, &format!("{point}:{kind}@{call}"), expected);
                            struck.fetch_add(usize::from(struck_here), Ordering::Relaxed);
                        }
                    }
                    println!("{point}: {last} calls");
                }
            });
        }
    });
    let struck = struck.into_inner();
    println!("{struck} runs were ended by a fault");
    assert!(struck > POINTS.len() / 2, "hardly a fault struck: {struck}");
}

/// Runs a batch with a fault and another without; whether the fault ended the first.
fn fails(worker: usize, fault: &str, expected: &BTreeMap<String, Vec<u8>>) -> bool {
    let place = Place::new(&format!("fault {worker}"));
    place.script("one", &["The sea."]);
    let line = "batch scripts -o out --draft --jobs 1";
    let output =
        place.shortform(&format!("{line} --retries 0")).env("SHORTFORM_FAULT", fault).output().unwrap();
    let words = said(&output);
    assert!(!words.contains("panicked"), "{fault}: {words}");
    let struck = !output.status.success();
    if struck && output.status.code().is_some() {
        assert!(!words.trim().is_empty(), "{fault}: it failed without a word");
    }
    // Whatever is there under its final name is whole.
    let there = if place.path("out").is_dir() { place.videos("out") } else { BTreeMap::new() };
    for (name, bytes) in there {
        assert!(expected[&name] == bytes, "{fault}: a wrong video");
    }
    place.ends(line, 0);
    assert!(place.videos("out") == *expected, "{fault}: not the same video");
    place.is_tidy("out");
    fs::remove_dir_all(&place.folder).unwrap();
    struck
}
