//! What each part of a model needs, known before it is loaded: a walk over its graph with its shapes bound.

use crate::{
    engine::{self, Demand, Device, InPieces, Tiling},
    graph::{Bindings, Document, Storage},
    models::{Family, Model, Part, PartKind},
    story::Size,
};

use super::{
    Error, Geometry, IpAdapter,
    rewritten::{self, Rewritten},
    stored::is_stored,
    tiles, vae,
};

/// Tokens of a prompt that one run of CLIP's text encoder takes.
const CLIP_TOKENS: u64 = 77;
/// Tokens that T5 takes at most: in Stable Diffusion 3, and in FLUX.
const T5_TOKENS: [u64; 2] = [256, 512];

/// What the parts of a model need: their graphs, read and rewritten once, to be asked for any size.
pub struct Footprints<'a> {
    model: &'a Model,
    geometry: &'a Geometry,
    options: engine::Options,
    storage: Option<Storage>,
    /// Of the encoders, the same at every size.
    texts: Vec<Demand>,
    /// The denoiser, the VAE decoder, and perhaps its encoder.
    drawing: Vec<(&'a Part, Rewritten)>,
}

impl<'a> Footprints<'a> {
    /// Reads the graphs of all parts that draw a picture from noise.
    ///
    /// `options` are where and how they run; a device stands for how it is used unless somebody says otherwise.
    pub fn read(
        model: &'a Model,
        geometry: &'a Geometry,
        options: impl Into<engine::Options>,
    ) -> Result<Self, Error> {
        Self::stored(model, geometry, options, None)
    }

    /// The same for the model with its weights [stored](fn@super::stored) that way.
    pub fn stored(
        model: &'a Model,
        geometry: &'a Geometry,
        options: impl Into<engine::Options>,
        storage: Option<Storage>,
    ) -> Result<Self, Error> {
        use PartKind::{Denoiser, TextEncoder, TextEncoder2, TextEncoder3, VaeDecoder};
        let options = options.into();
        let rewritten = |part: &'a Part| {
            let document =
                rewritten::read_stored(&part.file, options.device, storage.filter(|_| is_stored(part.kind)))?;
            let bound = bindings(&document, part, model, geometry, geometry.native, 1);
            Ok::<_, Error>((Rewritten::new(document, &bound, &options), bound))
        };
        let mut texts = Vec::new();
        for kind in [TextEncoder, TextEncoder2, TextEncoder3] {
            let Some(part) = model.find(kind) else { continue };
            let (network, bound) = rewritten(part)?;
            texts.push(demand(part, &network, &bound, &options));
        }
        let mut drawing = Vec::new();
        for kind in [Denoiser, VaeDecoder] {
            let part = model.part(kind)?;
            let (network, bound) = rewritten(part)?;
            if (kind, options.policy.tiling) == (VaeDecoder, Tiling::Exact) {
                network.layers(&bound).map_err(|reason| vae::inseparable(&part.file, &reason))?;
            }
            drawing.push((part, network));
        }
        Ok(Self { model, geometry, options, storage, texts, drawing })
    }

    /// The same, with an adapter in the denoiser and its image encoder.
    pub fn looking_through(mut self, adapter: &IpAdapter) -> Result<Self, Error> {
        let (document, bound) = adapter.image_encoder(self.options.device)?;
        let network = Rewritten::new(document, &bound, &self.options);
        // As far as its shapes can be known.
        let demand = |footprint| demand_of("image encoder".to_owned(), footprint, Vec::new());
        self.texts.extend(network.footprint(&bound).map(demand));
        for (part, network) in self.drawing.iter_mut().filter(|(part, _)| part.kind == PartKind::Denoiser) {
            let document = denoiser(
                self.model,
                part,
                self.geometry,
                self.options.device,
                (Some(adapter), self.storage),
            )?;
            let bound = bindings(&document, part, self.model, self.geometry, self.geometry.native, 1);
            *network = Rewritten::new(document, &bound, &self.options);
        }
        Ok(self)
    }

    /// The same, for drawing that starts from pictures: with the VAE encoder.
    pub fn starting_from_pictures(mut self) -> Result<Self, Error> {
        let part = self.model.part(PartKind::VaeEncoder)?;
        let document = rewritten::read(&part.file, self.options.device)?;
        let bound = bindings(&document, part, self.model, self.geometry, self.geometry.native, 1);
        self.drawing.push((part, Rewritten::new(document, &bound, &self.options)));
        Ok(self)
    }

    /// The demand of each part that draws a picture of `size`, `rows` in one call of the denoiser (2 under
    /// guidance, 1 without).
    ///
    /// Weights are counted as they lie in memory, activations by the liveness of the rewritten graph. Where
    /// its shapes cannot be known, activations are taken for as large as the weights.
    pub fn demands(&self, size: Size, rows: u64) -> Vec<Demand> {
        let drawing = self.drawing.iter().map(|(part, network)| {
            let bound = bindings(&network.document, part, self.model, self.geometry, size, rows);
            demand(part, network, &bound, &self.options)
        });
        self.texts.iter().cloned().chain(drawing).collect()
    }
}

