//! A picture beside the prompt: IP-Adapter (Ye et al., 2023, <https://arxiv.org/abs/2308.06721>).
//!
//! An image encoder tells what a reference picture shows, a projection makes tokens of that, and each
//! cross-attention of the UNet attends to them as it does to the prompt's. Works on any plain export: the
//! second attention is put into the graph when it is loaded ([`Document::attend_beside`]), and keys and values
//! are projected once a picture, not once a step.

mod prepare;
mod projection;

use image::RgbImage;
use ndarray::{Array2, Array3, ArrayD, Axis, Ix2, Ix3, concatenate, s};

use crate::{
    engine::{Device, Element, Tensor},
    graph::{BESIDE_KEYS, BESIDE_VALUES, Bindings, Document, TensorFile},
    models::Adapter,
};

use super::{
    Error, Options,
    network::{self, Network},
};
use prepare::Preparation;
use projection::{Projection, linear, matrix};

/// An IP-Adapter, ready to look at pictures.
#[derive(Debug)]
pub struct IpAdapter {
    adapter: Adapter,
    tensors: TensorFile,
    preparation: Preparation,
    projection: Projection,
    /// The numbers its projections have in the file, in order.
    places: Vec<usize>,
    encoder: Option<Network>,
    /// What was looked at last, and its tokens.
    seen: Option<(RgbImage, Looked)>,
}

/// The tokens of a picture and those of none: (tokens, width).
#[derive(Debug, Clone)]
struct Looked {
    picture: Array2<f32>,
    none: Array2<f32>,
}

impl IpAdapter {
    /// Reads the adapter; the image encoder is loaded when it is first needed.
    pub fn open(adapter: &Adapter) -> Result<Self, Error> {
        let tensors = TensorFile::open(&adapter.weights)?;
        let wrong = |reason: String| Error::Config { path: adapter.weights.clone(), reason };
        let place = |name: String| -> Option<usize> {
            name.strip_prefix("ip_adapter.")?.strip_suffix(".to_k_ip.weight")?.parse().ok()
        };
        let mut places: Vec<usize> = tensors.names().into_iter().filter_map(place).collect();
        places.sort_unstable();
        if places.is_empty() {
            return Err(wrong(
                "it holds no `ip_adapter.N.to_k_ip.weight`: it is no IP-Adapter for a UNet as they are published".into(),
            ));
        }
        Ok(Self {
            projection: Projection::read(&tensors).map_err(wrong)?,
            preparation: Preparation::read(adapter)?,
            adapter: adapter.clone(),
            tensors,
            places,
            encoder: None,
            seen: None,
        })
    }

    /// Lets the UNet of `document` attend to this adapter's tokens. `bound` are lengths its inputs may have.
    pub(super) fn graft(&self, document: &mut Document, bound: &Bindings) -> Result<(), Error> {
        let shapes = document.shapes(bound).map_err(crate::graph::Error::from)?;
        let widths = document.attend_beside(&shapes, "encoder_hidden_states", self.tokens() as u64);
        let own: Vec<u64> = self
            .places
            .iter()
            .map(|place| self.tensors.dims(&keys_of(*place)).map_or(0, |dims| dims[0] as u64))
            .collect();
        if widths != own {
            let reason = format!(
                "it was trained for a UNet with cross-attentions of the widths {own:?}, and this model has {widths:?}; take the adapter of the model's family"
            );
            return Err(Error::Config { path: self.adapter.weights.clone(), reason });
        }
        Ok(())
    }

    /// The graph of its image encoder, and the lengths of what that takes.
    pub(super) fn image_encoder(&self, device: Device) -> Result<(Document, Bindings), Error> {
        let document = network::read(&self.adapter.image_encoder, device)?;
        let (width, height) = self.preparation.size();
        let dims = vec![1, 3, u64::from(height), u64::from(width)];
        let bound = document.ports().take(1).map(|port| (port.name, dims.clone())).collect();
        Ok((document, bound))
    }

    /// How many tokens a picture becomes.
    pub(super) fn tokens(&self) -> usize {
        self.projection.tokens()
    }

