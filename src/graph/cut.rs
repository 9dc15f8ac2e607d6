//! A graph in pieces that run one after the other, so that only one piece's weights are in memory.

use std::collections::{HashMap, HashSet};

use super::{
    Document, Liveness, Shapes,
    document::reads,
    liveness::{Buffer, Shared},
    onnx::ValueInfoProto,
};

/// Bytes a session takes beside weights and activations: its graph, its kernels.
pub(super) const SESSION: u64 = 1 << 20;

/// One piece of a graph.
#[derive(Debug, Clone)]
pub struct Piece {
    /// What it runs.
    pub document: Document,
    /// What it reads of the graph's inputs and of what pieces before it answered.
    pub inputs: Vec<String>,
    /// What it answers for pieces after it, and of the graph's outputs.
    pub outputs: Vec<String>,
}

impl Liveness {
    /// Where to cut, the first node of each piece: into pieces that hold at most `limit` bytes each, where that can be done; else as little as can
    /// be. Of all ways to do so, the one that hands over the fewest bytes is taken, a session counting as much
    /// as 16 MiB.
    pub fn cuts(&self, limit: u64) -> Vec<usize> {
        self.cuts_at_price(limit, 16 << 20)
    }

    /// The same with another price of a session, in bytes handed over.
    pub fn cuts_at_price(&self, limit: u64, session: u64) -> Vec<usize> {
        let limit = limit.max(self.least());
        let count = self.during.len();
        let mut best: Vec<Option<(u64, usize)>> = vec![None; count + 1];
        best[0] = Some((0, 0));
        for from in 0..count {
            let Some((price, _)) = best[from] else { continue };
            for Held { until, most, handing_over } in self.pieces_from(from) {
                if most > limit {
                    break;
                }
                if handing_over > limit {
                    continue;
                }
                let price = price + self.before[until] + session;
                if best[until].is_none_or(|(best, _)| price < best) {
                    best[until] = Some((price, from));
                }
            }
        }
        let mut at = Vec::new();
        let mut until = count;
        while until > 0 {
            let from = best[until].map_or(0, |(_, from)| from);
            at.push(from);
            until = from;
        }
        at.reverse();
        at
    }

    /// The fewest bytes that some way to cut holds at most.
    pub fn least(&self) -> u64 {
        let count = self.during.len();
        let mut least = vec![u64::MAX; count + 1];
        least[0] = 0;
        for from in 0..count {
            if least[from] == u64::MAX {
                continue;
            }
            for Held { until, most, handing_over } in self.pieces_from(from) {
                least[until] = least[until].min(handing_over.max(least[from]));
                // A longer piece only holds more than one that is too large already.
                if most.max(least[from]) > least[count] {
                    break;
                }
            }
        }
        least[count]
    }

    /// The pieces that begin at node `from`. What a piece is given stays until its end, and so do its weights.
    pub(super) fn pieces_from(&self, from: usize) -> impl Iterator<Item = Held> {
        self.pieces_with(from, |_| true)
    }

