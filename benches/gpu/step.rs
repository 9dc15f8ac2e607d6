//! One row of the table, measured in a process of its own.

use std::{ops::ControlFlow, path::Path, process::Command, time::Instant};

use ndarray::{Array4, ArrayD, IxDyn};
use serde::{Deserialize, Serialize};
use shortform::{
    diffusion::{self, Denoiser, Footprints, Geometry, Told, VaeDecoder, Way},
    engine::{self, Attention, Clean, Device, Loaded, Options, Policy},
    graph::{Document, ElementType, Storage},
    models::{Family, Model, PartKind},
    story::Size,
};

use super::{
    RUNS, Result,
    card::{Watch, free},
};

/// Under this name the program measures itself.
pub(super) const STEP: &str = "SHORTFORM_BENCH_STEP";

/// What is measured in a process of its own.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Step {
    pub(super) model: String,
    pub(super) device: u32,
    pub(super) part: Part,
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) how: How,
    pub(super) attention: Attention,
    pub(super) clean: Clean,
    /// How weights are kept, if not as they are in the file; they are unpacked just before they are read.
    pub(super) storage: Option<Storage>,
}

/// What is measured of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Part {
    /// The denoiser, two rows.
    Unet,
    /// One row.
    VaeDecoder,
}

/// How a network is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum How {
    Resident,
    Group,
    Sequential,
}

/// What came out, in seconds and in bytes of the card above what it held before.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Measured {
    pub(super) seconds: f64,
    /// The most.
    pub(super) peak: u64,
    /// After the last run, with the session still there.
    pub(super) kept: u64,
    /// After the session was dropped.
    pub(super) left: u64,
    /// What the planner says of the peak.
    pub(super) foretold: u64,
    /// Of the weights: `float32`, `float16`, or how they are kept.
    pub(super) precision: String,
}

/// Runs the step in a process of its own.
pub(super) fn of_its_own(step: &Step) -> Result<Measured> {
    let output = Command::new(std::env::current_exe()?).env(STEP, serde_json::to_string(step)?).output()?;
    if !output.status.success() {
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(told.lines().last().unwrap_or("it said nothing").to_owned().into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

pub(super) fn measure(step: &Step) -> Result<Measured> {
    engine::load()?;
    let before = free(step.device).ok_or("the card is gone")?;
    let used = || before.saturating_sub(free(step.device).unwrap_or(before));
    let watch = Watch::of(step.device, before);
    let model = Model::open("random", Path::new(&step.model))?;
    let geometry = Geometry::of(&model)?;
    let storage = step.storage;
    let policy = Policy { attention: step.attention, clean: step.clean, ..Policy::default() };
    let options = Options::on(Device::Cuda(step.device)).with(policy);
    let size = Size::new(step.width, step.height);
    let (kind, rows) = match step.part {
        Part::Unet => (PartKind::Denoiser, 2),
        Part::VaeDecoder => (PartKind::VaeDecoder, 1),
    };
    let demands = Footprints::stored(&model, &geometry, options, storage)?.demands(size, rows as u64);
    let demand = demands.iter().find(|demand| demand.part == kind.to_string()).ok_or("no such part")?;
    let (way, foretold) = match step.how {
        How::Resident => (Way::Whole, demand.weights + demand.activations),
        How::Group => (Way::Pieces(0, Loaded::Two), demand.in_pieces(0, Loaded::Two)),
        How::Sequential => (Way::Pieces(0, Loaded::One), demand.least),
    };
    let model = match storage {
        Some(storage) => diffusion::stored(&model, storage, &mut |_| ControlFlow::Continue(()))?,
        None => model,
    };
    let part = model.part(kind)?;
    let latents = Array4::from_shape_fn(geometry.latent_shape(size), |(_, channel, y, x)| {
        ((channel * 31 + y * 7 + x * 3) % 17) as f32 / 6.0 - 1.4
    });
    let mut seconds = 0.0;
    let mut timed = |run: &mut dyn FnMut() -> Result<()>| -> Result<()> {
        for _ in 0..RUNS {
            let begun = Instant::now();
            run()?;
            seconds = begun.elapsed().as_secs_f64();
        }
        Ok(())
    };
    let kept = if step.part == Part::VaeDecoder {
        let mut decoder = VaeDecoder::open(part, &geometry, &options, way)?;
        timed(&mut || decoder.decode(&latents).map(drop).map_err(Into::into))?;
        used()
    } else {
        let mut denoiser = Denoiser::open(part, model.family, &options, way)?;
        let told = told(model.family, rows);
        timed(&mut || denoiser.predict(&latents, 501.0, &told, rows).map(drop).map_err(Into::into))?;
        used()
    };
    let left = used();
    let peak = watch.end()?;
    let weights = Document::read(&part.file)?.weights_beside();
    let largest = weights.into_iter().max_by_key(|weight| weight.element.bytes(weight.dims.iter().product()));
    let precision = match (storage, largest.map(|weight| weight.element)) {
        (Some(storage), _) => storage.name(),
        (None, Some(ElementType::F16)) => "float16",
        (None, _) => "float32",
    };
    let precision = precision.to_owned();
    Ok(Measured { seconds, peak, kept, left, foretold, precision })
}

fn told(family: Family, rows: usize) -> Told {
    let values = |shape: &[usize]| ArrayD::from_shape_fn(IxDyn(shape), |at| (at[1] % 13) as f32 / 6.0 - 1.0);
    let mut told = Told::rows(rows);
    match family {
        Family::StableDiffusionXl => {
            told.each("encoder_hidden_states", values(&[rows, 77, 2048]));
            told.each("text_embeds", values(&[rows, 1280]));
            told.each("time_ids", values(&[rows, 6]));
        }
        _ => told.each("encoder_hidden_states", values(&[rows, 77, 768])),
    }
    told
}
