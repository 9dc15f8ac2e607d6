//! Attention as one operator, which never holds all scores at once.
//!
//! An export writes attention as two products and a softmax between them: the scores of every token to
//! every other lie in memory, twice. ONNX Runtime's `MultiHeadAttention` computes them block by block (on the
//! processor for 32-bit floats, on CUDA for all), with the same sums in another order.

use super::{
    Document, Shapes,
    document::{CONTRIB, node},
    heads,
    index::Index,
    onnx::{NodeProto, TensorProto},
};

/// Where attention happens in a graph: `softmax(queries · keys * scale) · values`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Attention {
    /// The position of the node that answers it.
    pub(super) at: usize,
    /// (batch, heads, tokens, width), (batch * heads, tokens, width) or, of more than one head, (batch, tokens, heads *
    /// width).
    pub(super) queries: String,
    /// As the queries, with tokens of what is attended to. Not turned.
    pub(super) keys: Keys,
    /// As the keys, not turned.
    pub(super) values: String,
    /// What the scores are multiplied with.
    pub(super) scale: f64,
    /// How many dimensions they have: 3 or 4.
    pub(super) rank: usize,
    /// How many heads lie beside each other; 1 where they are part of the batch.
    pub(super) heads: u64,
}

/// The keys, whose last two dimensions are exchanged before the product.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Keys {
    /// A tensor laid out as the queries are.
    Plain(String),
    /// A tensor of (batch, tokens, heads, width).
    ByToken(String),
}

impl Keys {
    /// The tensor.
    pub(super) fn tensor(&self) -> &str {
        match self {
            Self::Plain(tensor) | Self::ByToken(tensor) => tensor,
        }
    }
}

impl Attention {
    /// Whether three dimensions hold the heads beside each other.
    pub(super) fn is_joined(&self) -> bool {
        self.rank == 3 && self.heads > 1
    }

    /// Whether the heads are part of the batch.
    pub(super) fn is_merged(&self) -> bool {
        self.rank == 3 && self.heads == 1
    }

    /// How many numbers of the queries a head has.
    pub(super) fn width(&self, shapes: &Shapes) -> Option<u64> {
        let across = *shapes.dims(&self.queries)?.last()?;
        Some(if self.is_joined() { across / self.heads } else { across })
    }
}

impl Document {
    /// Every attention without a mask in the graph, written out or as ONNX's own operator.
    pub(super) fn attentions(&self, shapes: &Shapes) -> Vec<Attention> {
        let index = Index::new(self);
        (0..self.graph.node.len())
            .filter_map(|at| match self.graph.node[at].op_type.as_str() {
                "Softmax" => self.attention(shapes, &index, at),
                "Attention" => self.standard_attention(shapes, at),
                _ => None,
            })
            .collect()
    }

    fn attention(&self, shapes: &Shapes, index: &Index, softmax: usize) -> Option<Attention> {
        let softmax = &self.graph.node[softmax];
        let scores = shapes.get(&softmax.input[0])?;
        let rank = scores.dims.len();
        let axis = super::Node::from(softmax).integer("axis").unwrap_or(-1);
        (matches!(rank, 3 | 4) && (axis == -1 || axis == rank as i64 - 1)).then_some(())?;
        let (product, over) = self.unscaled(shapes, index, &softmax.input[0])?;
        let product = index.source(self, &product, "MatMul")?;
        let weights = self.through_casts(index, &softmax.output[0])?;
        let at = index.only_reader(&weights)?;
        let answer = &self.graph.node[at];
        (answer.op_type == "MatMul" && answer.input[0] == weights).then_some(())?;
        let (queries, by_queries) = self.unscaled(shapes, index, &product.input[0])?;
        let (turned, by_keys) = self.unscaled(shapes, index, &product.input[1])?;
        let turn = index.source(self, &turned, "Transpose")?;
        let order = super::Node::from(turn);
        let keys = match (rank, order.integers("perm")?) {
            (3, [0, 2, 1]) | (4, [0, 1, 3, 2]) => Keys::Plain(turn.input[0].clone()),
            (4, [0, 2, 3, 1]) => Keys::ByToken(turn.input[0].clone()),
            _ => return None,
        };
        let heads = if rank == 4 { scores.dims[1] } else { 1 };
        let scale = over * by_queries * by_keys;
        let values = answer.input[1].clone();
        (shapes.dims(&values)?.len() == rank).then_some(())?;
        Some(Attention { at, queries, keys, values, scale, rank, heads })
    }

