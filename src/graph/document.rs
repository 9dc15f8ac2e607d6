//! An ONNX file, whole: what is read can be changed and written again.

use std::{
    collections::{HashMap, HashSet},
    path::{Path, PathBuf},
};

use bytes::Bytes;
use prost::Message;

use super::{
    Error, Port,
    element::ElementType,
    mapping,
    onnx::{AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetId, TensorProto, ValueInfoProto},
};

/// The domain of ONNX Runtime's own operators.
pub(super) const CONTRIB: &str = "com.microsoft";

/// An ONNX model that can be changed. Weights stay where they lie, in the mapped file or beside it, until
/// somebody reads them.
#[derive(Debug, Clone)]
pub struct Document {
    /// All but the graph.
    pub(super) frame: ModelProto,
    /// Its constants are weights: there are no `Constant` nodes, and no input is a weight.
    pub(super) graph: GraphProto,
    /// Where the weights beside the file lie.
    pub(super) folder: PathBuf,
}

impl Document {
    /// Reads the file at `path`; weights beside it are found when they are needed.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let bytes = mapping::map(path).map_err(|source| Error::Io { path: path.to_owned(), source })?;
        let folder = path.parent().unwrap_or(Path::new(".")).to_owned();
        Self::from_bytes(bytes, folder).map_err(|reason| Error::NotOnnx { path: path.to_owned(), reason })
    }

    fn from_bytes(bytes: Bytes, folder: PathBuf) -> Result<Self, String> {
        let mut frame = ModelProto::decode(bytes).map_err(|error| error.to_string())?;
        let graph = frame.graph.take().filter(|graph| !graph.output.is_empty());
        let mut graph = graph.ok_or("it has no graph with outputs")?;
        let constants: Vec<TensorProto> = graph.node.iter().filter_map(constant).collect();
        graph.initializer.extend(constants);
        graph.node.retain(|node| constant(node).is_none());
        // Before IR version 4 every initializer was listed as an input too.
        let weights: HashSet<&str> = graph.initializer.iter().map(|tensor| tensor.name.as_str()).collect();
        graph.input.retain(|input| !weights.contains(input.name.as_str()));
        frame.ir_version = frame.ir_version.max(4);
        let mut document = Self { frame, graph, folder };
        document.share_weights();
        Ok(document)
    }

    /// Exporters write a weight that two modules share once, and an `Identity` of it under the other name:
    /// who reads that is told the first.
    fn share_weights(&mut self) {
        let mut same: HashMap<String, String> = HashMap::new();
        let weights: HashSet<&str> =
            self.graph.initializer.iter().map(|tensor| tensor.name.as_str()).collect();
        let outputs: HashSet<&str> = self.outputs().collect();
        for node in self.graph.node.iter().filter(|node| node.op_type == "Identity") {
            let source = same.get(&node.input[0]).unwrap_or(&node.input[0]).clone();
            if weights.contains(source.as_str()) && !outputs.contains(node.output[0].as_str()) {
                same.insert(node.output[0].clone(), source);
            }
        }
        let holds_graphs = |node: &NodeProto| node.attribute.iter().any(|attribute| attribute.g.is_some());
        if same.is_empty() || self.graph.node.iter().any(holds_graphs) {
            return;
        }
        self.graph.node.retain(|node| !same.contains_key(&node.output[0]));
        for input in self.graph.node.iter_mut().flat_map(|node| &mut node.input) {
            if let Some(source) = same.get(input) {
                input.clone_from(source);
            }
        }
    }

    /// The file's bytes. Weights beside the old file are named as they were, so the new one finds them if it
    /// lies, or is said to lie, in [`folder`](Self::folder).
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut frame = self.frame.clone();
        frame.graph = Some(self.graph.clone());
        frame.encode_to_vec()
    }

    /// Where the weights beside the file lie.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What it answers, in order.
    pub fn answers(&self) -> impl Iterator<Item = Port> {
        self.graph.output.iter().map(Port::from)
    }

    /// The names of what it takes, in order.
    pub fn inputs(&self) -> impl Iterator<Item = &str> {
        self.graph.input.iter().map(|input| input.name.as_str())
    }

    /// The names of what it answers, in order.
    pub fn outputs(&self) -> impl Iterator<Item = &str> {
        self.graph.output.iter().map(|output| output.name.as_str())
    }

    /// What it takes, in order.
    pub fn ports(&self) -> impl Iterator<Item = Port> {
        self.graph.input.iter().map(Port::from)
    }

    /// The weights that lie beside the file.
    pub fn weights_beside(&self) -> Vec<Beside> {
        let beside = |tensor: &TensorProto| {
            Some(Beside {
                name: tensor.name.clone(),
                dims: tensor.dims.iter().map(|&dim| u64::try_from(dim).unwrap_or(0)).collect(),
                element: tensor.element(),
                offset: tensor.place()?.offset,
            })
        };
        self.graph.initializer.iter().filter_map(beside).collect()
    }

    /// Says that ONNX Runtime's own operators are used.
    pub(super) fn import_contrib(&mut self) {
        self.import(CONTRIB);
    }

    /// Says that operators of `domain` may stand in the graph.
    pub(super) fn import(&mut self, domain: &str) {
        if !self.frame.opset_import.iter().any(|set| set.domain == domain) {
            self.frame.opset_import.push(OperatorSetId { domain: domain.into(), version: 1 });
        }
    }

    /// Takes out the nodes whose answers nobody reads, and the weights nobody reads then.
    pub(super) fn sweep(&mut self) {
        let mut needed: HashSet<String> = self.outputs().map(str::to_owned).collect();
        let mut kept = Vec::with_capacity(self.graph.node.len());
        for node in std::mem::take(&mut self.graph.node).into_iter().rev() {
            if node.output.iter().any(|output| needed.contains(output)) {
                needed.extend(reads(&node).into_iter().map(str::to_owned));
                kept.push(node);
            }
        }
        kept.reverse();
        self.graph.node = kept;
        self.graph.initializer.retain(|tensor| needed.contains(&tensor.name));
    }
}

