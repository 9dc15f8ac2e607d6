//! kill -9 at any instant, as often as one likes.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use super::program::{Place, number};
use shortform::run::batch::read_journal;

/// Workers of [`LINE`]: two of the CPU lane, one that encodes.
const WORKERS: usize = 3;
const LINE: &str = "batch scripts -o out --draft --jobs 2 --encoders 1";

#[test]
fn killed_at_any_instant_it_goes_on_and_ends_the_same() {
    let (scripts, kills) = (number("SCRIPTS", 4), number("KILLS", 8));
    let whole = Place::new("whole");
    whole.scripts(scripts);
    let begun = Instant::now();
    whole.ends(LINE, 0);
    let took = begun.elapsed();
    let expected = whole.videos("out");
    let needed = Work::read(&whole).made();

    let place = Place::new("killed");
    place.scripts(scripts);
    let mut random = Random::new();
    let (mut killed, mut steps, mut runs, mut lost) = (0, 0, 0, 0);
    // Instants spread over what a run takes, so that every stage is hit; each run gets a little further.
    while killed < kills {
        let mut run = place.shortform(LINE).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let share = took / (kills as u32).max(4) * 4;
        thread::sleep(share.mul_f64(random.below(1000) as f64 / 1000.0) + Duration::from_millis(5));
        if run.try_wait().unwrap().is_some() {
            // It got through: the kills go on with a fresh store and fresh outputs.
            runs += 1;
            assert!(
                place.videos("out") == expected,
                "a video differs from the one made without being killed"
            );
            let work = Work::read(&place);
            (steps, lost) = (steps + work.made(), lost + work.lost);
            fs::remove_dir_all(place.path("out")).unwrap();
            fs::remove_dir_all(place.path("store")).unwrap();
            continue;
        }
        run.kill().unwrap();
        run.wait().unwrap();
        killed += 1;
        Work::read(&place);
    }
    place.ends(LINE, 0);
    assert!(place.videos("out") == expected, "a video differs from the one made without being killed");
    let work = Work::read(&place);
    (steps, lost, runs) = (steps + work.made(), lost + work.lost, runs + 1);
    println!(
        "{killed} kills over {runs} batches of {scripts}: {} steps needed, {steps} told of as made, {lost} cut off at work",
        runs * needed
    );
    assert!(steps <= runs * needed, "work was done again");
    place.is_tidy("out");
    let stat = place.ends("cache stat --json", 0);
    assert!(stat.contains("\"quarantined\":0"), "{stat}");
}

/// What a journal tells of the work of all runs.
struct Work {
    /// How often each step was made: of which video, in which stage, the how manieth.
    made: BTreeMap<(String, String, usize), usize>,
    /// Stages of videos that were at work when their run was killed.
    lost: usize,
}

impl Work {
    /// Reads the journal, which must be whole but for the lines that kills cut, and must tell of no step that
    /// was made a second time and of no more lost work than there are workers to lose it.
    fn read(place: &Place) -> Self {
        let (lines, torn) = read_journal(&place.path("out/.shortform/journal.jsonl")).unwrap();
        let (mut work, mut runs) = (Self { made: BTreeMap::new(), lost: 0 }, 0);
        let mut at_work: BTreeSet<(String, String)> = BTreeSet::new();
        let mut nth: BTreeMap<(String, String), usize> = BTreeMap::new();
        for line in lines {
            let told = serde_json::to_value(&line.told).unwrap();
            let of = |part: &serde_json::Value| {
                (told["video"].as_str().unwrap().to_owned(), part["stage"].as_str().unwrap().to_owned())
            };
            match told["event"].as_str().unwrap() {
                "batch-started" => {
                    runs += 1;
                    assert!(at_work.len() <= WORKERS, "{at_work:?} were at work at once");
                    work.lost += std::mem::take(&mut at_work).len();
                    nth.clear();
                }
                "step-started" => assert!(at_work.insert(of(&told))),
                "step-ended" => assert!(at_work.remove(&of(&told))),
                "video" if told["happened"]["what"] == "step" => {
                    let (video, stage) = of(&told["happened"].clone());
                    let at = nth.entry((video.clone(), stage.clone())).or_default();
                    if told["happened"]["hit"] == false {
                        *work.made.entry((video, stage, *at)).or_default() += 1;
                    }
                    *at += 1;
                }
                _ => {}
            }
        }
        assert!(torn <= runs.max(1), "{torn} torn lines in {runs} runs");
        let again: Vec<_> = work.made.iter().filter(|(_, times)| **times > 1).collect();
        assert!(again.is_empty(), "made although it was finished: {again:?}");
        work
    }

