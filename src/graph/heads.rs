//! Heads of attention, beside each other and apart: the two ways in which its tensors lie.

use super::{
    document::node,
    onnx::{NodeProto, TensorProto},
};

/// The nodes that lay `tensor` of (batch, tokens, heads * width) as `answer` of (batch, heads, tokens, width), named
/// after `name`, and the constant that they read.
pub(super) fn apart(name: &str, tensor: &str, heads: u64, answer: &str) -> ([NodeProto; 2], TensorProto) {
    let (split, shape) = (format!("{name}.split"), format!("{name}.heads"));
    let turned = node("Transpose", &format!("{name}.apart"), &[&split], &[answer]);
    let nodes =
        [node("Reshape", &split, &[tensor, &shape], &[&split]), turned.with_integers("perm", &[0, 2, 1, 3])];
    (nodes, TensorProto::integers(&shape, &[4], &[0, 0, heads as i64, -1]))
}

/// The nodes that lay `tensor` of (batch, heads, tokens, width) as `answer` of (batch, tokens, heads * width), named
/// after `name`, and the constant that they read.
pub(super) fn together(name: &str, tensor: &str, answer: &str) -> ([NodeProto; 2], TensorProto) {
    let (turned, shape) = (format!("{name}.by_token"), format!("{name}.joined"));
    let nodes = [
        node("Transpose", &turned, &[tensor], &[&turned]).with_integers("perm", &[0, 2, 1, 3]),
        node("Reshape", &format!("{name}.together"), &[&turned, &shape], &[answer]),
    ];
    (nodes, TensorProto::integers(&shape, &[3], &[0, 0, -1]))
}
