//! One network of a model, rewritten to need less memory, whole or in pieces.

use std::path::{Path, PathBuf};

use crate::{
    engine::{self, Chain, Device, Element, Link, Loaded, Port, Session, Tensor, Tiling},
    graph::{Bindings, Document, ElementType, Halves, Inseparable},
};

use super::{
    Error,
    bands::{self, Bands},
    rewritten::{
        self, Layered, Rewritten, ahead, arranged, footprint_of, in_turn, read, rewrite, room, taken, tiled,
    },
    tiles,
};

/// How a network is held in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// All of it, from its first run to its end.
    Whole,
    /// In pieces that hold at most so many bytes each, if that can be done: the one that runs, or also the
    /// next, which is loaded meanwhile.
    Pieces(u64, Loaded),
}

/// A network that is rewritten for the shapes it is run with, and loaded when it is first run.
#[derive(Debug)]
pub(super) struct Network {
    document: Document,
    /// Whether the document's attention is fused already.
    rewritten: bool,
    path: PathBuf,
    options: engine::Options,
    way: Way,
    inputs: Vec<Port>,
    outputs: Vec<Port>,
    state: State,
}

#[derive(Debug)]
enum State {
    Closed,
    /// Cut to these shapes, where a device wants to know them.
    Whole(Option<Bindings>, Session),
    Pieces(Bindings, Chain),
}

impl Network {
    /// Reads the graph in the file at `path`; its weights are loaded when it first runs.
    pub(super) fn open(path: &Path, options: &engine::Options, way: Way) -> Result<Self, Error> {
        Ok(Self::of(read(path, options.device)?, path, options, way))
    }

    /// A network of a graph that was read from the file at `path`.
    pub(super) fn of(document: Document, path: &Path, options: &engine::Options, way: Way) -> Self {
        let port = |port: crate::graph::Port| Port {
            name: port.name,
            element: port.element.and_then(element),
            dims: port.dims.iter().map(|dim| dim.map(|length| length as usize)).collect(),
            symbols: vec![String::new(); port.dims.len()],
        };
        Self {
            inputs: document.ports().map(port).collect(),
            outputs: document.answers().map(port).collect(),
            rewritten: false,
            document,
            path: path.to_owned(),
            options: *options,
            way,
            state: State::Closed,
        }
    }

    /// The same network computed in 32 bits; none if it is already.
    pub(super) fn widened(&self) -> Option<Self> {
        let mut document = self.document.clone();
        let changed = document.computes_in_16_bits() && document.widen();
        let wide = |document| Self {
            rewritten: self.rewritten,
            ..Self::of(document, &self.path, &self.options, self.way)
        };
        changed.then(|| wide(document))
    }

    /// The network in two, of which the second enlarges the picture, where it can be split so and where it
    /// needs more than it may have when its inputs have the lengths of `bound`. Answers the tensor handed over
    /// and its shape, too.
    pub(super) fn split(&self, bound: &Bindings) -> Option<Split> {
        let limit = match self.way {
            Way::Whole => None,
            Way::Pieces(limit, loaded) => Some((limit, loaded)),
        };
        let most = match self.options.policy.tiling {
            Tiling::Off | Tiling::Exact => return None,
            Tiling::Auto => None,
            Tiling::Side(side) => Some(side as usize),
        };
        if most.is_none() && limit.is_none() {
            return None;
        }
        let rewritten = self.rewritten(bound);
        let limit = limit.map(|(limit, loaded)| room(for_one(&rewritten, bound, limit, loaded)));
        if most.is_none() && rewritten.footprint(bound)?.least <= limit? {
            return None;
        }
        let Halves { front, back, tensor } = rewritten.into_halves()?;
        let dims = front.shapes(bound).ok()?.dims(&tensor)?.to_vec();
        let network = |document| Self::of(document, &self.path, &self.options, self.way);
        Some(Split { front: network(front), back: network(back), tensor, dims, limit, most })
    }

