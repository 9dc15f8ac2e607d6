//! One network of a model, rewritten to need less memory, whole or in pieces.

use std::path::{Path, PathBuf};

use crate::{
    engine::{
        self, Attention, Chain, Device, Element, InPieces, Link, Loaded, Port, Session, Tensor, Tiling,
    },
    graph::{Bindings, Document, ElementType, Halves, Inseparable, Layers, Storage, Whole},
};

use super::{
    Error,
    bands::{self, Bands},
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
            Way::Pieces(limit, loaded) => Some(room(limit / loaded.at_once())),
        };
        let most = match self.options.policy.tiling {
            Tiling::Off | Tiling::Exact => return None,
            Tiling::Auto => None,
            Tiling::Side(side) => Some(side as usize),
        };
        if most.is_none() && limit.is_none() {
            return None;
        }
        let rewritten = Rewritten::new(self.document.clone(), bound, &self.options);
        if most.is_none() && rewritten.footprint(bound)?.least <= limit? {
            return None;
        }
        let Halves { front, back, tensor } = rewritten.halves?;
        let dims = front.shapes(bound).ok()?.dims(&tensor)?.to_vec();
        let network = |document| Self::of(document, &self.path, &self.options, self.way);
        Some(Split { front: network(front), back: network(back), tensor, dims, limit, most })
    }

    /// The network in a front and layers that run on bands, if that is how it is to be run and if it needs more than
    /// it may have when its inputs have the lengths of `bound`.
    pub(super) fn in_bands(&self, bound: &Bindings) -> Result<Option<Bands>, Inseparable> {
        let (Way::Pieces(limit, loaded), Tiling::Exact) = (self.way, self.options.policy.tiling) else {
            return Ok(None);
        };
        let limit = room(limit / loaded.at_once());
        let rewritten = Rewritten::new(self.document.clone(), bound, &self.options);
        if rewritten.footprint(bound).is_some_and(|footprint| footprint.least <= limit) {
            return Ok(None);
        }
        let layered = rewritten.layers(bound)?;
        let front = Self::of(layered.front.clone(), &self.path, &self.options, self.way);
        let Layered { layers, handed, height, .. } = layered;
        let output = self.outputs.first().map(|port| port.name.clone()).unwrap_or_default();
        Ok(Some(Bands { front, layers, handed, height, output, limit, options: self.options }))
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
            rewrite(&mut self.document, bound, &self.options);
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
        let working = loaded.at_once() * taken(pieces.most);
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

/// The bytes of a graph that unpacks each weight just before it is read.
fn in_turn(mut document: Document) -> Vec<u8> {
    document.unpack_in_turn();
    document.to_bytes()
}

/// Above what tensors take, in hundredths: blocks of memory are larger than what lies in them, and operators
/// hold more at once than the order of the nodes tells. Measured on UNets of 256x256 to 704x1280.
const SLACK: u64 = 120;
/// What ONNX Runtime holds for a piece beside its tensors, in bytes.
const RUNTIME: u64 = 16 << 20;

/// Bytes that a process takes for tensors of so many bytes.
pub(super) fn taken(tensors: u64) -> u64 {
    tensors * SLACK / 100 + RUNTIME
}

/// Bytes of tensors that fit into so many bytes of a process.
fn room(bytes: u64) -> u64 {
    bytes.saturating_sub(RUNTIME) * 100 / SLACK
}

/// Bytes that a process takes for weights of so many bytes in a piece that stays loaded: in the processor's order they
/// are a little more (measured on the UNet of Stable Diffusion 1.5), and there is a session, which takes more than
/// pocket's small pieces do.
fn arranged(weights: u64) -> u64 {
    weights * 106 / 100 + (3 << 20)
}

/// What a network needs at some shapes, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Footprint {
    /// Its weights, as they lie in memory once loaded.
    pub(super) weights: u64,
    /// What it computes, if it is whole.
    pub(super) activations: u64,
    /// The least it can do with, weights included, in pieces.
    pub(super) least: u64,
}

