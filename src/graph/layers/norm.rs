//! Norms over a whole picture, and what they are once its mean and variance are known.

use std::collections::{HashMap, HashSet};

use super::super::{Document, Node, Shapes, document::node, index::Index, onnx::NodeProto};

/// A norm over groups of channels of a whole picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Norm {
    /// What it looks at: (1, channels, height, width).
    pub tensor: String,
    /// How many groups there are, each of channels that follow one another.
    pub groups: usize,
    /// The input that channels are multiplied by: (1, channels, 1, 1).
    pub scale: String,
    /// The input that is added to them then: (1, channels, 1, 1).
    pub shift: String,
    epsilon: f64,
    /// What each group is multiplied by when it is normed, and what is added.
    weights: Vec<(f64, f64)>,
}

impl Norm {
    /// What the channels of a group are multiplied by, and what is added to them, when all their numbers have this
    /// mean and variance.
    pub fn scale_and_shift(&self, group: usize, mean: f64, variance: f64) -> (f32, f32) {
        let (weight, bias) = self.weights[group];
        let scale = weight / (variance + self.epsilon).sqrt();
        (scale as f32, (bias - mean * scale) as f32)
    }
}

/// A norm as it stands in a graph.
pub(super) struct Found {
    pub(super) norm: Norm,
    /// The nodes it is made of.
    pub(super) nodes: Vec<usize>,
    /// What stands for them where scale and shift are given.
    pub(super) made: Vec<NodeProto>,
}

/// A tensor of four lengths that a weight of one number a channel is brought to.
pub(super) const COLUMN: &str = "layers.column";

/// All norms of a graph that are such norms, by the last of their nodes.
pub(super) fn find(
    document: &Document,
    shapes: &Shapes,
    constant: &HashSet<String>,
) -> HashMap<usize, Found> {
    let index = Index::new(document);
    let is_norm =
        |node: &NodeProto| matches!(node.op_type.as_str(), "InstanceNormalization" | "GroupNormalization");
    let nodes = document.graph.node.iter().enumerate();
    let norms = nodes.filter(|(_, node)| is_norm(node) && !constant.contains(&node.output[0]));
    let found = norms.filter_map(|(at, _)| norm(document, shapes, &index, constant, at));
    found.filter_map(|found| Some((found.nodes.iter().copied().max()?, found))).collect()
}

fn norm(
    document: &Document,
    shapes: &Shapes,
    index: &Index,
    constant: &HashSet<String>,
    at: usize,
) -> Option<Found> {
    let proto = &document.graph.node[at];
    let read = Node::from(proto);
    let (mut nodes, mut tensor, mut answer) = (vec![at], &proto.input[0], &proto.output[0]);
    let picture = |name: &str| match shapes.dims(name) {
        Some(&[1, channels, height, width]) => Some([1, channels, height, width]),
        _ => None,
    };
    let grouped = proto.op_type == "GroupNormalization";
    let groups = match (grouped, picture(tensor)) {
        (true, _) => read.integer("num_groups")? as u64,
        (false, Some([_, channels, ..])) => channels,
        // Channels of a group lie behind one another in a row for the norm, and are a picture again after it.
        (false, None) => {
            let groups = *shapes.dims(tensor)?.get(1)?;
            let around = [index.answered_by(tensor)?, index.only_reader(answer)?];
            let [before, after] = around.map(|at| &document.graph.node[at]);
            let reshapes = before.op_type == "Reshape" && after.op_type == "Reshape";
            (reshapes && index.only_reader(tensor) == Some(at)).then_some(())?;
            nodes.extend(around);
            (tensor, answer) = (&before.input[0], &after.output[0]);
            groups
        }
    };
    let [_, channels, ..] = picture(tensor)?;
    (picture(answer) == picture(tensor) && groups > 0 && channels % groups == 0).then_some(())?;
    let numbers = |place: usize| shapes.numbers(proto.input.get(place)?);
    let by_channel = grouped && shapes.dims(proto.input.get(1)?)? == [channels];
    let weights = match by_channel {
        true => vec![(1.0, 0.0); groups as usize],
        false => {
            let (scales, biases) = (numbers(1)?, numbers(2)?);
            (scales.len() == groups as usize && biases.len() == scales.len()).then_some(())?;
            scales.iter().copied().zip(biases.iter().copied()).collect()
        }
    };
    let name = |what: &str| format!("{}.{what}", proto.output[0]);
    let norm = Norm {
        tensor: tensor.clone(),
        groups: groups as usize,
        scale: name("scale"),
        shift: name("shift"),
        epsilon: f64::from(read.float("epsilon").unwrap_or(1e-5)),
        weights,
    };
    let (mut made, mut affine) = (Vec::new(), None);
    if by_channel {
        let columns = [1, 2].map(|place| (proto.input[place].clone(), name(&format!("column.{place}"))));
        for (weight, column) in &columns {
            made.push(node("Reshape", column, &[weight, COLUMN], &[column]));
        }
        affine = Some((columns.map(|(_, column)| column), answer));
    } else if let Some((weights, between, last)) =
        affine_after(document, shapes, index, constant, answer, channels)
    {
        nodes.extend(between);
        affine = Some((weights, last));
    }
    // Numbers of a channel are combined first, so that the picture is multiplied and added to just once.
    let (scale, shift) = match &affine {
        None => (norm.scale.clone(), norm.shift.clone()),
        Some(([weight, bias], _)) => {
            let (scale, moved, shift) = (name("by"), name("moved"), name("plus"));
            made.push(node("Mul", &scale, &[&norm.scale, weight], &[&scale]));
            made.push(node("Mul", &moved, &[&norm.shift, weight], &[&moved]));
            made.push(node("Add", &shift, &[&moved, bias], &[&shift]));
            (scale, shift)
        }
    };
    let answer = affine.map_or(answer, |(_, last)| last);
    let scaled = name("scaled");
    made.push(node("Mul", &scaled, &[tensor, &scale], &[&scaled]));
    made.push(node("Add", &name("normed"), &[&scaled, &shift], &[answer]));
    Some(Found { norm, nodes, made })
}

/// The weight and bias of each channel that `tensor` alone is multiplied by and moved by, the two nodes, and their
/// answer.
fn affine_after<'a>(
    document: &'a Document,
    shapes: &Shapes,
    index: &Index,
    constant: &HashSet<String>,
    tensor: &str,
    channels: u64,
) -> Option<([String; 2], [usize; 2], &'a String)> {
    let is_column = |name: &String| {
        let of_channels =
            matches!(shapes.dims(name), Some(&[length, 1, 1] | &[1, length, 1, 1]) if length == channels);
        constant.contains(name) && of_channels
    };
    let step = |kind: &str, tensor: &str| {
        let at = index.only_reader(tensor)?;
        let node = document.graph.node.get(at).filter(|node| node.op_type == kind)?;
        Some((node.input.iter().find(|name| is_column(name))?.clone(), at, &node.output[0]))
    };
    let (weight, multiplied, between) = step("Mul", tensor)?;
    let (bias, added, last) = step("Add", between)?;
    Some(([weight, bias], [multiplied, added], last))
}
