//! A decoder taken apart where it has to know the whole picture.
//!
//! A norm over channels needs the mean and variance of a whole picture; all else that a decoder does after its
//! middle knows a row by the few around it. So the graph falls into layers, each of which reads whole pictures that
//! layers before it made, and two numbers for each channel of a norm it begins with. A layer can run band by band
//! of rows, and its answers are those of the whole.

mod norm;
mod rows;

use std::{
    collections::{HashMap, HashSet},
    fmt,
};

use super::{
    Bindings, Document, Node, Shapes,
    cut::SESSION,
    document::reads,
    element::ElementType,
    onnx::{GraphProto, NodeProto, TensorProto, ValueInfoProto},
};

pub use norm::Norm;
use norm::{COLUMN, Found};

/// A graph from picture to picture, in layers.
#[derive(Debug, Clone)]
pub struct Layers {
    /// In the order they run.
    pub layers: Vec<Layer>,
    /// All norms, in the order of the layers that begin with them.
    pub norms: Vec<Norm>,
}

/// What can be computed of a graph once the norms before it are known.
#[derive(Debug, Clone)]
pub struct Layer {
    /// What it runs, on any number of rows.
    pub document: Document,
    /// The pictures it reads, of the graph's input and of layers before it.
    pub inputs: Vec<Whole>,
    /// The pictures it makes for layers after it, and for the graph's output.
    pub outputs: Vec<Whole>,
    /// Which of the norms it begins with.
    pub norms: Vec<usize>,
    /// How high its pictures are, counted in rows of the lowest of them.
    pub height: u64,
    /// How many of these rows above and below its own a row of an answer depends on.
    pub reach: u64,
}

/// A picture that is handed from layer to layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whole {
    /// Its name in the graph.
    pub name: String,
    /// The type of its numbers.
    pub element: ElementType,
    /// Its channels.
    pub channels: u64,
    /// Its rows, for each row of the layer.
    pub rows: u64,
    /// Its columns.
    pub width: u64,
}

impl Whole {
    /// How many numbers so many rows of its layer hold.
    pub fn elements(&self, rows: u64) -> u64 {
        self.channels * self.rows * self.width * rows
    }
}

/// Why a graph cannot be taken apart so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inseparable {
    /// The operator, and how its exporter called it.
    node: Option<(String, String)>,
    reason: String,
}

impl Inseparable {
    fn of(node: &NodeProto, reason: impl Into<String>) -> Self {
        let answers = node.output.first().cloned().unwrap_or_default();
        let name = if node.name.is_empty() { answers } else { node.name.clone() };
        Self { node: Some((node.op_type.clone(), name)), reason: reason.into() }
    }

    /// A reason that no single operator is to blame for.
    pub fn of_all(reason: impl Into<String>) -> Self {
        Self { node: None, reason: reason.into() }
    }
}

impl fmt::Display for Inseparable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.node {
            Some((kind, name)) => write!(f, "its {kind} `{name}` {}", self.reason),
            None => f.write_str(&self.reason),
        }
    }
}

impl std::error::Error for Inseparable {}

impl Layer {
    /// Bytes that are held while it runs on so many rows of its own, its weights, what it reads and a copy of what
    /// it answers included; none if that cannot be known.
    pub fn held(&self, rows: u64) -> Option<u64> {
        let looked_at = (rows + 2 * self.reach).min(self.height);
        let bound = |picture: &Whole| {
            let dims = vec![1, picture.channels, looked_at * picture.rows, picture.width];
            (picture.name.clone(), dims)
        };
        let bound: Bindings = self.inputs.iter().map(bound).collect();
        let (fixed, shapes) = self.document.bind(&bound).ok()?;
        let liveness = fixed.liveness(&shapes);
        let bytes = |picture: &Whole| picture.element.bytes(picture.elements(looked_at));
        let around: u64 = self.inputs.iter().chain(&self.outputs).map(bytes).sum();
        Some(liveness.weights() + liveness.peak() + around + SESSION)
    }
}

/// A layer that is being put together.
#[derive(Default)]
struct Draft {
    nodes: Vec<NodeProto>,
    norms: Vec<usize>,
    /// What it makes.
    made: Vec<String>,
    /// How far the answers look, in parts of the whole height.
    looks: HashMap<String, f64>,
}

