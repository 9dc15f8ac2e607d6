//! Operators of our own, which ONNX Runtime calls on the processor.

mod attend;
mod convolve;
mod gate;
mod multiply;
mod normalize;

use std::{
    num::NonZeroUsize,
    sync::{
        LazyLock, Mutex, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use ort::{
    operator::{ComputeContext, OperatorDomain},
    value::{Shape, SymbolicDimensions, TensorElementType::Float32, ValueRef, ValueType},
};

use crate::kernels::Parallel;

use super::scratch::Scratch;

/// The domain of our operators. It has six, for 32-bit floats:
///
/// - `Conv`, with filters of 3x3 that move one step at a time, and `pads`; or of 1x1, without;
/// - `Geglu`: the first half of each row times GELU of the second, with a bias of its columns as its second input;
/// - `InstanceNormalization`, as ONNX has it;
/// - `MatMul`, with a matrix as its second input and a bias of its columns as its third;
/// - `MatMulGeglu`: `MatMul`, then `Geglu`;
/// - `MultiHeadAttention`, with queries, keys and values of (batch, tokens, heads * width), `num_heads` and `scale`.
pub const OPERATORS: &str = "shortform";

/// Our operators, for a session that may have some in its graph.
pub(super) fn domain() -> ort::Result<OperatorDomain> {
    OperatorDomain::new(OPERATORS)?
        .add(convolve::Convolution)?
        .add(attend::Attention)?
        .add(multiply::Product { is_gated: false })?
        .add(multiply::Product { is_gated: true })?
        .add(gate::Geglu)?
        .add(normalize::InstanceNorm)
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

/// Runs `work` with so many floats beside inputs and outputs, out of memory for `reserved`, and threads to run on.
fn with_scratch(
    context: &ComputeContext,
    (length, reserved): (usize, usize),
    work: impl FnOnce(&mut [f32], &Parallel<'_>),
) -> ort::Result<()> {
    // In the words of ONNX Runtime's own allocator: whoever reads them steps down.
    let refused =
        || ort::Error::new(format!("Failed to allocate memory: {} bytes for an operator", 4 * reserved));
    let mut scratch = Scratch::new(length, reserved).ok_or_else(refused)?;
    on_threads(context, |parallel| work(&mut scratch, parallel))
}

/// Runs `work` with threads to run on.
fn on_threads(context: &ComputeContext, work: impl FnOnce(&Parallel<'_>)) -> ort::Result<()> {
    let failed = Mutex::new(None);
    work(&|threads: usize, work: &(dyn Fn(usize) + Sync)| {
        if let Err(error) = context.par_for(threads, threads, work) {
            failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        }
    });
    failed.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
}

/// Parts that an operator is offered in: ONNX Runtime runs as many at once as the session has threads.
fn threads() -> usize {
    /// More would only take memory: each has weights of its own.
    const MOST: usize = 32;
    /// Asking the system means reading files, and it is asked at each operator.
    static ALL: LazyLock<usize> =
        LazyLock::new(|| thread::available_parallelism().map_or(1, NonZeroUsize::get).min(MOST));
    *ALL
}

/// What ONNX Runtime is told of an answer of lengths of which some are not known, which are then below zero: these go by
/// a name. It takes two without a name for the same.
fn told(lengths: Vec<i64>, mut names: Vec<String>) -> ValueType {
    names.resize(lengths.len(), String::new());
    for (length, name) in lengths.iter().zip(&mut names) {
        if *length >= 0 {
            name.clear();
        } else if name.is_empty() {
            *name = new_name();
        }
    }
    ValueType::Tensor {
        ty: Float32,
        shape: Shape::new(lengths),
        dimension_symbols: SymbolicDimensions::new(names),
    }
}

/// A name for a length that has none, unlike all others of this process.
fn new_name() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    format!("{OPERATORS}.{}", COUNT.fetch_add(1, Ordering::Relaxed))
}

/// The numbers of an input that may be missing.
fn optional<'a>(input: &'a Option<ValueRef<'_>>) -> ort::Result<Option<&'a [f32]>> {
    let numbers = input.as_ref().map(|input| input.try_extract_tensor::<f32>()).transpose()?;
    Ok(numbers.map(|(_, numbers)| numbers))
}

/// A length of a tensor.
fn length(length: i64) -> Option<usize> {
    usize::try_from(length).ok()
}

fn unusable(operator: &str, reason: &str) -> ort::Error {
    ort::Error::new(format!("{operator} of ours cannot be run: {reason}"))
}
