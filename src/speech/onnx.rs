//! Voices as ONNX files: opened so that the same words always sound the same.
//!
//! Networks that add noise (Piper's do) hold `RandomNormalLike` nodes, which ONNX Runtime seeds
//! with the clock. The file is opened through a copy in which each has a seed, and one
//! whose noise has been drawn is opened anew before the next utterance.

use std::path::{Path, PathBuf};

use prost::encoding::{WireType, decode_key, decode_varint, encode_key, encode_varint};

use super::Error;
use crate::engine::{self, Options, Session, Tensor};

/// An ONNX voice, open.
#[derive(Debug)]
pub(super) struct Network {
    path: PathBuf,
    patched: Patched,
    session: Session,
    drawn: bool,
}

impl Network {
    /// Opens the file at `path`; `expose` says of which operator the only node's output is wanted too.
    pub(super) fn open(path: &Path, expose: Option<&str>) -> Result<Self, Error> {
        let unreadable = |reason: String| Error::Model { path: path.to_owned(), reason };
        let bytes = std::fs::read(path).map_err(|error| unreadable(error.to_string()))?;
        let patched = patch(&bytes, expose).ok_or_else(|| unreadable("it is no ONNX file".to_owned()))?;
        let session = open(path, &patched)?;
        Ok(Self { path: path.to_owned(), patched, session, drawn: false })
    }

    /// The session, for what it takes and answers.
    pub(super) fn session(&self) -> &Session {
        &self.session
    }

    /// What the file says of itself under `name`.
    pub(super) fn note(&self, name: &str) -> Option<String> {
        self.patched.notes.iter().find(|(known, _)| known == name).map(|(_, text)| text.clone())
    }

    /// Runs it on one utterance.
    pub(super) fn run(&mut self, inputs: &[(&str, Tensor)]) -> Result<Vec<(String, Tensor)>, Error> {
        if self.drawn {
            self.session = open(&self.path, &self.patched)?;
        }
        self.drawn = self.patched.noisy;
        self.session.run(inputs).map_err(|error| failed(&self.path, &error))
    }
}

fn open(path: &Path, patched: &Patched) -> Result<Session, Error> {
    let Some(bytes) = &patched.bytes else {
        return Session::open(path, &Options::default()).map_err(|error| failed(path, &error));
    };
    let folder = path.parent().unwrap_or(Path::new("."));
    Session::from_memory(bytes, path, folder, &Options::default()).map_err(|error| failed(path, &error))
}

fn failed(path: &Path, error: &engine::Error) -> Error {
    match error {
        engine::Error::OutOfMemory { .. } => Error::OutOfMemory { reason: error.to_string() },
        _ => Error::Model { path: path.to_owned(), reason: error.to_string() },
    }
}

/// What became of a file.
#[derive(Debug)]
struct Patched {
    /// Its bytes, where they were changed.
    bytes: Option<Vec<u8>>,
    /// Whether it draws noise.
    noisy: bool,
    /// What it says of itself, by name.
    notes: Vec<(String, String)>,
}

const GRAPH: u32 = 7;
const NOTE: u32 = 14;
const NODE: u32 = 1;
const OUTPUT: u32 = 12;
const NODE_OUTPUT: u32 = 2;
const NODE_OPERATOR: u32 = 4;
const NODE_ATTRIBUTE: u32 = 5;

/// A protocol buffer's field: its number, all its bytes, and what it holds if that has a length.
type Field<'a> = (u32, &'a [u8], &'a [u8]);

