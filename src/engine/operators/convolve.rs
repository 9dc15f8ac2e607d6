//! Convolutions of 3x3 and of 1x1.

use ort::{
    operator::{
        ComputeContext, Kernel, KernelContext, Operator, OperatorInput, OperatorOutput, ShapeInferenceContext,
    },
    value::{TensorElementType::Float32, ValueType},
};

use crate::kernels::{
    convolution::{self, Shape},
    matrix::{self, Bias},
};

use super::{length, optional, threads, told, with_scratch};

pub(super) struct Convolution;

impl Operator for Convolution {
    type Kernel<'attr> = Convolve;

    fn name(&self) -> &str {
        "Conv"
    }

    fn inputs(&self) -> impl IntoIterator<Item = OperatorInput> {
        [OperatorInput::required(Float32), OperatorInput::required(Float32), OperatorInput::optional(Float32)]
    }

    fn outputs(&self) -> impl IntoIterator<Item = OperatorOutput> {
        [OperatorOutput::required(Float32)]
    }

    fn create_kernel<'attr>(&self, context: &KernelContext<'attr>) -> ort::Result<Convolve> {
        let pads: Vec<i64> = context.get("pads").unwrap_or_default();
        Ok(Convolve { pads: pads_of(&pads).ok_or_else(|| unusable("its pads are not four lengths"))? })
    }

    /// Told the shape, ONNX Runtime uses memory again that it gave for another answer of the same. It takes an answer of
    /// which nothing is said for a single number, so lengths that are not known are passed on by name.
    fn infer_shape(&self, context: &mut ShapeInferenceContext) -> ort::Result<()> {
        let pads: Vec<i64> = context.attr("pads")?;
        let pads = pads_of(&pads).ok_or_else(|| unusable("its pads are not four lengths"))?;
        let inputs = context.inputs();
        let [
            ValueType::Tensor { shape, dimension_symbols, .. },
            ValueType::Tensor { shape: filters, .. },
            ..,
        ] = &inputs[..]
        else {
            return Err(unusable("it reads no tensors"));
        };
        let [above, left, below, right] = pads.map(|pad| pad as i64);
        let side = filters.get(2).copied().filter(|&side| side > 0).unwrap_or(3) - 1;
        let mut answer = vec![-1; 4];
        // Lengths that change have names of their own.
        let mut names = vec![String::new(); 4];
        for (axis, change) in [0, 0, above + below - side, left + right - side].into_iter().enumerate() {
            match shape.get(axis) {
                _ if axis == 1 => answer[axis] = filters.first().copied().unwrap_or(-1),
                Some(&length) if length >= 0 => answer[axis] = length + change,
                _ if change == 0 => names[axis] = dimension_symbols.get(axis).cloned().unwrap_or_default(),
                _ => {}
            }
        }
        context.set_output(0, &told(answer, names))
    }
}

/// One convolution of a graph.
pub(super) struct Convolve {
    pads: [usize; 4],
}

impl Kernel for Convolve {
    fn compute(&mut self, context: &ComputeContext) -> ort::Result<()> {
        let given = |place: usize| context.input(place)?.ok_or_else(|| unusable("an input is missing"));
        let (input, weights, bias) = (given(0)?, given(1)?, context.input(2)?);
        let (dims, input) = input.try_extract_tensor::<f32>()?;
        let (filters, weights) = weights.try_extract_tensor::<f32>()?;
        let bias = optional(&bias)?;
        if bias.is_some_and(|bias| Some(bias.len()) != filters.first().copied().and_then(length)) {
            return Err(unusable("its bias is not one number a filter"));
        }
        let missing = || unusable("its answer is not wanted");
        let threads = threads();
        if let Some((batch, shape, answer)) = product_of(dims, filters).filter(|_| self.pads == [0; 4]) {
            let mut output = context.output(0, answer)?.ok_or_else(missing)?;
            let (_, output) = output.try_extract_tensor_mut::<f32>()?;
            let bias = bias.map_or(Bias::None, Bias::OfRows);
            let length = shape.scratch(threads);
            return with_scratch(context, (length, length), |scratch, parallel| {
                for picture in 0..batch {
                    let input = &input[picture * shape.depth * shape.columns..];
                    let output = &mut output[picture * shape.rows * shape.columns..];
                    matrix::multiply(&shape, [weights, input], bias, output, scratch, (threads, parallel));
                }
            });
        }
        let shape = shape_of(dims, filters, self.pads);
        let shape =
            shape.ok_or_else(|| unusable("its filters are not 3x3 or 1x1, or not of these channels"))?;
        let answer = answer(&shape).ok_or_else(|| unusable("its picture is smaller than its filters"))?;
        let mut output = context.output(0, answer)?.ok_or_else(missing)?;
        let (_, output) = output.try_extract_tensor_mut::<f32>()?;
        let (length, reserved) = (shape.scratch(threads), shape.reserved(threads));
        with_scratch(context, (length, reserved), |scratch, parallel| {
            convolution::convolve(&shape, [input, weights], bias, output, scratch, (threads, parallel));
        })
    }
}

fn pads_of(pads: &[i64]) -> Option<[usize; 4]> {
    let pads: Vec<usize> = pads.iter().map(|&pad| length(pad)).collect::<Option<_>>()?;
    pads.try_into().ok()
}

/// The convolution of an input of `dims` with `filters`; none if it is none of ours or a length is not known.
fn shape_of(dims: &[i64], filters: &[i64], pads: [usize; 4]) -> Option<Shape> {
    let (&[batch, channels, height, width], &[filters, of, 3, 3]) = (dims, filters) else { return None };
    (channels == of).then_some(())?;
    Some(Shape {
        batch: length(batch)?,
        channels: length(channels)?,
        filters: length(filters)?,
        height: length(height)?,
        width: length(width)?,
        pads,
    })
}

/// The same with filters of 1x1, as products of these with each picture: how many pictures, one of them, and the
/// lengths of the answer.
fn product_of(dims: &[i64], filters: &[i64]) -> Option<(usize, matrix::Shape, [usize; 4])> {
    let (&[batch, channels, height, width], &[filters, of, 1, 1]) = (dims, filters) else { return None };
    (channels == of).then_some(())?;
    let (batch, rows, depth) = (length(batch)?, length(filters)?, length(channels)?);
    let (height, width) = (length(height)?, length(width)?);
    let shape = matrix::Shape { rows, depth, columns: height * width };
    Some((batch, shape, [batch, rows, height, width]))
}

/// The lengths of its answer.
fn answer(shape: &Shape) -> Option<[usize; 4]> {
    let (height, width) = shape.answer()?;
    Some([shape.batch, shape.filters, height, width])
}

fn unusable(reason: &str) -> ort::Error {
    super::unusable("a convolution", reason)
}
