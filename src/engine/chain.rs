//! A model in pieces that run one after the other: only what runs is loaded.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use ort::value::DynValue;

use super::{
    Error, Options, Tensor, heap,
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
        heap::give_back_at_once();
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
        Self {
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
        let failed = |e: Failure| failed_to_run(e, &self.path, device);
        measure(&self.path, device, Point::BeforeRun);
        let mut held: HashMap<String, DynValue> = HashMap::new();
        for (name, tensor) in inputs {
            held.insert(name, tensor.into_value().map_err(|e| failed(e.into()))?);
        }
        let mut next = None;
        for (at, link) in self.links.iter().enumerate() {
            let mut session = match next.take() {
                Some(session) => session,
                None => self.open(link)?,
            };
            let run = |session: &mut ort::session::Session, held: &HashMap<String, DynValue>| {
                let missing = link.inputs.iter().find(|name| !held.contains_key(*name));
                if let Some(missing) = missing {
                    return Err(Failure::Reason(format!("its input `{missing}` is not given")));
                }
                let given: Vec<(&str, ort::session::SessionInputValue<'_>)> =
                    link.inputs.iter().map(|name| (name.as_str(), (&held[name]).into())).collect();
                let mut answers = timed(|| session.run(given))?;
                let take = |name: &String| Some((name.clone(), answers.remove(name)?));
                Ok(link.outputs.iter().filter_map(take).collect::<Vec<_>>())
            };
            let answers = match (self.loaded, self.links.get(at + 1)) {
                (Loaded::Two, Some(following)) => std::thread::scope(|scope| {
                    let opening = scope.spawn(|| self.open(following));
                    let answers = run(&mut session, &held).map_err(failed);
                    drop(session);
                    next = Some(opening.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
                    answers
                })?,
                _ => run(&mut session, &held).map_err(failed)?,
            };
            held.extend(answers);
            for name in &self.done[at] {
                held.remove(name);
            }
        }
        measure(&self.path, device, Point::AfterRun);
        let mut outputs = Vec::with_capacity(self.outputs.len());
        for name in &self.outputs {
            let value = held
                .remove(name)
                .ok_or_else(|| failed(Failure::Reason(format!("none of its pieces answers `{name}`"))))?;
            let tensor = Tensor::take(&value).map_err(|e| failed(e.into()))?;
            let tensor = tensor.ok_or_else(|| Error::ElementType {
                name: name.clone(),
                found: value.dtype().to_string(),
                expected: "float32, float16, int64, int32 or bool",
            })?;
            outputs.push((name.clone(), tensor));
        }
        Ok(outputs)
    }

    fn open(&self, link: &Link) -> Result<ort::session::Session, Error> {
        build_from_memory(&link.onnx, &self.folder, &self.options, self.weights)
            .map_err(|e| failed_to_open(e, &self.path, self.options.device))
    }
}