impl Document {
    /// This graph in layers. It must be [bound](Document::bind), `shapes` be its own, and its one input and output be
    /// pictures, (1, channels, height, width).
    ///
    /// # Errors
    /// Names the operator that looks at the whole picture otherwise than a norm does, or is not known.
    pub fn layers(&self, shapes: &Shapes) -> Result<Layers, Inseparable> {
        let constant = self.constants();
        let mut found = norm::find(self, shapes, &constant);
        let inside: HashSet<usize> = found.values().flat_map(|found| found.nodes.iter().copied()).collect();
        let mut layer_of: HashMap<String, usize> = self.inputs().map(|name| (name.to_owned(), 0)).collect();
        let (mut drafts, mut norms, mut scales) = (Vec::<Draft>::new(), Vec::new(), Vec::new());
        for (at, proto) in self.graph.node.iter().enumerate() {
            if constant.contains(&proto.output[0]) || inside.contains(&at) && !found.contains_key(&at) {
                continue;
            }
            if let Some(Found { norm, made, .. }) = found.remove(&at) {
                let known = layer_of.get(&norm.tensor).copied();
                let layer = known.ok_or_else(|| Inseparable::of(proto, "norms what is no picture"))? + 1;
                let draft = draft(&mut drafts, layer);
                draft.norms.push(norms.len());
                draft.nodes.extend(made);
                draft.made.push(proto.output[0].clone());
                layer_of.insert(proto.output[0].clone(), layer);
                norms.push(norm);
                continue;
            }
            let node = Node::from(proto);
            let is_picture = |name: &str| layer_of.contains_key(name);
            let holds_graph = proto.attribute.iter().any(|attribute| attribute.g.is_some());
            let around = match holds_graph {
                true => Err("holds a graph of its own".to_owned()),
                false => rows::around(&node, shapes, &is_picture),
            };
            let around = around.map_err(|reason| Inseparable::of(proto, reason))?;
            let pictures = node.inputs.iter().filter(|name| is_picture(name));
            let layer = pictures.clone().map(|name| layer_of[name]).max();
            let layer = layer.ok_or_else(|| Inseparable::of(proto, "reads no picture"))?;
            let draft = draft(&mut drafts, layer);
            let height = pictures.clone().find_map(|name| shapes.dims(name)?.get(2).copied()).unwrap_or(1);
            let before = pictures.filter_map(|name| draft.looks.get(name)).copied().fold(0.0, f64::max);
            for output in &node.outputs {
                draft.looks.insert(output.clone(), before + around as f64 / height as f64);
                draft.made.push(output.clone());
                layer_of.insert(output.clone(), layer);
            }
            draft.nodes.push(by_factor(proto, shapes, &mut scales));
        }
        let mut last_read: HashMap<String, usize> =
            self.outputs().map(|name| (name.to_owned(), usize::MAX)).collect();
        for (layer, draft) in drafts.iter().enumerate() {
            for name in draft.nodes.iter().flat_map(reads) {
                let last = last_read.entry(name.to_owned()).or_insert(layer);
                *last = (*last).max(layer);
            }
        }
        let loaded: Vec<NodeProto> =
            self.graph.node.iter().filter(|node| constant.contains(&node.output[0])).cloned().collect();
        let mut weights = self.graph.initializer.clone();
        weights.push(TensorProto::integers(COLUMN, &[4], &[1, -1, 1, 1]));
        weights.extend(scales);
        let layer = |(number, draft): (usize, Draft)| {
            let handed = |name: &&String| last_read.get(*name).is_some_and(|&last| last > number);
            let outputs: Vec<String> = draft.made.iter().filter(handed).cloned().collect();
            self.layer(draft, outputs, (&loaded, &weights), (shapes, &norms, &layer_of))
        };
        let drafts = drafts.into_iter().enumerate().filter(|(_, draft)| !draft.nodes.is_empty());
        let layers = drafts.map(layer).collect::<Result<_, _>>()?;
        Ok(Layers { layers, norms })
    }

    /// What is made of weights alone, the weights included.
    fn constants(&self) -> HashSet<String> {
        let mut constant: HashSet<String> =
            self.graph.initializer.iter().map(|tensor| tensor.name.clone()).collect();
        for node in &self.graph.node {
            let read = reads(node);
            if !read.is_empty() && read.into_iter().all(|name| constant.contains(name)) {
                constant.extend(node.output.iter().cloned());
            }
        }
        constant
    }

