//! The journal: what happened, one line each, readable at every moment.
//!
//! It is a report and not the truth. What is finished is found again by looking at the finished
//! files and at the store, so a journal that is lost or torn costs nothing but the report's past.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::SystemTime,
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::Told;
use crate::{digest::Digest, store::fault};

/// One line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// When, in seconds since 1970.
    pub at: f64,
    /// What.
    #[serde(flatten)]
    pub told: Told,
}

/// An open journal; lines are appended whole.
#[derive(Debug)]
pub(super) struct Journal {
    file: Mutex<File>,
    path: PathBuf,
}

impl Journal {
    /// Opens the journal at `path` to write behind what it holds.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let mut file = OpenOptions::new().create(true).read(true).append(true).open(path)?;
        // A line that a killed process began must not swallow the next one.
        let mut last = [0];
        if file.seek(SeekFrom::End(-1)).is_ok() && file.read(&mut last)? == 1 && last != *b"\n" {
            fault::write_all("journal.write", &mut file, b"\n")?;
        }
        Ok(Self { file: Mutex::new(file), path: path.to_owned() })
    }

    /// Appends what happened.
    pub(super) fn tell(&self, told: &Told) -> io::Result<()> {
        let mut line = seal(&Line { at: now(), told: told.clone() })?;
        line.push('\n');
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        fault::write_all("journal.write", &mut *file, line.as_bytes())
    }

    /// Makes what was appended survive a power cut.
    pub(super) fn sync(&self) -> io::Result<()> {
        fault::at("journal.sync")?;
        self.file.lock().unwrap_or_else(PoisonError::into_inner).sync_data()
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

/// Every whole line of the journal at `path`, and how many are torn; none of a journal that is not there.
///
/// # Errors
/// When it is there and cannot be read.
pub fn read(path: &Path) -> io::Result<(Vec<Line>, usize)> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((Vec::new(), 0)),
        Err(error) => return Err(error),
    };
    let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let (mut whole, mut torn) = (Vec::new(), 0);
    for line in lines {
        match unseal(line) {
            Some(line) => whole.push(line),
            None => torn += 1,
        }
    }
    Ok((whole, torn))
}

pub(super) fn now() -> f64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

/// Where the checksum of a line stands.
const SUM: &str = ",\"sum\":\"";

/// A JSON object with a checksum of all before it as its last member.
pub(super) fn seal(value: &impl Serialize) -> io::Result<String> {
    let mut text = serde_json::to_string(value)?;
    text.pop();
    let sum = Digest::of(text.as_bytes()).short();
    Ok(format!("{text}{SUM}{sum}\"}}"))
}

/// What [`seal`] wrote; nothing if a bit of it changed.
pub(super) fn unseal<T: DeserializeOwned>(line: &[u8]) -> Option<T> {
    let text = std::str::from_utf8(line).ok()?.trim_end();
    let (body, sum) = text.rsplit_once(SUM)?;
    let whole = sum.strip_suffix("\"}")? == Digest::of(body.as_bytes()).short();
    whole.then(|| serde_json::from_str(&format!("{body}}}")).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(video: &str) -> Told {
        Told::VideoLeft { video: video.to_owned() }
    }

    #[test]
    fn a_torn_line_loses_only_itself() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.jsonl");
        assert_eq!(read(&path).unwrap(), (vec![], 0));
        let journal = Journal::open(&path).unwrap();
        journal.tell(&left("one")).unwrap();
        journal.tell(&left("two")).unwrap();
        journal.sync().unwrap();
        drop(journal);
        let whole = fs::read(&path).unwrap();
        for cut in 1..whole.len() / 2 {
            fs::write(&path, &whole[..whole.len() - cut]).unwrap();
            Journal::open(&path).unwrap().tell(&left("three")).unwrap();
            let (lines, torn) = read(&path).unwrap();
            let told: Vec<_> = lines.into_iter().map(|line| line.told).collect();
            // Only the line's end is missing when one byte is cut.
            let kept = if cut == 1 { vec![left("one"), left("two")] } else { vec![left("one")] };
            assert_eq!(told, [kept, vec![left("three")]].concat(), "{cut} bytes cut");
            assert_eq!(torn, usize::from(cut > 1 && cut < whole.len() / 2));
        }
    }

    #[test]
    fn every_flipped_bit_is_seen() {
        let line = seal(&Line { at: 1.5, told: left("one") }).unwrap();
        assert!(unseal::<Line>(line.as_bytes()).is_some());
        for bit in 0..line.len() * 8 {
            let mut broken = line.clone().into_bytes();
            broken[bit / 8] ^= 1 << (bit % 8);
            assert!(unseal::<Line>(&broken).is_none(), "bit {bit}");
        }
    }
}
