//! A picture beside the prompt: IP-Adapter (Ye et al., 2023, <https://arxiv.org/abs/2308.06721>).
//!
//! An image encoder tells what a reference picture shows, a projection makes tokens of that, and each
//! cross-attention of the UNet attends to them as it does to the prompt's. Works on any plain export: the
//! second attention is put into the graph when it is loaded ([`Document::attend_beside`]), and keys and values
//! are projected once a picture, not once a step.

mod prepare;
mod projection;

use image::RgbImage;
use ndarray::{Array2, Array3, ArrayD, Axis, Ix2, Ix3, concatenate, s, stack};

use crate::{
    engine::{Device, Element, Tensor},
    graph::{BESIDE_KEYS, BESIDE_VALUES, Bindings, Document, TensorFile},
    models::Adapter,
};

use super::{Error, Options, network::Network, rewritten};
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
    /// What was looked at last: a character's scenes and candidates look at one picture.
    seen: Option<(RgbImage, Looked)>,
}

/// What cross-attentions are told of a picture: (2, tokens, widths of all), no picture first.
#[derive(Debug, Clone)]
struct Looked {
    keys: Array3<f32>,
    values: Array3<f32>,
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
            .map(|place| self.tensors.dims(&name_of(*place, "k")).map_or(0, |dims| dims[0] as u64))
            .collect();
        if widths != own {
            let reason = format!(
                "it was trained for a UNet with cross-attentions of the widths {own:?}, and this model has {widths:?}; take the adapter of the model's family"
            );
            return Err(self.wrong(reason));
        }
        Ok(())
    }

    /// The graph of its image encoder, and the lengths of what that takes.
    pub(super) fn image_encoder(&self, device: Device) -> Result<(Document, Bindings), Error> {
        let document = rewritten::read(&self.adapter.image_encoder, device)?;
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
        let first = usize::from(!guided);
        let (keys, values) = match picture {
            Some((picture, scale)) if scale != 0.0 => {
                let Looked { keys, values } = self.look(picture, options)?;
                (
                    keys.slice(s![first.., .., ..]).to_owned(),
                    values.slice(s![first.., .., ..]).to_owned() * scale,
                )
            }
            _ => {
                let widths = self.places.iter().filter_map(|place| self.tensors.dims(&name_of(*place, "k")));
                let nothing = Array3::zeros((2 - first, self.tokens(), widths.map(|dims| dims[0]).sum()));
                (nothing.clone(), nothing)
            }
        };
        Ok([(BESIDE_KEYS, keys.into_dyn()), (BESIDE_VALUES, values.into_dyn())])
    }

    /// What cross-attentions are told of `picture` and of none.
    fn look(&mut self, picture: &RgbImage, options: &Options) -> Result<&Looked, Error> {
        if self.seen.as_ref().is_none_or(|(seen, _)| seen != picture) {
            let tokens = self.tokens_of(picture, options)?;
            let looked = Looked { keys: self.project(&tokens, "k")?, values: self.project(&tokens, "v")? };
            self.seen = Some((picture.clone(), looked));
        }
        let seen = self.seen.as_ref().map(|(_, looked)| looked);
        Ok(seen.unwrap_or_else(|| unreachable!("it was looked at just now")))
    }

    /// The tokens of no picture and of `picture`, (tokens, width) each.
    fn tokens_of(&mut self, picture: &RgbImage, options: &Options) -> Result<[Array2<f32>; 2], Error> {
        let pixels = self.preparation.pixels(picture)?;
        let mut encoder = match self.encoder.take() {
            Some(encoder) => encoder,
            None => {
                Network::open(&self.adapter.image_encoder, &options.around_the_denoiser(), options.way())?
            }
        };
        let shown = self.encode(&mut encoder, pixels.clone())?;
        let none = match self.projection.looks_at_patches() {
            true => self.encode(&mut encoder, Array3::zeros(pixels.raw_dim()))?,
            false => Array2::zeros(shown.raw_dim()),
        };
        if options.residency == crate::engine::Residency::Resident {
            self.encoder = Some(encoder);
        }
        let project = |embeds: &Array2<f32>| self.projection.tokens_of(embeds).map_err(|e| self.wrong(e));
        Ok([project(&none)?, project(&shown)?])
    }

    /// The keys (`k`) or values (`v`) of both tokens, for all cross-attentions one after the other.
    fn project(&self, tokens: &[Array2<f32>; 2], part: &str) -> Result<Array3<f32>, Error> {
        let mut all = Vec::new();
        for place in &self.places {
            let weight = matrix(&self.tensors, &name_of(*place, part)).map_err(|e| self.wrong(e))?;
            let rows = tokens.each_ref().map(|tokens| linear(tokens, &weight).map_err(|e| self.wrong(e)));
            let [none, shown] = rows;
            all.push(
                stack(Axis(0), &[none?.view(), shown?.view()])
                    .unwrap_or_else(|_| unreachable!("two of one shape")),
            );
        }
        let views: Vec<_> = all.iter().map(|rows| rows.view()).collect();
        Ok(concatenate(Axis(2), &views).unwrap_or_else(|_| unreachable!("all have the same rows and tokens")))
    }

    fn wrong(&self, reason: String) -> Error {
        Error::Config { path: self.adapter.weights.clone(), reason }
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

/// What the projection to keys (`k`) or values (`v`) of a cross-attention is called in the file.
fn name_of(place: usize, part: &str) -> String {
    format!("ip_adapter.{place}.to_{part}_ip.weight")
}
