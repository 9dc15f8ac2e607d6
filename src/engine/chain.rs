//! A model in pieces that run one after the other: only what runs is loaded.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use ort::{session::RunOptions, value::DynValue};

use super::{
    Error, Options, Tensor, allocator, blocks, policy,
    record::{Point, Released, measure},
    session::{Failure, Weights, build_from_memory, failed_to_open, failed_to_run, timed},
};

/// One piece: an ONNX file in memory, whose large weights lie in a folder.
#[derive(Debug, Clone)]
pub struct Link {
    /// The ONNX file.
    pub onnx: Arc<[u8]>,
    /// What it reads of the chain's inputs and of what pieces before it answered.
    pub inputs: Vec<String>,
    /// What it answers.
    pub outputs: Vec<String>,
    /// The most bytes of tensors, weights aside, that are expected while it runs.
    pub tensors: u64,
    /// Whether it stays loaded from its third run on: what runs less often is not worth arranging its weights.
    pub stays: bool,
}

/// Which pieces stay loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loaded {
    /// The piece that runs; it is dropped before the next is loaded.
    One,
    /// The piece that runs, and the next, which is loaded meanwhile.
    Two,
}

/// A model in pieces.
#[derive(Debug)]
pub struct Chain {
    links: Vec<Link>,
    /// For each piece, what nobody reads after it.
    done: Vec<Vec<String>>,
    outputs: Vec<String>,
    path: PathBuf,
    folder: PathBuf,
    options: Options,
    loaded: Loaded,
    weights: Weights,
    /// How often it ran.
    runs: u64,
    /// Sessions of the pieces that stay loaded, once they are.
    staying: Vec<Option<ort::session::Session>>,
    /// Bytes that those took when they were loaded, as far as it is counted.
    held: u64,
    _released: Released,
}

impl Chain {
    /// A chain of `links` that answers `outputs`. `path` is the model they were cut from, for messages;
    /// their weights lie in `folder`. Nothing is loaded yet.
    pub fn new(
        links: Vec<Link>,
        outputs: Vec<String>,
        path: &Path,
        folder: &Path,
        options: Options,
        loaded: Loaded,
    ) -> Self {
        let mut last = HashMap::new();
        for (at, link) in links.iter().enumerate() {
            last.extend(link.inputs.iter().chain(&link.outputs).map(|name| (name.clone(), at)));
        }
        for name in &outputs {
            last.remove(name);
        }
        let mut done = vec![Vec::new(); links.len()];
        last.into_iter().for_each(|(name, at)| done[at].push(name));
        let _released = Released(path.to_owned(), options.device);
        let staying = links.iter().map(|_| None).collect();
        Self {
            runs: 0,
            staying,
            held: 0,
            links,
            done,
            outputs,
            path: path.to_owned(),
            folder: folder.to_owned(),
            options,
            loaded,
            weights: Weights::WhereTheyLie,
            _released,
        }
    }

    /// The same of pieces that unpack their weights just before they read them.
    pub fn with_packed_weights(mut self) -> Self {
        self.weights = Weights::Packed;
        self
    }

    /// How many pieces it has.
    pub fn len(&self) -> usize {
        self.links.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.links.is_empty()
    }

