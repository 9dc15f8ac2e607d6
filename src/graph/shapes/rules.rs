//! Which rule an operator's answers follow.

use super::{
    super::{Node, element::ElementType, fold::broadcast},
    Known, arrange, window,
};

/// What a rule is given: the inputs by place.
pub(super) type Of<'a, 'b> = &'b dyn Fn(usize) -> Option<&'a Known>;

/// The type and shape of each answer of `node`; none where no rule is known or what it is given breaks it.
pub(super) fn infer(node: &Node, of: Of<'_, '_>) -> Option<Vec<Known>> {
    let one = |dims: Vec<u64>| Some(vec![Known::new(of(0)?.element, dims)]);
    let same = || one(of(0)?.dims.clone());
    match node.kind.as_str() {
        // One number in, one number out.
        "Relu"
        | "LeakyRelu"
        | "PRelu"
        | "Elu"
        | "Selu"
        | "Sigmoid"
        | "HardSigmoid"
        | "HardSwish"
        | "Tanh"
        | "Erf"
        | "Gelu"
        | "FastGelu"
        | "QuickGelu"
        | "BiasGelu"
        | "Softplus"
        | "Mish"
        | "Sqrt"
        | "Exp"
        | "Log"
        | "Neg"
        | "Abs"
        | "Floor"
        | "Ceil"
        | "Round"
        | "Sign"
        | "Reciprocal"
        | "Sin"
        | "Cos"
        | "Clip"
        | "Identity"
        | "Not"
        | "Softmax"
        | "LogSoftmax"
        | "InstanceNormalization"
        | "GroupNormalization"
        | "BatchNormalization"
        | "GroupNorm"
        | "RMSNormalization"
        | "LpNormalization"
        | "Trilu"
        | "CumSum"
        | "ScatterND"
        | "ScatterElements" => same(),
        "Dropout"
        | "LayerNormalization"
        | "SimplifiedLayerNormalization"
        | "SkipLayerNormalization"
        | "SkipSimplifiedLayerNormalization" => {
            let mut answers = vec![of(0)?.clone(); node.outputs.len().max(1)];
            answers.iter_mut().for_each(|answer| answer.numbers = None);
            Some(answers)
        }
        "Cast" => Some(vec![Known::new(ElementType(node.integer("to")? as i32), of(0)?.dims.clone())]),
        "CastLike" => Some(vec![Known::new(of(1)?.element, of(0)?.dims.clone())]),
        "IsNaN" | "IsInf" => Some(vec![Known::new(ElementType::BOOL, of(0)?.dims.clone())]),
        "DequantizeLinear" => Some(vec![Known::new(of(1)?.element, of(0)?.dims.clone())]),
        "QuantizeLinear" => {
            let element = of(2).map_or(ElementType::U8, |zero| zero.element);
            Some(vec![Known::new(element, of(0)?.dims.clone())])
        }
        // Two in, one out, element by element.
        "Add" | "Sub" | "Mul" | "Div" | "Pow" | "Mod" | "Min" | "Max" | "Mean" | "Sum" => {
            let mut dims = of(0)?.dims.clone();
            for place in 1..node.inputs.len() {
                dims = broadcast(&dims, &of(place)?.dims)?;
            }
            one(dims)
        }
        "Equal" | "Less" | "Greater" | "LessOrEqual" | "GreaterOrEqual" | "And" | "Or" | "Xor" => {
            let dims = broadcast(&of(0)?.dims, &of(1)?.dims)?;
            Some(vec![Known::new(ElementType::BOOL, dims)])
        }
        "Where" => {
            let dims = broadcast(&broadcast(&of(0)?.dims, &of(1)?.dims)?, &of(2)?.dims)?;
            Some(vec![Known::new(of(1)?.element, dims)])
        }
        "Geglu" => {
            let mut dims = of(0)?.dims.clone();
            *dims.last_mut()? /= 2;
            one(dims)
        }
        "BiasSplitGelu" => {
            let mut dims = of(0)?.dims.clone();
            *dims.last_mut()? /= 2;
            one(dims)
        }
        // Products.
        "MatMul" => one(product(&of(0)?.dims, &of(1)?.dims)?),
        "MatMulGeglu" => {
            let mut dims = product(&of(0)?.dims, &of(1)?.dims)?;
            *dims.last_mut()? /= 2;
            one(dims)
        }
        "FusedMatMul" => {
            let turned = |place: usize, name: &str| -> Option<Vec<u64>> {
                let mut dims = of(place)?.dims.clone();
                let rank = dims.len();
                if node.integer(name).unwrap_or(0) != 0 && rank > 1 {
                    dims.swap(rank - 1, rank - 2);
                }
                Some(dims)
            };
            one(product(&turned(0, "transA")?, &turned(1, "transB")?)?)
        }
        "Gemm" => {
            let flipped = |name: &str| usize::from(node.integer(name).unwrap_or(0) != 0);
            let (a, b) = (&of(0)?.dims, &of(1)?.dims);
            one(vec![*a.get(flipped("transA"))?, *b.get(1 - flipped("transB"))?])
        }
        "MatMulNBits" => {
            let mut dims = of(0)?.dims.clone();
            *dims.last_mut()? = node.integer("N")? as u64;
            one(dims)
        }
        "Einsum" => one(arrange::einsum(node, of)?),
        "MultiHeadAttention" => {
            let mut dims = of(0)?.dims.clone();
            // Its values may be wider than its keys.
            if let Some(values) = of(2) {
                let width = match values.dims[..] {
                    [_, _, width] => width,
                    [_, heads, _, width] => heads * width,
                    _ => return None,
                };
                *dims.last_mut()? = width;
            }
            one(dims)
        }
        "Attention" => {
            let (queries, values) = (&of(0)?.dims, &of(2)?.dims);
            let mut dims = queries.clone();
            *dims.last_mut()? = match (queries.len(), values.len()) {
                (4, 4) => *values.last()?,
                (3, 3) => {
                    let heads = node.integer("q_num_heads")? as u64;
                    values.last()? / (node.integer("kv_num_heads")? as u64) * heads
                }
                _ => return None,
            };
            one(dims)
        }
        // Fewer numbers.
        kind if kind.starts_with("Reduce") || kind == "ArgMax" || kind == "ArgMin" => {
            let element = if kind.starts_with("Arg") { ElementType::I64 } else { of(0)?.element };
            Some(vec![Known::new(element, arrange::reduce(node, of)?)])
        }

        "Conv" | "FusedConv" | "NhwcFusedConv" | "ConvTranspose" | "MaxPool" | "AveragePool"
        | "GlobalAveragePool" | "GlobalMaxPool" | "Resize" | "Upsample" | "DepthToSpace" | "SpaceToDepth"
        | "Pad" => one(window::infer(node, of)?),
        _ => arrange::infer(node, of),
    }
}

