//! Whole pictures that memory has no room for, in a file that nobody else sees.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read, Seek, SeekFrom, Write},
    ops::Range,
    path::{Path, PathBuf},
};

use ndarray::{Array3, ArrayView3, Axis};

use super::Error;

/// Bytes of one number.
const NUMBER: u64 = 4;
/// Numbers that are read or written at once.
const PORTION: usize = 1 << 16;

/// A file of numbers in 32 bits. It has no name where the system allows that, and is gone when it is dropped.
///
/// It is read and written, not mapped: pages of a mapped file would count as memory of the process.
#[derive(Debug)]
pub(super) struct Scratch {
    file: File,
    folder: PathBuf,
    wanted: u64,
    bytes: Vec<u8>,
}

/// Where a picture of (channels, rows, columns) lies in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Plane {
    pub(super) place: u64,
    pub(super) channels: usize,
    pub(super) rows: usize,
    pub(super) columns: usize,
}

impl Plane {
    /// Where row `row` of a channel begins.
    fn at(&self, channel: usize, row: usize) -> u64 {
        self.place + NUMBER * ((channel * self.rows + row) * self.columns) as u64
    }
}

impl Scratch {
    /// A file with room for so many numbers.
    ///
    /// # Errors
    /// At once, where the disk has no room for them and the system can tell.
    pub(super) fn of(numbers: u64) -> Result<Self, Error> {
        Self::within(&folder(), numbers * NUMBER)
    }

    fn within(folder: &Path, wanted: u64) -> Result<Self, Error> {
        let file = tempfile::tempfile_in(folder).and_then(|file| reserve(&file, wanted).map(|()| file));
        let file = file.map_err(|source| Error::Scratch { folder: folder.to_owned(), wanted, source })?;
        Ok(Self { file, folder: folder.to_owned(), wanted, bytes: Vec::new() })
    }

    /// Puts `picture`, (channels, rows, columns), into the rows of `plane` from `row` on.
    pub(super) fn write(
        &mut self,
        plane: Plane,
        row: usize,
        picture: ArrayView3<'_, f32>,
    ) -> Result<(), Error> {
        let written = (0..plane.channels).try_for_each(|channel| -> io::Result<()> {
            self.file.seek(SeekFrom::Start(plane.at(channel, row)))?;
            let numbers = picture.index_axis(Axis(0), channel);
            for portion in numbers.as_standard_layout().as_slice().unwrap_or_default().chunks(PORTION) {
                self.bytes.clear();
                self.bytes.extend(portion.iter().flat_map(|number| number.to_le_bytes()));
                self.file.write_all(&self.bytes)?;
            }
            Ok(())
        });
        written.map_err(|source| self.failed(source))
    }

    /// These rows of `plane`: (channels, rows, columns).
    pub(super) fn read(&mut self, plane: Plane, rows: Range<usize>) -> Result<Array3<f32>, Error> {
        let each = rows.len() * plane.columns;
        let mut numbers = Vec::with_capacity(plane.channels * each);
        let read = (0..plane.channels).try_for_each(|channel| -> io::Result<()> {
            self.file.seek(SeekFrom::Start(plane.at(channel, rows.start)))?;
            for begun in (0..each).step_by(PORTION) {
                self.bytes.resize(PORTION.min(each - begun) * NUMBER as usize, 0);
                self.file.read_exact(&mut self.bytes)?;
                numbers.extend(self.bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)));
            }
            Ok(())
        });
        read.map_err(|source| self.failed(source))?;
        let shape = (plane.channels, rows.len(), plane.columns);
        Array3::from_shape_vec(shape, numbers).map_err(|error| self.failed(io::Error::other(error)))
    }

    fn failed(&self, source: io::Error) -> Error {
        Error::Scratch { folder: self.folder.clone(), wanted: self.wanted, source }
    }
}

/// Where the file lies: `/tmp` is often memory itself, which the file is there to save.
fn folder() -> PathBuf {
    let kept = Path::new("/var/tmp");
    match std::env::var_os("TMPDIR") {
        None if cfg!(unix) && kept.is_dir() => kept.to_owned(),
        _ => std::env::temp_dir(),
    }
}

