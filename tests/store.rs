//! The store under threads, other processes, sudden death and a full disk.

use shortform::{
    digest::Digest,
    store::{Error, Key, KeyBuilder, Origin, Store},
};
use std::{
    env, fs,
    path::Path,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

/// Set for the processes that [`writer`] runs in: the store's folder.
const ROOT: &str = "SHORTFORM_TEST_STORE";
const KEYS: u64 = 40;

fn key(number: u64) -> Key {
    KeyBuilder::new("test", 1).field("number", &number).finish().unwrap()
}

fn bytes(number: u64) -> Vec<u8> {
    let mut bytes = vec![0; 30_000 + number as usize * 1_013];
    blake3::Hasher::new().update(&number.to_le_bytes()).finalize_xof().fill(&mut bytes);
    bytes
}

fn obtain(store: &Store, number: u64) -> Result<(Digest, Origin), Error> {
    store.obtain(&key(number), || {
        let digest = store.put(&bytes(number))?;
        Ok((digest, vec![digest]))
    })
}

/// Not a test of its own: what the processes that `spawn` starts do until they are killed.
#[test]
fn writer() {
    let Some(root) = env::var_os(ROOT) else { return };
    let store = Store::open(Path::new(&root)).unwrap();
    let mut number = u64::from(std::process::id());
    loop {
        number = (number * 31 + 7) % KEYS;
        let (digest, _) = obtain(&store, number).unwrap();
        if let Some(read) = store.get(digest).unwrap() {
            assert_eq!(read, bytes(number));
        }
        fs::remove_file(Path::new(&root).join("v1/ac").join(record(number))).ok();
    }
}

fn record(number: u64) -> String {
    let name = key(number).digest().to_string();
    format!("{}/{name}.json", &name[..2])
}

fn spawn(root: &Path) -> Child {
    Command::new(env::current_exe().unwrap())
        .args(["--exact", "writer", "--nocapture"])
        .env(ROOT, root)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
fn killed_writers_leave_nothing_wrong_behind() {
    let folder = tempfile::tempdir().unwrap();
    // The long night: SHORTFORM_TEST_KILLS=1000.
    let kills = env::var("SHORTFORM_TEST_KILLS").map_or(48, |kills| kills.parse().unwrap());
    let mut writers: Vec<Child> = (0..4).map(|_| spawn(folder.path())).collect();
    for kill in 0..kills {
        thread::sleep(Duration::from_millis(15 + kill * 7 % 40));
        let slot = kill as usize % writers.len();
        if let Some(status) = writers[slot].try_wait().unwrap() {
            let output =
                std::mem::replace(&mut writers[slot], spawn(folder.path())).wait_with_output().unwrap();
            panic!("a writer ended by itself ({status}): {}", String::from_utf8_lossy(&output.stderr));
        }
        writers[slot].kill().unwrap();
        writers[slot].wait().unwrap();
        writers[slot] = spawn(folder.path());
    }
    for writer in &mut writers {
        writer.kill().unwrap();
        writer.wait().unwrap();
    }

    let store = Store::open(folder.path()).unwrap();
    for (left, count) in [("v1/tmp", 0), ("v1/locks", 1)] {
        assert_eq!(fs::read_dir(folder.path().join(left)).unwrap().count(), count, "opening sweeps {left}");
    }
    let objects: Vec<_> = (0..KEYS).filter_map(|n| store.get(Digest::of(&bytes(n))).unwrap()).collect();
    assert!(objects.len() > 5, "the writers hardly wrote: {}", objects.len());
    for number in 0..KEYS {
        let (digest, _) = obtain(&store, number).unwrap();
        assert_eq!(store.get(digest).unwrap().unwrap(), bytes(number));
    }
    assert_eq!(store.take_warnings(), []);
    assert_eq!(store.stat().unwrap().quarantined, 0);
    assert_eq!(store.stat().unwrap().records, KEYS);
}

#[test]
fn every_flipped_bit_and_every_cut_is_seen() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    for round in 0..1_200 {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let number = random % KEYS;
        let (digest, _) = obtain(&store, number).unwrap();
        // Every third time the record, else the object; then 200 cuts.
        let name = digest.to_string();
        let path = match round % 3 {
            0 => folder.path().join("v1/ac").join(record(number)),
            _ => folder.path().join("v1/cas").join(&name[..2]).join(&name),
        };
        let mut broken = fs::read(&path).unwrap();
        let bit = (random >> 20) as usize % (broken.len() * 8);
        if round < 1_000 {
            broken[bit / 8] ^= 1 << (bit % 8);
        } else {
            broken.truncate(bit / 8);
        }
        fs::remove_file(&path).unwrap();
        fs::write(&path, broken).unwrap();
        let (again, origin) = obtain(&store, number).unwrap();
        assert_eq!((again, origin), (digest, Origin::Made), "round {round}: it went unseen");
        assert_eq!(store.get(digest).unwrap().unwrap(), bytes(number), "round {round}");
    }
    assert!(store.take_warnings().len() >= 1_200);
}

#[test]
fn equal_keys_are_made_once() {
    let folder = tempfile::tempdir().unwrap();
    let made = AtomicUsize::new(0);
    let origins: Vec<Origin> = thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| {
                // A handle of its own: the same locks as between processes.
                let store = Store::open(folder.path()).unwrap();
                let made = &made;
                scope.spawn(move || {
                    let (value, origin) = store
                        .obtain::<u64, Error>(&key(1), || {
                            made.fetch_add(1, Ordering::SeqCst);
                            thread::sleep(Duration::from_millis(100));
                            // Another key may be obtained meanwhile.
                            obtain(&store, 2)?;
                            Ok((99, vec![]))
                        })
                        .unwrap();
                    assert_eq!(value, 99);
                    origin
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(made.load(Ordering::SeqCst), 1);
    assert_eq!(origins.iter().filter(|o| **o == Origin::Made).count(), 1);
}

#[test]
fn a_waiter_goes_on_when_the_maker_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let lock = folder.path().join("v1/locks").join(key(1).digest().to_string());
    let store = Store::open(folder.path()).unwrap();
    // A process that takes the key's lock and sleeps.
    let script = format!("exec 9>'{}'; flock 9; echo held; exec sleep 60", lock.display());
    let mut maker = Command::new("sh").args(["-c", &script]).stdout(Stdio::piped()).spawn().unwrap();
    let mut held = [0; 5];
    std::io::Read::read_exact(maker.stdout.as_mut().unwrap(), &mut held).unwrap();
    assert_eq!(&held, b"held\n");
    let start = Instant::now();
    let waiter = thread::spawn(move || obtain(&store, 1).unwrap().1);
    thread::sleep(Duration::from_millis(150));
    assert!(!waiter.is_finished(), "it did not wait for the lock");
    maker.kill().unwrap();
    maker.wait().unwrap();
    assert_eq!(waiter.join().unwrap(), Origin::Made);
    assert!(start.elapsed() < Duration::from_secs(20));
}

/// Not a test of its own: tries to put more than the limit set by its parent allows.
#[test]
fn limited() {
    let Some(root) = env::var_os(ROOT).filter(|_| env::var_os("SHORTFORM_TEST_LIMITED").is_some()) else {
        return;
    };
    let store = Store::open(Path::new(&root)).unwrap();
    store.put(&[1; 1_000]).unwrap();
    let error = store.put(&[2; 200_000]).unwrap_err();
    assert!(matches!(error, Error::Io { .. } | Error::Full { .. }), "{error}");
    let target = Path::new(&root).join("video.mp4");
    shortform::store::write_atomically(&target, &[3; 200_000]).unwrap_err();
    assert!(!target.exists());
    let (value, _) = store.obtain::<String, Error>(&key(3), || Ok(("x".repeat(200_000), vec![]))).unwrap();
    assert_eq!(value.len(), 200_000, "the result is there although it could not be kept");
    assert!(store.take_warnings()[0].to_string().contains("could not be kept"));
}

/// A file size limit stops a write in the middle, as a full disk does.
#[test]
fn a_write_that_fails_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let program = env::current_exe().unwrap();
    let output = Command::new("sh")
        .arg("-c")
        .arg(format!("trap '' XFSZ; ulimit -f 64; exec '{}' --exact limited --nocapture", program.display()))
        .env(ROOT, folder.path())
        .env("SHORTFORM_TEST_LIMITED", "1")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let store = Store::open(folder.path()).unwrap();
    assert_eq!(store.get(Digest::of(&[1; 1_000])).unwrap().unwrap(), [1; 1_000]);
    assert_eq!(store.get(Digest::of(&[2; 200_000])).unwrap(), None);
    for left in ["v1/tmp", "v1/quarantine"] {
        assert_eq!(fs::read_dir(folder.path().join(left)).unwrap().count(), 0, "{left}");
    }
    assert!(!folder.path().join(".video.mp4.part").exists());
}
