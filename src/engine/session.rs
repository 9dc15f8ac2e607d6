//! One ONNX file, ready to run.

use std::{
    num::NonZeroUsize,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use ort::{session::builder::SessionBuilder, value::ValueType};

use super::{
    Device, Element, Error, Policy, Runs, Tensor, allocator, arena, heap, load, operators, policy,
    record::{Point, Released, measure, note_arena},
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
    /// How it uses the device.
    pub policy: Policy,
    /// What its runs are like.
    pub runs: Runs,
}

impl Options {
    /// The same, using the device as `policy` says.
    pub fn with(self, policy: Policy) -> Self {
        Self { policy, ..self }
    }

    /// The same, with an arena of at most so many bytes for each session on an NVIDIA card.
    pub fn within(mut self, bytes: u64) -> Self {
        self.policy.cuda.limit = Some(bytes);
        self
    }

    /// Runs on `device` with [`default_threads`].
    pub fn on(device: Device) -> Self {
        Self { device, threads: default_threads(), policy: Policy::default(), runs: Runs::Many }
    }
}

impl From<Device> for Options {
    fn from(device: Device) -> Self {
        Self::on(device)
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
    /// The arena that is shrunk after each run, if one is.
    shrunk: Option<String>,
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
        Ok(Self::of(session, path, options))
    }

    /// Loads the ONNX file in `onnx`, whose large weights lie in files in `folder`. `path` is the model it was
    /// made from, for messages.
    pub fn from_memory(onnx: &[u8], path: &Path, folder: &Path, options: &Options) -> Result<Self, Error> {
        Self::from_graph(onnx, path, folder, options, Weights::Arranged)
    }

    /// The same for a graph that unpacks its weights just before it reads them: they are read where they lie, and
    /// what is unpacked is given back at once.
    pub fn from_packed(onnx: &[u8], path: &Path, folder: &Path, options: &Options) -> Result<Self, Error> {
        Self::from_graph(onnx, path, folder, options, Weights::Packed)
    }

    /// The same for a part of a model that is held as pieces are: weights are read where they lie, and what a run
    /// needed is given back after it.
    pub fn from_piece(onnx: &[u8], path: &Path, folder: &Path, options: &Options) -> Result<Self, Error> {
        Self::from_graph(onnx, path, folder, options, Weights::WhereTheyLie)
    }

    fn from_graph(
        onnx: &[u8],
        path: &Path,
        folder: &Path,
        options: &Options,
        weights: Weights,
    ) -> Result<Self, Error> {
        let device = options.device;
        measure(path, device, Point::BeforeLoad);
        let session = build_from_memory(onnx, folder, options, weights)
            .map_err(|e| failed(e, path, device, Failed::Open))?;
        Ok(Self::of(session, path, options))
    }

    fn of(session: ort::session::Session, path: &Path, options: &Options) -> Self {
        let ports = |outlets: &[ort::value::Outlet]| outlets.iter().map(Port::new).collect();
        let (inputs, outputs) = (ports(session.inputs()), ports(session.outputs()));
        let (device, shrunk) = (options.device, policy::shrunk(options));
        measure(path, device, Point::AfterLoad);
        let path = path.to_owned();
        Self { session, _released: Released(path.clone(), device), shrunk, path, device, inputs, outputs }
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
        let standard = inputs.iter().map(|(name, tensor)| Ok((*name, tensor.standardize()?)));
        let lent =
            standard.collect::<Result<Vec<_>, Failure>>().map_err(|e| failed_to_run(e, path, device))?;
        let mut values = Vec::with_capacity(lent.len());
        for (name, tensor) in &lent {
            values.push((*name, tensor.lend().map_err(failed)?));
        }
        let shrinking = self.shrunk.as_deref().map(policy::shrinking).transpose().map_err(failed)?;
        measure(path, device, Point::BeforeRun);
        let answers = timed(|| match &shrinking {
            Some(options) => self.session.run_with_options(values, options),
            None => self.session.run(values),
        })
        .map_err(failed)?;
        measure(path, device, Point::AfterRun);
        let mut outputs = Vec::with_capacity(answers.len());
        for (name, value) in answers.iter() {
            let Some(tensor) = Tensor::take(&value).map_err(|e| failed_to_run(e, path, device))? else {
                return Err(Error::ElementType {
                    name: name.to_owned(),
                    found: value.dtype().to_string(),
                    expected: "float32, float16, bfloat16, int64, int32 or bool",
                });
            };
            outputs.push((name.to_owned(), tensor));
        }
        drop(answers);
        if let Some(arena) = arena::of(&self.session, device) {
            note_arena(path, device, arena);
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
    let cached = || policy::compiled(&std::fs::read(path).ok()?, path.parent()?);
    let mut builder = builder(options, Weights::Arranged, cached)?;
    Ok(operators::register(|| builder.commit_from_file(path))?)
}

/// A session of the ONNX file in `onnx`, whose weights lie in files in `folder`.
pub(super) fn build_from_memory(
    onnx: &[u8],
    folder: &Path,
    options: &Options,
    weights: Weights,
) -> Result<ort::session::Session, Failure> {
    let cached = || policy::compiled(onnx, folder);
    let builder = builder(options, weights, cached)?;
    let folder = folder.to_str().ok_or_else(|| {
        Failure::Reason(format!("the folder `{}` has a name that is no text", folder.display()))
    })?;
    let mut builder =
        builder.with_config_entry("session.model_external_initializers_file_folder_path", folder)?;
    Ok(operators::register(|| builder.commit_from_memory(onnx))?)
}

/// What becomes of weights when they are loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weights {
    /// They are copied into the order that suits the processor best: faster runs, and up to twice the
    /// memory.
    Arranged,
    /// The same, in a piece that stays loaded: without an arena of its own.
    Staying,
    /// They are read where they lie, in mapped files: the system loads and drops their pages, and loading a
    /// session costs milliseconds.
    WhereTheyLie,
    /// The same, and they are unpacked by the graph just before it reads them, not when a session is made.
    Packed,
}

/// `cached` is where the device may keep what it compiles.
fn builder(
    options: &Options,
    weights: Weights,
    cached: impl FnOnce() -> Option<PathBuf>,
) -> Result<SessionBuilder, Failure> {
    let library = load()?;
    heap::give_back_at_once();
    allocator::step();
    let unusable = |reason| Error::DeviceUnusable { device: options.device, reason };
    let cached = if options.device == Device::CoreMl { cached() } else { None };
    let providers = policy::providers(options, cached.as_deref()).map_err(unusable)?;
    let builder = SessionBuilder::new(library.environment())?.with_intra_threads(options.threads.get())?;
    let mut builder = policy::processor(builder, weights)?.with_operators(operators::domain()?)?;
    if options.device == Device::Cpu && (weights != Weights::Arranged || allocator::counts()) {
        builder = builder.with_env_allocators()?;
    }
    // The first provider that can run a node does: the processor's comes last.
    let builder = builder.with_execution_providers(providers).map_err(|e| unusable(e.to_string()))?;
    Ok(match weights {
        Weights::Arranged => builder,
        Weights::Staying | Weights::WhereTheyLie | Weights::Packed => {
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