    /// The network in a front and layers that run on bands, if that is how it is to be run and if it needs more than
    /// it may have when its inputs have the lengths of `bound`.
    ///
    /// # Errors
    /// Where bands are asked for and cannot be made; where they are not, there are none.
    pub(super) fn in_bands(&self, bound: &Bindings) -> Result<Option<Bands>, Inseparable> {
        let Way::Pieces(limit, loaded) = self.way else { return Ok(None) };
        if !rewritten::decodes_on_bands(&self.options) {
            return Ok(None);
        }
        let rewritten = self.rewritten(bound);
        let limit = for_one(&rewritten, bound, limit, loaded);
        if rewritten.footprint(bound).is_some_and(|footprint| footprint.least <= room(limit)) {
            return Ok(None);
        }
        let layered = match rewritten.layers(bound) {
            Err(_) if self.options.policy.tiling != Tiling::Exact => return Ok(None),
            layered => layered?,
        };
        let front = Self::of(layered.front.clone(), &self.path, &self.options, self.way);
        let Layered { layers, handed, height, .. } = layered;
        let output = self.outputs.first().map(|port| port.name.clone()).unwrap_or_default();
        let limit = bands::room(limit);
        Ok(Some(Bands { front, layers, handed, height, output, limit, options: self.options }))
    }

    /// Its graph as it is run, to be asked what it needs.
    fn rewritten(&self, bound: &Bindings) -> Rewritten {
        let document = self.document.clone();
        match self.way {
            Way::Whole => Rewritten::whole(document, bound, &self.options),
            Way::Pieces(..) => Rewritten::in_pieces(document, bound, &self.options),
        }
    }

    /// What it takes.
    pub(super) fn inputs(&self) -> &[Port] {
        &self.inputs
    }

    /// What it answers.
    pub(super) fn outputs(&self) -> &[Port] {
        &self.outputs
    }

    /// The input of that name.
    pub(super) fn input(&self, name: &str) -> Option<&Port> {
        self.inputs.iter().find(|port| port.name == name)
    }

    /// The file it came from.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Runs it once: `inputs` by name, in any order; answers every output in the graph's order.
    pub(super) fn run(&mut self, inputs: Vec<(String, Tensor)>) -> Result<Vec<(String, Tensor)>, Error> {
        if let Some(missing) =
            self.inputs.iter().find(|port| !inputs.iter().any(|(name, _)| *name == port.name))
        {
            let reason = format!("its input `{}` is not given", missing.name);
            return Err(
                engine::Error::Run { path: self.path.clone(), device: self.options.device, reason }.into()
            );
        }
        let shape = |tensor: &Tensor| tensor.shape().iter().map(|&length| length as u64).collect();
        let bound: Bindings = inputs.iter().map(|(name, tensor)| (name.clone(), shape(tensor))).collect();
        self.load(&bound)?;
        Ok(match &mut self.state {
            State::Whole(_, session) => {
                let (names, tensors): (Vec<_>, Vec<_>) = inputs.into_iter().unzip();
                let inputs: Vec<(&str, Tensor)> = names.iter().map(String::as_str).zip(tensors).collect();
                session.run(&inputs)?
            }
            State::Pieces(_, chain) => chain.run(inputs)?,
            State::Closed => unreachable!("it was loaded just now"),
        })
    }

    fn load(&mut self, bound: &Bindings) -> Result<(), Error> {
        engine::load()?;
        if !self.rewritten {
            rewrite(&mut self.document, bound, &self.options, matches!(self.way, Way::Pieces(..)));
            self.rewritten = true;
        }
        match (&self.state, self.way) {
            (State::Whole(None, _), _) => {}
            (State::Whole(Some(fixed_to), _), _) if fixed_to == bound => {}
            (State::Pieces(cut_for, _), _) if cut_for == bound => {}
            (_, Way::Pieces(limit, loaded)) => {
                // What was loaded for other shapes is given back first.
                self.state = State::Closed;
                if let Ok(chain) = self.cut(bound, limit, loaded) {
                    self.state = State::Pieces(bound.clone(), chain);
                    return Ok(());
                }
                self.load_whole(bound)?;
            }
            (_, Way::Whole) => self.load_whole(bound)?,
        }
        Ok(())
    }

