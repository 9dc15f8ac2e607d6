//! Gates: GEGLU.

use ort::{
    operator::{
        ComputeContext, Kernel, KernelContext, Operator, OperatorInput, OperatorOutput, ShapeInferenceContext,
    },
    value::{TensorElementType::Float32, ValueType},
};

use crate::kernels::gate;

use super::{length, on_threads, optional, threads, told};

pub(super) struct Geglu;

impl Operator for Geglu {
    type Kernel<'attr> = Gate;

    fn name(&self) -> &str {
        "Geglu"
    }

    fn inputs(&self) -> impl IntoIterator<Item = OperatorInput> {
        [OperatorInput::required(Float32), OperatorInput::optional(Float32)]
    }

    fn outputs(&self) -> impl IntoIterator<Item = OperatorOutput> {
        [OperatorOutput::required(Float32)]
    }

    fn create_kernel<'attr>(&self, _: &KernelContext<'attr>) -> ort::Result<Gate> {
        Ok(Gate)
    }

    fn infer_shape(&self, context: &mut ShapeInferenceContext) -> ort::Result<()> {
        let inputs = context.inputs();
        let [ValueType::Tensor { shape, dimension_symbols, .. }, ..] = &inputs[..] else {
            return Err(unusable("it reads no tensor"));
        };
        let (mut answer, mut names) = (shape.to_vec(), dimension_symbols.to_vec());
        if let (Some(length), Some(name)) = (answer.last_mut(), names.last_mut()) {
            *length = if *length < 0 { -1 } else { *length / 2 };
            name.clear();
        }
        context.set_output(0, &told(answer, names))
    }
}

/// One gate of a graph.
pub(super) struct Gate;

impl Kernel for Gate {
    fn compute(&mut self, context: &ComputeContext) -> ort::Result<()> {
        let input = context.input(0)?.ok_or_else(|| unusable("its input is missing"))?;
        let (dims, input) = input.try_extract_tensor::<f32>()?;
        let answer: Option<Vec<usize>> = dims.iter().map(|&one| length(one)).collect();
        let mut answer = answer.ok_or_else(|| unusable("its input has a length that is not known"))?;
        let width = match answer.last_mut() {
            Some(width) if width.is_multiple_of(2) => {
                *width /= 2;
                *width
            }
            _ => return Err(unusable("its rows have no halves")),
        };
        let bias = context.input(1)?;
        let bias = optional(&bias)?;
        if bias.is_some_and(|bias| bias.len() != 2 * width) {
            return Err(unusable("its bias is not one number a column"));
        }
        let mut output = context.output(0, answer)?.ok_or_else(|| unusable("its answer is not wanted"))?;
        let (_, output) = output.try_extract_tensor_mut::<f32>()?;
        on_threads(context, |parallel| gate::geglu(width, input, bias, output, (threads(), parallel)))
    }
}

fn unusable(reason: &str) -> ort::Error {
    super::unusable("a gate", reason)
}