/// The fields of a message; none where the bytes are no message.
fn fields(message: &[u8]) -> Option<Vec<Field<'_>>> {
    let mut fields = Vec::new();
    let mut rest = message;
    while !rest.is_empty() {
        let whole = rest;
        let (tag, wire) = decode_key(&mut rest).ok()?;
        let held = match wire {
            WireType::Varint => {
                decode_varint(&mut rest).ok()?;
                &rest[..0]
            }
            WireType::LengthDelimited => {
                let length = usize::try_from(decode_varint(&mut rest).ok()?).ok()?;
                let held = rest.get(..length)?;
                rest = &rest[length..];
                held
            }
            WireType::SixtyFourBit => {
                rest = rest.get(8..)?;
                &rest[..0]
            }
            WireType::ThirtyTwoBit => {
                rest = rest.get(4..)?;
                &rest[..0]
            }
            _ => return None,
        };
        fields.push((tag, &whole[..whole.len() - rest.len()], held));
    }
    Some(fields)
}

fn put(message: &mut Vec<u8>, tag: u32, held: &[u8]) {
    encode_key(tag, WireType::LengthDelimited, message);
    encode_varint(held.len() as u64, message);
    message.extend_from_slice(held);
}

/// The file with a seed at each source of noise, and with the output of the only `expose` node as one
/// of its own.
fn patch(model: &[u8], expose: Option<&str>) -> Option<Patched> {
    let top = fields(model)?;
    let (_, _, graph) = *top.iter().find(|(tag, ..)| *tag == GRAPH)?;
    let parts = fields(graph)?;
    let mut changed = Vec::with_capacity(graph.len() + 256);
    let mut seeds = 0;
    let mut exposed = Vec::new();
    for (tag, all, held) in &parts {
        if *tag == NODE {
            let node = fields(held)?;
            let text = |wanted: u32| node.iter().find(|(tag, ..)| *tag == wanted).map(|(.., held)| *held);
            let operator = text(NODE_OPERATOR).unwrap_or_default();
            if operator.starts_with(b"Random") {
                seeds += 1;
                let mut seeded: Vec<u8> = node
                    .iter()
                    .filter(|(.., held)| !held.starts_with(b"\x0a\x04seed"))
                    .flat_map(|f| f.1)
                    .copied()
                    .collect();
                // An attribute's name (1), float (2) and type (20), which is float (1).
                let mut attribute = b"\x0a\x04seed\x15".to_vec();
                attribute.extend((seeds as f32).to_le_bytes());
                attribute.extend([0xa0, 0x01, 0x01]);
                put(&mut seeded, NODE_ATTRIBUTE, &attribute);
                put(&mut changed, NODE, &seeded);
                continue;
            }
            if expose.is_some_and(|wanted| wanted.as_bytes() == operator) {
                exposed.extend(text(NODE_OUTPUT));
            }
        }
        changed.extend_from_slice(all);
    }
    let is_output =
        |name: &[u8]| parts.iter().any(|(tag, _, held)| *tag == OUTPUT && value_name(held) == Some(name));
    let exposed = match exposed.as_slice() {
        [name] if !is_output(name) => Some(*name),
        _ => None,
    };
    if let Some(name) = exposed {
        let mut value = Vec::new();
        put(&mut value, 1, name);
        put(&mut changed, OUTPUT, &value);
    }
    let notes = top.iter().filter(|(tag, ..)| *tag == NOTE).filter_map(|(.., held)| note(held)).collect();
    if seeds == 0 && exposed.is_none() {
        return Some(Patched { bytes: None, noisy: false, notes });
    }
    let mut bytes = Vec::with_capacity(model.len() + 256);
    for (tag, all, _) in top {
        if tag == GRAPH { put(&mut bytes, GRAPH, &changed) } else { bytes.extend_from_slice(all) }
    }
    Some(Patched { bytes: Some(bytes), noisy: seeds > 0, notes })
}

fn note(entry: &[u8]) -> Option<(String, String)> {
    let fields = fields(entry)?;
    let text = |wanted: u32| {
        let held = fields.iter().find(|(tag, ..)| *tag == wanted).map(|(.., held)| *held)?;
        String::from_utf8(held.to_vec()).ok()
    };
    Some((text(1)?, text(2)?))
}

fn value_name(value: &[u8]) -> Option<&[u8]> {
    fields(value)?.into_iter().find(|(tag, ..)| *tag == 1).map(|(.., held)| held)
}