fn demand(part: &Part, network: &Rewritten, bound: &Bindings, options: &engine::Options) -> Demand {
    let (decodes, tiling) = (part.kind == PartKind::VaeDecoder, options.policy.tiling);
    let on_bands = || network.in_bands(bound).map(|working| InPieces { working, ..InPieces::default() });
    let banded = (decodes && rewritten::decodes_on_bands(options)).then(on_bands).flatten();
    let sides = match tiling {
        Tiling::Off | Tiling::Exact => Vec::new(),
        Tiling::Auto if banded.is_some() => Vec::new(),
        Tiling::Auto => tiles::SIDES.to_vec(),
        Tiling::Side(side) => {
            let side = side as usize;
            [side].into_iter().chain(tiles::SIDES.into_iter().filter(|&smaller| smaller < side)).collect()
        }
    };
    let sides = sides.into_iter().filter(|_| decodes);
    let whole = match tiling {
        Tiling::Side(side) if decodes => network.in_tiles(bound, side as usize),
        _ => None,
    };
    let untiled = matches!(tiling, Tiling::Side(_)) && decodes && whole.is_some();
    let footprint = whole.or_else(|| network.footprint(bound)).unwrap_or_else(|| {
        let weights = part.header.weights.total();
        rewritten::Footprint { weights, activations: weights, least: 2 * weights }
    });
    let mut ways: Vec<InPieces> = sides.filter_map(|side| network.ways_in_tiles(bound, side)).collect();
    ways.extend(banded);
    if !untiled {
        ways.extend(network.way(bound).map(|way| match part.kind {
            // Of all parts, it alone runs often enough for a picture.
            PartKind::Denoiser => way,
            _ => InPieces { staying: Vec::new(), ..way },
        }));
    }
    ways.sort_by_key(|way| way.working);
    let footprint = match part.kind {
        PartKind::VaeDecoder | PartKind::VaeEncoder => {
            let activations = footprint.activations * CONVOLVING / 100;
            rewritten::Footprint { activations, ..footprint }
        }
        _ => footprint,
    };
    demand_of(part.kind.to_string(), footprint, ways)
}

/// What a VAE takes whole, in hundredths of what other networks do with as many tensors: where every weight is in the
/// processor's order, so are the pictures between convolutions, and each norm has a copy. Measured on the decoder of
/// Stable Diffusion 1.5 at 384x640, 512x512 and 720x1280.
const CONVOLVING: u64 = 120;

fn demand_of(part: String, footprint: rewritten::Footprint, ways: Vec<InPieces>) -> Demand {
    let least = ways.first().map_or_else(|| rewritten::taken(footprint.least), |way| way.working);
    Demand {
        part,
        weights: footprint.weights,
        activations: rewritten::taken_whole(footprint.activations),
        least,
        ways,
    }
}

/// The graph of a model's denoiser, which looks through `adapter` if there is one, as it would be stored.
pub(super) fn denoiser(
    model: &Model,
    part: &Part,
    geometry: &Geometry,
    device: Device,
    (adapter, storage): (Option<&IpAdapter>, Option<Storage>),
) -> Result<Document, Error> {
    let mut document = rewritten::read_stored(&part.file, device, storage)?;
    if let Some(adapter) = adapter {
        let bound = bindings(&document, part, model, geometry, geometry.native, 2);
        adapter.graft(&mut document, &bound)?;
    }
    Ok(document)
}

/// The lengths of a part's inputs when it draws a picture of `size`.
pub(super) fn bindings(
    document: &Document,
    part: &Part,
    model: &Model,
    geometry: &Geometry,
    size: Size,
    rows: u64,
) -> Bindings {
    let [_, channels, height, width] = geometry.latent_shape(size).map(|length| length as u64);
    let clip_then_t5 = match model.family {
        Family::StableDiffusion3 if model.find(PartKind::TextEncoder3).is_some() => {
            CLIP_TOKENS + T5_TOKENS[0]
        }
        Family::Flux => T5_TOKENS[1],
        _ => CLIP_TOKENS,
    };
    let patches = (height / 2) * (width / 2);
    let bind = |port: crate::graph::Port| {
        let wanted: Vec<u64> = match (part.kind, port.name.as_str()) {
            (PartKind::TextEncoder | PartKind::TextEncoder2 | PartKind::TextEncoder3, _) => {
                let is_t5 = part.config.as_ref().is_some_and(|config| config["d_model"].is_u64());
                let tokens = match (is_t5, model.family) {
                    (false, _) => CLIP_TOKENS,
                    (true, Family::StableDiffusion3) => T5_TOKENS[0],
                    (true, _) => T5_TOKENS[1],
                };
                vec![1, tokens]
            }
            (PartKind::VaeDecoder, _) => vec![1, channels, height, width],
            (PartKind::VaeEncoder, _) => vec![1, 3, u64::from(size.height), u64::from(size.width)],
            (_, "sample") => vec![rows, channels, height, width],
            (_, "hidden_states") if model.family == Family::Flux => vec![rows, patches, channels * 4],
            (_, "hidden_states") => vec![rows, channels, height, width],
            (_, "encoder_hidden_states") => vec![rows, clip_then_t5],
            (_, "img_ids") => vec![patches, 3],
            (_, "txt_ids") => vec![clip_then_t5, 3],
            _ => vec![rows],
        };
        let length = |(at, own): (usize, &Option<u64>)| own.or_else(|| wanted.get(at).copied()).unwrap_or(1);
        (port.name.clone(), port.dims.iter().enumerate().map(length).collect())
    };
    document.ports().map(bind).collect()
}
