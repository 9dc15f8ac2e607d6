//! 16-bit floats computed in 32 bits.
//!
//! The processor's operators compute in 32 bits; ONNX Runtime puts casts around each of them, and has no fused
//! attention in 16. With all of a graph in 32 bits only the weights stay 16-bit, and are cast once.

use std::collections::{HashMap, HashSet};

use super::{
    Document,
    document::node,
    element::ElementType,
    onnx::{GraphProto, NodeProto, TensorProto, ValueInfoProto},
    store_weights::UNPACKS,
    tensor::encode,
};

/// Weights of fewer elements than this are kept in 32 bits.
const SMALL: u64 = 256;

impl Document {
    /// Whether anything is computed in 16-bit floats: weights that are only stored so do not count.
    pub fn computes_in_16_bits(&self) -> bool {
        let weights = self.graph.initializer.iter().filter(|tensor| tensor.element().is_half());
        let ports = self.graph.input.iter().filter(|port| port.element().is_some_and(ElementType::is_half));
        let halves: HashSet<&str> =
            weights.map(|tensor| tensor.name.as_str()).chain(ports.map(|port| port.name.as_str())).collect();
        let computes = |node: &&NodeProto| node.op_type != "Cast";
        self.graph
            .node
            .iter()
            .filter(computes)
            .flat_map(|node| &node.input)
            .any(|name| halves.contains(name.as_str()))
    }

    /// Lets everything that is computed in 16-bit floats be computed in 32-bit ones, inputs and outputs
    /// included; weights stay as they are stored. Answers whether there was anything.
    pub fn widen(&mut self) -> bool {
        let any = self.graph.initializer.iter().any(|tensor| tensor.element().is_half())
            || self.graph.input.iter().any(|port| port.element().is_some_and(ElementType::is_half));
        if !any {
            return false;
        }
        // A stored weight is cast by its own node, a portion at a time, not when the graph is loaded.
        let unpacks = |node: &&NodeProto| node.op_type == "Cast" && node.name.starts_with(UNPACKS);
        let stored: HashSet<String> =
            self.graph.node.iter().filter(unpacks).map(|node| node.input[0].clone()).collect();
        let mut casts: HashMap<String, NodeProto> = HashMap::new();
        for tensor in &mut self.graph.initializer {
            if !tensor.element().is_half() || stored.contains(&tensor.name) {
                continue;
            }
            match (tensor.elements() < SMALL).then(|| wide(tensor)).flatten() {
                Some(wide) => *tensor = wide,
                None => {
                    let name = format!("{}.f32", tensor.name);
                    let cast = node("Cast", &name, &[&tensor.name], &[&name]);
                    casts.insert(tensor.name.clone(), cast.with_integer("to", 1));
                }
            }
        }
        let ports = self.graph.input.iter_mut().chain(&mut self.graph.output);
        ports.for_each(widen_port);
        // Each cast stands before the first node that reads it, so that a piece casts its own weights only.
        let mut nodes = Vec::with_capacity(self.graph.node.len() + casts.len());
        let mut cast: HashMap<String, String> = HashMap::new();
        for mut reader in std::mem::take(&mut self.graph.node) {
            widen_node(&mut reader);
            for input in &mut reader.input {
                if let Some(made) = casts.remove(input) {
                    cast.insert(input.clone(), made.output[0].clone());
                    nodes.push(made);
                }
                if let Some(wide) = cast.get(input) {
                    input.clone_from(wide);
                }
            }
            nodes.push(reader);
        }
        self.graph.node = nodes;
        true
    }
}

fn wide(tensor: &TensorProto) -> Option<TensorProto> {
    let raw = encode(ElementType::F32, &tensor.numbers()?)?;
    Some(TensorProto::raw(&tensor.name, ElementType::F32, &tensor.dims, raw))
}

fn widen_port(port: &mut ValueInfoProto) {
    if let Some(tensor) = port.r#type.as_mut().and_then(|kind| kind.tensor_type.as_mut())
        && ElementType(tensor.elem_type).is_half()
    {
        tensor.elem_type = ElementType::F32.0;
    }
}

fn widen_node(node: &mut NodeProto) {
    for attribute in &mut node.attribute {
        if let (true, Some(to)) = (attribute.name == "to", attribute.i.as_mut())
            && ElementType(*to as i32).is_half()
        {
            *to = i64::from(ElementType::F32.0);
        }
        if let Some(tensor) = &mut attribute.t
            && tensor.element().is_half()
            && let Some(wide) = wide(tensor)
        {
            *tensor = wide;
        }
        attribute.g.iter_mut().chain(&mut attribute.graphs).for_each(widen_graph);
    }
}

fn widen_graph(graph: &mut GraphProto) {
    for tensor in &mut graph.initializer {
        if let (true, Some(wide)) = (tensor.element().is_half(), wide(tensor)) {
            *tensor = wide;
        }
    }
    graph.input.iter_mut().chain(&mut graph.output).for_each(widen_port);
    graph.node.iter_mut().for_each(widen_node);
}
