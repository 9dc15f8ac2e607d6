//! The points at which our own writing can be made to fail, so that tests can try every one of them.
//!
//! `SHORTFORM_FAULT=store.rename:abort@7` ends the process in the 7th call of `store.rename`;
//! `eio` and `enospc` make that call fail as a broken or a full disk does, `short` lets half of a
//! write arrive before the disk is full. Each fault strikes once. Without the variable a point
//! costs one read of a flag that was set at the first one.

use std::{
    env,
    io::{self, Write},
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

/// Every point there is, for those who try them all.
///
/// `store` is the content-addressed store, `publish` a finished file or its sidecar, `journal` the
/// journal of a batch.
pub const POINTS: &[&str] = &[
    "store.folder",
    "store.create",
    "store.write",
    "store.sync",
    "store.rename",
    "store.sync-folder",
    "store.lock",
    "store.read",
    "publish.create",
    "publish.write",
    "publish.sync",
    "publish.rename",
    "publish.sync-folder",
    "journal.write",
    "journal.sync",
];

/// What happens at a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The process ends, as by `kill -9`.
    Abort,
    /// The device is broken.
    Io,
    /// The disk is full.
    Full,
    /// The disk is full after half of the bytes.
    Short,
}

/// The fault that this process was started with.
#[derive(Debug)]
struct Fault {
    point: String,
    kind: Kind,
    /// Counted down by each call of the point; strikes at zero.
    left: AtomicU64,
}

/// Passes a named point.
///
/// # Errors
/// When the process was started with a fault for this call.
pub fn at(point: &'static str) -> io::Result<()> {
    match strikes(point) {
        None | Some(Kind::Short) => Ok(()),
        Some(kind) => Err(strike(kind)),
    }
}

/// Writes `bytes` through a named point.
///
/// # Errors
/// Those of `file`, and the fault for this call; half of the bytes may have arrived then, as with a real disk.
pub fn write_all(point: &'static str, file: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    match strikes(point) {
        None => file.write_all(bytes),
        Some(kind) => {
            if kind != Kind::Io {
                file.write_all(&bytes[..bytes.len() / 2])?;
                file.flush()?;
            }
            Err(strike(kind))
        }
    }
}

fn strikes(point: &'static str) -> Option<Kind> {
    static FAULT: OnceLock<Option<Fault>> = OnceLock::new();
    let fault =
        FAULT.get_or_init(|| env::var("SHORTFORM_FAULT").ok().and_then(|text| parse(&text))).as_ref()?;
    let here = fault.point == point && fault.left.fetch_sub(1, Ordering::Relaxed) == 1;
    here.then_some(fault.kind)
}

fn strike(kind: Kind) -> io::Error {
    match kind {
        Kind::Abort => std::process::abort(),
        Kind::Io => io::Error::from_raw_os_error(EIO),
        Kind::Full | Kind::Short => io::ErrorKind::StorageFull.into(),
    }
}

/// The number of `EIO` on every system that has it.
const EIO: i32 = 5;

/// Reads `point:kind@n`; `@1` may be left out. What is no fault is none: nobody but a test sets it.
fn parse(text: &str) -> Option<Fault> {
    let (point, rest) = text.split_once(':')?;
    let (kind, left) = rest.split_once('@').unwrap_or((rest, "1"));
    let kind = match kind {
        "abort" => Kind::Abort,
        "eio" => Kind::Io,
        "enospc" => Kind::Full,
        "short" => Kind::Short,
        _ => return None,
    };
    Some(Fault { point: point.to_owned(), kind, left: AtomicU64::new(left.parse().ok()?) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_read_as_written() {
        let fault = parse("store.rename:abort@7").unwrap();
        assert_eq!((fault.point.as_str(), fault.kind), ("store.rename", Kind::Abort));
        assert_eq!(fault.left.into_inner(), 7);
        assert_eq!(parse("store.sync:eio").unwrap().left.into_inner(), 1);
        assert!(parse("store.sync").is_none() && parse("store.sync:melts@1").is_none());
    }

    #[test]
    fn without_a_fault_every_point_passes() {
        for point in POINTS {
            at(point).unwrap();
        }
        let mut written = Vec::new();
        write_all("store.write", &mut written, b"whole").unwrap();
        assert_eq!(written, b"whole");
    }
}
