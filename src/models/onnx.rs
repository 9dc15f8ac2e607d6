//! The outside of an ONNX file: what it takes and how much it weighs, without loading it.
//!
//! Reads the protocol buffer field by field (`onnx.proto3`) and steps over the weights.

use std::{
    collections::BTreeSet,
    fs::File,
    io::{self, BufReader, Read},
    path::Path,
};

use super::Error;

/// What can be known of an ONNX file without loading its weights.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Header {
    /// The names of its inputs.
    pub inputs: Vec<String>,
    /// The lengths of each input's dimensions, in the same order; `None` where one is free.
    pub shapes: Vec<Vec<Option<u64>>>,
    /// The names of its outputs.
    pub outputs: Vec<String>,
    /// Its weights, inside the file or beside it.
    pub weights: WeightBytes,
}

/// Bytes of weights by how they are stored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WeightBytes {
    /// As 32-bit floats.
    pub f32: u64,
    /// As 16-bit floats of either kind.
    pub f16: u64,
    /// As anything else.
    pub other: u64,
}

impl WeightBytes {
    /// All of them.
    pub fn total(self) -> u64 {
        self.f32 + self.f16 + self.other
    }
}

impl Header {
    /// Reads the header of the file at `path`.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let file = File::open(path).map_err(Error::io("read", path))?;
        let length = file.metadata().map_err(Error::io("read", path))?.len();
        let not_onnx = |reason: String| Error::NotOnnx { path: path.to_owned(), reason };
        let header = model(&mut Reader::new(file), length).map_err(|e| not_onnx(e.to_string()))?;
        match header.outputs.is_empty() {
            true => Err(not_onnx("it has no graph with outputs".into())),
            false => Ok(header),
        }
    }
}

fn model(reader: &mut Reader, end: u64) -> io::Result<Header> {
    let mut header = Header::default();
    while let Some(field) = reader.field(end)? {
        match field {
            (7, Value::Bytes(length)) => graph(reader, length, &mut header)?,
            (_, value) => reader.skip(value)?,
        }
    }
    Ok(header)
}

fn graph(reader: &mut Reader, length: u64, header: &mut Header) -> io::Result<()> {
    let end = reader.at + length;
    let mut initializers = BTreeSet::new();
    while let Some(field) = reader.field(end)? {
        match field {
            (5, Value::Bytes(length)) => {
                initializers.insert(initializer(reader, length, &mut header.weights)?)
            }
            (11, Value::Bytes(length)) => {
                let (name, shape) = value_info(reader, length)?;
                header.inputs.push(name);
                header.shapes.push(shape);
                true
            }
            (12, Value::Bytes(length)) => {
                header.outputs.push(value_info(reader, length)?.0);
                true
            }
            (_, value) => {
                reader.skip(value)?;
                true
            }
        };
    }
    // Before IR version 4 every initializer was listed as an input too.
    let kept: Vec<bool> = header.inputs.iter().map(|name| !initializers.contains(name)).collect();
    let (mut names, mut shapes) = (kept.iter(), kept.iter());
    header.inputs.retain(|_| names.next() == Some(&true));
    header.shapes.retain(|_| shapes.next() == Some(&true));
    Ok(())
}

/// `ValueInfoProto`: name 1, type 2.
fn value_info(reader: &mut Reader, length: u64) -> io::Result<(String, Vec<Option<u64>>)> {
    let end = reader.at + length;
    let (mut name, mut shape) = (String::new(), Vec::new());
    while let Some(field) = reader.field(end)? {
        match field {
            (1, Value::Bytes(length)) => name = reader.text(length)?,
            (2, Value::Bytes(length)) => nested(reader, length, &[1, 2], &mut shape)?,
            (_, value) => reader.skip(value)?,
        }
    }
    Ok((name, shape))
}

/// `TypeProto`: tensor_type 1; `TypeProto.Tensor`: shape 2; `TensorShapeProto`: dim 1, each.
fn nested(reader: &mut Reader, length: u64, path: &[u64], shape: &mut Vec<Option<u64>>) -> io::Result<()> {
    let end = reader.at + length;
    while let Some(field) = reader.field(end)? {
        match (field, path) {
            ((number, Value::Bytes(length)), [first, rest @ ..]) if number == *first => {
                nested(reader, length, rest, shape)?
            }
            ((1, Value::Bytes(length)), []) => shape.push(dimension(reader, length)?),
            ((_, value), _) => reader.skip(value)?,
        }
    }
    Ok(())
}

