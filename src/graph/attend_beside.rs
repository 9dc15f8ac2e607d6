//! A second attention beside each cross-attention: to tokens that come from elsewhere than the prompt.
//!
//! IP-Adapter (Ye et al., 2023, <https://arxiv.org/abs/2308.06721>) lets a UNet look at a picture so: the
//! queries of each cross-attention attend to the picture's keys and values, too, and both answers are added.
//! Keys and values are the same at every step, so they come in as inputs, projected once a picture; the graph
//! grows by no weight.

use std::collections::HashSet;

use super::{
    Document, Shapes,
    document::node,
    element::ElementType,
    fuse_attention::Attention,
    heads,
    index::Index,
    onnx::{NodeProto, TensorProto, ValueInfoProto},
    tensor::encode,
};

/// The input that takes the keys of all cross-attentions: (rows, tokens, widths of all, one after the other).
pub const BESIDE_KEYS: &str = "image_keys";
/// The input that takes the values, laid out as the keys are.
pub const BESIDE_VALUES: &str = "image_values";

/// An attention to what an input tells.
struct Cross {
    attention: Attention,
    heads: u64,
    /// Of one head.
    width: u64,
}

impl Document {
    /// Lets every attention to what the input `told` tells attend to `tokens` others, too, whose keys and
    /// values come in as [`BESIDE_KEYS`] and [`BESIDE_VALUES`]. Answers the width of each such attention, in
    /// the order in which diffusers lists a UNet's: on the way down, on the way up, in the middle. `shapes`
    /// are of this graph at any lengths.
    pub fn attend_beside(&mut self, shapes: &Shapes, told: &str, tokens: u64) -> Vec<u64> {
        let crosses = self.crosses(shapes, told);
        let widths: Vec<u64> = crosses.iter().map(|cross| cross.heads * cross.width).collect();
        let Some(rows) = self.graph.input.iter().find(|port| port.name == told).map(super::Port::from) else {
            return Vec::new();
        };
        if crosses.is_empty() {
            return Vec::new();
        }
        let index = Index::new(self);
        let mut nodes: Vec<Vec<NodeProto>> = self.graph.node.iter().map(|node| vec![node.clone()]).collect();
        let mut grown = Grown { constants: Vec::new(), tokens };
        let mut from = 0;
        for (count, (cross, width)) in crosses.iter().zip(&widths).enumerate() {
            let (place, output, _) = self.joined_answer(&index, &cross.attention, shapes);
            let joined = shapes.dims(&output).is_some_and(|dims| dims.len() == 3);
            let alone = format!("{output}.alone");
            for name in nodes[place].iter_mut().flat_map(|node| &mut node.output) {
                if *name == output {
                    name.clone_from(&alone);
                }
            }
            let name = format!("attend_beside.{count}");
            let answer = grown.attend(&mut nodes[place], cross, shapes, (from, *width), &name, joined);
            let answer = grown.cast(&mut nodes[place], answer, shapes, &cross.attention.queries, &output);
            nodes[place].push(node("Add", &format!("{name}.both"), &[&alone, &answer], &[&output]));
            from += width;
        }
        self.graph.node = nodes.into_iter().flatten().collect();
        self.graph.initializer.extend(grown.constants);
        let element = shapes.get(told).map_or(ElementType::F32, |known| known.element);
        for name in [BESIDE_KEYS, BESIDE_VALUES] {
            let dims = [rows.dims.first().copied().flatten(), Some(tokens), Some(from)];
            self.graph.input.push(ValueInfoProto::open(name, element, &dims));
        }
        widths
    }

    /// Attentions to what `told` tells: on the way down, on the way up, in the middle.
    fn crosses(&self, shapes: &Shapes, told: &str) -> Vec<Cross> {
        let index = Index::new(self);
        let rows = shapes.dims(told).and_then(|dims| dims.first().copied()).unwrap_or(1);
        let turn = self.turn(shapes, &index);
        let mut found: Vec<(u8, Cross)> = Vec::new();
        for attention in self.attentions(shapes) {
            let (keys, queries) = (attention.keys.tensor(), shapes.dims(&attention.queries));
            let Some(queries) = queries.filter(|_| self.comes_from(&index, keys, told)) else { continue };
            let Some(width) = attention.width(shapes) else { continue };
            let heads = if attention.is_merged() { queries[0] / rows } else { attention.heads };
            let way = match &turn {
                Some((up, _)) if attention.at > *up => 1,
                Some((_, down)) if !down.contains(&attention.at) => 2,
                _ => 0,
            };
            found.push((way, Cross { attention, heads, width }));
        }
        // A stable sort: what lies on the same way stays as it is computed.
        found.sort_by_key(|(way, _)| *way);
        found.into_iter().map(|(_, cross)| cross).collect()
    }

    /// Where the way up begins, at the first node that puts something kept on the way down beside what comes
    /// from the middle, and the positions of all nodes that what was kept comes from.
    fn turn(&self, shapes: &Shapes, index: &Index) -> Option<(usize, HashSet<usize>)> {
        let at = self.graph.node.iter().position(|node| {
            let axis = super::Node::from(node).integer("axis");
            let answered = node.input.iter().all(|input| index.answered_by(input).is_some());
            let pictures = shapes.dims(&node.output[0]).is_some_and(|dims| dims.len() == 4);
            node.op_type == "Concat" && axis == Some(1) && node.input.len() == 2 && answered && pictures
        })?;
        let kept = self.graph.node[at].input.iter().filter_map(|input| index.answered_by(input)).min()?;
        let (mut down, mut open) = (HashSet::from([kept]), vec![kept]);
        while let Some(at) = open.pop() {
            let sources = self.graph.node[at].input.iter().filter_map(|input| index.answered_by(input));
            open.extend(sources.filter(|source| down.insert(*source)));
        }
        Some((at, down))
    }

