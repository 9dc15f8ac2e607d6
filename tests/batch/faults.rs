//! Every point at which we write, failing in every way, at every call.

use std::{
    fs,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use super::program::{Place, number, said};
use shortform::store::fault::POINTS;

const KINDS: [&str; 4] = ["abort", "eio", "enospc", "short"];

#[test]
fn nothing_is_lost_or_doubled_wherever_writing_fails() {
    // By default the first calls of each point; all of them with SHORTFORM_TEST_CALLS=1000.
    let most = number("CALLS", 2);
    let whole = Place::new("faultless");
    whole.script("one", &["The sea."]);
    whole.ends("batch scripts -o out --draft --jobs 1", 0);
    let expected = whole.videos("out");
    let cases: Vec<(&str, &str)> =
        POINTS.iter().flat_map(|point| KINDS.iter().map(move |kind| (*point, *kind))).collect();
    let (next, struck) = (AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        for worker in 0..2 {
            let (next, struck, cases, expected) = (&next, &struck, &cases, &expected);
            scope.spawn(move || {
                loop {
                    let Some((point, kind)) = cases.get(next.fetch_add(1, Ordering::Relaxed)) else { return };
                    for call in 1..=most {
                        let place = Place::new(&format!("fault {worker}"));
                        place.script("one", &["The sea."]);
                        let fault = format!("{point}:{kind}@{call}");
                        let mut run = place.shortform("batch scripts -o out --draft --jobs 1 --retries 0");
                        let output = run.env("SHORTFORM_FAULT", &fault).output().unwrap();
                        let words = said(&output);
                        assert!(!words.contains("panicked"), "{fault}: {words}");
                        let untouched = output.status.success() && *kind == "abort";
                        if !output.status.success() {
                            struck.fetch_add(1, Ordering::Relaxed);
                            let by_signal = output.status.code().is_none();
                            assert!(
                                by_signal || !words.trim().is_empty(),
                                "{fault}: it failed without a word"
                            );
                        }
                        // Whatever is there under its final name is whole.
                        for (name, bytes) in place.videos_if_any("out") {
                            assert!(expected[&name] == bytes, "{fault}: a wrong video");
                        }
                        place.ends("batch scripts -o out --draft --jobs 1", 0);
                        assert!(place.videos("out") == *expected, "{fault}: not the same video");
                        place.is_tidy("out");
                        place.remove();
                        if untouched {
                            break;
                        }
                    }
                }
            });
        }
    });
    let struck = struck.into_inner();
    println!("{struck} runs were ended by a fault");
    assert!(struck > POINTS.len(), "hardly a fault struck: {struck}");
}

impl Place {
    fn videos_if_any(&self, out: &str) -> std::collections::BTreeMap<String, Vec<u8>> {
        if self.path(out).is_dir() { self.videos(out) } else { Default::default() }
    }

    fn remove(&self) {
        fs::remove_dir_all(&self.folder).unwrap();
    }
}
