//! Writes stored weights, one after the other.

use std::{io, io::Write, ops::ControlFlow};

use super::{
    super::Error,
    encode::encode,
    place::{Item, Packed, StoredWeights},
    source::Source,
};

/// Numbers that are read at once.
const PORTION: u64 = 1 << 20;

/// Why the weights are not written.
#[derive(Debug, thiserror::Error)]
pub enum Stopped {
    /// Somebody wants to stop.
    #[error("it was interrupted")]
    Cancelled,
    /// A weight cannot be read.
    #[error(transparent)]
    Read(#[from] Error),
    /// The file cannot be written.
    #[error("{0}")]
    Write(#[from] io::Error),
}

impl StoredWeights {
    /// Writes the weights to their file; tells `progress` after each portion how many bytes are written, of
    /// [all](StoredWeights::bytes), and stops when it breaks. Holds a few portions, never a whole weight.
    pub fn write(
        &self,
        file: &mut dyn Write,
        progress: &mut dyn FnMut(u64) -> ControlFlow<()>,
    ) -> Result<(), Stopped> {
        let mut out = Counted { file, at: 0, progress };
        for item in &self.items {
            let mut source = Source::open(&item.source, &self.sources)?;
            out.pad(item.offset)?;
            match &item.packed {
                None => copy(item, &mut source, &mut out)?,
                Some(packed) => pack(packed, &mut source, &mut out)?,
            }
        }
        Ok(())
    }
}

fn pack(packed: &Packed, source: &mut Source, out: &mut Counted<'_>) -> Result<(), Stopped> {
    let &Packed { storage, rows, width, block, turned, scales } = packed;
    let at_once = (PORTION / width.max(1)).clamp(1, rows.max(1));
    let mut all_scales = Vec::new();
    let mut from = 0;
    while from < rows {
        let count = at_once.min(rows - from);
        let numbers = source.rows((from, count), (rows, width), turned)?;
        let mut bytes = Vec::with_capacity(numbers.len() * 2);
        for block in numbers.chunks_exact(block as usize) {
            let scale = encode(storage, block, &mut bytes);
            all_scales.extend(scales.map(|_| scale.to_le_bytes()));
        }
        out.write(&bytes)?;
        from += count;
    }
    if let Some(offset) = scales {
        out.pad(offset)?;
        out.write(all_scales.as_flattened())?;
    }
    Ok(())
}

fn copy(item: &Item, source: &mut Source, out: &mut Counted<'_>) -> Result<(), Stopped> {
    let (length, mut at) = (item.source.bytes(), 0);
    while at < length {
        let count = (4 * PORTION).min(length - at);
        let mut bytes = Vec::new();
        source.bytes(at, count as usize, &mut bytes)?;
        out.write(&bytes)?;
        at += count;
    }
    Ok(())
}

/// A file that knows how far it is.
struct Counted<'a> {
    file: &'a mut dyn Write,
    at: u64,
    progress: &'a mut dyn FnMut(u64) -> ControlFlow<()>,
}

impl Counted<'_> {
    fn pad(&mut self, until: u64) -> io::Result<()> {
        let zeros = vec![0; (until - self.at) as usize];
        self.at = until;
        self.file.write_all(&zeros)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Stopped> {
        self.file.write_all(bytes)?;
        self.at += bytes.len() as u64;
        match (self.progress)(self.at) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(Stopped::Cancelled),
        }
    }
}
