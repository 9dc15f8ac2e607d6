//! Reads an ONNX file into nodes and what is constant in it.

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
};

use super::{
    Document, Error,
    element::ElementType,
    fold::fold,
    onnx::{AttributeProto, NodeProto, TensorProto, ValueInfoProto},
};

/// Constants of at most so many elements keep their numbers: pads, scales, axes; not weights.
const NUMBERS_KEPT: u64 = 64;

/// A graph without its weights' numbers.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Graph {
    /// What is fed, constants aside.
    pub inputs: Vec<Port>,
    /// What comes out.
    pub outputs: Vec<Port>,
    /// The operators, in an order in which they can run.
    pub nodes: Vec<Node>,
    /// Constants by name.
    pub weights: HashMap<String, Weight>,
}

/// An input or output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// Its name.
    pub name: String,
    /// The length of each dimension, `None` where it is free.
    pub dims: Vec<Option<u64>>,
    /// The type of its elements; none if it is no tensor.
    pub element: Option<ElementType>,
}

/// One operator.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// `Conv`, `Relu`, ...
    pub kind: String,
    /// Whether it is neither the standard's nor ONNX Runtime's own.
    pub is_ours: bool,
    /// What its exporter called it; often the path of the module it came from.
    pub name: String,
    /// What it takes, empty where an optional input is left out.
    pub inputs: Vec<String>,
    /// What it answers.
    pub outputs: Vec<String>,
    attributes: BTreeMap<String, Attribute>,
}

#[derive(Debug, Clone, PartialEq)]
enum Attribute {
    Integers(Vec<i64>),
    Float(f32),
    Text(String),
    Tensor(ElementType, Vec<f64>),
}

/// A constant.
#[derive(Debug, Clone, PartialEq)]
pub struct Weight {
    /// The length of each dimension.
    pub dims: Vec<u64>,
    /// Bytes as stored.
    pub bytes: u64,
    /// Its numbers, if they are few.
    pub numbers: Option<Vec<f64>>,
}

impl Graph {
    /// Reads the graph in the file at `path`. Weights beside the file are not looked at.
    pub fn read(path: &Path) -> Result<Self, Error> {
        Ok(Document::read(path)?.graph())
    }
}

impl Document {
    /// What the graph looks at, without its weights' numbers.
    pub fn graph(&self) -> Graph {
        let proto = &self.graph;
        let mut weights: HashMap<String, Weight> =
            proto.initializer.iter().map(|tensor| (tensor.name.clone(), Weight::from(tensor))).collect();
        let inputs = proto.input.iter().map(Port::from).collect();
        let mut nodes = Vec::with_capacity(proto.node.len());
        for node in &proto.node {
            let source = node.input.first().and_then(|name| weights.get(name));
            match (node.op_type.as_str(), node.output.first()) {
                // Weights that are stored smaller than they are used.
                ("Cast" | "Identity" | "DequantizeLinear", Some(name)) if source.is_some() => {
                    let weight = source.cloned();
                    weights.extend(weight.map(|weight| (name.clone(), weight)));
                }
                _ => {
                    let node = Node::from(node);
                    match (fold(&node, &weights), node.outputs.first()) {
                        (Some(weight), Some(name)) => drop(weights.insert(name.clone(), weight)),
                        _ => nodes.push(node),
                    }
                }
            }
        }
        Graph { inputs, outputs: proto.output.iter().map(Port::from).collect(), nodes, weights }
    }
}

impl Node {
    /// The integers of an attribute; one that is a single integer is a list of one.
    pub fn integers(&self, name: &str) -> Option<&[i64]> {
        match self.attributes.get(name)? {
            Attribute::Integers(integers) => Some(integers),
            _ => None,
        }
    }

    /// The integer of an attribute.
    pub fn integer(&self, name: &str) -> Option<i64> {
        self.integers(name)?.first().copied()
    }

    /// The number of an attribute.
    pub fn float(&self, name: &str) -> Option<f32> {
        match self.attributes.get(name)? {
            Attribute::Float(float) => Some(*float),
            _ => None,
        }
    }

    /// The numbers of an attribute that is a tensor, and their type.
    pub(super) fn tensor(&self, name: &str) -> Option<(ElementType, &[f64])> {
        match self.attributes.get(name)? {
            Attribute::Tensor(element, numbers) => Some((*element, numbers)),
            _ => None,
        }
    }

    /// The text of an attribute.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.attributes.get(name)? {
            Attribute::Text(text) => Some(text),
            _ => None,
        }
    }
}

impl From<&NodeProto> for Node {
    fn from(node: &NodeProto) -> Self {
        let attribute = |attribute: &AttributeProto| {
            let value = match attribute {
                AttributeProto { i: Some(integer), .. } => Attribute::Integers(vec![*integer]),
                AttributeProto { f: Some(float), .. } => Attribute::Float(*float),
                AttributeProto { s: Some(text), .. } => {
                    Attribute::Text(String::from_utf8_lossy(text).into_owned())
                }
                AttributeProto { t: Some(tensor), .. } => {
                    Attribute::Tensor(tensor.element(), tensor.numbers().unwrap_or_default())
                }
                // Some writers leave out a number that is zero.
                AttributeProto { r#type: 2, .. } => Attribute::Integers(vec![0]),
                AttributeProto { r#type: 1, .. } => Attribute::Float(0.0),
                AttributeProto { ints, .. } => Attribute::Integers(ints.clone()),
            };
            (attribute.name.clone(), value)
        };
        Self {
            kind: node.op_type.clone(),
            is_ours: !(node.domain.is_empty()
                || ["ai.", "com.microsoft"].iter().any(|theirs| node.domain.starts_with(theirs))),
            name: node.name.clone(),
            inputs: node.input.clone(),
            outputs: node.output.clone(),
            attributes: node.attribute.iter().map(attribute).collect(),
        }
    }
}

impl From<&TensorProto> for Weight {
    fn from(tensor: &TensorProto) -> Self {
        let dims: Vec<u64> = tensor.dims.iter().map(|&dim| u64::try_from(dim).unwrap_or(0)).collect();
        let elements = dims.iter().fold(1u64, |product, &dim| product.saturating_mul(dim));
        Self {
            bytes: tensor.bytes(),
            numbers: (elements <= NUMBERS_KEPT).then(|| tensor.numbers()).flatten(),
            dims,
        }
    }
}

impl From<&ValueInfoProto> for Port {
    fn from(value: &ValueInfoProto) -> Self {
        let tensor = value.r#type.as_ref().and_then(|kind| kind.tensor_type.as_ref());
        let dims = tensor.and_then(|tensor| tensor.shape.as_ref()).map_or(&[][..], |shape| &shape.dim[..]);
        let length = |dim: Option<i64>| dim.filter(|&length| length > 0).map(|length| length as u64);
        Self {
            name: value.name.clone(),
            dims: dims.iter().map(|dim| length(dim.dim_value)).collect(),
            element: tensor.map(|tensor| ElementType(tensor.elem_type)),
        }
    }
}
