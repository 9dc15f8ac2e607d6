//! What a graph looks like once its weights are stored, and where each of them will lie.

use std::path::Path;

use super::{
    super::{
        Document,
        document::node,
        element::ElementType,
        onnx::{NodeProto, StringStringEntry, TensorProto},
    },
    Storage,
    choose::Chosen,
};

/// Names of nodes that unpack weights begin so.
pub(in super::super) const UNPACKS: &str = "unpack/";
/// Who wrote a file of stored weights.
pub(super) const PRODUCER: &str = "shortform";
/// Where weights begin in their file: at multiples of this.
const ALIGNED: u64 = 64;
/// Weights of fewer numbers stay as they are.
pub(super) const LEAST: u64 = 1 << 14;
/// Weights of fewer numbers stay in the ONNX file: among them are those that shapes are made of.
const SMALL: u64 = 1 << 12;

/// A graph whose weights are stored, and what is to be written for it.
#[derive(Debug, Clone)]
pub struct StoredWeights {
    /// The graph, whose weights lie in one file beside it.
    pub document: Document,
    /// In the order in which they lie in that file.
    pub(super) items: Vec<Item>,
    /// Where the weights lie now.
    pub(super) sources: std::path::PathBuf,
    bytes: u64,
    count: usize,
}

/// What is written for one weight.
#[derive(Debug, Clone)]
pub(super) struct Item {
    pub(super) offset: u64,
    pub(super) source: TensorProto,
    /// None for one that stays as it is.
    pub(super) packed: Option<Packed>,
}

/// How a weight is packed; its scales lie behind it.
#[derive(Debug, Clone)]
pub(super) struct Packed {
    pub(super) storage: Storage,
    pub(super) rows: u64,
    pub(super) width: u64,
    /// How many numbers share a scale.
    pub(super) block: u64,
    pub(super) turned: bool,
    /// Where the scales begin; none without.
    pub(super) scales: Option<u64>,
}

impl StoredWeights {
    /// Bytes of the file of weights.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// How many weights are kept smaller than they were.
    pub fn count(&self) -> usize {
        self.count
    }
}

impl Document {
    /// The same graph with its large weights kept as `storage`, in a file called `data` in `folder`, where they are to be
    /// [written](StoredWeights::write). A weight that would not become smaller stays as it is.
    pub fn store_weights(&self, storage: Storage, folder: &Path, data: &str) -> StoredWeights {
        self.store_weights_from(storage, folder, data, LEAST)
    }

    /// The same for weights of at least `least` numbers.
    pub fn store_weights_from(
        &self,
        storage: Storage,
        folder: &Path,
        data: &str,
        least: u64,
    ) -> StoredWeights {
        let mut document = Self { folder: folder.to_owned(), ..self.clone() };
        let mut placing = Placing { data, at: 0, items: Vec::new(), made: Vec::new() };
        let mut before: Vec<Vec<NodeProto>> = vec![Vec::new(); self.graph.node.len()];
        let mut gone = vec![false; self.graph.initializer.len()];
        let mut count = 0;
        for chosen in self.choose(least) {
            let tensor = &self.graph.initializer[chosen.weight];
            let smaller = storage.element().bits() < tensor.element().bits();
            let Some(block) = storage.block(chosen.width).filter(|_| smaller) else { continue };
            let reader = &mut document.graph.node[chosen.reader];
            before[chosen.reader] = placing.pack(storage, tensor, &chosen, block, reader);
            gone[chosen.weight] = true;
            count += 1;
        }
        let kept = document.graph.initializer.iter().zip(gone).filter(|(_, gone)| !gone);
        let kept: Vec<TensorProto> = kept.map(|(tensor, _)| placing.keep(tensor)).collect();
        document.graph.initializer = kept.into_iter().chain(std::mem::take(&mut placing.made)).collect();
        let nodes = std::mem::take(&mut document.graph.node);
        document.graph.node = before
            .into_iter()
            .zip(nodes)
            .flat_map(|(before, node)| before.into_iter().chain([node]))
            .collect();
        document.sweep();
        document.frame.producer_name = PRODUCER.into();
        document.frame.producer_version = storage.to_string();
        match storage {
            Storage::Int8 | Storage::Int4 => document.import_contrib(),
            Storage::Fp8 | Storage::Fp8E5m2 if count > 0 => document.raise_opset(),
            _ => {}
        }
        placing.placed(document, &self.folder, count)
    }

    /// The same graph with its large weights in a file called `data` in `folder`, as they are, where they are to be
    /// [written](StoredWeights::write): a session reads them where they lie, where it would hold them twice while it
    /// loads, and each piece of the graph its own.
    pub fn lay_beside(&self, folder: &Path, data: &str) -> StoredWeights {
        let mut document = Self { folder: folder.to_owned(), ..self.clone() };
        let mut placing = Placing { data, at: 0, items: Vec::new(), made: Vec::new() };
        document.graph.initializer =
            self.graph.initializer.iter().map(|weight| placing.keep(weight)).collect();
        placing.placed(document, &self.folder, 0)
    }

    /// Bytes of the large weights in the ONNX file itself.
    pub fn bytes_within(&self) -> u64 {
        self.graph.initializer.iter().filter(|tensor| is_large(tensor)).map(TensorProto::bytes).sum()
    }

