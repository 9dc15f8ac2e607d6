//! Attention by an operator that reads queries, keys and values as they lie.

use crate::kernels::attention::Shape;

use super::{Document, ElementType, Node, Shapes, document::CONTRIB, workspace::THREADS};

/// What it has beside queries, keys and values, and how it is told.
const TOLD: [&str; 2] = ["num_heads", "scale"];

impl Document {
    /// Hands attention without a mask that is one operator already to the operator `MultiHeadAttention` of `domain`
    /// where `pays` answers yes; answers how often. `shapes` are of this graph at the lengths it will be run with, or
    /// near them.
    ///
    /// ONNX Runtime's own first turns queries, keys and values, each into memory of its own, and then the answer.
    pub fn attend_in_panels(
        &mut self,
        shapes: &Shapes,
        domain: &str,
        pays: impl Fn(&Shape) -> bool,
    ) -> usize {
        let mut count = 0;
        for node in &mut self.graph.node {
            let seen = Node::from(&*node);
            if node.domain != CONTRIB
                || seen.kind != "MultiHeadAttention"
                || !shape_of(&seen, shapes).is_some_and(|shape| pays(&shape))
            {
                continue;
            }
            node.domain = domain.to_owned();
            node.attribute.retain(|attribute| TOLD.contains(&attribute.name.as_str()));
            // What a writer leaves out at the end may be there without a name.
            node.input.truncate(3);
            count += 1;
        }
        if count > 0 {
            self.import(domain);
        }
        count
    }
}

/// What attention of 32-bit floats to three tensors, without a mask, looks like; none if it is another.
fn shape_of(node: &Node, shapes: &Shapes) -> Option<Shape> {
    let is_plain = node.inputs.iter().skip(3).all(String::is_empty)
        && node.outputs.iter().skip(1).all(String::is_empty)
        && node.integer("unidirectional").unwrap_or(0) == 0;
    is_plain.then_some(())?;
    let of = |place: usize| shapes.get(node.inputs.get(place)?);
    let (queries, keys, values) = (of(0)?, of(1)?, of(2)?);
    [queries, keys, values].iter().all(|tensor| tensor.element == ElementType::F32).then_some(())?;
    let (&[batch, tokens, across], &[_, asked, _], &[_, _, long]) =
        (&queries.dims[..], &keys.dims[..], &values.dims[..])
    else {
        return None;
    };
    let heads = usize::try_from(node.integer("num_heads")?).ok().filter(|&heads| heads > 0)?;
    let [batch, queries, keys, across, long] =
        [batch, tokens, asked, across, long].map(|length| length as usize);
    Some(Shape { batch, heads, queries, keys, width: across / heads, values: long / heads })
}

/// Bytes that ours takes beside inputs and answer.
pub(super) fn workspace(node: &Node, shapes: &Shapes) -> u64 {
    shape_of(node, shapes).map_or(0, |shape| (shape.scratch(THREADS) * size_of::<f32>()) as u64)
}
