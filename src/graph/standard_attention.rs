//! ONNX's own operator `Attention`, of its set of operators 23 and later, as newer exporters write it.
//!
//! ONNX Runtime's for the processor holds all scores: 1582 MiB for 7200 tokens and 8 heads of 40, where
//! `MultiHeadAttention` takes 36. So it is read as the same attention written out, and every pass over that knows it.

use super::{
    Document, Known, Node, Shapes,
    element::ElementType,
    fuse_attention::{Attention, Keys},
};

impl Document {
    /// What the operator `Attention` at `at` does, if it is attention without a mask where every head has its own keys
    /// and values; none if it does more.
    pub(super) fn standard_attention(&self, shapes: &Shapes, at: usize) -> Option<Attention> {
        let proto = &self.graph.node[at];
        let node = Node::from(proto);
        let is_plain = proto.domain.is_empty()
            && node.inputs.iter().skip(3).all(String::is_empty)
            && node.outputs.iter().skip(1).all(String::is_empty)
            && node.integer("is_causal").unwrap_or(0) == 0
            && node.float("softcap").unwrap_or(0.0) == 0.0;
        let [queries, keys, values] = node.inputs.get(..3).filter(|_| is_plain)? else { return None };
        let heads = |place: usize, told: &str| match shapes.dims(&node.inputs[place])? {
            [_, heads, _, _] => Some((4, *heads)),
            [_, _, _] => Some((3, u64::try_from(node.integer(told)?).ok()?)),
            _ => None,
        };
        let (rank, count) = heads(0, "q_num_heads").filter(|&(_, count)| count > 0)?;
        let is_same = |place| heads(place, "kv_num_heads") == Some((rank, count));
        (is_same(1) && is_same(2)).then_some(())?;
        let mut attention = Attention {
            at,
            queries: queries.clone(),
            keys: Keys::Plain(keys.clone()),
            values: values.clone(),
            scale: 0.0,
            rank,
            heads: count,
        };
        let told = node.float("scale").map(f64::from);
        attention.scale = told.unwrap_or(1.0 / (attention.width(shapes)? as f64).sqrt());
        Some(attention)
    }
}

/// Bytes that ONNX Runtime's for the processor takes beside inputs and answers: the scores, and the mask as floats
/// where it is of truth values or has to be made (within 2 % of what 1.31.1 took, for each kind of mask and heads).
pub(super) fn workspace(node: &Node, shapes: &Shapes) -> u64 {
    let of = |place: usize| shapes.get(node.inputs.get(place)?);
    let lengths = || {
        let (queries, keys) = (of(0)?, of(1)?);
        let (rows, tokens, asked) = match (&queries.dims[..], &keys.dims[..]) {
            ([batch, heads, tokens, _], [_, _, asked, _]) => (batch * heads, *tokens, *asked),
            ([batch, tokens, _], [_, asked, _]) => {
                (batch * u64::try_from(node.integer("q_num_heads")?).ok()?, *tokens, *asked)
            }
            _ => return None,
        };
        let past = of(4).and_then(|past| past.dims.get(2).copied()).unwrap_or(0);
        let (numbers, own) = (queries.element, tokens * (asked + past));
        let masked = match of(3) {
            Some(mask) if mask.element == ElementType::BOOL => mask.elements().max(own),
            _ if node.integer("is_causal").unwrap_or(0) != 0 => of(3).map_or(own, Known::elements).max(own),
            _ => 0,
        };
        Some(numbers.bytes(rows * own + masked))
    };
    lengths().unwrap_or(0)
}
