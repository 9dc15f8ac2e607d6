//! Norms over the places of a channel, or of the channels of a group.

use ort::{
    operator::{
        ComputeContext, Kernel, KernelContext, Operator, OperatorInput, OperatorOutput, ShapeInferenceContext,
    },
    value::{TensorElementType::Float32, ValueType},
};

use crate::kernels::norm::{self, Norm};

use super::{length, on_threads, threads, told};

pub(super) struct InstanceNorm;

impl Operator for InstanceNorm {
    type Kernel<'attr> = Normalize;

    fn name(&self) -> &str {
        "InstanceNormalization"
    }

    fn inputs(&self) -> impl IntoIterator<Item = OperatorInput> {
        [OperatorInput::required(Float32), OperatorInput::required(Float32), OperatorInput::required(Float32)]
    }

    fn outputs(&self) -> impl IntoIterator<Item = OperatorOutput> {
        [OperatorOutput::required(Float32)]
    }

    fn create_kernel<'attr>(&self, context: &KernelContext<'attr>) -> ort::Result<Normalize> {
        /// What ONNX says where a graph says nothing.
        const EPSILON: f32 = 1e-5;
        Ok(Normalize { epsilon: context.get("epsilon").unwrap_or(EPSILON) })
    }

    fn infer_shape(&self, context: &mut ShapeInferenceContext) -> ort::Result<()> {
        let inputs = context.inputs();
        let Some(ValueType::Tensor { shape, dimension_symbols, .. }) = inputs.first() else {
            return Err(unusable("it reads no tensor"));
        };
        context.set_output(0, &told(shape.to_vec(), dimension_symbols.to_vec()))
    }
}

/// One norm of a graph.
pub(super) struct Normalize {
    epsilon: f32,
}

impl Kernel for Normalize {
    fn compute(&mut self, context: &ComputeContext) -> ort::Result<()> {
        let given = |place: usize| context.input(place)?.ok_or_else(|| unusable("an input is missing"));
        let (input, scale, bias) = (given(0)?, given(1)?, given(2)?);
        let (dims, input) = input.try_extract_tensor::<f32>()?;
        let (_, scale) = scale.try_extract_tensor::<f32>()?;
        let (_, bias) = bias.try_extract_tensor::<f32>()?;
        let dims: Option<Vec<usize>> = dims.iter().map(|&one| length(one)).collect();
        let dims = dims.ok_or_else(|| unusable("its input has a length that is not known"))?;
        if dims.len() < 2 || scale.len() != dims[1] || bias.len() != dims[1] {
            return Err(unusable("its scale or bias is not one number a channel"));
        }
        let places = dims[2..].iter().product();
        let mut output = context.output(0, dims)?.ok_or_else(|| unusable("its answer is not wanted"))?;
        let (_, output) = output.try_extract_tensor_mut::<f32>()?;
        let norm = Norm { length: places, epsilon: self.epsilon, scale, bias };
        on_threads(context, |parallel| norm::normalize(&norm, input, output, (threads(), parallel)))
    }
}

fn unusable(reason: &str) -> ort::Error {
    super::unusable("a norm", reason)
}
