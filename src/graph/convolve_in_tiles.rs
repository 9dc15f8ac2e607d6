//! Convolutions of 3x3 by an operator that needs fewer products.

use crate::kernels::convolution::Shape;

use super::{Document, ElementType, Node, Shapes, workspace::THREADS};

impl Document {
    /// Hands convolutions of 3x3 that move one step at a time to the operator `Conv` of `domain`, those that `pays`
    /// answers yes to; answers how many. `shapes` are of this graph at the lengths it will be run with, or near them.
    pub fn convolve_in_tiles(
        &mut self,
        shapes: &Shapes,
        domain: &str,
        pays: impl Fn(&Shape) -> bool,
    ) -> usize {
        let mut count = 0;
        for node in &mut self.graph.node {
            if node.op_type != "Conv" || !node.domain.is_empty() {
                continue;
            }
            let seen = Node::from(&*node);
            let Some(pads) = pads_of_ours(&seen) else { continue };
            let Some(shape) = shape_of(&seen, shapes, pads).filter(&pays) else { continue };
            node.domain = domain.to_owned();
            // Ours has no other attribute.
            node.attribute.clear();
            *node = std::mem::take(node).with_integers("pads", &shape.pads.map(|pad| pad as i64));
            count += 1;
        }
        if count > 0 {
            self.import(domain);
        }
        count
    }
}

/// The rows and columns of zeros around the picture of a convolution that moves one step at a time, above, left,
/// below and right; none if it is another.
pub(super) fn pads_of_ours(node: &Node) -> Option<[usize; 4]> {
    let ones = |name: &str| node.integers(name).is_none_or(|all| all.iter().all(|&one| one == 1));
    let plain =
        matches!(node.text("auto_pad"), None | Some("NOTSET")) && node.integer("group").unwrap_or(1) == 1;
    (plain && ones("strides") && ones("dilations")).then_some(())?;
    let pads = node.integers("pads").unwrap_or(&[0; 4]);
    let pads: Vec<usize> = pads.iter().map(|&pad| usize::try_from(pad).ok()).collect::<Option<_>>()?;
    pads.try_into().ok()
}

/// What a convolution of 32-bit floats with filters of 3x3 looks like.
fn shape_of(node: &Node, shapes: &Shapes, pads: [usize; 4]) -> Option<Shape> {
    let of = |place: usize| shapes.get(node.inputs.get(place)?);
    let (input, weights) = (of(0)?, of(1)?);
    (input.element == ElementType::F32).then_some(())?;
    let (&[batch, channels, height, width], &[filters, _, 3, 3]) = (&input.dims[..], &weights.dims[..])
    else {
        return None;
    };
    let [batch, channels, filters, height, width] =
        [batch, channels, filters, height, width].map(|length| length as usize);
    Some(Shape { batch, channels, filters, height, width, pads })
}

/// Bytes that ours takes beside input and answer.
pub(super) fn workspace(node: &Node, shapes: &Shapes) -> u64 {
    let shape = pads_of_ours(node).and_then(|pads| shape_of(node, shapes, pads));
    shape.map_or(0, |shape| (shape.scratch(THREADS) * size_of::<f32>()) as u64)
}
