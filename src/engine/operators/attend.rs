//! Attention without a mask.

use ort::{
    operator::{
        ComputeContext, Kernel, KernelContext, Operator, OperatorInput, OperatorOutput, ShapeInferenceContext,
    },
    value::{TensorElementType::Float32, ValueType},
};

use crate::kernels::attention::{self, Shape};

use super::{length, threads, told, with_scratch};

pub(super) struct Attention;

impl Operator for Attention {
    type Kernel<'attr> = Attend;

    fn name(&self) -> &str {
        "MultiHeadAttention"
    }

    fn inputs(&self) -> impl IntoIterator<Item = OperatorInput> {
        [OperatorInput::required(Float32), OperatorInput::required(Float32), OperatorInput::required(Float32)]
    }

    fn outputs(&self) -> impl IntoIterator<Item = OperatorOutput> {
        [OperatorOutput::required(Float32)]
    }

    fn create_kernel<'attr>(&self, context: &KernelContext<'attr>) -> ort::Result<Attend> {
        let heads = context.get("num_heads").and_then(length).filter(|&heads| heads > 0);
        Ok(Attend {
            heads: heads.ok_or_else(|| unusable("it is not told how many heads it has"))?,
            scale: context.get("scale"),
        })
    }

    fn infer_shape(&self, context: &mut ShapeInferenceContext) -> ort::Result<()> {
        let inputs = context.inputs();
        let [
            ValueType::Tensor { shape: queries, dimension_symbols: symbols, .. },
            _,
            ValueType::Tensor { shape: values, dimension_symbols: symbols_of_values, .. },
        ] = &inputs[..]
        else {
            return Err(unusable("it reads no tensors"));
        };
        let seen = [(queries, symbols, 0), (queries, symbols, 1), (values, symbols_of_values, 2)];
        let answer = seen.map(|(shape, _, axis)| shape.get(axis).copied().unwrap_or(-1));
        let names = seen.map(|(_, symbols, axis)| symbols.get(axis).cloned().unwrap_or_default());
        context.set_output(0, &told(answer.to_vec(), names.to_vec()))
    }
}

/// One attention of a graph.
pub(super) struct Attend {
    heads: usize,
    /// What scores are multiplied with; by default, one over the root of the width.
    scale: Option<f32>,
}

impl Kernel for Attend {
    fn compute(&mut self, context: &ComputeContext) -> ort::Result<()> {
        let given = |place: usize| context.input(place)?.ok_or_else(|| unusable("an input is missing"));
        let inputs = [given(0)?, given(1)?, given(2)?];
        let [queries, keys, values] = [0, 1, 2].map(|place| inputs[place].try_extract_tensor::<f32>());
        let ((of_queries, queries), (of_keys, keys), (of_values, values)) = (queries?, keys?, values?);
        let shape = shape_of(self.heads, [of_queries, of_keys, of_values]);
        let shape = shape.ok_or_else(|| unusable("its inputs do not fit together"))?;
        let answer = [shape.batch, shape.queries, shape.heads * shape.values];
        let mut output = context.output(0, answer)?.ok_or_else(|| unusable("its answer is not wanted"))?;
        let (_, output) = output.try_extract_tensor_mut::<f32>()?;
        let scale = self.scale.unwrap_or_else(|| 1.0 / (shape.width as f32).sqrt());
        let (inputs, threads) = ([queries, keys, values], threads());
        let length = shape.scratch(threads);
        with_scratch(context, (length, length), |scratch, parallel| {
            attention::attend(&shape, scale, inputs, output, scratch, (threads, parallel));
        })
    }
}

/// The attention of queries, keys and values of these lengths; none if they do not fit together.
fn shape_of(heads: usize, dims: [&[i64]; 3]) -> Option<Shape> {
    let [&[batch, queries, across], &[batch_of_keys, keys, wide], &[batch_of_values, values, long]] = dims
    else {
        return None;
    };
    let of_head = |across: i64| {
        length(across).filter(|across| across.is_multiple_of(heads)).map(|across| across / heads)
    };
    let fit = batch == batch_of_keys && batch == batch_of_values && across == wide && keys == values;
    fit.then_some(())?;
    Some(Shape {
        batch: length(batch)?,
        heads,
        queries: length(queries)?,
        keys: length(keys)?,
        width: of_head(across)?,
        values: of_head(long)?,
    })
}

fn unusable(reason: &str) -> ort::Error {
    super::unusable("an attention", reason)
}
