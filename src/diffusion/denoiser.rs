//! Noisy latents to what the scheduler wants to know.

use ndarray::{Array, Array3, Array4, Axis, Ix4, IxDyn, concatenate};

use crate::{
    engine::{self, Element, Port, Session, Tensor},
    models::Part,
};

use super::Error;

/// A UNet conditioned on hidden states.
#[derive(Debug)]
pub struct Denoiser {
    session: Session,
    sample: Port,
    timestep: Port,
    hidden: Port,
}

impl Denoiser {
    /// Loads the UNet and finds out which dialect it speaks: timesteps as a scalar or one a row,
    /// in integers or floats; everything in 16 or 32 bits.
    pub fn open(part: &Part, options: &engine::Options) -> Result<Self, Error> {
        let session = Session::open(&part.file, options)?;
        let wrong = |reason: String| Error::Contract { path: part.file.clone(), part: "denoiser", reason };
        let names = ["sample", "timestep", "encoder_hidden_states"];
        let port =
            |name: &str| session.input(name).cloned().ok_or_else(|| wrong(format!("it takes no `{name}`")));
        let [sample, timestep, hidden] = [port(names[0])?, port(names[1])?, port(names[2])?];
        if let Some(other) = session.inputs().iter().find(|port| !names.contains(&port.name.as_str())) {
            return Err(wrong(format!("it takes `{}`, which nobody here can give", other.name)));
        }
        if let Some(odd) = [&sample, &timestep, &hidden].into_iter().find(|port| port.element.is_none()) {
            return Err(wrong(format!("`{}` has an element type that is not supported", odd.name)));
        }
        if timestep.dims.len() > 1 {
            return Err(wrong(format!(
                "`timestep` has {} dimensions, expected a number or one a row",
                timestep.dims.len()
            )));
        }
        Ok(Self { session, sample, timestep, hidden })
    }

    /// What it predicts for `latents` (rows, channels, height, width) at `timestep`, given
    /// `hidden` states (rows, tokens, width); the shape of the latents.
    ///
    /// A network exported for one row at a time is run once a row.
    pub fn predict(
        &mut self,
        latents: &Array4<f32>,
        timestep: f32,
        hidden: &Array3<f32>,
    ) -> Result<Array4<f32>, Error> {
        let rows = latents.len_of(Axis(0));
        if rows == 1 || self.sample.dims.first() != Some(&Some(1)) {
            return self.run(latents.clone(), timestep, hidden.clone());
        }
        let row = |i: usize| i..i + 1;
        let mut answers = Vec::with_capacity(rows);
        for i in 0..rows {
            let one = latents.slice_axis(Axis(0), row(i).into()).to_owned();
            answers.push(self.run(one, timestep, hidden.slice_axis(Axis(0), row(i).into()).to_owned())?);
        }
        let views: Vec<_> = answers.iter().map(|answer| answer.view()).collect();
        concatenate(Axis(0), &views).map_err(|e| self.wrong(e.to_string()))
    }

    fn run(
        &mut self,
        latents: Array4<f32>,
        timestep: f32,
        hidden: Array3<f32>,
    ) -> Result<Array4<f32>, Error> {
        let expected = latents.shape().to_vec();
        let shape = match self.timestep.dims.len() {
            0 => IxDyn(&[]),
            _ => IxDyn(&expected[..1]),
        };
        let timestep = Array::from_elem(shape, timestep);
        let float = |array, port: &Port| Tensor::from_f32(array, port.element.unwrap_or(Element::F32));
        let inputs = [
            ("sample", float(latents.into_dyn(), &self.sample)),
            ("timestep", float(timestep, &self.timestep)),
            ("encoder_hidden_states", float(hidden.into_dyn(), &self.hidden)),
        ];
        let (_, predicted) = self.session.run(&inputs)?.swap_remove(0);
        if predicted.shape() != expected {
            return Err(
                self.wrong(format!("it answers shape {:?} to latents of {expected:?}", predicted.shape()))
            );
        }
        predicted.into_f32().into_dimensionality::<Ix4>().map_err(|e| self.wrong(e.to_string()))
    }

    fn wrong(&self, reason: String) -> Error {
        Error::Contract { path: self.session.path().to_owned(), part: "denoiser", reason }
    }
}
