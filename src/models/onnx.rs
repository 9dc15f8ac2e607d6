//! The outside of an ONNX file: what it takes and how much it weighs, without loading it.
//!
//! Reads the protocol buffer field by field (`onnx.proto3`) and steps over the weights.

use std::{collections::BTreeSet, fs::File, io, path::Path};

use super::{
    Error, external,
    external::External,
    protobuf::{Reader, Value, wrong},
};

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
    /// The files beside it that hold weights, and how long each must be at least.
    pub external: External,
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
    /// Reads the header of the file at `path`; the files its weights lie in must be there, long enough,
    /// and in the same folder.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let header = Self::read_alone(path)?;
        external::check(path, &header.external)?;
        Ok(header)
    }

    /// Reads the header of the file at `path` without looking for files beside it.
    pub(super) fn read_alone(path: &Path) -> Result<Self, Error> {
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
            (25, Value::Bytes(length)) => within(reader, length, Inside::Function, &mut header.external, 0)?,
            (_, value) => reader.skip(value)?,
        }
    }
    Ok(header)
}

/// What else may hold tensors, and so name files: functions, nodes, their attributes, graphs within those.
#[derive(Clone, Copy)]
enum Inside {
    Function,
    Graph,
    Node,
    Attribute,
    Sparse,
    Tensor,
}

impl Inside {
    /// What field `number` of this message holds, if it can hold tensors (`onnx.proto3`).
    fn field(self, number: u64) -> Option<Self> {
        Some(match (self, number) {
            (Self::Graph, 1) | (Self::Function, 7) => Self::Node,
            (Self::Graph, 5) | (Self::Attribute, 5 | 10) | (Self::Sparse, 1 | 2) => Self::Tensor,
            (Self::Graph, 15) | (Self::Attribute, 22 | 23) => Self::Sparse,
            (Self::Node, 5) | (Self::Function, 11) => Self::Attribute,
            (Self::Attribute, 6 | 11) => Self::Graph,
            _ => return None,
        })
    }
}

/// Gathers the files that tensors within a message name.
fn within(
    reader: &mut Reader,
    length: u64,
    inside: Inside,
    external: &mut External,
    depth: u32,
) -> io::Result<()> {
    if depth > 64 {
        return Err(wrong("its graphs lie too deep within one another"));
    }
    if let Inside::Tensor = inside {
        return initializer(reader, length, &mut WeightBytes::default(), external).map(drop);
    }
    let end = reader.at + length;
    while let Some(field) = reader.field(end)? {
        match field {
            (number, Value::Bytes(length)) => match inside.field(number) {
                Some(inside) => within(reader, length, inside, external, depth + 1)?,
                None => reader.skip(Value::Bytes(length))?,
            },
            (_, value) => reader.skip(value)?,
        }
    }
    Ok(())
}

fn graph(reader: &mut Reader, length: u64, header: &mut Header) -> io::Result<()> {
    let end = reader.at + length;
    let mut initializers = BTreeSet::new();
    while let Some(field) = reader.field(end)? {
        match field {
            (5, Value::Bytes(length)) => {
                initializers.insert(initializer(reader, length, &mut header.weights, &mut header.external)?)
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
            (number, Value::Bytes(length)) => {
                match Inside::Graph.field(number) {
                    Some(inside) => within(reader, length, inside, &mut header.external, 0)?,
                    None => reader.skip(Value::Bytes(length))?,
                }
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

/// `TensorProto`: dims 1, data_type 2, name 8, where its weights lie 13; the rest is weights.
fn initializer(
    reader: &mut Reader,
    length: u64,
    weights: &mut WeightBytes,
    external: &mut External,
) -> io::Result<String> {
    let end = reader.at + length;
    let (mut elements, mut kind, mut name) = (1u64, 0, String::new());
    let (mut location, mut offset, mut stated) = (None, 0, None);
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
            (13, Value::Bytes(length)) => {
                let (key, value) = pair(reader, length)?;
                let number = || value.parse().map_err(|_| wrong("where its weights lie is not a number"));
                match key.as_str() {
                    "offset" => offset = number()?,
                    "length" => stated = Some(number()?),
                    "location" => location = Some(value),
                    _ => {}
                }
            }
            (_, value) => reader.skip(value)?,
        }
    }
    // TensorProto.DataType
    let (sum, bytes) = match kind {
        1 => (&mut weights.f32, elements.saturating_mul(4)),
        10 | 16 => (&mut weights.f16, elements.saturating_mul(2)),
        7 | 11 | 13 => (&mut weights.other, elements.saturating_mul(8)),
        6 | 12 => (&mut weights.other, elements.saturating_mul(4)),
        4 | 5 => (&mut weights.other, elements.saturating_mul(2)),
        21 | 22 => (&mut weights.other, elements.div_ceil(2)),
        _ => (&mut weights.other, elements),
    };
    *sum = sum.saturating_add(bytes);
    if let Some(location) = location {
        let end = stated.unwrap_or(bytes).saturating_add(offset);
        let needed = external.entry(location).or_default();
        *needed = end.max(*needed);
    }
    Ok(name)
}

/// `StringStringEntryProto`: key 1, value 2.
fn pair(reader: &mut Reader, length: u64) -> io::Result<(String, String)> {
    let end = reader.at + length;
    let (mut key, mut value) = (String::new(), String::new());
    while let Some(field) = reader.field(end)? {
        match field {
            (1, Value::Bytes(length)) => key = reader.text(length)?,
            (2, Value::Bytes(length)) => value = reader.text(length)?,
            (_, value) => reader.skip(value)?,
        }
    }
    Ok((key, value))
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
            field(1, &[field(1, b"x"), field(4, b"Something")].concat()),
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
    fn files_are_found_wherever_a_tensor_may_name_one() {
        let entry = |key: &str, value: &str| {
            field(13, &[field(1, key.as_bytes()), field(2, value.as_bytes())].concat())
        };
        let tensor = |file: &str| [&[0x08, 8, 0x10, 1][..], &entry("location", file)].concat();
        let within = field(6, &field(5, &tensor("deep")));
        let graph = [
            field(5, &[tensor("weights"), entry("offset", "4"), entry("length", "6")].concat()),
            field(1, &field(5, &field(5, &tensor("constant")))), // an attribute's tensor
            field(1, &field(5, &within)),                        // a graph in an attribute
            field(12, &field(1, b"y")),
        ]
        .concat();
        let mut bytes = vec![7 << 3 | 2, (graph.len() & 0x7f) as u8 | 0x80, (graph.len() >> 7) as u8];
        bytes.extend(&graph);
        bytes.extend([0xca, 0x01]); // field 25: a function
        let function = field(7, &field(5, &field(5, &tensor("function"))));
        bytes.push(function.len() as u8);
        bytes.extend(function);

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.onnx");
        fs::write(&path, bytes).unwrap();
        let header = Header::read_alone(&path).unwrap();
        let found: Vec<_> = header.external.iter().map(|(name, bytes)| (name.as_str(), *bytes)).collect();
        assert_eq!(found, [("constant", 32), ("deep", 32), ("function", 32), ("weights", 10)]);
        assert!(matches!(Header::read(&path), Err(Error::External { .. })));
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