/// A graph that was rewritten to need less memory, to be asked what it needs.
pub(super) struct Rewritten {
    pub(super) document: Document,
    halves: Option<Halves>,
}

impl Rewritten {
    /// Rewrites a graph whose inputs may have the lengths of `bound`, for the device and in the manner of `options`.
    pub(super) fn new(mut document: Document, bound: &Bindings, options: &engine::Options) -> Self {
        rewrite(&mut document, bound, options);
        let halves = document.shapes(bound).ok().and_then(|shapes| document.halves(&shapes));
        Self { document, halves }
    }

    /// What it needs when its inputs have the lengths of `bound`; none if that cannot be known.
    pub(super) fn footprint(&self, bound: &Bindings) -> Option<Footprint> {
        footprint_of(&self.document, bound)
    }

    /// How it runs in pieces when its inputs have the lengths of `bound`; none if that cannot be known.
    pub(super) fn way(&self, bound: &Bindings) -> Option<InPieces> {
        way_of(&self.document, bound)
    }

    /// The same in two halves, of which the second works on tiles of `side`.
    pub(super) fn ways_in_tiles(&self, bound: &Bindings, side: usize) -> Option<InPieces> {
        let Halves { front, back, tensor } = self.halves.as_ref()?;
        let dims = tiled(front.shapes(bound).ok()?.dims(tensor)?, side as u64);
        let front = way_of(front, bound)?;
        let back = way_of(back, &Bindings::from([(tensor.clone(), dims)]))?;
        Some(InPieces { working: front.working.max(back.working), ..back })
    }

    /// What it needs in two halves, of which the second works on tiles of `side`.
    pub(super) fn in_tiles(&self, bound: &Bindings, side: usize) -> Option<Footprint> {
        let Halves { front, back, tensor } = self.halves.as_ref()?;
        let shapes = front.shapes(bound).ok()?;
        let dims = tiled(shapes.dims(tensor)?, side as u64);
        let front = footprint_of(front, bound)?;
        let back = footprint_of(back, &Bindings::from([(tensor.clone(), dims)]))?;
        Some(Footprint {
            weights: front.weights + back.weights,
            activations: front.activations.max(back.activations),
            least: front.least.max(back.least),
        })
    }

    /// It in a front, and what comes after that in layers, when its inputs have the lengths of `bound`.
    pub(super) fn layers(&self, bound: &Bindings) -> Result<Layered<'_>, Inseparable> {
        let unknown = |error: crate::graph::Error| Inseparable::of_all(error.to_string());
        let none = "nothing but one picture is handed on in any place before the picture is enlarged";
        let halves = self.halves.as_ref().ok_or_else(|| Inseparable::of_all(none))?;
        let Halves { front, back, tensor } = halves;
        let shapes = front.shapes(bound).map_err(|error| unknown(error.into()))?;
        let known = shapes.get(tensor).map(|known| (known.element, &known.dims[..]));
        let Some((element, &[1, channels, height, width])) = known else {
            return Err(Inseparable::of_all(format!("its tensor `{tensor}` is no picture")));
        };
        let bound = Bindings::from([(tensor.clone(), vec![1, channels, height, width])]);
        let (fixed, shapes) = back.bind(&bound).map_err(unknown)?;
        let handed = Whole { name: tensor.clone(), element, channels, rows: 1, width };
        Ok(Layered { front, layers: fixed.layers(&shapes)?, handed, height })
    }

    /// What it needs in a front and layers, of which these work on bands; the front where that is more. None if that
    /// cannot be known.
    pub(super) fn in_bands(&self, bound: &Bindings) -> Option<Footprint> {
        let Layered { front, layers, .. } = self.layers(bound).ok()?;
        let front = footprint_of(front, bound)?;
        let held = layers.layers.iter().map(|layer| {
            // The picture itself is held while it is made.
            let made =
                layer.outputs.iter().filter(|output| self.document.outputs().any(|name| name == output.name));
            let made: u64 = made.map(|output| 4 * output.elements(layer.height)).sum();
            Some(bands::least(layer)? + made)
        });
        let most = held.collect::<Option<Vec<_>>>()?.into_iter().max().unwrap_or(0);
        Some(Footprint { least: front.least.max(most), ..front })
    }
}

