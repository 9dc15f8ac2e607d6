//! What operators take beside their answers.

use super::{
    Known, Node, Shapes, attend_in_panels, convolve_in_tiles, gate_products, multiply_in_place,
    standard_attention,
};

/// Threads that operators of ours are planned for: each more has room of its own, of about a MiB.
pub(super) const THREADS: usize = 2;

/// Bytes that ONNX Runtime's operator for the processor allocates while it runs, its answer aside.
///
/// - Convolution: a picture is unfolded for the matrix product; all of it where it has fewer places than
///   there are filters, else a fixed piece for each thread (`MlasConvPrepare` of ONNX Runtime 1.31).
/// - `MultiHeadAttention`: queries, keys and values by head (`attention/multihead_attention.cc`), and blocks
///   of scores for each thread.
/// - `Attention` of the standard: all scores, where no pass could fuse it.
pub(super) fn workspace(node: &Node, shapes: &Shapes) -> u64 {
    const PIECE: u64 = 1 << 20;
    let of = |place: usize| shapes.get(node.inputs.get(place)?);
    let all = |places: std::ops::Range<usize>| places.filter_map(of).map(Known::bytes).sum::<u64>();
    match node.kind.as_str() {
        "Conv" if node.is_ours => {
            convolve_in_tiles::workspace(node, shapes).max(multiply_in_place::workspace(node, shapes))
        }
        "MatMul" if node.is_ours => multiply_in_place::workspace(node, shapes),
        "MatMulGeglu" if node.is_ours => gate_products::workspace(node, shapes),
        "Conv" | "FusedConv" => {
            let (Some(weight), Some(answer)) = (of(1), node.outputs.first().and_then(|o| shapes.get(o)))
            else {
                return 0;
            };
            let unfolded: u64 = weight.dims.iter().skip(1).product();
            let places: u64 = answer.dims.iter().skip(2).product();
            let plain = weight.dims.iter().skip(2).all(|&side| side == 1)
                && node.integers("strides").is_none_or(|strides| strides.iter().all(|&step| step == 1));
            match weight.dims.first() {
                _ if plain => 0,
                Some(&filters) if filters > places => places * unfolded * 4,
                _ => PIECE,
            }
        }
        "MultiHeadAttention" if node.is_ours => attend_in_panels::workspace(node, shapes),
        "MultiHeadAttention" => all(0..3) + PIECE,
        "Attention" => standard_attention::workspace(node, shapes),
        _ => 0,
    }
}
