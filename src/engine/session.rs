//! One ONNX file, ready to run.

use std::{
    num::NonZeroUsize,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use ort::{
    session::builder::{GraphOptimizationLevel, SessionBuilder},
    value::ValueType,
};

use super::{
    Device, Element, Error, Tensor, allocator, load, provider,
    record::{Point, Released, measure},
    tensor,
};

/// Where and how a session runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// The device that computes.
    pub device: Device,
    /// Threads of one operator on the CPU.
    ///
    /// The same inputs give the same bits for the same number of threads, machine and ONNX
    /// Runtime: sums are split by thread, so another number may change the last bits.
    pub threads: NonZeroUsize,
}

impl Options {
    /// Runs on `device` with [`default_threads`].
    pub fn on(device: Device) -> Self {
        Self { device, threads: default_threads() }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self::on(Device::Cpu)
    }
}

/// As many threads as this process may use physical cores: a second thread on the same core
/// only waits for its multiplier.
pub fn default_threads() -> NonZeroUsize {
    let allowed = thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let physical = sysinfo::System::physical_core_count().ok().and_then(NonZeroUsize::new);
    physical.map_or(allowed, |physical| physical.min(allowed))
}

/// An input or output of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// Its name in the graph.
    pub name: String,
    /// Its element type; `None` if no [`Tensor`] can hold it.
    pub element: Option<Element>,
    /// The length of each dimension, `None` where it is free.
    pub dims: Vec<Option<usize>>,
    /// The name of each dimension, empty where it has none.
    pub symbols: Vec<String>,
}

impl Port {
    fn new(outlet: &ort::value::Outlet) -> Self {
        let name = outlet.name().to_owned();
        match outlet.dtype() {
            ValueType::Tensor { ty, shape, dimension_symbols } => Self {
                name,
                element: Element::of(*ty),
                dims: shape.iter().map(|&length| usize::try_from(length).ok()).collect(),
                symbols: tensor::symbols(dimension_symbols),
            },
            _ => Self { name, element: None, dims: Vec::new(), symbols: Vec::new() },
        }
    }
}

/// A loaded ONNX file. Dropping it gives its memory back.
#[derive(Debug)]
pub struct Session {
    session: ort::session::Session,
    path: PathBuf,
    device: Device,
    inputs: Vec<Port>,
    outputs: Vec<Port>,
    _released: Released,
}

impl Session {
    /// Loads `path` onto the device. A device that cannot be used is an error: nothing moves to
    /// the CPU by itself.
    pub fn open(path: &Path, options: &Options) -> Result<Self, Error> {
        let device = options.device;
        measure(path, device, Point::BeforeLoad);
        let session = build(path, options).map_err(|e| failed(e, path, device, Failed::Open))?;
        Ok(Self::of(session, path, device))
    }

    /// Loads the ONNX file in `onnx`, whose large weights lie in files in `folder`. `path` is the model it was
    /// made from, for messages.
    pub fn from_memory(onnx: &[u8], path: &Path, folder: &Path, options: &Options) -> Result<Self, Error> {
        let device = options.device;
        measure(path, device, Point::BeforeLoad);
        let session = build_from_memory(onnx, folder, options, Weights::Arranged)
            .map_err(|e| failed(e, path, device, Failed::Open))?;
        Ok(Self::of(session, path, device))
    }

    /// The same for a graph that unpacks its weights just before it reads them: they are read where they lie, and
    /// what is unpacked is given back at once.
    pub fn from_packed(onnx: &[u8], path: &Path, folder: &Path, options: &Options) -> Result<Self, Error> {
        super::heap::give_back_at_once();
        let device = options.device;
        let session = build_from_memory(onnx, folder, options, Weights::Packed)
            .map_err(|e| failed(e, path, device, Failed::Open))?;
        Ok(Self::of(session, path, device))
    }

    fn of(session: ort::session::Session, path: &Path, device: Device) -> Self {
        let ports = |outlets: &[ort::value::Outlet]| outlets.iter().map(Port::new).collect();
        let (inputs, outputs) = (ports(session.inputs()), ports(session.outputs()));
        measure(path, device, Point::AfterLoad);
        let path = path.to_owned();
        Self { session, _released: Released(path.clone(), device), path, device, inputs, outputs }
    }

    /// What it takes.
    pub fn inputs(&self) -> &[Port] {
        &self.inputs
    }

    /// What it answers.
    pub fn outputs(&self) -> &[Port] {
        &self.outputs
    }

    /// The input of that name.
    pub fn input(&self, name: &str) -> Option<&Port> {
        self.inputs.iter().find(|port| port.name == name)
    }

    /// The file it came from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where it runs.
    pub fn device(&self) -> Device {
        self.device
    }

    /// Runs it once: `inputs` by name, in any order; answers every output in the graph's order.
    pub fn run(&mut self, inputs: &[(&str, Tensor)]) -> Result<Vec<(String, Tensor)>, Error> {
        let (path, device) = (&self.path, self.device);
        let failed = |e| failed(e, path, device, Failed::Run);
        // ONNX Runtime notices a missing input only at the first node that reads it.
        let left_out = |port: &&Port| !inputs.iter().any(|(name, _)| *name == port.name);
        if let Some(missing) = self.inputs.iter().find(left_out) {
            let reason = format!("its input `{}` is not given", missing.name);
            return Err(Error::Run { path: path.clone(), device, reason });
        }
        let lent: Vec<_> = inputs.iter().map(|(name, tensor)| (*name, tensor.standardize())).collect();
        let mut values = Vec::with_capacity(lent.len());
        for (name, tensor) in &lent {
            values.push((*name, tensor.lend().map_err(failed)?));
        }
        measure(path, device, Point::BeforeRun);
        let answers = timed(|| self.session.run(values)).map_err(failed)?;
        measure(path, device, Point::AfterRun);
        let mut outputs = Vec::with_capacity(answers.len());
        for (name, value) in answers.iter() {
            let Some(tensor) = Tensor::take(&value).map_err(failed)? else {
                return Err(Error::ElementType {
                    name: name.to_owned(),
                    found: value.dtype().to_string(),
                    expected: "float32, float16, bfloat16, int64, int32 or bool",
                });
            };
            outputs.push((name.to_owned(), tensor));
        }
        Ok(outputs)
    }
}

