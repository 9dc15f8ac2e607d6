//! How far a picture-to-picture network looks, and how much it holds: a walk over its nodes.

use std::collections::HashMap;

use super::{
    Graph, Node, Port,
    footing::{Footing, Ratio, Window, greatest_common_divisor},
};

/// What a network from one picture to another does with places.
#[derive(Debug, Clone, PartialEq)]
pub struct Reach {
    /// Pixels of the output along one side for each of the input.
    pub scale: Ratio,
    /// Input pixels above (and left of) its own that a pixel of the output depends on at most.
    pub before: u64,
    /// Input pixels below (and right of) its own.
    pub after: u64,
    /// Output pixels along one side that are lost at both ends together; none if it keeps the size.
    pub cropped: u64,
    /// Moving the input by a multiple of so many pixels moves the output and changes nothing else.
    pub multiple: u64,
    /// Values alive at the fullest moment, for each pixel of the input.
    pub values: f64,
}

/// Why no such thing can be said.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unbounded(pub String);

/// Windows, steps and pads of more pixels than this are taken for so many: no network has them.
const MOST: i64 = 1 << 12;

/// Where a picture's dimensions are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Axes {
    channel: usize,
    height: usize,
    width: usize,
}

impl Axes {
    const NCHW: Self = Self { channel: 1, height: 2, width: 3 };
    const NHWC: Self = Self { channel: 3, height: 1, width: 2 };

    fn of(port: &Port) -> Option<Self> {
        match port.dims[..] {
            [_, Some(3), _, _] => Some(Self::NCHW),
            [_, _, _, Some(3)] => Some(Self::NHWC),
            [_, _, _, _] => Some(Self::NCHW),
            _ => None,
        }
    }
}

/// A tensor that is made of the picture.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Picture {
    axes: Axes,
    channels: f64,
    /// Down and across.
    sides: [Footing; 2],
}

impl Picture {
    /// Values for each pixel of the input.
    fn values(&self) -> f64 {
        self.channels / (self.sides[0].stride.value() * self.sides[1].stride.value())
    }
}

impl Graph {
    /// How far the output looks, for a network with one picture in and one out.
    ///
    /// # Errors
    /// When an operator mixes places without bound (a mean over the picture, attention), or is none of
    /// those whose window is known.
    pub fn reach(&self) -> Result<Reach, Unbounded> {
        let ([input], [output]) = (&self.inputs[..], &self.outputs[..]) else {
            return Err(Unbounded("it has more than one input or output".into()));
        };
        let axes = Axes::of(input).ok_or_else(|| Unbounded("its input is no picture".into()))?;
        let start = Picture { axes, channels: 3.0, sides: [Footing::INPUT; 2] };
        let mut walk =
            Walk { graph: self, pictures: HashMap::from([(input.name.clone(), start)]), multiple: 1 };
        let values = walk.run(&output.name)?;
        let Some(end) = walk.pictures.get(&output.name) else {
            return Err(Unbounded("its output does not depend on its input".into()));
        };
        let [down, across] = end.sides;
        if down.stride != across.stride || down.extra != across.extra || down.extra > 0 {
            return Err(Unbounded("it treats height and width differently, or pads its output".into()));
        }
        let scale = Ratio::new(down.stride.denominator, down.stride.numerator);
        let lost = -down.extra as f64 / 2.0 * down.stride.value();
        let beyond = 1.0 - down.stride.value().min(1.0);
        let reach = |input_pixels: f64| (input_pixels + 1e-6).max(0.0).floor() as u64;
        Ok(Reach {
            scale,
            before: reach(lost - down.first.min(across.first)),
            after: reach(down.last.max(across.last) - lost + beyond),
            cropped: -down.extra as u64,
            multiple: walk.multiple,
            values,
        })
    }
}

struct Walk<'a> {
    graph: &'a Graph,
    /// What is made of the picture; all else is constant or made of shapes.
    pictures: HashMap<String, Picture>,
    multiple: u64,
}