    /// The same where buffers that are `known` are used again.
    ///
    /// ONNX Runtime plans ahead: a buffer that will be filled again by a tensor of the same shape is not given back
    /// meanwhile (`PlannerImpl::FindReusableTensor`; it takes the one that was read last). It can do so as far as it
    /// knows the shapes when the graph is loaded.
    pub(super) fn pieces_with(
        &self,
        from: usize,
        known: impl Fn(&Buffer) -> bool,
    ) -> impl Iterator<Item = Held> {
        let (mut weights, mut given, mut held) = (0, 0, 0);
        let (mut so_far, mut lying): (Vec<u64>, HashMap<u64, Vec<usize>>) = (Vec::new(), HashMap::new());
        let mut copies: Vec<(usize, &Buffer)> = Vec::new();
        let mut shared: Vec<(usize, &Shared)> = Vec::new();
        let count = self.during.len();
        let pieces = (from..count).map(move |at| {
            weights += self.weights[at];
            // What a piece is given it does not write over.
            if let Some((owner, buffer)) = self.written_over[at].as_ref().filter(|(owner, _)| *owner < from)
                && !copies.iter().any(|(other, _)| other == owner)
            {
                copies.push((*owner, buffer));
            }
            copies.retain(|(_, buffer)| buffer.last >= at);
            let copied: u64 = copies.iter().map(|(_, buffer)| buffer.bytes).sum();
            so_far.push(self.during[at] + given + copied);
            for buffer in self.filled[at].iter().filter(|buffer| known(buffer)) {
                let lasts = lying.entry(buffer.shape).or_default();
                let free =
                    (0..lasts.len()).filter(|&place| lasts[place] < at).max_by_key(|&place| lasts[place]);
                if let Some(last) = free.map(|place| lasts.swap_remove(place)) {
                    for idle in last + 1..at {
                        so_far[idle - from] += buffer.bytes;
                        held = held.max(so_far[idle - from]);
                    }
                }
                lasts.push(buffer.last);
            }
            held = held.max(so_far[at - from]);
            let earlier = |(owner, bytes): &(Option<usize>, u64)| {
                owner.is_some_and(|owner| owner < from).then_some(*bytes)
            };
            given += self.lasts[at].iter().filter_map(earlier).sum::<u64>();
            let until = at + 1;
            shared.extend(self.shared[at].as_ref().map(|shared| (at, shared)));
            shared.retain(|(_, shared)| shared.last >= until);
            // What is handed over lies in memory of its own, beside what it would share while that is read.
            let apart = shared.iter().map(|(made, shared)| {
                let is_given = shared.owner.is_none_or(|owner| owner < from);
                let beside = if is_given { at } else { shared.others.clamp(*made, at) };
                so_far[made - from..=beside - from].iter().max().map_or(0, |most| most + shared.bytes)
            });
            let handing_over = apart.fold(held, u64::max);
            // Nor is it handed over twice, under two names.
            let is_one = until == count || shared.iter().all(|(_, shared)| shared.others < until);
            let [most, handing_over] = [held, handing_over].map(|held| weights + held + SESSION);
            is_one.then_some(Held { until, most, handing_over })
        });
        // What is made of a weight is not handed over, nor what is never made: its reader is in the same piece.
        pieces.flatten().filter(|held| !self.loads[held.until - 1] && !self.joined[held.until - 1])
    }
}

/// What a piece holds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Held {
    /// The node after it.
    pub(super) until: usize,
    /// The most bytes while it runs; more, the longer it is.
    pub(super) most: u64,
    /// The same with copies of what it hands over.
    pub(super) handing_over: u64,
}

impl Document {
    /// The pieces that begin at these nodes, of a [bound](Document::bind) graph and its shapes.
    pub fn pieces(&self, shapes: &Shapes, starts: &[usize]) -> Vec<Piece> {
        let ends = starts.iter().skip(1).copied().chain([self.graph.node.len()]);
        let mut last_read: HashMap<&str, usize> = HashMap::new();
        for (at, node) in self.graph.node.iter().enumerate() {
            last_read.extend(reads(node).into_iter().map(|name| (name, at)));
        }
        last_read.extend(self.outputs().map(|name| (name, usize::MAX)));
        let weights: HashMap<&str, _> =
            self.graph.initializer.iter().map(|tensor| (tensor.name.as_str(), tensor)).collect();
        starts
            .iter()
            .zip(ends)
            .enumerate()
            .map(|(number, (&from, until))| {
                let nodes = &self.graph.node[from..until];
                let mut own: HashSet<&str> = HashSet::new();
                let (mut inputs, mut taken, mut outputs) = (Vec::new(), Vec::new(), Vec::new());
                let mut seen = HashSet::new();
                for node in nodes {
                    for name in reads(node) {
                        if own.contains(name) || !seen.insert(name) {
                            continue;
                        }
                        match weights.get(name) {
                            Some(tensor) => taken.push((*tensor).clone()),
                            None => inputs.push(name.to_owned()),
                        }
                    }
                    own.extend(node.output.iter().map(String::as_str));
                }
                for name in nodes.iter().flat_map(|node| &node.output) {
                    if last_read.get(name.as_str()).is_some_and(|&last| last >= until) {
                        outputs.push(name.clone());
                    }
                }
                let port = |name: &String| match shapes.get(name) {
                    Some(known) => ValueInfoProto::fixed(name, known.element, &known.dims),
                    None => ValueInfoProto { name: name.clone(), r#type: None },
                };
                let mut document = Self {
                    frame: self.frame.clone(),
                    graph: super::onnx::GraphProto {
                        node: nodes.to_vec(),
                        name: format!("{}.{number}", self.graph.name),
                        initializer: taken,
                        input: inputs.iter().map(port).collect(),
                        output: outputs.iter().map(port).collect(),
                        sparse_initializer: Vec::new(),
                    },
                    folder: self.folder.clone(),
                };
                document.frame.graph = None;
                Piece { document, inputs, outputs }
            })
            .collect()
    }
}