/// Nanoseconds that this process has waited for ONNX Runtime.
static SPENT: AtomicU64 = AtomicU64::new(0);

pub(super) fn timed<T>(work: impl FnOnce() -> T) -> T {
    allocator::step();
    let begun = Instant::now();
    let answer = work();
    let spent = u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
    SPENT.fetch_add(spent, Ordering::Relaxed);
    answer
}

/// How long this process has waited for ONNX Runtime to run networks, loading aside.
pub fn time_in_sessions() -> Duration {
    Duration::from_nanos(SPENT.load(Ordering::Relaxed))
}

fn build(path: &Path, options: &Options) -> Result<ort::session::Session, Failure> {
    Ok(builder(options, Weights::Arranged)?.commit_from_file(path)?)
}

/// A session of the ONNX file in `onnx`, whose weights lie in files in `folder`.
pub(super) fn build_from_memory(
    onnx: &[u8],
    folder: &Path,
    options: &Options,
    weights: Weights,
) -> Result<ort::session::Session, Failure> {
    let folder = folder.to_str().ok_or_else(|| {
        Failure::Reason(format!("the folder `{}` has a name that is no text", folder.display()))
    })?;
    let builder = builder(options, weights)?;
    let mut builder =
        builder.with_config_entry("session.model_external_initializers_file_folder_path", folder)?;
    Ok(builder.commit_from_memory(onnx)?)
}

/// What becomes of weights when they are loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weights {
    /// They are copied into the order that suits the processor best: faster runs, and up to twice the
    /// memory.
    Arranged,
    /// They are read where they lie, in mapped files: the system loads and drops their pages, and loading a
    /// session costs milliseconds.
    WhereTheyLie,
    /// The same, and they are unpacked by the graph just before it reads them, not when a session is made.
    Packed,
}

/// The most bytes of an answer that is computed when a session is made.
const FOLDED: &str = "optimization.constant_folding_max_output_size_in_bytes";

fn builder(options: &Options, weights: Weights) -> Result<SessionBuilder, Failure> {
    let library = load()?;
    allocator::step();
    let unusable = |reason| Error::DeviceUnusable { device: options.device, reason };
    let providers = provider::providers(options.device).map_err(unusable)?;
    let mut builder = SessionBuilder::new(library.environment())?
        .with_intra_threads(options.threads.get())?
        .with_inter_threads(1)?
        .with_deterministic_compute(true)?
        // With it, the second run takes one block for all of a run beside what the first one took.
        .with_memory_pattern(false)?;
    if options.device == Device::Cpu && (weights == Weights::WhereTheyLie || allocator::counts()) {
        builder = builder.with_env_allocators()?;
    }
    builder = match weights {
        Weights::Arranged => builder.with_optimization_level(GraphOptimizationLevel::All)?,
        Weights::WhereTheyLie | Weights::Packed => {
            builder.with_optimization_level(GraphOptimizationLevel::Level2)?.with_prepacking(false)?
        }
    };
    if weights == Weights::Packed {
        builder = builder.with_config_entry(FOLDED, "65536")?;
    }
    // The first provider that can run a node does: the processor's comes last.
    builder = builder.with_execution_providers(providers).map_err(|e| unusable(e.to_string()))?;
    Ok(match weights {
        Weights::Arranged => builder,
        Weights::WhereTheyLie | Weights::Packed => {
            builder.with_execution_providers([ort::ep::CPU::default().with_arena_allocator(false).build()])?
        }
    })
}

/// Either ours already, or ONNX Runtime's, still without a place.
#[derive(Debug)]
pub(super) enum Failure {
    Known(Error),
    Reason(String),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Known(error)
    }
}

impl<R> From<ort::Error<R>> for Failure {
    fn from(error: ort::Error<R>) -> Self {
        Self::Reason(error.to_string())
    }
}

#[derive(Clone, Copy)]
enum Failed {
    Open,
    Run,
}

pub(super) fn failed_to_open(failure: Failure, path: &Path, device: Device) -> Error {
    failed(failure, path, device, Failed::Open)
}

pub(super) fn failed_to_run(failure: Failure, path: &Path, device: Device) -> Error {
    failed(failure, path, device, Failed::Run)
}

fn failed(failure: impl Into<Failure>, path: &Path, device: Device, at: Failed) -> Error {
    let reason = match failure.into() {
        Failure::Known(error) => return error,
        Failure::Reason(reason) => reason,
    };
    measure(path, device, Point::OnError);
    let path = path.to_owned();
    if is_out_of_memory(&reason) {
        let loading = matches!(at, Failed::Open);
        return Error::OutOfMemory { path, device, loading, reason };
    }
    match at {
        Failed::Open => Error::Open { path, device, reason },
        Failed::Run => Error::Run { path, device, reason },
    }
}

/// ONNX Runtime has no error code for it: these are the texts of its allocators.
fn is_out_of_memory(reason: &str) -> bool {
    ["std::bad_alloc", "Failed to allocate memory", "is smaller than requested bytes", "out of memory"]
        .iter()
        .any(|text| reason.contains(text))
}