    /// How its large weights are stored, if [`Document::store_weights`] did.
    pub fn storage(&self) -> Option<Storage> {
        let ours = self.frame.producer_name == PRODUCER;
        ours.then(|| self.frame.producer_version.parse().ok()).flatten()
    }
}

/// Whether it lies in the ONNX file and may lie beside it.
fn is_large(tensor: &TensorProto) -> bool {
    let lies_within = || tensor.raw_bytes().is_some_and(|raw| raw.len() as u64 == tensor.bytes());
    tensor.elements() > SMALL && lies_within()
}

/// Gives each weight its place in the file.
struct Placing<'a> {
    data: &'a str,
    at: u64,
    items: Vec<Item>,
    made: Vec<TensorProto>,
}

impl Placing<'_> {
    fn placed(self, document: Document, sources: &Path, count: usize) -> StoredWeights {
        StoredWeights { document, items: self.items, sources: sources.to_owned(), bytes: self.at, count }
    }

    fn next(&mut self, bytes: u64) -> u64 {
        let offset = self.at.next_multiple_of(ALIGNED);
        self.at = offset + bytes;
        offset
    }

    fn beside(&self, name: &str, element: ElementType, dims: &[i64], offset: u64) -> TensorProto {
        let mut tensor = TensorProto::raw(name, element, dims, bytes::Bytes::new());
        tensor.lie_beside(self.data, offset);
        tensor
    }

    /// A weight that stays as it is, copied if it lies beside the file or is large.
    fn keep(&mut self, tensor: &TensorProto) -> TensorProto {
        if tensor.place().is_none() && !is_large(tensor) {
            return tensor.clone();
        }
        let offset = self.next(tensor.bytes());
        self.items.push(Item { offset, source: tensor.clone(), packed: None });
        let dims = tensor.dims.clone();
        self.beside(&tensor.name, tensor.element(), &dims, offset)
    }

    /// Lets `reader` read a weight that is unpacked before it; answers the nodes that do so.
    fn pack(
        &mut self,
        storage: Storage,
        tensor: &TensorProto,
        chosen: &Chosen,
        block: u64,
        reader: &mut NodeProto,
    ) -> Vec<NodeProto> {
        let &Chosen { rows, width, turned, element, .. } = chosen;
        let name = &tensor.name;
        let blocks = rows * width / block;
        let dims = match turned {
            true => vec![rows as i64, width as i64],
            false => tensor.dims.clone(),
        };
        let shared = block < width;
        let lying = if shared { vec![blocks as i64, block as i64] } else { dims.clone() };
        let offset = self.next(storage.element().bytes(rows * width));
        let scales = storage.largest().map(|_| self.next(4 * blocks));
        self.items.push(Item {
            offset,
            source: tensor.clone(),
            packed: Some(Packed { storage, rows, width, block, turned, scales }),
        });
        let packed = format!("{name}.{storage}");
        let tensor_packed = self.beside(&packed, storage.element(), &lying, offset);
        self.made.push(tensor_packed);
        let mut nodes = Vec::new();
        let mut last = packed;
        let step = |kind: &str, inputs: &[&str], last: &mut String| {
            let output = format!("{name}.{}", kind.to_lowercase());
            let made = node(kind, &format!("{UNPACKS}{output}"), inputs, &[&output]);
            *last = output;
            made
        };
        match scales {
            None => nodes.push(step("Cast", &[&last.clone()], &mut last).with_integer("to", 1)),
            Some(offset) => {
                let scale = format!("{name}.scale");
                let scales = self.beside(&scale, ElementType::F32, &[blocks as i64], offset);
                self.made.push(scales);
                let unpack = step("DequantizeLinear", &[&last.clone(), &scale], &mut last);
                // ONNX Runtime's own takes integers in a model of any age; 8-bit floats are new in ONNX 1.14.
                nodes.push(match storage {
                    Storage::Int8 | Storage::Int4 => unpack.contrib().with_integer("axis", 0),
                    _ => unpack.with_integer("axis", 0),
                });
            }
        }
        if shared {
            let shape = format!("{name}.shape");
            self.made.push(TensorProto::integers(&shape, &[dims.len() as i64], &dims));
            nodes.push(step("Reshape", &[&last.clone(), &shape], &mut last));
        }
        if element != ElementType::F32 {
            let to = i64::from(element.0);
            nodes.push(step("Cast", &[&last.clone()], &mut last).with_integer("to", to));
        }
        if turned && reader.op_type == "Gemm" {
            reader.attribute.retain(|attribute| attribute.name != "transB");
            *reader = reader.clone().with_integer("transB", 1);
        } else if turned {
            nodes.push(step("Transpose", &[&last.clone()], &mut last).with_integers("perm", &[1, 0]));
        }
        reader.input[1] = last;
        nodes
    }
}

impl TensorProto {
    /// Says that its bytes lie in the file `data`, from `offset` on.
    pub(super) fn lie_beside(&mut self, data: &str, offset: u64) {
        let entry = |key: &str, value: String| StringStringEntry { key: key.into(), value };
        self.external_data = vec![
            entry("location", data.to_owned()),
            entry("offset", offset.to_string()),
            entry("length", self.bytes().to_string()),
        ];
        self.data_location = 1;
    }
}