    /// The keys and values of `picture`, which counts as much as the prompt at a `scale` of 1 and not at all at
    /// 0 or without one: (rows, tokens, widths of all cross-attentions), the first row that of no picture if
    /// `guided`.
    pub(super) fn told(
        &mut self,
        picture: Option<(&RgbImage, f32)>,
        guided: bool,
        options: &Options,
    ) -> Result<[(&'static str, ArrayD<f32>); 2], Error> {
        let rows = 1 + usize::from(guided);
        let looked = match picture {
            Some((picture, scale)) if scale != 0.0 => Some((self.look(picture, options)?, scale)),
            _ => None,
        };
        let project = |part: &str, by: f32| -> Result<ArrayD<f32>, Error> {
            let mut all = Vec::new();
            for place in &self.places {
                let name = format!("ip_adapter.{place}.to_{part}_ip.weight");
                let wrong = |reason: String| Error::Config { path: self.adapter.weights.clone(), reason };
                let width = self.tensors.dims(&name).map_or(0, |dims| dims[0]);
                let mut keys = Array3::zeros((rows, self.tokens(), width));
                if let Some((looked, _)) = &looked {
                    let weight = matrix(&self.tensors, &name).map_err(wrong)?;
                    let tokens = [&looked.none, &looked.picture];
                    for (row, tokens) in tokens[2 - rows..].iter().enumerate() {
                        let made = linear(tokens, &weight).map_err(wrong)? * by;
                        keys.slice_mut(s![row, .., ..]).assign(&made);
                    }
                }
                all.push(keys);
            }
            let views: Vec<_> = all.iter().map(|keys| keys.view()).collect();
            let joined = concatenate(Axis(2), &views);
            Ok(joined.unwrap_or_else(|_| unreachable!("all have the same rows and tokens")).into_dyn())
        };
        let scale = looked.as_ref().map_or(0.0, |(_, scale)| *scale);
        Ok([(BESIDE_KEYS, project("k", 1.0)?), (BESIDE_VALUES, project("v", scale)?)])
    }

    /// The tokens of `picture` and those of none.
    fn look(&mut self, picture: &RgbImage, options: &Options) -> Result<Looked, Error> {
        if let Some((seen, looked)) = &self.seen
            && seen == picture
        {
            return Ok(looked.clone());
        }
        let pixels = self.preparation.pixels(picture)?;
        let mut encoder = match self.encoder.take() {
            Some(encoder) => encoder,
            None => Network::open(&self.adapter.image_encoder, &options.session, options.way())?,
        };
        let shown = self.encode(&mut encoder, pixels.clone())?;
        let none = match self.projection.looks_at_patches() {
            true => self.encode(&mut encoder, Array3::zeros(pixels.raw_dim()))?,
            false => Array2::zeros(shown.raw_dim()),
        };
        if options.residency == crate::engine::Residency::Resident {
            self.encoder = Some(encoder);
        }
        let project = |embeds: &Array2<f32>| {
            let tokens = self.projection.tokens_of(embeds);
            tokens.map_err(|reason| Error::Config { path: self.adapter.weights.clone(), reason })
        };
        let looked = Looked { picture: project(&shown)?, none: project(&none)? };
        self.seen = Some((picture.clone(), looked.clone()));
        Ok(looked)
    }

    /// What the image encoder makes of prepared pixels (3, side, side): the whole picture in one row (1, width),
    /// or a row for each patch, from the layer before the last, if the projection wants that.
    fn encode(&self, encoder: &mut Network, pixels: Array3<f32>) -> Result<Array2<f32>, Error> {
        let path = self.adapter.image_encoder.clone();
        let wrong = |reason: String| Error::Contract { path: path.clone(), part: "image encoder", reason };
        let [input] = encoder.inputs() else {
            return Err(wrong("it takes more than pixel_values".into()));
        };
        let (name, element) = (input.name.clone(), input.element.unwrap_or(Element::F32));
        let layers = (0..).take_while(|layer| has(encoder, &format!("hidden_states.{layer}"))).count();
        let wanted = match (self.projection.looks_at_patches(), layers) {
            (true, 2..) => format!("hidden_states.{}", layers - 2),
            (true, _) => {
                let reason = "this adapter looks at the layer before the last, which it does not answer: export it with output_hidden_states";
                return Err(wrong(reason.into()));
            }
            (false, _) => "image_embeds".to_owned(),
        };
        if !has(encoder, &wanted) {
            return Err(wrong(format!("it does not answer `{wanted}`")));
        }
        let pixels = Tensor::from_f32(pixels.insert_axis(Axis(0)).into_dyn(), element);
        let answers = encoder.run(vec![(name, pixels)])?;
        let found = answers.into_iter().find(|(name, _)| *name == wanted);
        let found = found.map(|(_, tensor)| tensor.into_f32()).unwrap_or_default();
        let shape = found.shape().to_vec();
        let rows = match shape.len() {
            2 => found.into_dimensionality::<Ix2>(),
            _ => found.into_dimensionality::<Ix3>().map(|rows| rows.index_axis(Axis(0), 0).to_owned()),
        };
        rows.map_err(|_| wrong(format!("`{wanted}` has the shape {shape:?}")))
    }
}

fn has(encoder: &Network, output: &str) -> bool {
    encoder.outputs().iter().any(|port| port.name == output)
}

fn keys_of(place: usize) -> String {
    format!("ip_adapter.{place}.to_k_ip.weight")
}