/// A weight that lies beside the ONNX file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beside {
    /// Its name.
    pub name: String,
    /// The length of each dimension.
    pub dims: Vec<u64>,
    /// The type of its elements.
    pub element: ElementType,
    /// Where it begins in its file.
    pub offset: u64,
}

/// What a `Constant` node holds, under the name of its output.
fn constant(node: &NodeProto) -> Option<TensorProto> {
    if node.op_type != "Constant" {
        return None;
    }
    let (name, attribute) = (node.output.first()?, node.attribute.first()?);
    match attribute.name.as_str() {
        "value" => Some(TensorProto { name: name.clone(), ..attribute.t.clone()? }),
        "value_int" => Some(TensorProto::integers(name, &[], &[attribute.i.unwrap_or(0)])),
        "value_ints" => Some(TensorProto::integers(name, &[attribute.ints.len() as i64], &attribute.ints)),
        "value_float" => Some(TensorProto::floats(name, &[], &[attribute.f.unwrap_or(0.0)])),
        "value_floats" => {
            Some(TensorProto::floats(name, &[attribute.floats.len() as i64], &attribute.floats))
        }
        _ => None,
    }
}

/// What a node reads, the graphs within it included.
pub(super) fn reads(node: &NodeProto) -> Vec<&str> {
    let mut names: Vec<&str> =
        node.input.iter().map(String::as_str).filter(|name| !name.is_empty()).collect();
    for attribute in &node.attribute {
        for graph in attribute.g.iter().chain(&attribute.graphs) {
            names.extend(graph.node.iter().flat_map(reads));
            names.extend(graph.output.iter().map(|output| output.name.as_str()));
        }
    }
    names
}

/// A node with attributes.
pub(super) fn node(kind: &str, name: &str, inputs: &[&str], outputs: &[&str]) -> NodeProto {
    NodeProto {
        op_type: kind.into(),
        name: name.into(),
        input: inputs.iter().map(|&name| name.to_owned()).collect(),
        output: outputs.iter().map(|&name| name.to_owned()).collect(),
        ..NodeProto::default()
    }
}

impl NodeProto {
    /// The same node with an attribute of integers.
    pub(super) fn with_integers(mut self, name: &str, integers: &[i64]) -> Self {
        let ints = integers.to_vec();
        self.attribute.push(AttributeProto { name: name.into(), ints, r#type: 7, ..Default::default() });
        self
    }

    /// The same node with an attribute that is an integer.
    pub(super) fn with_integer(mut self, name: &str, integer: i64) -> Self {
        let i = Some(integer);
        self.attribute.push(AttributeProto { name: name.into(), i, r#type: 2, ..Default::default() });
        self
    }

    /// The same node with an attribute that is a number.
    pub(super) fn with_float(mut self, name: &str, float: f32) -> Self {
        let f = Some(float);
        self.attribute.push(AttributeProto { name: name.into(), f, r#type: 1, ..Default::default() });
        self
    }

    /// The same node as one of ONNX Runtime's own.
    pub(super) fn contrib(mut self) -> Self {
        self.domain = CONTRIB.into();
        self
    }
}

impl ValueInfoProto {
    /// A port of a type and of fixed lengths.
    pub(super) fn fixed(name: &str, element: ElementType, dims: &[u64]) -> Self {
        let dims: Vec<Option<u64>> = dims.iter().map(|&length| Some(length)).collect();
        Self::open(name, element, &dims)
    }

    /// A port of a type and of lengths that may be free.
    pub(super) fn open(name: &str, element: ElementType, dims: &[Option<u64>]) -> Self {
        use super::onnx::{DimProto, ShapeProto, TensorTypeProto, TypeProto};
        let dim = |&length: &Option<u64>| DimProto {
            dim_value: length.map(|length| length as i64),
            dim_param: None,
        };
        let shape = Some(ShapeProto { dim: dims.iter().map(dim).collect() });
        let tensor_type = Some(TensorTypeProto { elem_type: element.0, shape });
        Self { name: name.into(), r#type: Some(TypeProto { tensor_type }) }
    }

    /// Its element type, if it is a tensor.
    pub(super) fn element(&self) -> Option<ElementType> {
        Some(ElementType(self.r#type.as_ref()?.tensor_type.as_ref()?.elem_type))
    }
}