/// The shape of a matrix product, with all leading dimensions broadcast.
fn product(a: &[u64], b: &[u64]) -> Option<Vec<u64>> {
    let (rows, columns) = (a.len() > 1, b.len() > 1);
    let (a_batch, a_inner) = match a {
        [] => return None,
        [inner] => (&[][..], *inner),
        [batch @ .., _, inner] => (batch, *inner),
    };
    let (b_batch, b_inner) = match b {
        [] => return None,
        [inner] => (&[][..], *inner),
        [batch @ .., inner, _] => (batch, *inner),
    };
    (a_inner == b_inner).then_some(())?;
    let mut dims = broadcast(a_batch, b_batch)?;
    dims.extend(rows.then(|| a[a.len() - 2]));
    dims.extend(columns.then(|| b[b.len() - 1]));
    Some(dims)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_have_the_rows_of_one_and_the_columns_of_the_other() {
        assert_eq!(product(&[2, 8, 64, 40], &[2, 8, 40, 77]), Some(vec![2, 8, 64, 77]));
        assert_eq!(product(&[2, 64, 320], &[320, 640]), Some(vec![2, 64, 640]));
        assert_eq!(product(&[3], &[3]), Some(vec![]));
        assert_eq!(product(&[2, 3], &[4, 2]), None);
    }
}