impl Walk<'_> {
    /// Walks over the nodes; answers the values alive at the fullest moment.
    fn run(&mut self, output: &str) -> Result<f64, Unbounded> {
        let mut last_use: HashMap<&str, usize> = HashMap::new();
        for (index, node) in self.graph.nodes.iter().enumerate() {
            last_use.extend(node.inputs.iter().map(|name| (name.as_str(), index)));
        }
        let mut alive: f64 = self.pictures.values().map(Picture::values).sum();
        let mut fullest = alive;
        for (index, node) in self.graph.nodes.iter().enumerate() {
            let from: Vec<_> =
                node.inputs.iter().filter_map(|name| self.pictures.get(name)).copied().collect();
            let Some(first) = from.first() else { continue };
            if node.kind == "Shape" {
                continue;
            }
            let made = self.node(node, *first, &from[1..])?;
            for side in made.sides {
                side.is_sane()
                    .then_some(())
                    .ok_or_else(|| Unbounded(format!("{} of an absurd size", node.kind)))?;
                self.multiple = least_common_multiple(self.multiple, side.stride.numerator);
            }
            let dies = |name: &&String| *name != output && last_use.get(name.as_str()) == Some(&index);
            let mut freed: Vec<&String> = node.inputs.iter().filter(dies).collect();
            freed.sort();
            freed.dedup();
            let freed: f64 =
                freed.into_iter().filter_map(|name| self.pictures.get(name)).map(Picture::values).sum();
            let values = made.values() * node.outputs.len() as f64;
            // A value that is changed in place needs no second one.
            let room = if is_pointwise(&node.kind) { (values - freed).max(0.0) } else { values };
            fullest = fullest.max(alive + room);
            alive += values - freed;
            self.pictures.extend(node.outputs.iter().map(|name| (name.clone(), made)));
        }
        Ok(fullest)
    }

    fn node(&self, node: &Node, picture: Picture, others: &[Picture]) -> Result<Picture, Unbounded> {
        let unknown = |what: &str| Unbounded(format!("{} {what}", node.kind));
        match node.kind.as_str() {
            "Conv" | "ConvTranspose" | "MaxPool" | "AveragePool" => self.window(node, picture),
            "DepthToSpace" | "SpaceToDepth" => {
                let by = node.integer("blocksize").unwrap_or(1).clamp(1, 64) as u64;
                nchw(node, &picture)?;
                let square = (by * by) as f64;
                Ok(if node.kind == "DepthToSpace" {
                    let sides = picture.sides.map(|side| side.finer(by, 0.0));
                    Picture { channels: picture.channels / square, sides, ..picture }
                } else {
                    let sides = picture.sides.map(|side| side.coarser(by));
                    Picture { channels: picture.channels * square, sides, ..picture }
                })
            }
            "Resize" | "Upsample" => self.resize(node, picture),
            "Pad" => {
                let pads = self.numbers(node, 1).or_else(|| Some(node.integers("pads")?.to_vec()));
                let pads = pads.filter(|pads| pads.len() == 8).ok_or_else(|| unknown("by unknown pads"))?;
                let Axes { channel, height, width } = picture.axes;
                if pads[channel] != 0 || pads[channel + 4] != 0 {
                    return Err(unknown("of channels"));
                }
                let pad = |at: usize| pads[at].clamp(-MOST, MOST);
                let padded = |side: Footing, axis: usize| side.padded(pad(axis), pad(axis + 4));
                let [down, across] = picture.sides;
                Ok(Picture { sides: [padded(down, height), padded(across, width)], ..picture })
            }
            "Transpose" => {
                let order = node.integers("perm").filter(|order| order.len() == 4);
                let order = order.ok_or_else(|| unknown("of other than four dimensions"))?;
                let place = |axis: usize| order.iter().position(|&from| from == axis as i64).unwrap_or(axis);
                let Axes { channel, height, width } = picture.axes;
                let axes = Axes { channel: place(channel), height: place(height), width: place(width) };
                Ok(Picture { axes, ..picture })
            }
            "Slice" => self.slice(node, picture),
            "Split" => match node.integer("axis").unwrap_or(0).rem_euclid(4) as usize {
                axis if axis == picture.axes.channel => {
                    Ok(Picture { channels: picture.channels / node.outputs.len().max(1) as f64, ..picture })
                }
                _ => Err(unknown("across places")),
            },
            "Concat" => {
                if node.integer("axis").unwrap_or(1).rem_euclid(4) as usize != picture.axes.channel {
                    return Err(unknown("of places"));
                }
                let joined = together(node, picture, others)?;
                let channels = others.iter().map(|other| other.channels).sum::<f64>() + picture.channels;
                Ok(Picture { channels, ..joined })
            }
            kind if is_pointwise(kind) => together(node, picture, others),
            _ => Err(unknown("mixes places without bound, or is not known")),
        }
    }

    fn window(&self, node: &Node, picture: Picture) -> Result<Picture, Unbounded> {
        nchw(node, &picture)?;
        let convolves = node.kind.starts_with("Conv");
        let shape = node.inputs.get(1).and_then(|name| self.graph.weights.get(name)).map(|w| &w.dims[..]);
        let kernel: Vec<i64> = match (shape, node.integers("kernel_shape")) {
            (_, Some(&[height, width])) => vec![height, width],
            (Some(&[_, _, height, width]), _) if convolves => vec![height as i64, width as i64],
            _ => return Err(Unbounded(format!("{} with a window that is not constant", node.kind))),
        };
        let pair = |name: &str| match node.integers(name) {
            Some(&[down, across]) => [down, across].map(|number| number.clamp(1, MOST)),
            _ => [1, 1],
        };
        let (strides, dilations) = (pair("strides"), pair("dilations"));
        let given = node.integers("pads").filter(|pads| pads.len() == 4).unwrap_or(&[0; 4]);
        let spreads = node.kind == "ConvTranspose";
        let more = node.integers("output_padding").unwrap_or(&[0, 0]);
        let mut sides = picture.sides;
        for (side, footing) in sides.iter_mut().enumerate() {
            let extent = dilations[side] * (kernel[side].clamp(1, MOST) - 1);
            let stride = strides[side] as u64;
            let pads = match node.text("auto_pad").unwrap_or("NOTSET") {
                "NOTSET" => [given[side], given[side + 2]],
                "VALID" => [0, 0],
                same => {
                    let all = (extent + 1 - strides[side]).max(0);
                    let [less, rest] = [all / 2, all - all / 2];
                    if same == "SAME_LOWER" { [rest, less] } else { [less, rest] }
                }
            };
            let window = Window { extent, stride, pads: pads.map(|pad| pad.clamp(-MOST, MOST)) };
            *footing = match spreads {
                true => footing.spread(window, more.get(side).copied().unwrap_or(0)),
                false => footing.under(window),
            };
        }
        let group = node.integer("group").unwrap_or(1).max(1) as f64;
        let channels = match shape {
            Some(&[_, out, ..]) if spreads => out as f64 * group,
            Some(&[out, ..]) if convolves => out as f64,
            _ => picture.channels,
        };
        Ok(Picture { channels, sides, ..picture })
    }

    fn resize(&self, node: &Node, picture: Picture) -> Result<Picture, Unbounded> {
        let unknown = |what: &str| Unbounded(format!("{} {what}", node.kind));
        let scales = [2, 1].into_iter().find_map(|place| self.weight(node, place)).filter(|s| s.len() == 4);
        let scales = scales.ok_or_else(|| unknown("by scales that are not constant"))?;
        let mode = node.text("coordinate_transformation_mode").unwrap_or("half_pixel");
        if matches!(mode, "align_corners" | "tf_crop_and_resize") {
            return Err(unknown("with corners aligned, which moves every pixel"));
        }
        let around = match node.text("mode").unwrap_or("nearest") {
            "nearest" if mode == "asymmetric" && node.text("nearest_mode") == Some("floor") => 0.0,
            "nearest" => 0.5,
            "linear" => 1.0,
            _ => 2.5,
        };
        let Axes { height, width, .. } = picture.axes;
        let finer = |side: Footing, scale: f64| match scale.round() {
            whole if (1.0..=64.0).contains(&whole) && whole == scale => Ok(side.finer(whole as u64, around)),
            _ => Err(unknown("by a broken scale")),
        };
        let [down, across] = picture.sides;
        Ok(Picture { sides: [finer(down, scales[height])?, finer(across, scales[width])?], ..picture })
    }

    fn slice(&self, node: &Node, picture: Picture) -> Result<Picture, Unbounded> {
        let unknown = || Unbounded("Slice with places that are not constant".into());
        let starts = self.numbers(node, 1).or_else(|| Some(node.integers("starts")?.to_vec()));
        let ends = self.numbers(node, 2).or_else(|| Some(node.integers("ends")?.to_vec()));
        let axes = self.numbers(node, 3).or_else(|| Some(node.integers("axes")?.to_vec()));
        let steps = self.numbers(node, 4);
        let (starts, ends) = (starts.ok_or_else(unknown)?, ends.ok_or_else(unknown)?);
        let axes = axes.unwrap_or_else(|| (0..starts.len() as i64).collect());
        if steps.is_some_and(|steps| steps.iter().any(|&step| step != 1)) {
            return Err(Unbounded("Slice with steps".into()));
        }
        let mut sliced = picture;
        for ((axis, start), end) in axes.into_iter().zip(starts).zip(ends) {
            let axis = axis.rem_euclid(4) as usize;
            if axis == picture.axes.channel {
                continue;
            }
            // From the end counts only from the end: no place in the picture is told by its number.
            let taken = match (start, end) {
                (start @ 0.., end) if end > i64::from(i32::MAX) / 2 => (start, 0),
                (start @ 0.., end @ ..0) => (start, end.saturating_neg()),
                _ => return Err(unknown()),
            };
            let side = match axis {
                axis if axis == picture.axes.height => &mut sliced.sides[0],
                axis if axis == picture.axes.width => &mut sliced.sides[1],
                _ => continue,
            };
            *side = side.padded(-taken.0.min(MOST), -taken.1.min(MOST));
        }
        Ok(sliced)
    }

    fn weight(&self, node: &Node, input: usize) -> Option<Vec<f64>> {
        self.graph.weights.get(node.inputs.get(input)?)?.numbers.clone()
    }

    fn numbers(&self, node: &Node, input: usize) -> Option<Vec<i64>> {
        Some(self.weight(node, input)?.into_iter().map(|number| number as i64).collect())
    }
}

