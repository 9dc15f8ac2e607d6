//! The last norm of a text encoder, read out of its file: `clip_skip` applies it to an earlier layer.

use std::{fs::File, io, path::Path};

use super::{
    Error,
    protobuf::{Reader, Value},
};

/// The numbers of a layer normalisation.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerNorm {
    /// Multiplied by, one a channel.
    pub scale: Vec<f32>,
    /// Added, one a channel.
    pub bias: Vec<f32>,
    /// Added to the variance.
    pub epsilon: f32,
}

/// The norm that makes `output` of the file at `path`; `None` where that output is made otherwise, or
/// the numbers lie outside the file.
pub fn last_norm(path: &Path, output: &str) -> Result<Option<LayerNorm>, Error> {
    let wrong = |error: io::Error| Error::NotOnnx { path: path.to_owned(), reason: error.to_string() };
    let read = |look: &mut dyn FnMut(&mut Reader, u64, u64) -> io::Result<()>| -> Result<(), Error> {
        let file = File::open(path).map_err(Error::io("read", path))?;
        let length = file.metadata().map_err(Error::io("read", path))?.len();
        nodes_and_weights(&mut Reader::new(file), length, look).map_err(wrong)
    };
    let mut node = None;
    read(&mut |reader, number, length| match number {
        1 => {
            node = layer_normalization(reader, length, output)?.or(node.take());
            Ok(())
        }
        _ => reader.step(length),
    })?;
    let Some((inputs, epsilon)) = node else { return Ok(None) };
    let mut found = [const { None }; 2];
    read(&mut |reader, number, length| {
        if number != 5 {
            return reader.step(length);
        }
        let (name, values) = floats(reader, length)?;
        for (wanted, found) in inputs.iter().zip(&mut found) {
            if *wanted == name {
                *found = values.clone();
            }
        }
        Ok(())
    })?;
    let [Some(scale), Some(bias)] = found else { return Ok(None) };
    Ok(Some(LayerNorm { scale, bias, epsilon }))
}

/// Gives `look` each node (field 1) and each weight (field 5) of the graph (field 7 of the model).
fn nodes_and_weights(
    reader: &mut Reader,
    end: u64,
    look: &mut dyn FnMut(&mut Reader, u64, u64) -> io::Result<()>,
) -> io::Result<()> {
    while let Some(field) = reader.field(end)? {
        match field {
            (7, Value::Bytes(length)) => {
                let end = reader.at + length;
                while let Some(field) = reader.field(end)? {
                    match field {
                        (number @ (1 | 5), Value::Bytes(length)) => look(reader, number, length)?,
                        (_, value) => reader.skip(value)?,
                    }
                }
            }
            (_, value) => reader.skip(value)?,
        }
    }
    Ok(())
}

/// `NodeProto`: input 1, output 2, op_type 4, attribute 5: the names of scale and bias, and epsilon.
fn layer_normalization(
    reader: &mut Reader,
    length: u64,
    output: &str,
) -> io::Result<Option<([String; 2], f32)>> {
    let end = reader.at + length;
    let (mut inputs, mut outputs, mut kind, mut epsilon) = (Vec::new(), Vec::new(), String::new(), 1e-5);
    while let Some(field) = reader.field(end)? {
        match field {
            (1, Value::Bytes(length)) => inputs.push(reader.text(length)?),
            (2, Value::Bytes(length)) => outputs.push(reader.text(length)?),
            (4, Value::Bytes(length)) => kind = reader.text(length)?,
            (5, Value::Bytes(length)) => {
                if let Some(value) = epsilon_of(reader, length)? {
                    epsilon = value;
                }
            }
            (_, value) => reader.skip(value)?,
        }
    }
    let right = kind == "LayerNormalization" && outputs.first().is_some_and(|name| name == output);
    Ok(match (right, <[String; 3]>::try_from(inputs)) {
        (true, Ok([_, scale, bias])) => Some(([scale, bias], epsilon)),
        _ => None,
    })
}

/// `AttributeProto`: name 1, f 2.
fn epsilon_of(reader: &mut Reader, length: u64) -> io::Result<Option<f32>> {
    let end = reader.at + length;
    let (mut name, mut number) = (String::new(), None);
    while let Some(field) = reader.field(end)? {
        match field {
            (1, Value::Bytes(length)) => name = reader.text(length)?,
            (2, Value::Fixed(4)) => {
                let bytes = reader.bytes(4)?;
                number = bytes.try_into().ok().map(f32::from_le_bytes);
            }
            (_, value) => reader.skip(value)?,
        }
    }
    Ok(number.filter(|_| name == "epsilon"))
}

/// `TensorProto`: data_type 2, float_data 4, name 8, raw_data 9: 32-bit and 16-bit floats, up to a
/// million; `None` of anything else.
fn floats(reader: &mut Reader, length: u64) -> io::Result<(String, Option<Vec<f32>>)> {
    const MOST: u64 = 4 << 20;
    let end = reader.at + length;
    let (mut kind, mut name, mut raw, mut listed) = (0, String::new(), None, None);
    while let Some(field) = reader.field(end)? {
        match field {
            (2, Value::Number(number)) => kind = number,
            (4, Value::Bytes(length)) if length <= MOST => listed = Some(reader.bytes(length)?),
            (8, Value::Bytes(length)) => name = reader.text(length)?,
            (9, Value::Bytes(length)) if length <= MOST => raw = Some(reader.bytes(length)?),
            (_, value) => reader.skip(value)?,
        }
    }
    let of_four = |bytes: Vec<u8>| {
        bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect::<Vec<_>>()
    };
    let of_two = |bytes: Vec<u8>, read: fn([u8; 2]) -> f32| {
        bytes.as_chunks::<2>().0.iter().map(|bytes| read(*bytes)).collect::<Vec<_>>()
    };
    let values = match (kind, raw, listed) {
        (1, Some(bytes), _) | (1, None, Some(bytes)) => Some(of_four(bytes)),
        (10, Some(bytes), _) => Some(of_two(bytes, |b| half::f16::from_le_bytes(b).to_f32())),
        (16, Some(bytes), _) => Some(of_two(bytes, |b| half::bf16::from_le_bytes(b).to_f32())),
        _ => None,
    };
    Ok((name, values))
}