    /// Runs all pieces: `inputs` by name; answers the outputs in their order.
    pub fn run(&mut self, inputs: Vec<(String, Tensor)>) -> Result<Vec<(String, Tensor)>, Error> {
        let device = self.options.device;
        let path = self.path.clone();
        let failed = |e: Failure| failed_to_run(e, &path, device);
        measure(&self.path, device, Point::BeforeRun);
        let mut held: HashMap<String, DynValue> = HashMap::new();
        for (name, tensor) in inputs {
            held.insert(name, tensor.into_value().map_err(failed)?);
        }
        let mut next = None;
        for at in 0..self.links.len() {
            let stays = self.stays(at);
            // Before it is loaded: its weights come on top of what is kept for tensors.
            blocks::keep_within(self.held + self.links[at].tensors);
            let mut session = match next.take().or_else(|| self.staying[at].take()) {
                Some(session) => session,
                None if stays => self.open_to_stay(at)?,
                None => self.open(at, self.weights)?,
            };
            let shrinking = match policy::shrunk_between(&self.options).filter(|_| stays) {
                Some(arena) => Some(policy::shrinking(&arena).map_err(|e| failed(e.into()))?),
                None => None,
            };
            let link = &self.links[at];
            let (answers, session) = if self.loaded == Loaded::Two && self.is_opened_each_time(at + 1) {
                std::thread::scope(|scope| {
                    let opening = scope.spawn(|| self.open(at + 1, self.weights));
                    let answers = link.run(&mut session, &held, shrinking.as_ref()).map_err(failed);
                    let session = stays.then_some(session);
                    next = Some(opening.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
                    answers.map(|answers| (answers, session))
                })?
            } else {
                let answers = link.run(&mut session, &held, shrinking.as_ref()).map_err(failed)?;
                (answers, stays.then_some(session))
            };
            self.staying[at] = session;
            held.extend(answers);
            for name in &self.done[at] {
                held.remove(name);
            }
        }
        self.runs += 1;
        measure(&self.path, device, Point::AfterRun);
        let mut outputs = Vec::with_capacity(self.outputs.len());
        for name in &self.outputs {
            let value = held
                .remove(name)
                .ok_or_else(|| failed(Failure::Reason(format!("none of its pieces answers `{name}`"))))?;
            let tensor = Tensor::take(&value).map_err(failed)?;
            let tensor = tensor.ok_or_else(|| Error::ElementType {
                name: name.clone(),
                found: value.dtype().to_string(),
                expected: "float32, float16, int64, int32 or bool",
            })?;
            outputs.push((name.clone(), tensor));
        }
        Ok(outputs)
    }

    /// Whether a piece is not given back when it has run.
    fn stays(&self, at: usize) -> bool {
        self.links[at].stays && self.runs > 1
    }

    fn is_opened_each_time(&self, at: usize) -> bool {
        at < self.links.len() && !self.stays(at)
    }

    fn open(&self, at: usize, weights: Weights) -> Result<ort::session::Session, Error> {
        let device = self.options.device;
        measure(&self.path, device, Point::BeforeLoad);
        let session = build_from_memory(&self.links[at].onnx, &self.folder, &self.options, weights)
            .map_err(|e| failed_to_open(e, &self.path, device))?;
        measure(&self.path, device, Point::AfterLoad);
        Ok(session)
    }

    fn open_to_stay(&mut self, at: usize) -> Result<ort::session::Session, Error> {
        let weights = match self.weights {
            Weights::Packed => Weights::Packed,
            Weights::Arranged | Weights::Staying | Weights::WhereTheyLie => Weights::Staying,
        };
        let before = allocator::tensors().held;
        let session = self.open(at, weights)?;
        self.held += allocator::tensors().held.saturating_sub(before);
        Ok(session)
    }
}

impl Link {
    /// Runs its `session` with what it reads of `held`; answers its outputs by name.
    fn run(
        &self,
        session: &mut ort::session::Session,
        held: &HashMap<String, DynValue>,
        shrinking: Option<&RunOptions>,
    ) -> Result<Vec<(String, DynValue)>, Failure> {
        if let Some(missing) = self.inputs.iter().find(|name| !held.contains_key(*name)) {
            return Err(Failure::Reason(format!("its input `{missing}` is not given")));
        }
        let given: Vec<(&str, ort::session::SessionInputValue<'_>)> =
            self.inputs.iter().map(|name| (name.as_str(), (&held[name]).into())).collect();
        let mut answers = timed(|| match shrinking {
            Some(options) => session.run_with_options(given, options),
            None => session.run(given),
        })?;
        let take = |name: &String| Some((name.clone(), answers.remove(name)?));
        Ok(self.outputs.iter().filter_map(take).collect())
    }
}
