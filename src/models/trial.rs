//! Running each part of a model once, at a tiny size, to see that it works here.

use std::path::Path;

use ndarray::{ArrayD, IxDyn};
use serde_json::Value;

use crate::engine::{self, Bytes, Device, DeviceChoice, Port, Session, Tensor};

use super::{
    Error, Event, Header, content,
    progress::Watch,
    select::{self, Choice, Layout},
};

/// Latents a side: eight pixels each, and as often as any denoiser halves.
const LATENTS: usize = 8;
/// Tokens of a prompt, as many as CLIP reads; a text encoder that reads fewer says so.
const TOKENS: usize = 77;
/// Pixels a side, where pixels go in.
const PIXELS: usize = 64;

/// Runs every part of the model in `folder` once; what is too large for the device is said and left out.
pub(super) fn run(folder: &Path, device: DeviceChoice, watch: &mut Watch<'_>) -> Result<(), Error> {
    let choice = choice(folder)?;
    let machine = engine::probe();
    let (place, _) = machine.choose(device)?;
    let options = engine::Options::on(place.device);
    for wanted in choice.files.iter().filter(|wanted| wanted.listed.path.ends_with(".onnx")) {
        let file = folder.join(&wanted.listed.path);
        let header = Header::read(&file)?;
        if let Some(reason) = select::stranger(choice.layout, &wanted.local, &header) {
            return Err(Error::Broken { path: file, reason });
        }
        let mut skipped = too_large(&header, place.device, place.free);
        if skipped.is_none() {
            let part = Part::of(choice.layout, &wanted.local);
            let config = super::model::read_json(&file.with_file_name("config.json"))?;
            let tried = try_part(&file, part, &config.unwrap_or_default(), &options);
            skipped = tried.or_else(|error| rewritten_later(error, place.device).map(Some))?;
        }
        watch.say(Event::Tried { part: wanted.local.clone(), skipped })?;
    }
    Ok(())
}

/// The files of the model in `folder`, by what is there.
pub(super) fn choice(folder: &Path) -> Result<Choice, Error> {
    let nothing = |reason| Error::Nothing { place: folder.display().to_string(), reason };
    select::choose(&content::listed_below(folder)?, None).map_err(nothing)
}

/// Why a network of this weight is not run: processors hold half floats as whole ones, and all of it at once.
fn too_large(header: &Header, device: Device, free: u64) -> Option<String> {
    let weights = match device {
        Device::Cpu => header.weights.total().saturating_add(header.weights.f16),
        _ => header.weights.total(),
    };
    (free > 0 && weights > free / 10 * 9)
        .then(|| format!("its weights take {} on {device}, which has {} free", Bytes(weights), Bytes(free)))
}

/// What is known of a network by where it lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    TextEncoder,
    Denoiser,
    VaeDecoder,
    VaeEncoder,
    ImageEncoder,
    Picture,
}

impl Part {
    fn of(layout: Layout, local: &str) -> Self {
        match local.split('/').next().unwrap_or_default() {
            _ if layout == Layout::Network => Self::Picture,
            _ if layout == Layout::Adapter => Self::ImageEncoder,
            "unet" | "transformer" => Self::Denoiser,
            "vae_decoder" => Self::VaeDecoder,
            "vae_encoder" => Self::VaeEncoder,
            _ => Self::TextEncoder,
        }
    }
}

/// Why a network is not run as it is that will run once it is rewritten.
fn rewritten_later(error: Error, device: Device) -> Result<String, Error> {
    match &error {
        Error::Engine(engine::Error::Open { reason, .. })
            if device == Device::Cpu && reason.contains("bfloat16") =>
        {
            Ok("the processor has no operators for bfloat16: it is computed in 32 bits when it draws"
                .to_owned())
        }
        _ => Err(error),
    }
}

fn try_part(
    file: &Path,
    part: Part,
    config: &Value,
    options: &engine::Options,
) -> Result<Option<String>, Error> {
    let broken = |reason: String| Error::Broken { path: file.to_owned(), reason };
    let mut session = Session::open(file, options)?;
    let mut inputs = Vec::new();
    for port in session.inputs() {
        let element = port.element.ok_or_else(|| {
            broken(format!("its input `{}` has an element type that nobody here can give", port.name))
        })?;
        let shape = shape(port, part, config);
        // One is a token, a time step and a mask; a half is a pixel and a latent.
        let value = if element.is_float() { 0.5 } else { 1.0 };
        inputs.push((port.name.clone(), Tensor::from_f32(ArrayD::from_elem(IxDyn(&shape), value), element)));
    }
    let lent: Vec<_> = inputs.iter().map(|(name, tensor)| (name.as_str(), tensor.clone())).collect();
    let outputs = session.run(&lent)?;
    for (name, tensor) in &outputs {
        let is_float = tensor.element().is_float();
        if is_float && tensor.clone().into_f32().iter().any(|value| !value.is_finite()) {
            return Err(broken(format!("its output `{name}` has numbers that are none (NaN or infinite)")));
        }
    }
    let shapes = |tensors: &[(String, Tensor)]| -> Vec<Vec<usize>> {
        tensors.iter().map(|(_, tensor)| tensor.shape().to_vec()).collect()
    };
    match odd(part, &shapes(&inputs), &shapes(&outputs)) {
        Some(reason) => Err(broken(reason)),
        None => Ok(None),
    }
}

