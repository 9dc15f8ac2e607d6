//! A newer set of operators, where the old one lacks 8-bit floats.

use super::super::{Document, onnx::TensorProto};

/// The first that has them (ONNX 1.14).
const NEWER: i64 = 19;

impl Document {
    /// Lets the graph be of the set of operators 19, if it is of an older one from 13 on. Two kinds of operators it
    /// may hold are written otherwise there (18): reductions, whose axes are an input, and `Split` without lengths.
    pub(super) fn raise_opset(&mut self) {
        let Some(set) = self.frame.opset_import.iter_mut().find(|set| set.domain.is_empty()) else { return };
        let old = set.version;
        set.version = old.max(NEWER);
        self.frame.ir_version = self.frame.ir_version.max(9);
        if old >= 18 {
            return;
        }
        let mut made = Vec::new();
        for (at, node) in self.graph.node.iter_mut().enumerate().filter(|(_, node)| node.domain.is_empty()) {
            if node.op_type == "Split" && node.input.len() < 2 {
                let outputs = node.output.len() as i64;
                *node = node.clone().with_integer("num_outputs", outputs);
            }
            let reduces = node.op_type.starts_with("Reduce") && node.op_type != "ReduceSum";
            let axes = node.attribute.iter().position(|attribute| attribute.name == "axes");
            if let (true, Some(axes)) = (reduces, axes) {
                let axes = node.attribute.remove(axes).ints;
                let name = format!("axes.{at}");
                made.push(TensorProto::integers(&name, &[axes.len() as i64], &axes));
                node.input.push(name);
            }
        }
        self.graph.initializer.extend(made);
    }
}