    fn made(&self) -> usize {
        self.made.values().sum()
    }
}

/// Numbers that look like chance and are the same each time.
struct Random(u64);

impl Random {
    fn new() -> Self {
        Self(0x9e37_79b9_7f4a_7c15)
    }

    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % limit.max(1)
    }
}

#[test]
fn every_changed_bit_of_an_output_is_seen_and_mended() {
    // The long night: SHORTFORM_TEST_SCRIPTS=12 SHORTFORM_TEST_ROUNDS=100, 1,000 bits and 200 cuts.
    let (scripts, rounds) = (number("SCRIPTS", 3), number("ROUNDS", 4));
    let place = Place::new("flipped");
    place.scripts(scripts);
    place.ends("batch scripts -o out --draft", 0);
    let expected = place.videos("out");
    let (mut random, mut flips, mut cuts) = (Random::new(), 0, 0);
    for round in 0..rounds {
        for name in expected.keys() {
            let ending = ["mp4", "jpg", "srt", "vtt", "json"][random.below(5)];
            let path = place.path(&format!("out/{name}/{name}.{ending}"));
            let mut bytes = fs::read(&path).unwrap();
            let bit = random.below(bytes.len() * 8);
            if random.below(6) == 0 {
                bytes.truncate(bit / 8);
                cuts += 1;
            } else {
                bytes[bit / 8] ^= 1 << (bit % 8);
                flips += 1;
            }
            fs::write(&path, bytes).unwrap();
        }
        // An object of the store too: what it belongs to is made again, if it is asked for.
        let objects = files(&place.path("store/v1/cas"));
        let object = &objects[random.below(objects.len())];
        let mut bytes = fs::read(object).unwrap();
        let bit = random.below(bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        fs::remove_file(object).unwrap();
        fs::write(object, bytes).unwrap();
        let (events, code) = place.events("batch scripts -o out --draft");
        assert_eq!(code, Some(0), "round {round}: {}", events.last().unwrap());
        let finished = events.iter().filter(|event| event["event"] == "video-finished").count();
        assert_eq!(finished, expected.len(), "round {round}: something went unseen");
        assert!(place.videos("out") == expected, "round {round}: a wrong video");
    }
    println!("{flips} bits and {cuts} cuts in outputs, {rounds} bits in the store: all seen");
}

pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if entry.path().is_dir() {
            found.extend(files(&entry.path()));
        } else {
            found.push(entry.path());
        }
    }
    found.sort();
    found
}

#[test]
fn two_batches_share_one_store() {
    let place = Place::new("shared");
    place.scripts(4);
    let spawn = |out: &str| {
        place
            .shortform(&format!("batch scripts -o {out} --draft"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    };
    let mut runs = [spawn("one"), spawn("two")];
    assert!(runs.iter_mut().all(|run| run.wait().unwrap().success()));
    assert_eq!(place.videos("one"), place.videos("two"));
    // Two of the same step were never made: each object was made for one of the two.
    let made_in = |out: &str| {
        let (lines, _) = read_journal(&place.path(&format!("{out}/.shortform/journal.jsonl"))).unwrap();
        let videos = lines.iter().filter_map(|line| {
            let text = serde_json::to_value(&line.told).unwrap();
            (text["happened"]["stage"] == "video" && text["happened"]["hit"] == false).then_some(())
        });
        videos.count()
    };
    assert_eq!(made_in("one") + made_in("two"), 4);
}
