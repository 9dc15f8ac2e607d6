//! Operators of our own, which ONNX Runtime calls on the processor.

use std::{
    num::NonZeroUsize,
    sync::{
        LazyLock, Mutex, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use ort::{
    operator::{
        ComputeContext, Kernel, KernelContext, Operator, OperatorDomain, OperatorInput, OperatorOutput,
        ShapeInferenceContext,
    },
    value::{SymbolicDimensions, TensorElementType::Float32, ValueType},
};

use crate::convolution::{self, Shape};

use super::allocator::Scratch;

/// The domain of our operators. It has one: `Conv`, with filters of 3x3 that move one step at a time, and `pads`.
pub const OPERATORS: &str = "shortform";

/// Our operators, for a session that may have some in its graph.
pub(super) fn domain() -> ort::Result<OperatorDomain> {
    OperatorDomain::new(OPERATORS)?.add(Convolution)
}

/// Makes a session with our operators: the first of the process alone.
///
/// ONNX Runtime writes down a domain that it does not know yet in a table of the process, and looks before without a lock:
/// of two sessions that are first at the same time, one fails ("the domain is already exist").
pub(super) fn register<T, E>(open: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    static IS_KNOWN: RwLock<bool> = RwLock::new(false);
    if *IS_KNOWN.read().unwrap_or_else(PoisonError::into_inner) {
        return open();
    }
    let mut is_known = IS_KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    let opened = open();
    *is_known |= opened.is_ok();
    opened
}

struct Convolution;

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
        let (mut answer, mut symbols) = (vec![-1; 4], vec![String::new(); 4]);
        for (axis, change) in [0, 0, above + below - 2, left + right - 2].into_iter().enumerate() {
            let name = dimension_symbols.get(axis).cloned().unwrap_or_default();
            match shape.get(axis) {
                _ if axis == 1 => answer[axis] = filters.first().copied().unwrap_or(-1),
                Some(&length) if length >= 0 => answer[axis] = length + change,
                _ if change == 0 && !name.is_empty() => symbols[axis] = name,
                _ => symbols[axis] = new_name(),
            }
        }
        let (shape, dimension_symbols) = (ort::value::Shape::new(answer), SymbolicDimensions::new(symbols));
        context.set_output(0, &ValueType::Tensor { ty: Float32, shape, dimension_symbols })
    }
}

/// One convolution of a graph.
struct Convolve {
    pads: [usize; 4],
}

impl Kernel for Convolve {
    fn compute(&mut self, context: &ComputeContext) -> ort::Result<()> {
        let given = |place: usize| context.input(place)?.ok_or_else(|| unusable("an input is missing"));
        let (input, weights, bias) = (given(0)?, given(1)?, context.input(2)?);
        let (dims, input) = input.try_extract_tensor::<f32>()?;
        let (filters, weights) = weights.try_extract_tensor::<f32>()?;
        let bias = bias.as_ref().map(|bias| bias.try_extract_tensor::<f32>()).transpose()?;
        let shape = shape_of(dims, filters, self.pads);
        let shape = shape.ok_or_else(|| unusable("its filters are not 3x3, or not of these channels"))?;
        let answer = answer(&shape).ok_or_else(|| unusable("its picture is smaller than its filters"))?;
        let bias = bias.map(|(_, bias)| bias);
        if bias.is_some_and(|bias| bias.len() != shape.filters) {
            return Err(unusable("its bias is not one number a filter"));
        }
        let missing = || unusable("its answer is not wanted");
        let mut output = context.output(0, answer)?.ok_or_else(missing)?;
        let (_, output) = output.try_extract_tensor_mut::<f32>()?;
        let threads = threads();
        let (length, reserved) = (shape.scratch(threads), shape.reserved(threads));
        // In the words of ONNX Runtime's own allocator: whoever reads them steps down.
        let refused = || {
            ort::Error::new(format!("Failed to allocate memory: {} bytes for a convolution", 4 * reserved))
        };
        let mut scratch = Scratch::new(length, reserved).ok_or_else(refused)?;
        let failed = Mutex::new(None);
        let parallel = |threads: usize, work: &(dyn Fn(usize) + Sync)| {
            if let Err(error) = context.par_for(threads, threads, work) {
                failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
            }
        };
        convolution::convolve(&shape, [input, weights], bias, output, &mut scratch, (threads, &parallel));
        failed.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
    }
}

/// Parts that a convolution is offered in: ONNX Runtime runs as many at once as the session has threads.
fn threads() -> usize {
    /// More would only take memory: each has weights of its own.
    const MOST: usize = 32;
    /// Asking the system means reading files, and it is asked at each convolution.
    static ALL: LazyLock<usize> =
        LazyLock::new(|| thread::available_parallelism().map_or(1, NonZeroUsize::get).min(MOST));
    *ALL
}

/// A name for a length that has none, unlike all others of this process.
fn new_name() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    format!("{OPERATORS}.{}", COUNT.fetch_add(1, Ordering::Relaxed))
}

fn pads_of(pads: &[i64]) -> Option<[usize; 4]> {
    let pads: Vec<usize> = pads.iter().map(|&pad| usize::try_from(pad).ok()).collect::<Option<_>>()?;
    pads.try_into().ok()
}

/// The convolution of an input of `dims` with `filters`; none if it is none of ours or a length is not known.
fn shape_of(dims: &[i64], filters: &[i64], pads: [usize; 4]) -> Option<Shape> {
    let (&[batch, channels, height, width], &[filters, of, 3, 3]) = (dims, filters) else { return None };
    let length = |length: i64| usize::try_from(length).ok();
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

/// The lengths of its answer.
fn answer(shape: &Shape) -> Option<[usize; 4]> {
    let (height, width) = shape.answer()?;
    Some([shape.batch, shape.filters, height, width])
}

fn unusable(reason: &str) -> ort::Error {
    ort::Error::new(format!("a convolution of ours cannot be run: {reason}"))
}
