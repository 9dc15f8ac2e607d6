//! Reads a weight a portion at a time, so that a model of gigabytes takes none of them.

use std::{
    fs::File,
    io::{Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use bytes::Bytes;
use half::{bf16, f16};

use super::super::{Error, element::ElementType, onnx::TensorProto};

/// The bytes of one weight, wherever they lie.
pub(super) struct Source {
    element: ElementType,
    place: Place,
}

enum Place {
    Within(Bytes, PathBuf),
    Beside(File, u64, PathBuf),
}

impl Source {
    pub(super) fn open(tensor: &TensorProto, folder: &Path) -> Result<Self, Error> {
        let place = match (tensor.place(), tensor.location()) {
            (Some(place), Some(location)) => {
                let path = folder.join(location);
                let file = File::open(&path).map_err(|source| Error::Io { path: path.clone(), source })?;
                Place::Beside(file, place.offset, path)
            }
            _ => Place::Within(tensor.raw_bytes().unwrap_or_default(), folder.to_owned()),
        };
        Ok(Self { element: tensor.element(), place })
    }

    /// `length` bytes from `at` on.
    pub(super) fn bytes(&mut self, at: u64, length: usize, into: &mut Vec<u8>) -> Result<(), Error> {
        let from = into.len();
        into.resize(from + length, 0);
        match &mut self.place {
            Place::Within(bytes, folder) => {
                let found = bytes.get(at as usize..at as usize + length);
                let source = std::io::ErrorKind::UnexpectedEof.into();
                let found = found.ok_or(Error::Io { path: folder.clone(), source })?;
                into[from..].copy_from_slice(found);
                Ok(())
            }
            Place::Beside(file, offset, path) => file
                .seek(SeekFrom::Start(*offset + at))
                .and_then(|_| file.read_exact(&mut into[from..]))
                .map_err(|source| Error::Io { path: path.clone(), source }),
        }
    }

    /// Rows `from..from + count` of `rows` by `width` numbers, one after the other; `turned` if they lie with
    /// the rows last.
    pub(super) fn rows(
        &mut self,
        (from, count): (u64, u64),
        (rows, width): (u64, u64),
        turned: bool,
    ) -> Result<Vec<f32>, Error> {
        let each = self.element.bits() / 8;
        let mut raw = Vec::new();
        if !turned {
            self.bytes(from * width * each, (count * width * each) as usize, &mut raw)?;
            return Ok(self.numbers(&raw));
        }
        for line in 0..width {
            self.bytes((line * rows + from) * each, (count * each) as usize, &mut raw)?;
        }
        let (lying, count, width) = (self.numbers(&raw), count as usize, width as usize);
        Ok((0..count * width).map(|at| lying[at % width * count + at / width]).collect())
    }

    fn numbers(&self, raw: &[u8]) -> Vec<f32> {
        let halves = |read: fn([u8; 2]) -> f32| raw.as_chunks().0.iter().map(|two| read(*two)).collect();
        match self.element {
            ElementType::F16 => halves(|two| f16::from_le_bytes(two).to_f32()),
            ElementType::BF16 => halves(|two| bf16::from_le_bytes(two).to_f32()),
            _ => raw.as_chunks().0.iter().map(|four| f32::from_le_bytes(*four)).collect(),
        }
    }
}