    fn load_whole(&mut self, bound: &Bindings) -> Result<(), Error> {
        // CoreML leaves nodes whose shapes it does not know to the processor.
        let fixed = match self.options.device {
            Device::CoreMl => self.document.bind(bound).ok().map(|(fixed, _)| fixed),
            _ => None,
        };
        let document = fixed.as_ref().unwrap_or(&self.document);
        let (path, folder, options) = (&self.path, self.document.folder(), &self.options);
        let session = match self.document.storage() {
            Some(_) => Session::from_packed(&in_turn(document.clone()), path, folder, options)?,
            None => Session::from_memory(&document.to_bytes(), path, folder, options)?,
        };
        self.state = State::Whole(fixed.map(|_| bound.clone()), session);
        Ok(())
    }

    fn cut(&self, bound: &Bindings, limit: u64, loaded: Loaded) -> Result<Chain, Error> {
        let (fixed, shapes) = self.document.bind(bound)?;
        let pieces = fixed.liveness(&shapes).in_pieces();
        let working = taken(pieces.most)
            + match loaded {
                Loaded::One => 0,
                Loaded::Two => ahead(&pieces, self.options.device),
            };
        let stays = pieces.staying(limit.saturating_sub(working), arranged);
        let link = |(at, piece): (usize, crate::graph::Piece)| Link {
            inputs: piece.inputs,
            outputs: piece.outputs,
            onnx: in_turn(piece.document).into(),
            tensors: pieces.most.saturating_sub(pieces.weights[at]),
            stays: stays[at],
        };
        let links = fixed.pieces(&shapes, &pieces.starts).into_iter().enumerate().map(link).collect();
        let outputs = self.document.outputs().map(str::to_owned).collect();
        let chain = Chain::new(links, outputs, &self.path, self.document.folder(), self.options, loaded);
        Ok(if self.document.storage().is_some() { chain.with_packed_weights() } else { chain })
    }
}

/// Bytes of `limit` that a piece may take beside the one that is loaded ahead.
fn for_one(rewritten: &Rewritten, bound: &Bindings, limit: u64, loaded: Loaded) -> u64 {
    match loaded {
        Loaded::One => limit,
        Loaded::Two => limit.saturating_sub(rewritten.way(bound).map_or(0, |way| way.ahead)),
    }
}

/// A network in two, the second of which works on tiles.
pub(super) struct Split {
    /// Works on the whole picture.
    pub(super) front: Network,
    /// Works on tiles.
    pub(super) back: Network,
    /// What is handed over: (1, channels, height, width).
    pub(super) tensor: String,
    /// Its shape.
    dims: Vec<u64>,
    /// The most bytes that it may hold.
    limit: Option<u64>,
    /// The largest side that tiles may have.
    most: Option<usize>,
}

impl Split {
    /// The side of the largest tiles that fit: the smallest there are if none does.
    pub(super) fn side(&self) -> usize {
        let fits = |side: &usize| {
            let Some(limit) = self.limit else { return true };
            let bound = Bindings::from([(self.tensor.clone(), tiled(&self.dims, *side as u64))]);
            footprint_of(&self.back.document, &bound).is_some_and(|footprint| footprint.least <= limit)
        };
        let most = self.most.unwrap_or(tiles::SIDES[0]);
        let sides = self
            .most
            .into_iter()
            .chain(tiles::SIDES.into_iter().filter(|side| *side < most || self.most.is_none()));
        sides.into_iter().find(fits).unwrap_or(tiles::SIDES[tiles::SIDES.len() - 1])
    }
}

pub(super) fn element(element: ElementType) -> Option<Element> {
    Some(match element {
        ElementType::F32 => Element::F32,
        ElementType::F16 => Element::F16,
        ElementType::BF16 => Element::BF16,
        ElementType::I64 => Element::I64,
        ElementType::I32 => Element::I32,
        ElementType::BOOL => Element::Bool,
        _ => return None,
    })
}
