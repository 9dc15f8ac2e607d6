//! The wire format that ONNX files are written in, read without holding any of it.

use std::{
    fs::File,
    io::{self, BufReader, Read},
};

/// What a field holds: a number, or how many bytes follow.
pub(super) enum Value {
    Number(u64),
    Bytes(u64),
    Fixed(u64),
}

/// Steps through a protocol buffer.
pub(super) struct Reader {
    file: BufReader<File>,
    /// How far it is.
    pub(super) at: u64,
}

impl Reader {
    /// Reads `file` from its beginning.
    pub(super) fn new(file: File) -> Self {
        Self { file: BufReader::new(file), at: 0 }
    }

    fn byte(&mut self) -> io::Result<u8> {
        let mut byte = [0];
        self.file.read_exact(&mut byte)?;
        self.at += 1;
        Ok(byte[0])
    }

    /// The number that comes next.
    pub(super) fn varint(&mut self) -> io::Result<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(wrong("a number has no end"))
    }

    /// The next field before `end`: its number and what follows.
    pub(super) fn field(&mut self, end: u64) -> io::Result<Option<(u64, Value)>> {
        if self.at >= end {
            return Ok(None);
        }
        let key = self.varint()?;
        let value = match key & 7 {
            0 => Value::Number(self.varint()?),
            1 => Value::Fixed(8),
            2 => Value::Bytes(self.varint()?),
            5 => Value::Fixed(4),
            _ => return Err(wrong("a field has an unknown type")),
        };
        match value {
            Value::Bytes(length) if length > end.saturating_sub(self.at) => {
                Err(wrong("a field is longer than what holds it"))
            }
            value => Ok(Some((key >> 3, value))),
        }
    }

    /// Steps over a field's value.
    pub(super) fn skip(&mut self, value: Value) -> io::Result<()> {
        match value {
            Value::Bytes(length) | Value::Fixed(length) => self.step(length),
            Value::Number(_) => Ok(()),
        }
    }

    /// Over `length` bytes.
    pub(super) fn step(&mut self, length: u64) -> io::Result<()> {
        let step = i64::try_from(length).map_err(|_| wrong("a field is too long"))?;
        self.file.seek_relative(step)?;
        self.at += length;
        Ok(())
    }

    /// The `length` bytes that come next.
    pub(super) fn bytes(&mut self, length: u64) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; length as usize];
        self.file.read_exact(&mut bytes)?;
        self.at += length;
        Ok(bytes)
    }

    /// The name of `length` bytes that comes next.
    pub(super) fn text(&mut self, length: u64) -> io::Result<String> {
        if length > 1 << 16 {
            return Err(wrong("a name is too long"));
        }
        String::from_utf8(self.bytes(length)?).map_err(|_| wrong("a name is not UTF-8"))
    }
}

/// What a file says that cannot be.
pub(super) fn wrong(reason: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}