/// `TensorShapeProto.Dimension`: dim_value 1, or a name, or nothing.
fn dimension(reader: &mut Reader, length: u64) -> io::Result<Option<u64>> {
    let end = reader.at + length;
    let mut value = None;
    while let Some(field) = reader.field(end)? {
        match field {
            (1, Value::Number(number)) => value = Some(number),
            (_, other) => reader.skip(other)?,
        }
    }
    Ok(value.filter(|&value| value > 0))
}

/// `TensorProto`: dims 1, data_type 2, name 8; the rest is weights or where they lie.
fn initializer(reader: &mut Reader, length: u64, weights: &mut WeightBytes) -> io::Result<String> {
    let end = reader.at + length;
    let (mut elements, mut kind, mut name) = (1u64, 0, String::new());
    while let Some(field) = reader.field(end)? {
        match field {
            (1, Value::Number(dim)) => elements = elements.saturating_mul(dim),
            (1, Value::Bytes(length)) => {
                let packed = reader.at + length;
                while reader.at < packed {
                    elements = elements.saturating_mul(reader.varint()?);
                }
            }
            (2, Value::Number(number)) => kind = number,
            (8, Value::Bytes(length)) => name = reader.text(length)?,
            (_, value) => reader.skip(value)?,
        }
    }
    // TensorProto.DataType
    match kind {
        1 => weights.f32 += elements.saturating_mul(4),
        10 | 16 => weights.f16 += elements.saturating_mul(2),
        7 | 11 | 13 => weights.other += elements.saturating_mul(8),
        6 | 12 => weights.other += elements.saturating_mul(4),
        4 | 5 => weights.other += elements.saturating_mul(2),
        21 | 22 => weights.other += elements.div_ceil(2),
        _ => weights.other += elements,
    }
    Ok(name)
}

/// What a field holds: a number, or how many bytes follow.
pub(super) enum Value {
    Number(u64),
    Bytes(u64),
    Fixed(u64),
}

/// Steps through a protocol buffer.
pub(super) struct Reader {
    file: BufReader<File>,
    at: u64,
}

impl Reader {
    pub(super) fn new(file: File) -> Self {
        Self { file: BufReader::new(file), at: 0 }
    }

    pub(super) fn at(&self) -> u64 {
        self.at
    }

    fn byte(&mut self) -> io::Result<u8> {
        let mut byte = [0];
        self.file.read_exact(&mut byte)?;
        self.at += 1;
        Ok(byte[0])
    }

    fn varint(&mut self) -> io::Result<u64> {
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

    pub(super) fn bytes(&mut self, length: u64) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; length as usize];
        self.file.read_exact(&mut bytes)?;
        self.at += length;
        Ok(bytes)
    }

    pub(super) fn text(&mut self, length: u64) -> io::Result<String> {
        if length > 1 << 16 {
            return Err(wrong("a name is too long"));
        }
        String::from_utf8(self.bytes(length)?).map_err(|_| wrong("a name is not UTF-8"))
    }
}

fn wrong(reason: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn read(bytes: &[u8]) -> Result<Header, Error> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.onnx");
        fs::write(&path, bytes).unwrap();
        Header::read(&path)
    }

    /// Field `number` holding `content`.
    fn field(number: u8, content: &[u8]) -> Vec<u8> {
        [&[number << 3 | 2, content.len() as u8], content].concat()
    }

    #[test]
    fn inputs_outputs_and_weights_are_read_and_the_rest_is_stepped_over() {
        let weight = [
            &[0x08, 3, 0x08, 5][..], // dims 3, 5, one by one
            &[0x10, 1],              // float32
            &field(8, b"w"),
            &field(9, &[0; 60]), // the numbers themselves
        ]
        .concat();
        let half = [&field(1, &[7, 2])[..], &[0x10, 10], &field(8, b"h")].concat();
        let graph = [
            field(1, b"\x0a\x01xsomething"),
            field(5, &weight),
            field(5, &half),
            field(11, &field(1, b"sample")),
            field(11, &field(1, b"w")),
            field(12, &field(1, b"out_sample")),
        ]
        .concat();
        let mut bytes = vec![0x08, 8];
        bytes.extend([7 << 3 | 2, (graph.len() & 0x7f) as u8 | 0x80, (graph.len() >> 7) as u8]);
        bytes.extend(graph);
        let header = read(&bytes).unwrap();
        assert_eq!(header.inputs, ["sample"]);
        assert_eq!(header.outputs, ["out_sample"]);
        assert_eq!(header.weights, WeightBytes { f32: 60, f16: 28, other: 0 });
    }

    #[test]
    fn what_is_no_model_is_refused() {
        for bytes in
            [&b""[..], b"version https://git-lfs.github.com/spec/v1\noid sha256:00", &[0x3a, 0x7f, 0]]
        {
            assert!(matches!(read(bytes), Err(Error::NotOnnx { .. })), "{bytes:?}");
        }
    }
}
