//! Attention a slice of its queries at a time, for providers that have no fused operator.
//!
//! Each token's softmax looks at its own scores alone, so queries can be taken slice by slice: only one slice's
//! scores are held. Unlike a fused operator it takes nothing but operators of the standard.

use super::{
    Document, Shapes,
    document::node,
    element::ElementType,
    fuse_attention::{Attention, Keys},
    heads,
    onnx::{NodeProto, TensorProto},
    tensor::encode,
};

/// More slices than this win nothing: what else is held is larger than their scores.
const MOST_SLICES: u64 = 64;

impl Document {
    /// Slices the queries of each attention without a mask whose scores take more than `most` bytes at the lengths
    /// of `shapes`, so that no slice takes more than that; answers how many. At other lengths the answers stay right
    /// and slices grow with them.
    pub fn slice_attention(&mut self, shapes: &Shapes, most: u64) -> usize {
        let mut sliced = 0;
        let mut nodes: Vec<Vec<NodeProto>> = self.graph.node.iter().map(|node| vec![node.clone()]).collect();
        for (count, attention) in self.attentions(shapes).iter().enumerate() {
            let name = format!("sliced_attention.{count}");
            let answer = self.graph.node[attention.at].output[0].clone();
            let Some((made, tensors)) = slices(attention, shapes, most, &name, &answer) else { continue };
            nodes[attention.at] = made;
            self.graph.initializer.extend(tensors);
            sliced += 1;
        }
        if sliced > 0 {
            self.graph.node = nodes.into_iter().flatten().collect();
            self.sweep();
        }
        sliced
    }
}

/// The nodes that answer `answer` in slices, and their constants; none where the scores are small.
fn slices(
    attention: &Attention,
    shapes: &Shapes,
    most: u64,
    name: &str,
    answer: &str,
) -> Option<(Vec<NodeProto>, Vec<TensorProto>)> {
    let queries = shapes.get(&attention.queries)?;
    let values = shapes.dims(&attention.values)?;
    let axis = attention.rank - 2;
    let (tokens, attended) = (queries.dims[axis], values[axis]);
    let beside = if attention.is_joined() { attention.heads } else { 1 };
    let row = queries.element.bytes(queries.dims[..axis].iter().product::<u64>() * beside * attended);
    let count = (row * tokens).div_ceil(most.max(1)).min(MOST_SLICES).min(tokens);
    if count < 2 {
        return None;
    }
    let step = tokens.div_ceil(count);
    if !attention.is_joined() {
        return in_slices(attention, queries.element, (tokens, step), name, answer);
    }
    let (mut by_head, mut before, mut constants) =
        (Attention { rank: 4, ..attention.clone() }, Vec::new(), Vec::new());
    let mut lay = |tensor: &str, part: &str| {
        let laid = format!("{name}.{part}.by_head");
        let (nodes, constant) = heads::apart(&format!("{name}.{part}"), tensor, attention.heads, &laid);
        before.extend(nodes);
        constants.push(constant);
        laid
    };
    by_head.queries = lay(&attention.queries, "q");
    by_head.keys = Keys::Plain(lay(attention.keys.tensor(), "k"));
    by_head.values = lay(&attention.values, "v");
    let laid = format!("{name}.by_head");
    let (made, tensors) = in_slices(&by_head, queries.element, (tokens, step), name, &laid)?;
    let (after, constant) = heads::together(name, &laid, answer);
    constants.push(constant);
    Some(([before, made, after.into()].concat(), [tensors, constants].concat()))
}

/// The nodes that answer `answer` in slices of `step` of all `tokens`, each head by itself, and their constants.
fn in_slices(
    attention: &Attention,
    element: ElementType,
    (tokens, step): (u64, u64),
    name: &str,
    answer: &str,
) -> Option<(Vec<NodeProto>, Vec<TensorProto>)> {
    let axis = attention.rank - 2;
    let mut tensors = Vec::new();
    let mut integers = |part: &str, integer: i64| {
        let constant = format!("{name}.{part}");
        tensors.push(TensorProto::integers(&constant, &[1], &[integer]));
        constant
    };
    let axes = integers("axis", axis as i64);
    let edges: Vec<String> = (0..=tokens.div_ceil(step))
        // The last slice takes all there is.
        .map(|at| integers(&at.to_string(), if at * step < tokens { (at * step) as i64 } else { i64::MAX }))
        .collect();
    let (scaled, turned, by) = (format!("{name}.queries"), format!("{name}.keys"), format!("{name}.scale"));
    tensors.push(TensorProto::raw(&by, element, &[], encode(element, &[attention.scale])?));
    let order: &[i64] = match (&attention.keys, attention.rank) {
        (Keys::ByToken(_), _) => &[0, 2, 3, 1],
        (Keys::Plain(_), 3) => &[0, 2, 1],
        (Keys::Plain(_), _) => &[0, 1, 3, 2],
    };
    let mut made = vec![
        node("Mul", &scaled, &[&attention.queries, &by], &[&scaled]),
        node("Transpose", &turned, &[attention.keys.tensor()], &[&turned]).with_integers("perm", order),
    ];
    let mut parts = Vec::new();
    for (at, edge) in edges.windows(2).enumerate() {
        let own = |part: &str| format!("{name}.{at}.{part}");
        let [slice, scores, weights, part] = ["slice", "scores", "weights", "answer"].map(own);
        made.extend([
            node("Slice", &slice, &[&scaled, &edge[0], &edge[1], &axes], &[&slice]),
            node("MatMul", &scores, &[&slice, &turned], &[&scores]),
            node("Softmax", &weights, &[&scores], &[&weights]).with_integer("axis", -1),
            node("MatMul", &part, &[&weights, &attention.values], &[&part]),
        ]);
        parts.push(part);
    }
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    made.push(node("Concat", &format!("{name}.all"), &parts, &[answer]).with_integer("axis", axis as i64));
    Some((made, tensors))
}
