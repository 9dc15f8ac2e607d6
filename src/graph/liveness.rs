//! How much a graph holds while it runs: a walk over its nodes in order.

use std::{
    collections::{HashMap, HashSet},
    hash::{Hash, Hasher},
};

use super::{
    Document, Known, Node, Shapes,
    answers::{Answer, answer},
    cut::SESSION,
    document::reads,
    onnx::NodeProto,
    store_weights::UNPACKS,
    workspace::workspace,
};

/// What is held at each node of a graph whose nodes run one after the other, as ONNX Runtime runs them.
#[derive(Debug, Clone)]
pub struct Liveness {
    /// Bytes of all answers held while node `i` runs, its own and its workspace included; inputs of the graph
    /// aside.
    pub(super) during: Vec<u64>,
    /// Bytes held between node `i - 1` and node `i`, the graph's inputs aside.
    pub(super) before: Vec<u64>,
    /// For each node, the tensors (buffers) it reads for the last time: the node that answered them (none
    /// for inputs of the graph) and their bytes.
    pub(super) lasts: Vec<Vec<(Option<usize>, u64)>>,
    /// Bytes of weights that node `i` is the first to read, as they lie in memory, and of what it makes of them
    /// when the graph is loaded.
    pub(super) weights: Vec<u64>,
    /// Bytes of weights that are made of weights when the graph is loaded.
    pub(super) made: u64,
    /// Whether node `i` makes a weight of a weight, for the node after it.
    pub(super) loads: Vec<bool>,
    /// Whether an operator of ours reads weights as they lie.
    pub(super) reads_in_place: bool,
    /// The large buffers that node `i` is the first to fill.
    pub(super) filled: Vec<Vec<Buffer>>,
    /// The buffer that node `i` writes over, and the node that was the first to fill it.
    pub(super) written_over: Vec<Option<(usize, Buffer)>>,
    /// The answer of node `i` that lies in the buffer of another tensor.
    pub(super) shared: Vec<Option<Shared>>,
    /// Whether node `i` becomes one with the next when the graph is loaded.
    pub(super) joined: Vec<bool>,
}

/// A tensor that lies in the buffer of others. Handed over by a piece it has one of its own.
#[derive(Debug, Clone)]
pub(super) struct Shared {
    pub(super) bytes: u64,
    /// The node that reads it last.
    pub(super) last: usize,
    /// The node that reads one of the others last, and the first that filled their buffer; none for an input.
    pub(super) others: usize,
    pub(super) owner: Option<usize>,
}

/// Memory for a tensor, and for those that are written over it.
#[derive(Debug, Clone)]
pub(super) struct Buffer {
    /// The same number for the same shape.
    pub(super) shape: u64,
    pub(super) bytes: u64,
    /// The node that reads it last.
    pub(super) last: usize,
    /// Whether it is a weight that is made of what is stored.
    pub(super) is_unpacked: bool,
}

/// Smaller buffers are of no weight.
const SMALL: u64 = 1 << 16;

impl Liveness {
    /// The most bytes ever held, weights aside.
    pub fn peak(&self) -> u64 {
        if !self.filled.iter().flatten().any(|buffer| buffer.is_unpacked) {
            return self.during.iter().copied().max().unwrap_or(0);
        }
        // Only of weights are the shapes known when the whole graph is loaded.
        let all = self.pieces_with(0, |buffer| buffer.is_unpacked).last().map_or(0, |held| held.most);
        all.saturating_sub(SESSION + self.weights.iter().sum::<u64>())
    }

    /// Bytes of weights that are made of others when the graph is loaded.
    pub fn made(&self) -> u64 {
        self.made
    }

    /// Bytes of all weights once they are loaded.
    pub fn weights(&self) -> u64 {
        self.weights.iter().sum()
    }
}

/// Whether a node makes a weight of a weight: ONNX Runtime does that when it loads a graph, of all of them, and
/// holds them to its end.
fn is_loaded<T>(node: &NodeProto, weights: &HashMap<&str, T>) -> bool {
    node.op_type == "Cast" && weights.contains_key(node.input[0].as_str()) && !node.name.starts_with(UNPACKS)
}

