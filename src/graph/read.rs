//! Reads an ONNX file into nodes and what is constant in it.

use std::{
    collections::{BTreeMap, HashMap},
    fs,
    path::Path,
};

use prost::Message;

use super::{
    Error,
    fold::fold,
    onnx::{AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto},
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
    /// Whether its elements are 16-bit floats of either kind.
    pub half: bool,
}

/// One operator.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// `Conv`, `Relu`, ...
    pub kind: String,
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
        let bytes = fs::read(path).map_err(|source| Error::Io { path: path.to_owned(), source })?;
        Self::from_bytes(&bytes).map_err(|reason| Error::NotOnnx { path: path.to_owned(), reason })
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        let model = ModelProto::decode(bytes).map_err(|error| error.to_string())?;
        let graph = model.graph.filter(|graph| !graph.output.is_empty());
        Ok(Self::from_proto(graph.ok_or("it has no graph with outputs")?))
    }

    fn from_proto(graph: GraphProto) -> Self {
        let mut weights: HashMap<String, Weight> =
            graph.initializer.iter().map(|tensor| (tensor.name.clone(), Weight::from(tensor))).collect();
        // Before IR version 4 every initializer was listed as an input too.
        let inputs = graph.input.iter().filter(|input| !weights.contains_key(&input.name));
        let inputs = inputs.map(Port::from).collect();
        let mut nodes = Vec::with_capacity(graph.node.len());
        for node in graph.node {
            let constant = node.attribute.iter().find_map(|attribute| attribute.t.as_ref());
            let source = node.input.first().and_then(|name| weights.get(name));
            match (node.op_type.as_str(), node.output.first()) {
                ("Constant", Some(name)) => {
                    let weight = constant.map(Weight::from).or_else(|| numbers(&node.attribute));
                    weights.extend(weight.map(|weight| (name.clone(), weight)));
                }
                // Weights that are stored smaller than they are used.
                ("Cast" | "Identity" | "DequantizeLinear", Some(name)) if source.is_some() => {
                    let weight = source.cloned();
                    weights.extend(weight.map(|weight| (name.clone(), weight)));
                }
                _ => {
                    let filler = constant.and_then(|tensor| tensor.numbers()?.first().copied());
                    let node = Node::from(node);
                    match (fold(&node, &weights, filler.unwrap_or(0.0)), node.outputs.first()) {
                        (Some(weight), Some(name)) => drop(weights.insert(name.clone(), weight)),
                        _ => nodes.push(node),
                    }
                }
            }
        }
        Self { inputs, outputs: graph.output.iter().map(Port::from).collect(), nodes, weights }
    }
}

/// A `Constant` node that holds its numbers as attributes.
fn numbers(attributes: &[AttributeProto]) -> Option<Weight> {
    let numbers: Vec<f64> = attributes.iter().find_map(|attribute| match attribute.name.as_str() {
        "value_int" | "value_ints" => Some(match attribute.i {
            Some(one) => vec![one as f64],
            None => attribute.ints.iter().map(|&x| x as f64).collect(),
        }),
        "value_float" | "value_floats" => Some(match attribute.f {
            Some(one) => vec![f64::from(one)],
            None => attribute.floats.iter().map(|&x| f64::from(x)).collect(),
        }),
        _ => None,
    })?;
    Some(Weight { dims: vec![numbers.len() as u64], bytes: numbers.len() as u64 * 8, numbers: Some(numbers) })
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

    /// The text of an attribute.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.attributes.get(name)? {
            Attribute::Text(text) => Some(text),
            _ => None,
        }
    }
}

impl From<NodeProto> for Node {
    fn from(node: NodeProto) -> Self {
        let attribute = |attribute: AttributeProto| {
            let value = match attribute {
                AttributeProto { i: Some(integer), .. } => Attribute::Integers(vec![integer]),
                AttributeProto { f: Some(float), .. } => Attribute::Float(float),
                AttributeProto { s: Some(text), .. } => {
                    Attribute::Text(String::from_utf8_lossy(&text).into_owned())
                }
                AttributeProto { ints, .. } => Attribute::Integers(ints),
            };
            (attribute.name, value)
        };
        Self {
            kind: node.op_type,
            inputs: node.input,
            outputs: node.output,
            attributes: node.attribute.into_iter().map(attribute).collect(),
        }
    }
}

impl From<&TensorProto> for Weight {
    fn from(tensor: &TensorProto) -> Self {
        let dims: Vec<u64> = tensor.dims.iter().map(|&dim| u64::try_from(dim).unwrap_or(0)).collect();
        let elements = dims.iter().fold(1u64, |product, &dim| product.saturating_mul(dim));
        Self {
            bytes: elements.saturating_mul(tensor.element_bytes()),
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
            half: tensor.is_some_and(|tensor| matches!(tensor.elem_type, 10 | 16)),
        }
    }
}
