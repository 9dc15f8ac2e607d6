//! Where ONNX Runtime's operators for the processor put what they answer.

use super::{Known, Shapes, onnx::NodeProto};

/// Where the first answer of a node lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// In memory of its own.
    Apart,
    /// Where its first input lies: it only has another shape.
    Renamed,
    /// Over its first input, if nobody reads that any more.
    Over,
    /// Nowhere, if the next node alone reads it: both become one.
    Nowhere,
}

/// Where the first answer of the node at `at` lies: by the aliases and places that ONNX Runtime 1.31 registers its
/// kernels with (`activations.cc`, `clip.cc`, `softmax.cc`, `cast_op.cc`; its sums and products have none), and by
/// what its optimiser makes of `x * sigmoid(x)` (`QuickGeluFusion`).
pub(super) fn answer(nodes: &[NodeProto], at: usize, shapes: &Shapes) -> Answer {
    let node = &nodes[at];
    if !node.domain.is_empty() {
        return Answer::Apart;
    }
    match node.op_type.as_str() {
        "Reshape" | "Squeeze" | "Unsqueeze" | "Flatten" | "Identity" | "Dropout" => Answer::Renamed,
        "Cast" if is_same(node, shapes) => Answer::Renamed,
        "Sigmoid" if nodes.get(at + 1).is_some_and(|next| is_silu(node, next)) => Answer::Nowhere,
        "Elu" | "HardSigmoid" | "LeakyRelu" | "Relu" | "Selu" | "Sigmoid" | "Softplus" | "Softsign"
        | "Tanh" | "ThresholdedRelu" | "Clip" | "Softmax" | "LogSoftmax" | "Cast" => Answer::Over,
        _ => Answer::Apart,
    }
}

/// Whether a cast answers the type that it reads.
fn is_same(cast: &NodeProto, shapes: &Shapes) -> bool {
    let element =
        |name: Option<&String>| name.and_then(|name| shapes.get(name)).map(|known: &Known| known.element);
    element(cast.input.first()) == element(cast.output.first())
}

/// Whether `next` is the product of what `sigmoid` reads and answers.
fn is_silu(sigmoid: &NodeProto, next: &NodeProto) -> bool {
    let ([x], [gate]) = (&sigmoid.input[..], &sigmoid.output[..]) else { return false };
    next.op_type == "Mul" && matches!(&next.input[..], [a, b] if (a, b) == (x, gate) || (a, b) == (gate, x))
}