/// Takes the room on the disk before it is written to, where the file system can.
#[cfg(target_os = "linux")]
fn reserve(file: &File, bytes: u64) -> io::Result<()> {
    use rustix::{fs::FallocateFlags, io::Errno};
    match rustix::fs::fallocate(file, FallocateFlags::empty(), 0, bytes.max(1)) {
        Err(error) if [Errno::OPNOTSUPP, Errno::NOSYS].contains(&error) => Ok(()),
        reserved => Ok(reserved?),
    }
}

#[cfg(not(target_os = "linux"))]
fn reserve(_: &File, _: u64) -> io::Result<()> {
    Ok(())
}

/// Which parts of a file are taken.
#[derive(Debug, Default)]
pub(super) struct Space {
    /// Where each free part begins, and how long it is.
    free: BTreeMap<u64, u64>,
    end: u64,
}

impl Space {
    /// A place for so many numbers: the first that is large enough, or the end.
    pub(super) fn take(&mut self, numbers: u64) -> u64 {
        let bytes = numbers * NUMBER;
        let fitting = self.free.iter().find(|(_, length)| **length >= bytes);
        let (place, length) = match fitting.map(|(&place, &length)| (place, length)) {
            Some(part) => part,
            None => match self.free.last_key_value().map(|(&place, &length)| (place, length)) {
                Some((place, length)) if place + length == self.end => (place, length),
                _ => (self.end, 0),
            },
        };
        self.free.remove(&place);
        if length > bytes {
            self.free.insert(place + bytes, length - bytes);
        }
        self.end = self.end.max(place + bytes);
        place
    }

    /// Gives back what was taken at `place`.
    pub(super) fn give(&mut self, place: u64, numbers: u64) {
        let (mut place, mut length) = (place, numbers * NUMBER);
        if let Some(after) = self.free.remove(&(place + length)) {
            length += after;
        }
        let before = self.free.range(..place).next_back().map(|(&begin, &length)| (begin, length));
        if let Some((begin, before)) = before.filter(|(begin, before)| begin + before == place) {
            self.free.remove(&begin);
            (place, length) = (begin, before + length);
        }
        self.free.insert(place, length);
    }

    /// How many numbers there were room for at the fullest moment.
    pub(super) fn numbers(&self) -> u64 {
        self.end / NUMBER
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::s;

    #[test]
    fn rows_come_back_as_they_were_written() {
        let picture =
            Array3::from_shape_fn((3, 50, 7), |(channel, y, x)| (channel * 1000 + y * 10 + x) as f32 / 3.0);
        let mut space = Space::default();
        let places = [space.take(1050), space.take(1050)];
        let mut scratch = Scratch::of(space.numbers()).unwrap();
        for (number, place) in places.into_iter().enumerate() {
            let plane = Plane { place, channels: 3, rows: 50, columns: 7 };
            let picture = &picture + number as f32;
            for (from, until) in [(20, 50), (0, 20)] {
                scratch.write(plane, from, picture.slice(s![.., from..until, ..])).unwrap();
            }
        }
        for (number, place) in places.into_iter().enumerate() {
            let plane = Plane { place, channels: 3, rows: 50, columns: 7 };
            let read = scratch.read(plane, 13..31).unwrap();
            assert_eq!(read, &picture.slice(s![.., 13..31, ..]) + number as f32);
        }
    }

    #[test]
    fn a_place_is_taken_again_once_it_is_free() {
        let mut space = Space::default();
        let places: Vec<u64> = (0..4).map(|_| space.take(100)).collect();
        assert_eq!(places, [0, 400, 800, 1200]);
        space.give(places[1], 100);
        space.give(places[2], 100);
        assert_eq!((space.take(150), space.take(50), space.numbers()), (400, 1000, 400));
        // The last one grows where it lies.
        space.give(places[3], 100);
        assert_eq!((space.take(300), space.numbers()), (1200, 600));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_disk_without_room_says_how_much_is_wanted_before_anything_is_decoded() {
        let error = Scratch::of(1 << 50).unwrap_err().to_string();
        for part in ["4194304.0 GiB", "memory.vae_tiling", "TMPDIR"] {
            assert!(error.contains(part), "{part:?} is not in {error:?}");
        }
        let error = Scratch::within(Path::new("/nowhere"), 1).unwrap_err().to_string();
        assert!(error.contains("`/nowhere`"), "{error}");
    }
}
