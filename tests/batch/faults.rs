//! Every point at which we write, failing in every way, at every call.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use super::program::{Place, number, said};
use shortform::store::fault::POINTS;

/// Runs at once: half of the time goes by waiting for the disk.
const WORKERS: usize = 4;
const LINE: &str = "batch scripts -o out --draft --jobs 1";

/// What a faultless run leaves.
struct Whole {
    videos: BTreeMap<String, Vec<u8>>,
    kept: BTreeSet<String>,
}

#[test]
fn nothing_is_lost_or_doubled_wherever_writing_fails() {
    // By default one call of each point and kind, the first ones in turn; all with SHORTFORM_TEST_CALLS=1000.
    let most = number("CALLS", 0);
    let place = Place::new("faultless");
    place.script("one", &["The sea."]);
    place.ends(LINE, 0);
    let whole = Whole { videos: place.videos("out"), kept: kept(&place) };
    let (struck, tried) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let try_all = |faults: &[String]| {
        at_once(faults, |worker, fault| {
            tried.fetch_add(1, Ordering::Relaxed);
            struck.fetch_add(usize::from(strikes(worker, fault, &whole)), Ordering::Relaxed);
        });
    };
    if most == 0 {
        let sample = POINTS.iter().enumerate().flat_map(|(at, point)| {
            let calls = at as u64 % 3 + 1..;
            kinds(point).iter().zip(calls).map(move |(kind, call)| format!("{point}:{kind}@{call}"))
        });
        try_all(&sample.collect::<Vec<_>>());
    } else {
        // How often a run comes by a point, an abort tells: the first that does not end it is one too many.
        let calls = Mutex::new(BTreeMap::new());
        at_once(POINTS, |worker, point| {
            let last = (1..=most).take_while(|call| {
                tried.fetch_add(1, Ordering::Relaxed);
                strikes(worker, &format!("{point}:abort@{call}"), &whole)
            });
            let last = last.count() as u64;
            assert!(last < most, "{point}: more than {most} calls");
            struck.fetch_add(last as usize, Ordering::Relaxed);
            println!("{point}: {last} calls");
            calls.lock().unwrap().insert(*point, last);
        });
        let calls = calls.into_inner().unwrap();
        let rest = calls.iter().flat_map(|(point, &last)| {
            kinds(point)[1..]
                .iter()
                .flat_map(move |kind| (1..=last).map(move |call| format!("{point}:{kind}@{call}")))
        });
        try_all(&rest.collect::<Vec<_>>());
    }
    let (struck, tried) = (struck.into_inner(), tried.into_inner());
    println!("{tried} faults tried, {struck} ended their run");
    assert!(struck > POINTS.len() / 2, "hardly a fault struck: {struck} of {tried}");
}

/// The ways in which a point can fail: only a write can end in its middle.
fn kinds(point: &str) -> &'static [&'static str] {
    if point.ends_with(".write") { &["abort", "eio", "enospc", "short"] } else { &["abort", "eio", "enospc"] }
}

/// Does `work` for each of `all`, [`WORKERS`] at once; it is told which worker it is.
fn at_once<T: Sync>(all: &[T], work: impl Fn(usize, &T) + Sync) {
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for worker in 0..WORKERS {
            let (next, work) = (&next, &work);
            scope.spawn(move || {
                while let Some(one) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                    work(worker, one);
                }
            });
        }
    });
}

/// Runs a batch with a fault and another without; whether the fault ended the first.
fn strikes(worker: usize, fault: &str, whole: &Whole) -> bool {
    let place = Place::new(&format!("fault {worker}"));
    place.script("one", &["The sea."]);
    let output =
        place.shortform(&format!("{LINE} --retries 0")).env("SHORTFORM_FAULT", fault).output().unwrap();
    let words = said(&output);
    assert!(!words.contains("panicked"), "{fault}: {words}");
    let struck = !output.status.success();
    if struck && output.status.code().is_some() {
        assert!(!words.trim().is_empty(), "{fault}: it failed without a word");
    }
    // Whatever is there under its final name is whole.
    let there = if place.path("out").is_dir() { place.videos("out") } else { BTreeMap::new() };
    for (name, bytes) in there {
        assert!(whole.videos[&name] == bytes, "{fault}: a wrong video");
    }
    place.ends(LINE, 0);
    assert!(place.videos("out") == whole.videos, "{fault}: not the same video");
    let kept = kept(&place);
    assert!(kept.is_subset(&whole.kept), "{fault}: doubled: {:?}", kept.difference(&whole.kept));
    // A finished video is not made again only because the record of one of its steps could not be kept.
    let mut lost = whole.kept.difference(&kept).peekable();
    let said_so =
        words.contains("could not be kept") && lost.clone().all(|name| name.starts_with("store/v1/ac"));
    assert!(
        lost.peek().is_none() || said_so,
        "{fault}: lost: {:?}; it said {words}",
        lost.collect::<Vec<_>>()
    );
    place.is_tidy("out");
    fs::remove_dir_all(&place.folder).unwrap();
    struck
}

/// Everything that lies in the store and in the output, by name; what tells of single runs aside.
fn kept(place: &Place) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut walk = vec![place.path("out"), place.path("store/v1/ac"), place.path("store/v1/cas")];
    walk.push(place.path("store/v1/quarantine"));
    while let Some(folder) = walk.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().map(Result::unwrap) {
            if entry.path().is_dir() {
                walk.push(entry.path());
            } else {
                let name: &Path = &entry.path();
                names.insert(name.strip_prefix(&place.folder).unwrap().display().to_string());
            }
        }
    }
    names
}
