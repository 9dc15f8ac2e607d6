//! Token ids to hidden states.

use ndarray::{Array2, Array3, Ix3};

use crate::{
    engine::{self, Element, Port, Session, Tensor},
    models::Part,
};

use super::{Error, Tokens};

/// A CLIP text encoder.
#[derive(Debug)]
pub struct TextEncoder {
    session: Session,
    ids: Port,
    mask: Option<Port>,
    hidden: usize,
}

impl TextEncoder {
    /// Loads the text encoder and finds out which dialect it speaks: ids in 32 or 64 bits, with
    /// an attention mask or without, its last hidden state called `last_hidden_state`
    /// (optimum) or `text_embeddings` (ONNX Runtime's own exporter).
    pub fn open(part: &Part, options: &engine::Options) -> Result<Self, Error> {
        let session = Session::open(&part.file, options)?;
        let wrong =
            |reason: String| Error::Contract { path: part.file.clone(), part: "text encoder", reason };
        let ids =
            session.input("input_ids").cloned().ok_or_else(|| wrong("it takes no `input_ids`".into()))?;
        let mask = session.input("attention_mask").cloned();
        let known = |port: &&Port| !matches!(port.name.as_str(), "input_ids" | "attention_mask");
        if let Some(other) = session.inputs().iter().find(known) {
            return Err(wrong(format!("it takes `{}`, which nobody here can give", other.name)));
        }
        let names = ["last_hidden_state", "text_embeddings"];
        let hidden = session.outputs().iter().position(|port| names.contains(&port.name.as_str()));
        let hidden = hidden.ok_or_else(|| wrong(format!("it answers neither {}", names.join(" nor "))))?;
        Ok(Self { session, ids, mask, hidden })
    }

    /// The hidden states of one prompt: (1, tokens, width).
    pub fn encode(&mut self, tokens: &Tokens) -> Result<Array3<f32>, Error> {
        let row = |values: Vec<i64>, port: &Port| {
            let values = Array2::from_shape_fn((1, values.len()), |(_, i)| values[i]);
            match port.element {
                Some(Element::I32) => Tensor::from(values.mapv(|id| id as i32)),
                _ => Tensor::from(values),
            }
        };
        let mut inputs =
            vec![("input_ids", row(tokens.ids.iter().map(|&id| i64::from(id)).collect(), &self.ids))];
        if let Some(mask) = &self.mask {
            let ones = (0..tokens.ids.len()).map(|i| i64::from(i < tokens.used)).collect();
            inputs.push(("attention_mask", row(ones, mask)));
        }
        let (_, hidden) = self.session.run(&inputs)?.swap_remove(self.hidden);
        let shape = format!("{:?}", hidden.shape());
        hidden.into_f32().into_dimensionality::<Ix3>().map_err(|_| Error::Contract {
            path: self.session.path().to_owned(),
            part: "text encoder",
            reason: format!("its hidden states have shape {shape}, expected (1, tokens, width)"),
        })
    }
}
