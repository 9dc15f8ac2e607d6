//! Products with a matrix.

use ort::{
    operator::{
        ComputeContext, Kernel, KernelContext, Operator, OperatorInput, OperatorOutput, ShapeInferenceContext,
    },
    value::{TensorElementType::Float32, ValueType},
};

use crate::kernels::{
    gated,
    matrix::{self, Bias, Shape},
};

use super::{length, optional, threads, told, with_scratch};

pub(super) struct Product {
    /// Whether the answer goes through GEGLU.
    pub(super) is_gated: bool,
}

impl Operator for Product {
    type Kernel<'attr> = Multiply;

    fn name(&self) -> &str {
        if self.is_gated { "MatMulGeglu" } else { "MatMul" }
    }

    fn inputs(&self) -> impl IntoIterator<Item = OperatorInput> {
        [OperatorInput::required(Float32), OperatorInput::required(Float32), OperatorInput::optional(Float32)]
    }

    fn outputs(&self) -> impl IntoIterator<Item = OperatorOutput> {
        [OperatorOutput::required(Float32)]
    }

    fn create_kernel<'attr>(&self, _: &KernelContext<'attr>) -> ort::Result<Multiply> {
        Ok(Multiply { is_gated: self.is_gated })
    }

    fn infer_shape(&self, context: &mut ShapeInferenceContext) -> ort::Result<()> {
        let inputs = context.inputs();
        let [
            ValueType::Tensor { shape, dimension_symbols, .. },
            ValueType::Tensor { shape: matrix, dimension_symbols: symbols_of_matrix, .. },
            ..,
        ] = &inputs[..]
        else {
            return Err(unusable("it reads no tensors"));
        };
        let (mut answer, mut names) = (shape.to_vec(), dimension_symbols.to_vec());
        if let (Some(length), Some(name)) = (answer.last_mut(), names.last_mut()) {
            *length = matrix.get(1).copied().unwrap_or(-1);
            *name = symbols_of_matrix.get(1).cloned().unwrap_or_default();
            if self.is_gated {
                *length = if *length < 0 { -1 } else { *length / 2 };
                name.clear();
            }
        }
        context.set_output(0, &told(answer, names))
    }
}

/// One product of a graph.
pub(super) struct Multiply {
    is_gated: bool,
}

impl Kernel for Multiply {
    fn compute(&mut self, context: &ComputeContext) -> ort::Result<()> {
        let given = |place: usize| context.input(place)?.ok_or_else(|| unusable("an input is missing"));
        let (left, right, bias) = (given(0)?, given(1)?, context.input(2)?);
        let (dims, left) = left.try_extract_tensor::<f32>()?;
        let (of_right, right) = right.try_extract_tensor::<f32>()?;
        let bias = optional(&bias)?;
        let (shape, mut answer) =
            shape_of(dims, of_right).ok_or_else(|| unusable("its inputs do not fit together"))?;
        if bias.is_some_and(|bias| bias.len() != shape.columns) {
            return Err(unusable("its bias is not one number a column"));
        }
        if let Some(columns) = answer.last_mut().filter(|_| self.is_gated) {
            if !columns.is_multiple_of(2) {
                return Err(unusable("its rows have no halves"));
            }
            *columns /= 2;
        }
        let mut output = context.output(0, answer)?.ok_or_else(|| unusable("its answer is not wanted"))?;
        let (_, output) = output.try_extract_tensor_mut::<f32>()?;
        let threads = threads();
        if self.is_gated {
            let length = gated::scratch(&shape, threads);
            return with_scratch(context, (length, length), |scratch, parallel| {
                gated::multiply(&shape, [left, right], bias, output, scratch, (threads, parallel));
            });
        }
        let (bias, length) = (bias.map_or(Bias::None, Bias::OfColumns), shape.scratch(threads));
        with_scratch(context, (length, length), |scratch, parallel| {
            matrix::multiply(&shape, [left, right], bias, output, scratch, (threads, parallel));
        })
    }
}

/// The product of tensors of these lengths, and those of the answer; none if they do not fit together.
fn shape_of(left: &[i64], right: &[i64]) -> Option<(Shape, Vec<usize>)> {
    let ([before @ .., depth], &[of, columns]) = (left, right) else { return None };
    (*depth == of).then_some(())?;
    let mut answer: Vec<usize> = before.iter().map(|&one| length(one)).collect::<Option<_>>()?;
    let shape = Shape { rows: answer.iter().product(), depth: length(of)?, columns: length(columns)? };
    answer.push(shape.columns);
    Some((shape, answer))
}

fn unusable(reason: &str) -> ort::Error {
    super::unusable("a product", reason)
}
