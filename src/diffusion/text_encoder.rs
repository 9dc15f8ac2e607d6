//! Token ids to hidden states.

use ndarray::{Array1, Array2, Array3, Axis, Ix2, Ix3};

use crate::{
    engine::{self, Element, Port, Tensor},
    models::{self, LayerNorm, Part},
};

use super::{Error, Tokens, Way, network::Network};

/// Which layer of the encoder is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layer {
    /// What the network answers, its last norm included.
    Last,
    /// That many layers before the last, without a norm.
    Before(usize),
    /// That many layers before the last, with the norm of the last one after it.
    BeforeNormed(usize),
}

/// What an encoder made of a prompt.
#[derive(Debug, Clone, PartialEq)]
pub struct Encoded {
    /// (1, tokens, width).
    pub hidden: Array3<f32>,
    /// The whole prompt in one row, (1, width), where the network answers that: projected if it can.
    pub pooled: Option<Array2<f32>>,
}

/// A text encoder: CLIP's or T5's.
#[derive(Debug)]
pub struct TextEncoder {
    network: Network,
    ids: Port,
    mask: Option<Port>,
    last: usize,
    pooled: Option<usize>,
    /// The outputs `hidden_states.0`, `.1`, ...
    layers: Vec<usize>,
    norm: Option<LayerNorm>,
}

impl TextEncoder {
    /// Loads the text encoder and finds out which dialect it speaks: ids in 32 or 64 bits, with
    /// an attention mask or without, its last hidden state called `last_hidden_state`
    /// (optimum) or `text_embeddings` (ONNX Runtime's own exporter).
    pub fn open(part: &Part, options: &engine::Options, way: Way) -> Result<Self, Error> {
        let network = Network::open(&part.file, options, way)?;
        let wrong =
            |reason: String| Error::Contract { path: part.file.clone(), part: "text encoder", reason };
        let ids =
            network.input("input_ids").cloned().ok_or_else(|| wrong("it takes no `input_ids`".into()))?;
        let mask = network.input("attention_mask").cloned();
        let known = |port: &&Port| !matches!(port.name.as_str(), "input_ids" | "attention_mask");
        if let Some(other) = network.inputs().iter().find(known) {
            return Err(wrong(format!("it takes `{}`, which nobody here can give", other.name)));
        }
        let output = |name: &str| network.outputs().iter().position(|port| port.name == name);
        let last = output("last_hidden_state").or_else(|| output("text_embeddings"));
        let last =
            last.ok_or_else(|| wrong("it answers neither last_hidden_state nor text_embeddings".into()))?;
        let pooled = output("text_embeds").or_else(|| output("pooler_output"));
        let layers = (0..).map_while(|layer| output(&format!("hidden_states.{layer}"))).collect();
        Ok(Self { ids, mask, last, pooled, layers, norm: None, network })
    }

    /// What the encoder makes of one prompt.
    pub fn encode(&mut self, tokens: &Tokens, layer: Layer) -> Result<Encoded, Error> {
        let wanted = match layer {
            Layer::Last | Layer::BeforeNormed(0) => self.last,
            Layer::Before(back) | Layer::BeforeNormed(back) => {
                let at = self.layers.len().checked_sub(back + 1);
                *at.and_then(|at| self.layers.get(at)).ok_or_else(|| {
                    let found = self.layers.len();
                    self.wrong(format!(
                        "the layer {back} before the last is asked for and it answers {found}: export it with output_hidden_states"
                    ))
                })?
            }
        };
        if matches!(layer, Layer::BeforeNormed(1..)) && self.norm.is_none() {
            let last = self.network.outputs()[self.last].name.clone();
            self.norm = models::last_norm(self.network.path(), &last)?;
        }
        let mut inputs = vec![(
            "input_ids".to_owned(),
            row(tokens.ids.iter().map(|&id| i64::from(id)).collect(), &self.ids),
        )];
        if let Some(mask) = &self.mask {
            let ones = (0..tokens.ids.len()).map(|i| i64::from(i < tokens.used)).collect();
            inputs.push(("attention_mask".to_owned(), row(ones, mask)));
        }
        let mut answers: Vec<Option<Tensor>> =
            self.network.run(inputs)?.into_iter().map(|(_, tensor)| Some(tensor)).collect();
        let pooled = self.pooled.and_then(|pooled| answers[pooled].take());
        let pooled = pooled.map(|pooled| {
            let shape = format!("{:?}", pooled.shape());
            pooled
                .into_f32()
                .into_dimensionality::<Ix2>()
                .map_err(|_| self.wrong(format!("its pooled output has shape {shape}, expected (1, width)")))
        });
        let hidden = answers[wanted].take().ok_or_else(|| self.wrong("it answers nothing".into()))?;
        let shape = format!("{:?}", hidden.shape());
        let mut hidden = hidden.into_f32().into_dimensionality::<Ix3>().map_err(|_| {
            self.wrong(format!("its hidden states have shape {shape}, expected (1, tokens, width)"))
        })?;
        if let Layer::BeforeNormed(1..) = layer {
            let norm = self.norm.as_ref().ok_or_else(|| {
                self.wrong("clip_skip needs the last norm, and none can be found in this export".into())
            })?;
            normalize(&mut hidden, norm);
        }
        Ok(Encoded { hidden, pooled: pooled.transpose()? })
    }

    fn wrong(&self, reason: String) -> Error {
        Error::Contract { path: self.network.path().to_owned(), part: "text encoder", reason }
    }
}

fn row(values: Vec<i64>, port: &Port) -> Tensor {
    let values = Array2::from_shape_fn((1, values.len()), |(_, i)| values[i]);
    match port.element {
        Some(Element::I32) => Tensor::from(values.mapv(|id| id as i32)),
        _ => Tensor::from(values),
    }
}

/// Layer normalisation of each token.
fn normalize(hidden: &mut Array3<f32>, norm: &LayerNorm) {
    let (scale, bias) = (Array1::from(norm.scale.clone()), Array1::from(norm.bias.clone()));
    for mut token in hidden.lanes_mut(Axis(2)) {
        let mean = token.iter().map(|&x| f64::from(x)).sum::<f64>() / token.len() as f64;
        let variance = token.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>() / token.len() as f64;
        let deviation = (variance + f64::from(norm.epsilon)).sqrt();
        token.mapv_inplace(|x| ((f64::from(x) - mean) / deviation) as f32);
        token *= &scale;
        token += &bias;
    }
}