fn nchw(node: &Node, picture: &Picture) -> Result<(), Unbounded> {
    match picture.axes == Axes::NCHW {
        true => Ok(()),
        false => Err(Unbounded(format!("{} of a picture whose channels are not second", node.kind))),
    }
}

/// Pictures combined pixel by pixel.
fn together(node: &Node, picture: Picture, others: &[Picture]) -> Result<Picture, Unbounded> {
    let differ = || Unbounded(format!("{} of pictures of different sizes", node.kind));
    others.iter().try_fold(picture, |all, other| {
        let [down, across] = [0, 1].map(|side| all.sides[side].with(other.sides[side]));
        let sides = [down.ok_or_else(differ)?, across.ok_or_else(differ)?];
        Ok(Picture { channels: all.channels.max(other.channels), sides, ..all })
    })
}

/// Whether each value of the answer comes from the values at its own place alone.
pub(super) fn is_pointwise(kind: &str) -> bool {
    matches!(
        kind,
        "Abs"
            | "Add"
            | "BatchNormalization"
            | "Cast"
            | "Ceil"
            | "Celu"
            | "Clip"
            | "Cos"
            | "Div"
            | "Dropout"
            | "Elu"
            | "Erf"
            | "Exp"
            | "Floor"
            | "Gelu"
            | "HardSigmoid"
            | "HardSwish"
            | "Identity"
            | "LeakyRelu"
            | "Log"
            | "Max"
            | "Min"
            | "Mish"
            | "Mul"
            | "Neg"
            | "PRelu"
            | "Pow"
            | "Reciprocal"
            | "Relu"
            | "Round"
            | "Selu"
            | "Sigmoid"
            | "Sin"
            | "Softplus"
            | "Softsign"
            | "Sqrt"
            | "Sub"
            | "Sum"
            | "Tanh"
            | "ThresholdedRelu"
    )
}

fn least_common_multiple(a: u64, b: u64) -> u64 {
    a / greatest_common_divisor(a, b) * b
}
