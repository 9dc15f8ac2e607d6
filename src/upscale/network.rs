//! What the file of an upscaling network says, before anything is loaded.

use std::path::PathBuf;

use serde_json::Value;

use crate::{
    graph::{ElementType, Graph, Port, Reach},
    models::{self, WeightBytes},
    story::Size,
};

use super::Error;

/// The order of a picture's dimensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// (batch, channels, height, width).
    ChannelsFirst,
    /// (batch, height, width, channels).
    ChannelsLast,
}

impl Layout {
    /// Where height and width are.
    pub(super) fn sides(self) -> [usize; 2] {
        match self {
            Self::ChannelsFirst => [2, 3],
            Self::ChannelsLast => [1, 2],
        }
    }

    fn of(dims: &[Option<u64>]) -> Option<Self> {
        match dims[..] {
            [_, Some(3), _, _] => Some(Self::ChannelsFirst),
            [_, _, _, Some(3)] => Some(Self::ChannelsLast),
            [_, None, _, _] => Some(Self::ChannelsFirst),
            _ => None,
        }
    }

    /// (1, 3, height, width) or (1, height, width, 3).
    pub(super) fn shape(self, height: usize, width: usize) -> [usize; 4] {
        match self {
            Self::ChannelsFirst => [1, 3, height, width],
            Self::ChannelsLast => [1, height, width, 3],
        }
    }
}

/// An upscaling network as its file describes it. What the nodes do not tell is settled when it is
/// [opened](super::Upscaler::open).
#[derive(Debug, Clone)]
pub struct Network {
    /// The name it was asked for by.
    pub(super) name: String,
    /// Its ONNX file.
    pub(super) file: PathBuf,
    pub(super) weights: WeightBytes,
    /// Whether it is fed 16-bit floats.
    pub(super) half: bool,
    pub(super) layout: Layout,
    /// The only size it takes, where that is fixed.
    pub(super) fixed: Option<Size>,
    /// What black and white are to it, where its `config.json` says so.
    pub(super) range: Option<[f32; 2]>,
    /// What it does with places; otherwise why that is not known.
    pub(super) reach: Result<Reach, String>,
    /// Output pixels for each input pixel along one side; none until it is known.
    pub(super) scale: Option<u32>,
    /// Output pixels lost along one side, at both ends together.
    pub(super) cropped: u32,
    /// Both sides of what it is fed must be multiples of this.
    pub(super) multiple: u32,
}

impl Network {
    /// Reads the file of `model`.
    ///
    /// # Errors
    /// When it is no ONNX file, or takes or answers anything but one picture of three channels, or keeps
    /// its size.
    pub fn inspect(model: &models::Upscaler) -> Result<Self, Error> {
        let graph = Graph::read(&model.file)?;
        let wrong = |reason: String| Error::Contract { path: model.file.clone(), reason };
        let ([input], [output]) = (&graph.inputs[..], &graph.outputs[..]) else {
            let (inputs, outputs) = (graph.inputs.len(), graph.outputs.len());
            return Err(wrong(format!("it has {inputs} inputs and {outputs} outputs, not one of each")));
        };
        let layout = picture("takes", input).map_err(wrong)?;
        if !output.dims.is_empty() {
            picture("answers", output).map_err(wrong)?;
        }
        let [down, across] = layout.sides().map(|axis| input.dims[axis]);
        let fixed = match (down, across) {
            (Some(height), Some(width)) => Some(Size::new(width as u32, height as u32)),
            (None, None) => None,
            _ => return Err(wrong("one side of its input is fixed and the other is not".into())),
        };
        let reach = graph.reach().map_err(|unbounded| unbounded.to_string());
        let mut network = Self {
            name: model.name.clone(),
            file: model.file.clone(),
            weights: model.header.weights,
            half: input.element.is_some_and(ElementType::is_half),
            layout,
            fixed,
            range: model.config.as_ref().map_or(Ok(None), range).map_err(wrong)?,
            reach: Err("its nodes were not looked at".into()),
            scale: None,
            cropped: 0,
            multiple: 1,
        };
        match reach {
            Ok(reach) => network.take(reach).map_err(wrong)?,
            Err(reason) => network.reach = Err(reason),
        }
        Ok(network)
    }

    fn take(&mut self, reach: Reach) -> Result<(), String> {
        let scale = reach.scale;
        if scale.denominator != 1 || !(2..=16).contains(&scale.numerator) {
            return Err(format!(
                "it makes {scale} pixels of one along each side; an upscaler makes 2, 3, 4 ... up to 16"
            ));
        }
        self.scale = Some(scale.numerator as u32);
        self.cropped = reach.cropped as u32;
        self.multiple = reach.multiple as u32;
        self.reach = Ok(reach);
        Ok(())
    }

    /// The name it was asked for by.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Output pixels for each input pixel along one side, 2 to 16; none where the nodes do not tell and
    /// it has not been opened.
    pub fn scale(&self) -> Option<u32> {
        self.scale
    }

    /// What the nodes say about places; otherwise why they do not.
    pub fn reach(&self) -> Result<&Reach, &str> {
        self.reach.as_ref().map_err(String::as_str)
    }
}

/// The layout of a picture's port.
fn picture(does: &str, port: &Port) -> Result<Layout, String> {
    let dims = || {
        let length = |dim: &Option<u64>| dim.map_or("?".to_owned(), |length| length.to_string());
        port.dims.iter().map(length).collect::<Vec<_>>().join("x")
    };
    let layout = Layout::of(&port.dims).ok_or_else(|| {
        format!("it {does} `{}` of shape {}; a picture is 1x3xHxW or 1xHxWx3", port.name, dims())
    })?;
    match port.dims[0] {
        None | Some(1) => Ok(layout),
        Some(batch) => Err(format!("it {does} {batch} pictures at a time, not one")),
    }
}

/// `{ "range": [0, 255] }`: what black and white are.
fn range(config: &Value) -> Result<Option<[f32; 2]>, String> {
    let Some(range) = config.get("range") else { return Ok(None) };
    let ends = range.as_array().map(|ends| ends.iter().map(Value::as_f64).collect::<Vec<_>>());
    match ends.as_deref() {
        Some(&[Some(black), Some(white)]) if black != white => Ok(Some([black as f32, white as f32])),
        _ => Err(format!("`range` in its config.json is {range}, not two numbers such as [0, 255]")),
    }
}
