//! Who answers and who reads each tensor.

use std::collections::{HashMap, HashSet};

use super::{Document, document::reads, onnx::NodeProto};

/// Positions of nodes by the tensors they answer and read, as long as the nodes stay where they are.
pub(super) struct Index {
    answered_by: HashMap<String, usize>,
    read_by: HashMap<String, Vec<usize>>,
    outputs: HashSet<String>,
}

impl Index {
    pub(super) fn new(document: &Document) -> Self {
        let mut index =
            Self { answered_by: HashMap::new(), read_by: HashMap::new(), outputs: HashSet::new() };
        for (at, node) in document.graph.node.iter().enumerate() {
            index.answered_by.extend(node.output.iter().map(|name| (name.clone(), at)));
            for name in reads(node) {
                index.read_by.entry(name.to_owned()).or_default().push(at);
            }
        }
        index.outputs.extend(document.outputs().map(str::to_owned));
        index
    }

    /// The position of the node that answers `tensor`; none for inputs and weights.
    pub(super) fn answered_by(&self, tensor: &str) -> Option<usize> {
        self.answered_by.get(tensor).copied()
    }

    /// The node that answers `tensor`, if it is of that kind.
    pub(super) fn source<'a>(
        &self,
        document: &'a Document,
        tensor: &str,
        kind: &str,
    ) -> Option<&'a NodeProto> {
        let node = &document.graph.node[self.answered_by(tensor)?];
        (node.op_type == kind).then_some(node)
    }

    /// The positions of the nodes that read `tensor`, one that reads it twice twice.
    pub(super) fn read_by(&self, tensor: &str) -> &[usize] {
        self.read_by.get(tensor).map_or(&[], Vec::as_slice)
    }

    /// The one node that reads `tensor`, if there is one and it is no output.
    pub(super) fn only_reader(&self, tensor: &str) -> Option<usize> {
        match self.read_by(tensor) {
            [at] if !self.outputs.contains(tensor) => Some(*at),
            _ => None,
        }
    }
}
