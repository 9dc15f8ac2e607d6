//! Noisy latents to what the scheduler wants to know.

use ndarray::{Array4, ArrayD, Axis, Ix3, Ix4, IxDyn, Slice, concatenate};

use crate::{
    engine::{self, Element, Port, Tensor},
    graph::{BESIDE_KEYS, BESIDE_VALUES, Document},
    models::{Family, Part},
};

use super::{Error, Way, network::Network, packing, rewritten};

/// What the denoiser is told beside latents and timestep: by the name of its input, one row for each
/// row of the batch.
#[derive(Debug, Clone, Default)]
pub struct Told {
    rows: usize,
    of_rows: Vec<(&'static str, ArrayD<f32>)>,
    for_all: Vec<(&'static str, ArrayD<f32>)>,
}

impl Told {
    /// Nothing yet, for a batch of `rows`.
    pub fn rows(rows: usize) -> Self {
        Self { rows, ..Self::default() }
    }

    /// Adds an input whose first dimension is the batch.
    pub fn each(&mut self, name: &'static str, values: ArrayD<f32>) {
        self.of_rows.push((name, values));
    }

    /// Adds an input that all rows share.
    pub fn all(&mut self, name: &'static str, values: ArrayD<f32>) {
        self.for_all.push((name, values));
    }

    /// How many rows.
    pub(super) fn len(&self) -> usize {
        self.rows
    }

    /// Row `row` alone.
    fn only(&self, row: usize) -> Self {
        let cut = |(name, values): &(&'static str, ArrayD<f32>)| {
            (*name, values.slice_axis(Axis(0), Slice::from(row..row + 1)).to_owned())
        };
        Self { rows: 1, of_rows: self.of_rows.iter().map(cut).collect(), for_all: self.for_all.clone() }
    }
}

/// A UNet or a transformer.
#[derive(Debug)]
pub struct Denoiser {
    network: Network,
    family: Family,
    sample: Port,
    timestep: Port,
    overflowed: bool,
}

impl Denoiser {
    /// Loads the denoiser of a model of `family` and finds out which dialect it speaks: timesteps as
    /// a scalar or one a row, in integers or floats; everything in 16 or 32 bits.
    pub fn open(part: &Part, family: Family, options: &engine::Options, way: Way) -> Result<Self, Error> {
        Self::of(rewritten::read(&part.file, options.device)?, part, family, options, way)
    }

    /// The same of a graph that was read from the part's file, and perhaps changed.
    pub fn of(
        document: Document,
        part: &Part,
        family: Family,
        options: &engine::Options,
        way: Way,
    ) -> Result<Self, Error> {
        let network = Network::of(document, &part.file, options, way);
        let wrong = |reason: String| Error::Contract { path: part.file.clone(), part: "denoiser", reason };
        let names: &[&str] = match family {
            Family::StableDiffusion => &["sample", "timestep", "encoder_hidden_states", "timestep_cond"],
            Family::StableDiffusionXl => {
                &["sample", "timestep", "encoder_hidden_states", "timestep_cond", "text_embeds", "time_ids"]
            }
            Family::StableDiffusion3 => {
                &["hidden_states", "timestep", "encoder_hidden_states", "pooled_projections"]
            }
            Family::Flux => &[
                "hidden_states",
                "timestep",
                "encoder_hidden_states",
                "pooled_projections",
                "img_ids",
                "txt_ids",
                "guidance",
            ],
        };
        let port =
            |name: &str| network.input(name).cloned().ok_or_else(|| wrong(format!("it takes no `{name}`")));
        let (sample, timestep) = (port(names[0])?, port("timestep")?);
        port("encoder_hidden_states")?;
        for input in network.inputs() {
            let beside = [BESIDE_KEYS, BESIDE_VALUES].contains(&input.name.as_str());
            if !beside && !names.contains(&input.name.as_str()) {
                return Err(wrong(format!("it takes `{}`, which nobody here can give", input.name)));
            }
            if input.element.is_none() {
                return Err(wrong(format!("`{}` has an element type that is not supported", input.name)));
            }
        }
        if timestep.dims.len() > 1 {
            return Err(wrong(format!(
                "`timestep` has {} dimensions, expected a number or one a row",
                timestep.dims.len()
            )));
        }
        Ok(Self { network, family, sample, timestep, overflowed: false })
    }

    /// Whether it takes an input of that name.
    pub fn takes(&self, name: &str) -> bool {
        self.network.input(name).is_some()
    }

    /// What it predicts for one picture's `latents` (1, channels, height, width) at `timestep`, once
    /// for each row of `told`; as many rows of the same shape.
    ///
    /// A network exported for one row at a time is run once a row, and so is one that may take fewer rows
    /// `at_once`. What overflows in 16 bits is computed once more in 32, and so is all that comes after it.
    pub fn predict(
        &mut self,
        latents: &Array4<f32>,
        timestep: f32,
        told: &Told,
        at_once: usize,
    ) -> Result<Array4<f32>, Error> {
        let predicted = self.attempt(latents, timestep, told, at_once)?;
        if overflow(latents, &predicted) && self.widen() {
            return self.attempt(latents, timestep, told, at_once);
        }
        Ok(predicted)
    }

    /// Whether it computes in 32 bits because it overflowed in the 16 of its file.
    pub fn overflowed(&self) -> bool {
        self.overflowed
    }

    /// Computes in 32 bits from now on; answers whether it did not before.
    pub(super) fn widen(&mut self) -> bool {
        let Some(wide) = self.network.widened() else { return false };
        (self.network, self.overflowed) = (wide, true);
        true
    }

    fn attempt(
        &mut self,
        latents: &Array4<f32>,
        timestep: f32,
        told: &Told,
        at_once: usize,
    ) -> Result<Array4<f32>, Error> {
        let rows = told.len();
        if rows == 1 || at_once >= rows && self.sample.dims.first() != Some(&Some(1)) {
            let repeated = concatenate(Axis(0), &vec![latents.view(); rows])
                .unwrap_or_else(|_| unreachable!("copies have one shape"));
            return self.run(repeated, timestep, told);
        }
        let answers: Result<Vec<_>, _> =
            (0..rows).map(|row| self.run(latents.clone(), timestep, &told.only(row))).collect();
        let answers = answers?;
        let views: Vec<_> = answers.iter().map(|answer| answer.view()).collect();
        Ok(concatenate(Axis(0), &views).unwrap_or_else(|_| unreachable!("rows have one shape")))
    }

    /// The same of two rows, of which `beside`, the same network on another device, takes the second at the same
    /// time.
    pub fn predict_beside(
        &mut self,
        beside: &mut Self,
        latents: &Array4<f32>,
        timestep: f32,
        told: &Told,
    ) -> Result<Array4<f32>, Error> {
        let predicted = self.attempt_beside(beside, latents, timestep, told)?;
        // Both, so that the halves that guidance compares are of one kind.
        if overflow(latents, &predicted) && (self.widen() | beside.widen()) {
            return self.attempt_beside(beside, latents, timestep, told);
        }
        Ok(predicted)
    }

    fn attempt_beside(
        &mut self,
        beside: &mut Self,
        latents: &Array4<f32>,
        timestep: f32,
        told: &Told,
    ) -> Result<Array4<f32>, Error> {
        let (first, second) = std::thread::scope(|scope| {
            let second = scope.spawn(|| beside.run(latents.clone(), timestep, &told.only(1)));
            let first = self.run(latents.clone(), timestep, &told.only(0));
            (first, second.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        });
        let (first, second) = (first?, second?);
        Ok(concatenate(Axis(0), &[first.view(), second.view()])
            .unwrap_or_else(|_| unreachable!("rows have one shape")))
    }

    fn run(&mut self, latents: Array4<f32>, timestep: f32, told: &Told) -> Result<Array4<f32>, Error> {
        let expected = latents.dim();
        let rows = expected.0;
        let timestep = match self.family {
            Family::Flux => timestep / 1000.0,
            _ => timestep,
        };
        let timestep = match self.timestep.dims.len() {
            0 => ArrayD::from_elem(IxDyn(&[]), timestep),
            _ => ArrayD::from_elem(IxDyn(&[rows]), timestep),
        };
        let packed = self.family == Family::Flux;
        let sample = match packed {
            true => packing::pack(&latents).into_dyn(),
            false => latents.into_dyn(),
        };
        let name = self.sample.name.clone();
        let mut given = vec![(name.as_str(), sample), ("timestep", timestep)];
        given.extend(told.of_rows.iter().chain(&told.for_all).cloned());
        let inputs: Vec<(String, Tensor)> = given
            .into_iter()
            .filter_map(|(name, values)| {
                let port = self.network.input(name)?;
                Some((name.to_owned(), Tensor::from_f32(values, port.element.unwrap_or(Element::F32))))
            })
            .collect();
        let (_, predicted) = self.network.run(inputs)?.swap_remove(0);
        let shape = predicted.shape().to_vec();
        let wrong = || self.wrong(format!("it answers shape {shape:?} to latents of {expected:?}"));
        let predicted = predicted.into_f32();
        let predicted = match packed {
            true => {
                let predicted = predicted.into_dimensionality::<Ix3>().map_err(|_| wrong())?;
                packing::unpack(&predicted, expected).ok_or_else(wrong)?
            }
            false => predicted.into_dimensionality::<Ix4>().map_err(|_| wrong())?,
        };
        if predicted.dim() != expected {
            return Err(wrong());
        }
        Ok(predicted)
    }

    fn wrong(&self, reason: String) -> Error {
        Error::Contract { path: self.network.path().to_owned(), part: "denoiser", reason }
    }
}

/// Whether numbers were lost on the way from `latents` to what is `predicted` of them.
fn overflow(latents: &Array4<f32>, predicted: &Array4<f32>) -> bool {
    let lost = |numbers: &Array4<f32>| numbers.iter().any(|number| !number.is_finite());
    lost(predicted) && !lost(latents)
}
