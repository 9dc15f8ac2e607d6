//! Products and the gates that they go into in one, so that what lies between them is never held.

use crate::kernels::{gated, matrix::Shape};

use super::{Document, Node, Shapes, index::Index, multiply_in_place, workspace::THREADS};

impl Document {
    /// Hands products of `domain`, the operators of ours, and the gates of it that alone read them to its operator
    /// `MatMulGeglu`, those that `pays` answers yes to; answers how many. `shapes` are of this graph at the lengths it
    /// will be run with, or near them.
    pub fn gate_products(&mut self, shapes: &Shapes, domain: &str, pays: impl Fn(&Shape) -> bool) -> usize {
        let index = Index::new(self);
        let ours = |at: usize, kind: &str| {
            let node = &self.graph.node[at];
            node.op_type == kind && node.domain == domain
        };
        let found: Vec<(usize, usize)> = (0..self.graph.node.len())
            .filter(|&at| ours(at, "Geglu") && self.graph.node[at].input.len() == 1)
            .filter_map(|gate| {
                let read = &self.graph.node[gate].input[0];
                index.only_reader(read)?;
                let product = index.answered_by(read).filter(|&at| ours(at, "MatMul"))?;
                let shape = multiply_in_place::shape_of(&Node::from(&self.graph.node[product]), shapes)?;
                pays(&shape).then_some((product, gate))
            })
            .collect();
        for &(product, gate) in &found {
            let read = self.graph.node[product].input.clone();
            let gate = &mut self.graph.node[gate];
            gate.input = read;
            "MatMulGeglu".clone_into(&mut gate.op_type);
        }
        if !found.is_empty() {
            self.sweep();
        }
        found.len()
    }
}

/// Bytes that ours takes beside inputs and answer.
pub(super) fn workspace(node: &Node, shapes: &Shapes) -> u64 {
    multiply_in_place::shape_of(node, shapes)
        .map_or(0, |shape| (gated::scratch(&shape, THREADS) * size_of::<f32>()) as u64)
}
