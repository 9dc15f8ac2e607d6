//! Products with weights by operators that read them as they lie.

use std::collections::HashSet;

use crate::kernels::matrix::Shape;

use super::{
    Document, ElementType, Node, Shapes, convolve_in_tiles::pads_of_ours, index::Index, workspace::THREADS,
};

impl Document {
    /// Hands products with a matrix, and convolutions of 1x1 that move one step at a time, to the operators `MatMul` and
    /// `Conv` of `domain`, those that `pays` answers yes to; answers how many. A bias that is added to a product is
    /// added by it. `shapes` are of this graph at the lengths it will be run with, or near them.
    ///
    /// For weights that nobody arranges: those of ONNX Runtime are as fast where it has arranged them.
    pub fn multiply_in_place(
        &mut self,
        shapes: &Shapes,
        domain: &str,
        pays: impl Fn(&Shape) -> bool,
    ) -> usize {
        let index = Index::new(self);
        let weights = self.weight_names();
        let mut found = Vec::new();
        for (at, node) in self.graph.node.iter().enumerate() {
            let seen = Node::from(node);
            if !node.domain.is_empty() || !shape_of(&seen, shapes).is_some_and(|shape| pays(&shape)) {
                continue;
            }
            let bias =
                (node.op_type == "MatMul").then(|| self.bias(&index, &weights, shapes, &seen)).flatten();
            found.push((at, bias));
        }
        let count = found.len();
        let mut gone = HashSet::new();
        for (at, bias) in found {
            let is_convolution = self.graph.node[at].op_type == "Conv";
            let added = bias.map(|(add, bias)| {
                gone.insert(add);
                (bias, std::mem::take(&mut self.graph.node[add].output))
            });
            let node = &mut self.graph.node[at];
            node.domain = domain.to_owned();
            node.attribute.clear();
            if let Some((bias, output)) = added {
                node.input.push(bias);
                node.output = output;
            }
            if is_convolution {
                *node = std::mem::take(node).with_integers("pads", &[0; 4]);
            }
        }
        let mut at = 0;
        self.graph.node.retain(|_| {
            at += 1;
            !gone.contains(&(at - 1))
        });
        if count > 0 {
            self.import(domain);
        }
        count
    }

    /// The node that adds a weight to each row of what a product answers, and the weight, if one does and nobody else
    /// reads that.
    fn bias(
        &self,
        index: &Index,
        weights: &HashSet<&str>,
        shapes: &Shapes,
        product: &Node,
    ) -> Option<(usize, String)> {
        let answer = product.outputs.first()?;
        let at = index.only_reader(answer)?;
        let (added_to, bias) = self.bias_of_rows(at, shapes, weights)?;
        (added_to == answer).then(|| (at, bias.to_owned()))
    }
}

/// What a product of 32-bit floats with a matrix looks like.
pub(super) fn shape_of(node: &Node, shapes: &Shapes) -> Option<Shape> {
    let of =
        |place: usize| shapes.get(node.inputs.get(place)?).filter(|known| known.element == ElementType::F32);
    let (input, weights) = (of(0)?, of(1)?);
    let (rows, depth, columns) = match (node.kind.as_str(), &input.dims[..], &weights.dims[..]) {
        ("MatMul" | "MatMulGeglu", [before @ .., _], &[depth, columns]) if !before.is_empty() => {
            (before.iter().product(), depth, columns)
        }
        ("Conv", &[_, channels, height, width], &[filters, of, 1, 1])
            if of == channels && pads_of_ours(node) == Some([0; 4]) =>
        {
            (filters, channels, height * width)
        }
        _ => return None,
    };
    let [rows, depth, columns] = [rows, depth, columns].map(|length: u64| length as usize);
    Some(Shape { rows, depth, columns })
}

/// Bytes that ours takes beside inputs and answer.
pub(super) fn workspace(node: &Node, shapes: &Shapes) -> u64 {
    shape_of(node, shapes).map_or(0, |shape| (shape.scratch(THREADS) * size_of::<f32>()) as u64)
}