/// What is wrong with the shapes it answers, if anything is.
fn odd(part: Part, inputs: &[Vec<usize>], outputs: &[Vec<usize>]) -> Option<String> {
    let fits = |output: &[usize]| match part {
        Part::TextEncoder => output.len() == 3,
        Part::ImageEncoder => matches!(output, [1, width] if *width > 1),
        Part::Denoiser => inputs.iter().any(|input| input == output),
        Part::VaeDecoder => matches!(output, [_, 3, height, width] if *height > 1 && *width > 1),
        Part::VaeEncoder => matches!(output, [_, _, height, width] if *height > 0 && *width > 0),
        Part::Picture => output.len() == 4,
    };
    let expected = match part {
        Part::TextEncoder => "hidden states of three dimensions",
        Part::ImageEncoder => "one row for the whole picture",
        Part::Denoiser => "the shape of its latents",
        Part::VaeDecoder => "a picture of three channels",
        Part::VaeEncoder | Part::Picture => "something of four dimensions",
    };
    let fine = outputs.iter().any(|output| fits(output));
    (!fine).then(|| format!("it answers shapes {outputs:?} to {inputs:?}, among which is not {expected}"))
}

/// The shape to try an input with: its own where it is fixed, else the smallest that makes sense.
fn shape(port: &Port, part: Part, config: &Value) -> Vec<usize> {
    let rank = port.dims.len();
    let free = |axis: usize| free(&port.name, rank, axis, part, config);
    port.dims
        .iter()
        .enumerate()
        .map(|(axis, dim)| dim.filter(|dim| *dim > 0).unwrap_or_else(|| free(axis)))
        .collect()
}

fn free(name: &str, rank: usize, axis: usize, part: Part, config: &Value) -> usize {
    let setting = |keys: &[&str], otherwise: usize| {
        let found = keys.iter().find_map(|key| config[*key].as_u64());
        found.map_or(otherwise, |number| number as usize)
    };
    // As many positions as a packed picture of these latents has.
    let packed = LATENTS * LATENTS / 4;
    match (name, rank, axis) {
        ("img_ids", _, axis) if axis + 2 == rank => packed,
        ("txt_ids", _, axis) if axis + 2 == rank => TOKENS,
        ("img_ids" | "txt_ids", ..) if axis + 1 == rank => 3,
        (_, _, 0) => 1,
        ("input_ids" | "attention_mask", 2, 1) => setting(&["max_position_embeddings"], TOKENS).min(TOKENS),
        ("encoder_hidden_states", 3, 1) => TOKENS,
        ("encoder_hidden_states", 3, 2) => setting(&["cross_attention_dim", "joint_attention_dim"], 768),
        ("hidden_states", 3, 1) => packed,
        ("hidden_states", 3, 2) => setting(&["in_channels"], 64),
        ("hidden_states", 4, 1) => setting(&["in_channels"], 16),
        ("pooled_projections", 2, 1) => setting(&["pooled_projection_dim"], 2048),
        ("text_embeds", 2, 1) => 1280,
        ("time_ids", 2, 1) => 6,
        ("timestep_cond", 2, 1) => setting(&["time_cond_proj_dim"], 256),
        (_, 4, 1) => match part {
            Part::Denoiser => setting(&["in_channels"], 4),
            Part::VaeDecoder => setting(&["latent_channels"], 4),
            _ => 3,
        },
        (_, 4, _) if part == Part::ImageEncoder => setting(&["image_size"], 224),
        (_, 4, _) => match part {
            Part::VaeEncoder | Part::Picture => PIXELS,
            _ => LATENTS,
        },
        _ => LATENTS,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(name: &str, dims: &[Option<usize>]) -> Port {
        Port { name: name.into(), element: None, dims: dims.to_vec(), symbols: Vec::new() }
    }

    #[test]
    fn free_dimensions_get_the_smallest_size_that_makes_sense() {
        let none = Value::Null;
        let try_shape = |name: &str, dims: &[Option<usize>], part| shape(&port(name, dims), part, &none);
        assert_eq!(try_shape("sample", &[None, Some(4), None, None], Part::Denoiser), [1, 4, 8, 8]);
        assert_eq!(
            try_shape("sample", &[Some(2), Some(4), Some(64), Some(64)], Part::Denoiser),
            [2, 4, 64, 64]
        );
        assert_eq!(try_shape("timestep", &[], Part::Denoiser), [0; 0]);
        assert_eq!(try_shape("timestep", &[None], Part::Denoiser), [1]);
        assert_eq!(try_shape("img_ids", &[None, None], Part::Denoiser), [16, 3]);
        assert_eq!(try_shape("txt_ids", &[None, None, Some(3)], Part::Denoiser), [1, 77, 3]);
        assert_eq!(try_shape("input_ids", &[None, None], Part::TextEncoder), [1, 77]);
        assert_eq!(try_shape("image", &[None, None, None, None], Part::Picture), [1, 3, 64, 64]);
        let short = serde_json::json!({ "max_position_embeddings": 48 });
        assert_eq!(shape(&port("input_ids", &[None; 2]), Part::TextEncoder, &short), [1, 48]);
        let config = serde_json::json!({ "cross_attention_dim": 32 });
        assert_eq!(shape(&port("encoder_hidden_states", &[None; 3]), Part::Denoiser, &config), [1, 77, 32]);
    }

    #[test]
    fn networks_that_do_not_fit_are_left_out() {
        let weights = super::super::WeightBytes { f32: 0, f16: 1 << 30, other: 0 };
        let header = Header { weights, ..Header::default() };
        assert!(too_large(&header, Device::Cpu, 2 << 30).is_some(), "halves are held as whole floats");
        assert!(too_large(&header, Device::Cpu, 3 << 30).is_none());
        assert!(too_large(&header, Device::Cuda(0), 2 << 30).is_none());
    }
}