    fn layer(
        &self,
        draft: Draft,
        outputs: Vec<String>,
        (loaded, weights): (&[NodeProto], &[TensorProto]),
        (shapes, norms, layer_of): (&Shapes, &[Norm], &HashMap<String, usize>),
    ) -> Result<Layer, Inseparable> {
        let own: HashSet<&str> =
            draft.nodes.iter().flat_map(|node| &node.output).map(String::as_str).collect();
        let mut inputs: Vec<&str> = Vec::new();
        for name in draft.nodes.iter().flat_map(reads) {
            if layer_of.contains_key(name) && !own.contains(name) && !inputs.contains(&name) {
                inputs.push(name);
            }
        }
        let lengths = |name: &str| match shapes.get(name).map(|known| (known.element, &known.dims[..])) {
            Some((element, &[_, channels, height, width])) => Ok((element, channels, height, width)),
            _ => Err(Inseparable::of_all(format!("its tensor `{name}` is no picture"))),
        };
        let touched = inputs.iter().copied().chain(draft.made.iter().map(String::as_str));
        let heights = touched
            .map(|name| lengths(name).map(|(_, _, height, _)| height))
            .collect::<Result<Vec<_>, _>>()?;
        let height = heights.iter().copied().min().unwrap_or(1).max(1);
        if let Some(other) = heights.iter().find(|&other| other % height != 0) {
            return Err(Inseparable::of_all(format!(
                "it computes pictures of {other} rows beside some of {height}"
            )));
        }
        let whole = |name: &str| -> Result<Whole, Inseparable> {
            let (element, channels, rows, width) = lengths(name)?;
            Ok(Whole { name: name.to_owned(), element, channels, rows: rows / height, width })
        };
        let port = |name: &str| -> Result<ValueInfoProto, Inseparable> {
            let (element, channels, _, width) = lengths(name)?;
            Ok(ValueInfoProto::open(name, element, &[Some(1), Some(channels), None, Some(width)]))
        };
        let mut ports = inputs.iter().map(|name| port(name)).collect::<Result<Vec<_>, _>>()?;
        for norm in draft.norms.iter().map(|&norm| &norms[norm]) {
            let (element, channels, ..) = lengths(&norm.tensor)?;
            let column = |name: &String| ValueInfoProto::fixed(name, element, &[1, channels, 1, 1]);
            ports.extend([&norm.scale, &norm.shift].map(column));
        }
        let looks = outputs.iter().filter_map(|name| draft.looks.get(name)).copied().fold(0.0, f64::max);
        let mut document = Self {
            frame: self.frame.clone(),
            graph: GraphProto {
                node: loaded.iter().chain(&draft.nodes).cloned().collect(),
                name: self.graph.name.clone(),
                initializer: weights.to_vec(),
                input: ports,
                output: outputs.iter().map(|name| port(name)).collect::<Result<_, _>>()?,
                sparse_initializer: Vec::new(),
            },
            folder: self.folder.clone(),
        };
        document.sweep();
        Ok(Layer {
            document,
            inputs: inputs.into_iter().map(whole).collect::<Result<_, _>>()?,
            outputs: outputs.iter().map(|name| whole(name)).collect::<Result<_, _>>()?,
            norms: draft.norms,
            height,
            // A hair less, for sums of fractions that are whole.
            reach: (looks * height as f64 - 1e-6).ceil().max(0.0) as u64,
        })
    }
}

fn draft(drafts: &mut Vec<Draft>, layer: usize) -> &mut Draft {
    if drafts.len() <= layer {
        drafts.resize_with(layer + 1, Draft::default);
    }
    &mut drafts[layer]
}

/// A `Resize` to a size as one by a factor, which is right for a band too.
fn by_factor(node: &NodeProto, shapes: &Shapes, scales: &mut Vec<TensorProto>) -> NodeProto {
    let sizes = node.input.get(3).filter(|name| !name.is_empty() && node.op_type == "Resize");
    let dims = |name: &String| shapes.dims(name).map(|dims| dims.iter().map(|&dim| dim as f32));
    let (Some(_), Some(before), Some(after)) = (sizes, dims(&node.input[0]), dims(&node.output[0])) else {
        return node.clone();
    };
    let factors: Vec<f32> = after.zip(before).map(|(after, before)| after / before).collect();
    let name = format!("{}.factors", node.output[0]);
    scales.push(TensorProto::floats(&name, &[factors.len() as i64], &factors));
    let mut made = node.clone();
    made.input = vec![node.input[0].clone(), String::new(), name];
    made
}