impl Document {
    /// What is held at each node, for a [bound](Document::bind) graph and its shapes.
    pub fn liveness(&self, shapes: &Shapes) -> Liveness {
        let weights: HashMap<&str, u64> =
            self.graph.initializer.iter().map(|tensor| (tensor.name.as_str(), tensor.bytes())).collect();
        let nodes = &self.graph.node;
        let bytes = |name: &str| shapes.get(name).map_or(0, Known::bytes);
        let widens: Vec<bool> = nodes.iter().map(|node| is_loaded(node, &weights)).collect();
        let mut last_read: HashMap<&str, usize> = HashMap::new();
        for (at, node) in nodes.iter().enumerate() {
            last_read.extend(reads(node).into_iter().map(|name| (name, at)));
        }
        last_read.extend(self.outputs().map(|name| (name, nodes.len())));
        // Buffers: a tensor that only renames another, or is written over it, has that one's.
        let mut buffer_of: HashMap<&str, usize> = HashMap::new();
        let mut buffers: Vec<(Option<usize>, u64, usize)> = Vec::new();
        for input in &self.graph.input {
            buffer_of.insert(&input.name, buffers.len());
            let last = last_read.get(input.name.as_str()).copied().unwrap_or(0);
            buffers.push((None, bytes(&input.name), last));
        }
        let mut written_over = vec![None; nodes.len()];
        let mut shared = vec![None; nodes.len()];
        let mut joined = vec![false; nodes.len()];
        for (at, node) in nodes.iter().enumerate() {
            if widens[at] {
                continue;
            }
            let place_of_first = answer(nodes, at, shapes);
            if place_of_first == Answer::Nowhere {
                joined[at] =
                    node.output.first().is_some_and(|name| last_read.get(name.as_str()) == Some(&(at + 1)));
            }
            if joined[at] {
                continue;
            }
            for (place, output) in node.output.iter().enumerate() {
                let last = last_read.get(output.as_str()).copied().unwrap_or(at);
                let size = bytes(output);
                let first = node.input.first().and_then(|input| buffer_of.get(input.as_str()).copied());
                let taken = match place_of_first {
                    Answer::Renamed if place == 0 => first,
                    Answer::Over if place == 0 => first.filter(|&buffer| {
                        let (owner, held, until) = buffers[buffer];
                        owner.is_some() && until == at && held == size
                    }),
                    _ => None,
                };
                match taken {
                    Some(buffer) => {
                        let (owner, _, others) = buffers[buffer];
                        shared[at] = Some(Shared { bytes: size, last, others, owner });
                        buffers[buffer].2 = others.max(last);
                        written_over[at] = (place_of_first == Answer::Over).then_some(buffer);
                        buffer_of.insert(output, buffer);
                    }
                    None => {
                        buffer_of.insert(output, buffers.len());
                        buffers.push((Some(at), size, last));
                    }
                }
            }
        }
        let count = nodes.len();
        let (mut held_from, mut answered) = (vec![0i64; count + 2], vec![0i64; count]);
        let mut lasts = vec![Vec::new(); count];
        for &(owner, size, until) in &buffers {
            if let Some(from) = owner {
                held_from[from] += size as i64;
                answered[from] += size as i64;
                held_from[until.max(from) + 1] -= size as i64;
            }
            if until < count {
                lasts[until].push((owner, size));
            }
        }
        let unpacked: Vec<bool> = (0..count).map(|at| self.unpacks(at, &weights)).collect();
        let buffer = |at: usize| {
            let (owner, bytes, last) = buffers[at];
            let owner = owner.filter(|_| bytes >= SMALL)?;
            let mut hasher = std::hash::DefaultHasher::new();
            (&shapes.get(nodes[owner].output.first()?)?.dims, bytes).hash(&mut hasher);
            let (shape, is_unpacked) = (hasher.finish(), unpacked[owner]);
            Some((owner, Buffer { shape, bytes, last, is_unpacked }))
        };
        let mut filled = vec![Vec::new(); count];
        for (owner, buffer) in (0..buffers.len()).filter_map(buffer) {
            filled[owner].push(buffer);
        }
        let written_over = written_over.into_iter().map(|at| at.and_then(buffer)).collect();
        let (mut during, mut before) = (Vec::with_capacity(count), Vec::with_capacity(count + 1));
        let mut reads_in_place = false;
        let mut made = 0;
        let (mut held, mut seen, mut loaded) = (0i64, HashSet::new(), Vec::with_capacity(count));
        for (at, proto) in nodes.iter().enumerate() {
            let node = Node::from(proto);
            held += held_from[at];
            before.push((held - answered[at]).max(0) as u64);
            during.push(held.max(0) as u64 + workspace(&node, shapes));
            reads_in_place |=
                node.is_ours && matches!(proto.op_type.as_str(), "Conv" | "MatMul" | "MatMulGeglu");
            let fresh = reads(proto).into_iter().filter(|name| seen.insert((*name).to_owned()));
            let stored: u64 = fresh.filter_map(|name| weights.get(name)).sum();
            let fresh = if widens[at] { bytes(&proto.output[0]) } else { 0 };
            made += fresh;
            loaded.push(stored + fresh);
        }
        held += held_from[count];
        before.push(held.max(0) as u64);
        let loads = widens.iter().zip(&unpacked).map(|(&widens, &unpacks)| widens || unpacks).collect();
        Liveness {
            during,
            before,
            lasts,
            weights: loaded,
            made,
            loads,
            reads_in_place,
            filled,
            written_over,
            shared,
            joined,
        }
    }

    fn unpacks(&self, at: usize, weights: &HashMap<&str, u64>) -> bool {
        let node = &self.graph.node[at];
        node.name.starts_with(UNPACKS)
            && matches!(node.op_type.as_str(), "DequantizeLinear" | "Cast")
            && node.input.first().is_some_and(|input| weights.contains_key(input.as_str()))
    }
}
