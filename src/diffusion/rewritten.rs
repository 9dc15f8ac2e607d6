//! A graph rewritten to need less memory, and what it needs then.

use std::path::Path;

use crate::{
    engine::{self, Attention, Device, InPieces, Operators, Tiling},
    graph::{Bindings, Document, Halves, Inseparable, Layers, Pieces, Storage, Whole},
    kernels::{attention, convolution::Shape, gate, gated, matrix, norm},
};

use super::{Error, bands};

/// Above what tensors take in pieces, in hundredths: operators hold more at once than the order of the nodes tells.
/// Measured, as what follows, on UNets of 256x256 to 704x1280 and on tiles of a VAE.
const SLACK: u64 = 104;
/// What a process holds for pieces beside their tensors, in bytes: the graph in all its forms, and the parts of ONNX
/// Runtime that are needed first.
const RUNTIME: u64 = 14 << 20;
/// The same of a graph that is loaded whole, whose arena has blocks that are larger than what lies in them.
const SLACK_WHOLE: u64 = 120;
const RUNTIME_WHOLE: u64 = 26 << 20;
/// Above what weights take that are made when a graph is loaded, in hundredths: for a while some of them lie there
/// twice. Measured on the UNet of Stable Diffusion 1.5 in 16 bits.
const MADE: u64 = 20;

/// Bytes that a process takes for tensors of so many bytes of a graph that is loaded whole.
pub(super) fn taken_whole(tensors: u64) -> u64 {
    tensors * SLACK_WHOLE / 100 + RUNTIME_WHOLE
}

/// Bytes that a process takes for tensors of so many bytes in pieces.
pub(super) fn taken(tensors: u64) -> u64 {
    tensors * SLACK / 100 + RUNTIME
}

/// Bytes of tensors in pieces that fit into so many bytes of a process.
pub(super) fn room(bytes: u64) -> u64 {
    bytes.saturating_sub(RUNTIME) * 100 / SLACK
}

/// Bytes that a process takes for weights of so many bytes in a piece that stays loaded: in the processor's order they
/// are a little more (measured on the UNet of Stable Diffusion 1.5), and there is a session, which takes more than
/// pocket's small pieces do.
pub(super) fn arranged(weights: u64) -> u64 {
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
    device: Device,
    halves: Option<Halves>,
    /// As it is in pieces, if that is otherwise.
    in_pieces: Option<Box<Rewritten>>,
}

impl Rewritten {
    /// Rewrites a graph whose inputs may have the lengths of `bound`, for the device and in the manner of `options`, for
    /// every way to hold it.
    pub(super) fn new(document: Document, bound: &Bindings, options: &engine::Options) -> Self {
        let mut late = document.clone();
        let differs = late.unpack_late() || uses_ours(options);
        let in_pieces = differs.then(|| Box::new(Self::in_pieces(late, bound, options)));
        Self { in_pieces, ..Self::whole(document, bound, options) }
    }

    /// The same only for being held whole.
    pub(super) fn whole(document: Document, bound: &Bindings, options: &engine::Options) -> Self {
        Self::of(document, bound, options, false)
    }

    /// The same only for being held in pieces.
    pub(super) fn in_pieces(document: Document, bound: &Bindings, options: &engine::Options) -> Self {
        Self::of(document, bound, options, true)
    }

    fn of(mut document: Document, bound: &Bindings, options: &engine::Options, in_pieces: bool) -> Self {
        rewrite(&mut document, bound, options, in_pieces);
        let halves = document.shapes(bound).ok().and_then(|shapes| document.halves(&shapes));
        Self { document, device: options.device, halves, in_pieces: None }
    }

    fn cut(&self) -> &Self {
        self.in_pieces.as_deref().unwrap_or(self)
    }

    /// A front, and what enlarges the picture after it.
    pub(super) fn into_halves(self) -> Option<Halves> {
        self.halves
    }

    /// What it needs when its inputs have the lengths of `bound`; none if that cannot be known.
    pub(super) fn footprint(&self, bound: &Bindings) -> Option<Footprint> {
        let whole = footprint_of(&self.document, bound)?;
        match &self.in_pieces {
            Some(cut) => Some(Footprint { least: cut.footprint(bound)?.least, ..whole }),
            None => Some(whole),
        }
    }

    /// How it runs in pieces when its inputs have the lengths of `bound`; none if that cannot be known.
    pub(super) fn way(&self, bound: &Bindings) -> Option<InPieces> {
        way_of(&self.cut().document, bound, self.device)
    }