    /// Whether the numbers of `tensor`, not only its shape, are made of those of the input `told`, and of no
    /// other input's.
    fn comes_from(&self, index: &Index, tensor: &str, told: &str) -> bool {
        let inputs: HashSet<&str> = self.inputs().collect();
        let (mut seen, mut open, mut found) = (HashSet::new(), vec![tensor], false);
        while let Some(tensor) = open.pop() {
            if inputs.contains(tensor) {
                if tensor != told {
                    return false;
                }
                found = true;
            }
            let Some(at) = index.answered_by(tensor).filter(|at| seen.insert(*at)) else { continue };
            let node = &self.graph.node[at];
            if node.op_type != "Shape" {
                open.extend(node.input.iter().map(String::as_str));
            }
        }
        found
    }
}

/// What is added to a graph.
struct Grown {
    constants: Vec<TensorProto>,
    tokens: u64,
}

impl Grown {
    /// Nodes that attend to keys and values `from` there on, `wide`; the name of their answer: heads beside
    /// each other if `joined`, otherwise as the queries lie.
    fn attend(
        &mut self,
        made: &mut Vec<NodeProto>,
        cross: &Cross,
        shapes: &Shapes,
        (from, wide): (u64, u64),
        name: &str,
        joined: bool,
    ) -> String {
        let attention = &cross.attention;
        let queries = shapes.get(&attention.queries);
        let element = queries.map_or(ElementType::F32, |known| known.element);
        let mut laid = |input: &str, letter: &str, turned: bool| {
            let part = format!("{name}.{letter}");
            let (starts, ends, axes) =
                (format!("{part}.starts"), format!("{part}.ends"), format!("{part}.axes"));
            self.integers(&starts, &[from as i64]);
            self.integers(&ends, &[(from + wide) as i64]);
            self.integers(&axes, &[2]);
            made.push(node("Slice", &part, &[input, &starts, &ends, &axes], &[&part]));
            let mut laid = self.apart(made, &part, cross.heads, &part);
            if attention.is_merged() {
                let merged = format!("{part}.merged");
                self.integers(&format!("{merged}.shape"), &[-1, self.tokens as i64, cross.width as i64]);
                made.push(node("Reshape", &merged, &[&laid, &format!("{merged}.shape")], &[&merged]));
                laid = merged;
            }
            if turned {
                let turned = format!("{part}.turned");
                let order: &[i64] = if attention.is_merged() { &[0, 2, 1] } else { &[0, 1, 3, 2] };
                made.push(node("Transpose", &turned, &[&laid], &[&turned]).with_integers("perm", order));
                laid = turned;
            }
            laid
        };
        let (keys, values) = (laid(BESIDE_KEYS, "keys", true), laid(BESIDE_VALUES, "values", false));
        let step = |what: &str| format!("{name}.{what}");
        let queries = match attention.is_joined() {
            true => self.apart(made, &attention.queries, cross.heads, &format!("{name}.queries")),
            false => attention.queries.clone(),
        };
        let (products, scores, weights) = (step("products"), step("scores"), step("weights"));
        let scale = step("scale");
        let raw = encode(element, &[attention.scale]).unwrap_or_default();
        self.constants.push(TensorProto::raw(&scale, element, &[], raw));
        let mut answer = step("answer");
        made.extend([
            node("MatMul", &products, &[&queries, &keys], &[&products]),
            node("Mul", &scores, &[&products, &scale], &[&scores]),
            node("Softmax", &weights, &[&scores], &[&weights]).with_integer("axis", -1),
            node("MatMul", &answer, &[&weights, &values], &[&answer]),
        ]);
        if joined && !attention.is_merged() {
            let beside = step("beside");
            let (nodes, constant) = heads::together(name, &answer, &beside);
            made.extend(nodes);
            self.constants.push(constant);
            answer = beside;
        }
        answer
    }

    /// `tensor` of (batch, tokens, heads * width) with its heads apart.
    fn apart(&mut self, made: &mut Vec<NodeProto>, tensor: &str, heads: u64, name: &str) -> String {
        let apart = format!("{name}.by_head");
        let (nodes, constant) = heads::apart(name, tensor, heads, &apart);
        made.extend(nodes);
        self.constants.push(constant);
        apart
    }

    /// `answer`, computed as `like` is, in the element type of `other`.
    fn cast(
        &self,
        made: &mut Vec<NodeProto>,
        answer: String,
        shapes: &Shapes,
        like: &str,
        other: &str,
    ) -> String {
        match (shapes.get(like), shapes.get(other)) {
            (Some(like), Some(other)) if like.element != other.element => {
                let cast = format!("{answer}.cast");
                let to = i64::from(other.element.0);
                made.push(node("Cast", &cast, &[&answer], &[&cast]).with_integer("to", to));
                cast
            }
            _ => answer,
        }
    }

    fn integers(&mut self, name: &str, numbers: &[i64]) {
        self.constants.push(TensorProto::integers(name, &[numbers.len() as i64], numbers));
    }
}