    /// The tensor before numbers were multiplied onto it, and their product.
    fn unscaled(&self, shapes: &Shapes, index: &Index, tensor: &str) -> Option<(String, f64)> {
        let (mut tensor, mut scale) = (tensor.to_owned(), 1.0);
        loop {
            let Some(at) = index.answered_by(&tensor) else { return Some((tensor, scale)) };
            let node = &self.graph.node[at];
            let one = |place: usize| {
                let known = shapes.get(node.input.get(place)?)?;
                let numbers = known.numbers.as_ref()?;
                (known.elements() == 1).then(|| numbers[0])
            };
            match node.op_type.as_str() {
                "Mul" => match (one(0), one(1)) {
                    (None, Some(by)) => (tensor, scale) = (node.input[0].clone(), scale * by),
                    (Some(by), None) => (tensor, scale) = (node.input[1].clone(), scale * by),
                    _ => return Some((tensor, scale)),
                },
                "Div" => match (one(0), one(1)) {
                    (None, Some(by)) => (tensor, scale) = (node.input[0].clone(), scale / by),
                    _ => return Some((tensor, scale)),
                },
                // Scores whose softmax is computed in 32 bits: so does the fused operator.
                "Cast" if shapes.get(&tensor)?.element.is_float() => tensor = node.input[0].clone(),
                // Nothing is added.
                "Add" => match (one(0), one(1)) {
                    (None, Some(0.0)) => tensor = node.input[0].clone(),
                    (Some(0.0), None) => tensor = node.input[1].clone(),
                    _ => return Some((tensor, scale)),
                },
                _ => return Some((tensor, scale)),
            }
        }
    }

    fn through_casts(&self, index: &Index, tensor: &str) -> Option<String> {
        let mut tensor = tensor.to_owned();
        while let Some(at) = index.only_reader(&tensor) {
            let node = &self.graph.node[at];
            if !matches!(node.op_type.as_str(), "Cast" | "Identity" | "Dropout") {
                break;
            }
            tensor = node.output[0].clone();
        }
        Some(tensor)
    }

    /// Puts `MultiHeadAttention` where attention without a mask is; answers how many times. `shapes` are of
    /// this graph at any lengths: only heads and scales are read from them.
    pub fn fuse_attention(&mut self, shapes: &Shapes) -> usize {
        let found = self.attentions(shapes);
        let mut replaced = Replaced::new(self);
        for (count, attention) in found.iter().enumerate() {
            replaced.fuse(attention, shapes, count);
        }
        let Replaced { nodes, tensors, .. } = replaced;
        if found.is_empty() {
            return 0;
        }
        self.graph.node = nodes.into_iter().flatten().collect();
        self.graph.initializer.extend(tensors);
        self.import_contrib();
        self.sweep();
        found.len()
    }
}

/// A graph whose nodes are replaced by several at the same place.
struct Replaced<'a> {
    document: &'a Document,
    index: Index,
    nodes: Vec<Vec<NodeProto>>,
    tensors: Vec<TensorProto>,
}

impl<'a> Replaced<'a> {
    fn new(document: &'a Document) -> Self {
        let nodes = document.graph.node.iter().map(|node| vec![node.clone()]).collect();
        Self { document, index: Index::new(document), nodes, tensors: Vec::new() }
    }

    fn fuse(&mut self, attention: &Attention, shapes: &Shapes, count: usize) {
        let answer = &self.document.graph.node[attention.at];
        let name = format!("fused_attention.{count}");
        let mut made = Vec::new();
        let queries = self.by_token(&attention.queries, attention, (&name, "q"), shapes, &mut made);
        let keys = match &attention.keys {
            Keys::Plain(keys) => self.by_token(keys, attention, (&name, "k"), shapes, &mut made),
            Keys::ByToken(keys) => self.joined(keys, (&name, "k"), shapes, &mut made),
        };
        let values = self.by_token(&attention.values, attention, (&name, "v"), shapes, &mut made);
        // What follows mostly puts the heads beside each other, as the fused operator answers them.
        let (place, output, apart) = self.document.joined_answer(&self.index, attention, shapes);
        let fused_output = if apart { format!("{name}.joined") } else { output.clone() };
        let default = 1.0 / (attention.width(shapes).unwrap_or(1) as f64).sqrt();
        let mut fused = node("MultiHeadAttention", &name, &[&queries, &keys, &values], &[&fused_output])
            .contrib()
            .with_integer("num_heads", attention.heads as i64);
        if (attention.scale / default - 1.0).abs() > 1e-6 {
            fused = fused.with_float("scale", attention.scale as f32);
        }
        made.push(fused);
        if apart {
            let (nodes, constant) = heads::apart(&name, &fused_output, attention.heads, &answer.output[0]);
            made.extend(nodes);
            self.tensors.push(constant);
        }
        self.nodes[place] = made;
    }