    /// The same in two halves, of which the second works on tiles of `side`.
    pub(super) fn ways_in_tiles(&self, bound: &Bindings, side: usize) -> Option<InPieces> {
        let Halves { front, back, tensor } = self.cut().halves.as_ref()?;
        let dims = tiled(front.shapes(bound).ok()?.dims(tensor)?, side as u64);
        let front = way_of(front, bound, self.device)?;
        let back = way_of(back, &Bindings::from([(tensor.clone(), dims)]), self.device)?;
        let (working, ahead) = (front.working.max(back.working), front.ahead.max(back.ahead));
        Some(InPieces { working, ahead, ..back })
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
        let halves = self.cut().halves.as_ref().ok_or_else(|| Inseparable::of_all(none))?;
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

    /// Bytes that a process takes for it in a front and layers, of which these work on bands. None if that cannot be
    /// known.
    pub(super) fn in_bands(&self, bound: &Bindings) -> Option<u64> {
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
        Some(bands::taken(front.least.max(most)))
    }
}

/// A graph in a front that runs on the whole picture, and layers that run on bands.
pub(super) struct Layered<'a> {
    pub(super) front: &'a Document,
    pub(super) layers: Layers,
    /// What the front hands over.
    pub(super) handed: Whole,
    /// Its rows.
    pub(super) height: u64,
}

/// The lengths of a tile of `side` out of a tensor of (1, channels, height, width).
pub(super) fn tiled(dims: &[u64], side: u64) -> Vec<u64> {
    dims.iter().enumerate().map(|(at, &length)| if at < 2 { length } else { length.min(side) }).collect()
}

pub(super) fn footprint_of(document: &Document, bound: &Bindings) -> Option<Footprint> {
    let (fixed, shapes) = document.bind(bound).ok()?;
    let liveness = fixed.liveness(&shapes);
    let weights = liveness.weights() + liveness.made() * MADE / 100;
    Some(Footprint { weights, activations: liveness.peak(), least: liveness.least() })
}

fn way_of(document: &Document, bound: &Bindings, device: Device) -> Option<InPieces> {
    let (fixed, shapes) = document.bind(bound).ok()?;
    let pieces = fixed.liveness(&shapes).in_pieces();
    Some(InPieces {
        working: taken(pieces.most),
        ahead: ahead(&pieces, device),
        staying: pieces.lightest(arranged),
    })
}

/// The most bytes that a piece takes which is loaded and does not run yet: on the processor none, as its weights are
/// mapped, and read when it runs.
pub(super) fn ahead(pieces: &Pieces, device: Device) -> u64 {
    match device {
        Device::Cpu => 0,
        _ => pieces.weights.iter().max().copied().unwrap_or(0),
    }
}

/// Whether a decoder that does not fit whole decodes on bands: always if they are asked for; by itself only on the
/// processor, as every band goes through its memory.
pub(super) fn decodes_on_bands(options: &engine::Options) -> bool {
    match options.policy.tiling {
        Tiling::Exact => true,
        Tiling::Auto => options.device == Device::Cpu,
        Tiling::Off | Tiling::Side(_) => false,
    }
}

/// The bytes of a graph that unpacks each weight just before it is read.
pub(super) fn in_turn(mut document: Document) -> Vec<u8> {
    document.unpack_in_turn();
    document.to_bytes()
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
/// In pieces, weights that the file itself keeps in fewer bits are unpacked late.
pub(super) fn rewrite(document: &mut Document, bound: &Bindings, options: &engine::Options, in_pieces: bool) {
    if in_pieces && options.device != Device::CoreMl {
        document.unpack_late();
    }
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
    if uses_ours(options) {
        take_ours(document, bound, in_pieces);
    }
    if let Ok(shapes) = document.shapes(bound) {
        document.drop_idle(&shapes);
    }
}

/// Whether operators of our own run some of it: in pieces others than whole.
fn uses_ours(options: &engine::Options) -> bool {
    options.device == Device::Cpu && options.policy.operators == Operators::Auto
}

/// Hands to our own operators what they do faster, or in less memory.
fn take_ours(document: &mut Document, bound: &Bindings, in_pieces: bool) {
    let Ok(shapes) = document.shapes(bound) else { return };
    document.fuse_geglu(&shapes, engine::OPERATORS, gate::pays);
    document.norm_exactly(&shapes, engine::OPERATORS, norm::pays);
    document.attend_in_panels(&shapes, engine::OPERATORS, attention::Shape::pays);
    document.convolve_in_tiles(&shapes, engine::OPERATORS, Shape::pays);
    // Whole, weights are arranged: then ONNX Runtime's are as fast.
    if in_pieces {
        document.multiply_in_place(&shapes, engine::OPERATORS, matrix::Shape::pays);
        document.gate_products(&shapes, engine::OPERATORS, gated::pays);
    } else {
        document.add_in_gates(&shapes, engine::OPERATORS);
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
