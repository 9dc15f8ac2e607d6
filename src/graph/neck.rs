//! Where a decoder stops looking at the whole picture and starts to enlarge it.

use std::collections::{HashMap, HashSet};

use super::{
    Document, Shapes,
    document::reads,
    onnx::{DimProto, GraphProto, ShapeProto, TensorTypeProto, TypeProto, ValueInfoProto},
};

/// A graph in two, of which the second reads one tensor of the first.
#[derive(Debug, Clone)]
pub struct Halves {
    /// Everything before the picture is first enlarged.
    pub front: Document,
    /// Everything after: it knows places only by what is around them, norms aside.
    pub back: Document,
    /// The tensor handed over: (1, channels, height, width).
    pub tensor: String,
}

impl Document {
    /// The graph before and after the last place in front of its first enlarging operator that just one
    /// tensor crosses. `shapes` are of this graph at any lengths.
    pub fn halves(&self, shapes: &Shapes) -> Option<Halves> {
        let nodes = &self.graph.node;
        let enlarges = |kind: &str| matches!(kind, "Resize" | "Upsample" | "ConvTranspose" | "DepthToSpace");
        let first = nodes.iter().position(|node| enlarges(&node.op_type))?;
        let weights: HashSet<&str> =
            self.graph.initializer.iter().map(|tensor| tensor.name.as_str()).collect();
        let mut last_read: HashMap<&str, usize> = HashMap::new();
        for (at, node) in nodes.iter().enumerate() {
            last_read.extend(reads(node).into_iter().map(|name| (name, at)));
        }
        let mut crossing: HashSet<&str> = self.inputs().collect();
        let mut found = None;
        for (at, node) in nodes.iter().enumerate().take(first) {
            crossing.retain(|name| last_read.get(name).is_some_and(|&last| last >= at));
            crossing.extend(node.output.iter().map(String::as_str));
            crossing.retain(|name| last_read.get(name).is_some_and(|&last| last > at));
            let mut alive = crossing.iter();
            if let (Some(&name), None) = (alive.next(), alive.next())
                && shapes.dims(name).is_some_and(|dims| dims.len() == 4)
                && !weights.contains(name)
            {
                found = Some((at + 1, name.to_owned()));
            }
        }
        let (at, tensor) = found?;
        let known = shapes.get(&tensor)?;
        let name = |place: usize| match place {
            0 => "batch_size",
            2 => "height",
            _ => "width",
        };
        let dim = |(place, &length): (usize, &u64)| match place {
            1 => DimProto { dim_value: Some(length as i64), dim_param: None },
            _ => DimProto { dim_value: None, dim_param: Some(name(place).into()) },
        };
        let shape = Some(ShapeProto { dim: known.dims.iter().enumerate().map(dim).collect() });
        let tensor_type = Some(TensorTypeProto { elem_type: known.element.0, shape });
        let port = ValueInfoProto { name: tensor.clone(), r#type: Some(TypeProto { tensor_type }) };
        let half =
            |nodes: &[super::onnx::NodeProto], input: Vec<ValueInfoProto>, output: Vec<ValueInfoProto>| {
                let mut half = Self {
                    frame: self.frame.clone(),
                    graph: GraphProto {
                        node: nodes.to_vec(),
                        name: self.graph.name.clone(),
                        initializer: self.graph.initializer.clone(),
                        input,
                        output,
                        sparse_initializer: Vec::new(),
                    },
                    folder: self.folder.clone(),
                };
                half.sweep();
                half
            };
        let front = half(&nodes[..at], self.graph.input.clone(), vec![port.clone()]);
        let back = half(&nodes[at..], vec![port], self.graph.output.clone());
        Some(Halves { front, back, tensor })
    }
}