    /// `tensor` as (batch, tokens, heads * width).
    fn by_token(
        &mut self,
        tensor: &str,
        attention: &Attention,
        (name, letter): (&str, &str),
        shapes: &Shapes,
        made: &mut Vec<NodeProto>,
    ) -> String {
        if attention.rank == 3 {
            return tensor.to_owned();
        }
        let turned = self.index.source(self.document, tensor, "Transpose");
        let turned = turned.filter(|turn| super::Node::from(*turn).integers("perm") == Some(&[0, 2, 1, 3]));
        let by_token = match turned {
            Some(turn) => turn.input[0].clone(),
            None => {
                let turned = format!("{name}.{letter}.turned");
                made.push(
                    node("Transpose", &turned, &[tensor], &[&turned]).with_integers("perm", &[0, 2, 1, 3]),
                );
                turned
            }
        };
        self.joined(&by_token, (name, letter), shapes, made)
    }

    /// A tensor of (batch, tokens, heads, width) with its heads beside each other: what it was before its heads were
    /// parted, if that is all that happened to it. Between two pieces, the same under another shape would be a copy.
    fn joined(
        &mut self,
        by_token: &str,
        (name, letter): (&str, &str),
        shapes: &Shapes,
        made: &mut Vec<NodeProto>,
    ) -> String {
        if let Some(parted) = self.index.source(self.document, by_token, "Reshape")
            && let (Some(before), Some([batch, tokens, heads, width])) =
                (shapes.dims(&parted.input[0]), shapes.dims(by_token))
            && before == [*batch, *tokens, heads * width]
        {
            return parted.input[0].clone();
        }
        let joined = format!("{name}.{letter}");
        let shape = format!("{joined}.shape");
        self.tensors.push(TensorProto::integers(&shape, &[3], &[0, 0, -1]));
        made.push(node("Reshape", &joined, &[by_token, &shape], &[&joined]));
        joined
    }
}

impl Document {
    /// How many operators attend, fused ones.
    pub fn fused_attentions(&self) -> usize {
        let fused = |node: &&NodeProto| node.op_type == "MultiHeadAttention" && node.domain == CONTRIB;
        self.graph.node.iter().filter(fused).count()
    }

    /// Where the operator stands whose answer, the tensor named, has the heads beside each other, if that can be
    /// had; and whether that is not so, and its heads lie apart.
    pub(super) fn joined_answer(
        &self,
        index: &Index,
        attention: &Attention,
        shapes: &Shapes,
    ) -> (usize, String, bool) {
        let answer = self.graph.node[attention.at].output[0].clone();
        if attention.rank == 3 {
            return (attention.at, answer, false);
        }
        let follows = |tensor: &str, kind: &str| {
            let at = index.only_reader(tensor)?;
            let node = &self.graph.node[at];
            (node.op_type == kind && node.input[0] == tensor).then_some((at, node))
        };
        let joined = || {
            let (_, turn) = follows(&answer, "Transpose")?;
            (super::Node::from(turn).integers("perm") == Some(&[0, 2, 1, 3])).then_some(())?;
            let (at, reshape) = follows(&turn.output[0], "Reshape")?;
            let dims = shapes.dims(&reshape.output[0])?;
            let by_token = shapes.dims(&turn.output[0])?;
            let is_joined = dims.len() == 3 && dims[..2] == by_token[..2];
            is_joined.then(|| (at, reshape.output[0].clone(), false))
        };
        joined().unwrap_or((attention.at, answer, true))
    }
}
