//! Norms by an operator whose means are exact.

use super::{Document, ElementType, Shapes};

impl Document {
    /// Hands norms over the places of a channel to the operator `InstanceNormalization` of `domain`; answers how many.
    /// `shapes` are of this graph at any lengths.
    ///
    /// ONNX Runtime's own sums in 32 bits throughout, which over a large picture is off by more than all that comes
    /// after it.
    pub fn norm_exactly(&mut self, shapes: &Shapes, domain: &str) -> usize {
        let mut count = 0;
        for node in &mut self.graph.node {
            let input = node.input.first().and_then(|input| shapes.get(input));
            if node.op_type == "InstanceNormalization"
                && node.domain.is_empty()
                && input.is_some_and(|input| input.element == ElementType::F32)
            {
                node.domain = domain.to_owned();
                count += 1;
            }
        }
        if count > 0 {
            self.import(domain);
        }
        count
    }
}