/// A graph in a front that runs on the whole picture, and layers that run on bands.
pub(super) struct Layered<'a> {
    front: &'a Document,
    pub(super) layers: Layers,
    /// What the front hands over.
    handed: Whole,
    /// Its rows.
    height: u64,
}

/// The lengths of a tile of `side` out of a tensor of (1, channels, height, width).
fn tiled(dims: &[u64], side: u64) -> Vec<u64> {
    dims.iter().enumerate().map(|(at, &length)| if at < 2 { length } else { length.min(side) }).collect()
}

fn footprint_of(document: &Document, bound: &Bindings) -> Option<Footprint> {
    let (fixed, shapes) = document.bind(bound).ok()?;
    let liveness = fixed.liveness(&shapes);
    Some(Footprint { weights: liveness.weights(), activations: liveness.peak(), least: liveness.least() })
}

fn way_of(document: &Document, bound: &Bindings) -> Option<InPieces> {
    let (fixed, shapes) = document.bind(bound).ok()?;
    let pieces = fixed.liveness(&shapes).in_pieces();
    Some(InPieces { working: taken(pieces.most), staying: pieces.lightest(arranged) })
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

/// Reads a graph as `device` computes it.
pub(super) fn read(path: &Path, device: Device) -> Result<Document, Error> {
    read_stored(path, device, None)
}

/// The same graph as it would be with its weights stored that way: nothing is written, so it cannot be run.
pub(super) fn read_stored(path: &Path, device: Device, storage: Option<Storage>) -> Result<Document, Error> {
    let mut document = Document::read(path)?;
    if let Some(storage) = storage {
        document = document.store_weights(storage, Path::new(""), "").document;
    }
    if device == Device::Cpu {
        document.widen();
    }
    Ok(document)
}

/// The most bytes that the scores of one slice of attention take, where it cannot be fused.
const SCORES: u64 = 64 << 20;

/// Fuses attention, or slices it for providers that have no fused one, lets sizes follow what was kept on the way
/// down, and unpacks stored weights in portions. A graph whose shapes cannot be known stays as it is: it gives the
/// same answers, in more memory.
fn rewrite(document: &mut Document, bound: &Bindings, options: &engine::Options) {
    if let Ok(shapes) = probe(document, bound) {
        document.resize_to_skip(&shapes);
    }
    if let Ok(shapes) = document.shapes(bound) {
        match (options.policy.attention, options.device) {
            (Attention::Plain, _) => 0,
            (Attention::Sliced, _) | (Attention::Auto, Device::CoreMl) => {
                document.slice_attention(&shapes, SCORES)
            }
            (Attention::Fused, _) | (Attention::Auto, Device::Cpu | Device::Cuda(_)) => {
                document.fuse_attention(&shapes)
            }
        };
    }
    // In portions a product reads its weight turned, which CoreML has no operator for.
    if options.device != Device::CoreMl {
        document.unpack_in_portions();
    }
}

/// Shapes at lengths that the graph can do as it is traced: sides of latents are rounded up.
fn probe(document: &Document, bound: &Bindings) -> Result<crate::graph::Shapes, crate::graph::Unknown> {
    const ROUND: u64 = 64;
    let mut bound = bound.clone();
    for dims in bound.values_mut().filter(|dims| dims.len() == 4) {
        dims[2..].iter_mut().for_each(|side| *side = side.next_multiple_of(ROUND));
    }
    document.shapes(&bound)
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
