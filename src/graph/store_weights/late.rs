//! Weights that a file keeps in fewer bits by itself, unpacked as late as those we store.
//!
//! Exporters write a cast of a 16-bit or 8-bit weight, a cast and a product with scales, or `DequantizeLinear`. ONNX
//! Runtime computes that when it loads the graph, of all weights at once, and holds what was stored, what was made of
//! it and a copy until it has loaded: five times what a graph takes that unpacks each weight just before it is read.

use std::collections::HashMap;

use super::{
    super::{
        Document, Node, document,
        element::ElementType,
        index::Index,
        onnx::{NodeProto, TensorProto},
    },
    Storage,
    place::{LEAST, PRODUCER, UNPACKS},
};

impl Document {
    /// Lets large weights that the file keeps in 16-bit floats or 8-bit integers be unpacked before their first reader,
    /// by nodes that are known as those of [stored weights](Document::store_weights) are. The answers are the same.
    /// Answers whether there were any.
    pub fn unpack_late(&mut self) -> bool {
        self.unpack_late_from(LEAST)
    }

    /// The same for weights of at least `least` numbers.
    pub fn unpack_late_from(&mut self, least: u64) -> bool {
        if self.storage().is_some() {
            return false;
        }
        let weights: HashMap<&str, &TensorProto> =
            self.graph.initializer.iter().map(|tensor| (tensor.name.as_str(), tensor)).collect();
        let index = Index::new(self);
        let mut before: Vec<Vec<NodeProto>> = vec![Vec::new(); self.graph.node.len()];
        let mut gone = vec![false; self.graph.node.len()];
        let mut made: HashMap<String, TensorProto> = HashMap::new();
        let mut storage = None;
        for (at, node) in self.graph.node.iter().enumerate() {
            let Some(weight) = node.input.first().and_then(|name| weights.get(name.as_str())) else {
                continue;
            };
            if weight.elements() < least {
                continue;
            }
            let Some(unpacked) = unpacked(node, weight, &weights, &index, self) else { continue };
            let Some(&first) = index.read_by(&unpacked.node.output[0]).iter().min() else { continue };
            storage = storage.max(Some(unpacked.storage));
            unpacked.instead_of.iter().chain([&at]).for_each(|&at| gone[at] = true);
            made.extend(unpacked.scales.map(|scales| (scales.name.clone(), scales)));
            before[first].push(unpacked.node);
        }
        let Some(storage) = storage else { return false };
        let nodes = std::mem::take(&mut self.graph.node).into_iter().zip(before).zip(gone);
        self.graph.node = nodes
            .flat_map(|((node, before), gone)| before.into_iter().chain((!gone).then_some(node)))
            .collect();
        self.graph.initializer.extend(made.into_values());
        self.frame.producer_name = PRODUCER.into();
        self.frame.producer_version = storage.to_string();
        self.import_contrib();
        self.sweep();
        true
    }
}

/// What unpacks a weight.
struct Unpacked {
    node: NodeProto,
    /// Other nodes that it stands for.
    instead_of: Vec<usize>,
    scales: Option<TensorProto>,
    storage: Storage,
}

fn unpacked(
    node: &NodeProto,
    weight: &TensorProto,
    weights: &HashMap<&str, &TensorProto>,
    index: &Index,
    whole: &Document,
) -> Option<Unpacked> {
    let named = |node: NodeProto| NodeProto { name: format!("{UNPACKS}{}", node.output[0]), ..node };
    let alone =
        |storage| Unpacked { node: named(node.clone()), instead_of: Vec::new(), scales: None, storage };
    let is_wide = Node::from(node).integer("to") == Some(i64::from(ElementType::F32.0));
    match (node.op_type.as_str(), weight.element()) {
        ("DequantizeLinear", ElementType::I8 | ElementType::U8) => node.input[1..]
            .iter()
            .all(|name| weights.contains_key(name.as_str()))
            .then(|| alone(Storage::Int8)),
        ("Cast", ElementType::F16) if is_wide => Some(alone(Storage::Fp16)),
        ("Cast", ElementType::BF16) if is_wide => Some(alone(Storage::Bf16)),
        ("Cast", ElementType::I8) if is_wide => {
            let next = index.only_reader(&node.output[0])?;
            let product = &whole.graph.node[next];
            let scale = product.input.iter().find(|name| **name != node.output[0])?;
            let (axis, scales) = scales(weights.get(scale.as_str())?, &weight.dims)?;
            let (packed, answer) = (&node.input[0], &product.output[0]);
            let unpack = document::node(
                "DequantizeLinear",
                &format!("{UNPACKS}{answer}"),
                &[packed, &scales.name],
                &[answer],
            );
            (product.op_type == "Mul").then(|| Unpacked {
                node: unpack.contrib().with_integer("axis", axis),
                instead_of: vec![next],
                scales: Some(scales),
                storage: Storage::Int8,
            })
        }
        _ => None,
    }
}

/// Scales that a weight of `dims` is multiplied with, as a list along one axis, and that axis; a single one as a number.
fn scales(scale: &TensorProto, dims: &[i64]) -> Option<(i64, TensorProto)> {
    let first = dims.len().checked_sub(scale.dims.len())?;
    let mut along = scale.dims.iter().enumerate().filter(|(_, length)| **length != 1);
    let flat = |axis: i64, lengths: Vec<i64>| {
        let name = format!("{}.along.{axis}", scale.name);
        (axis, TensorProto { name, dims: lengths, ..scale.clone() })
    };
    let is_float = scale.element() == ElementType::F32;
    match (is_float.then(|| along.next())?, along.next()) {
        (None, _) => Some(flat(0, Vec::new())),
        (Some((at, &length)), None) => {
            (dims[first + at] == length).then(|| flat((first + at) as i64, vec![length]))
        }
        _ => None,
    }
}
