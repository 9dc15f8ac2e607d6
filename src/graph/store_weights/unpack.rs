//! Stored weights that are unpacked just before they are needed, a portion at a time.

use std::collections::HashSet;

use super::{
    super::{
        Document, Node,
        document::{node, reads},
        element::ElementType,
        index::Index,
        onnx::{NodeProto, TensorProto},
    },
    place::UNPACKS,
};

/// The most numbers that are unpacked at once: 16 MiB of 32-bit floats.
const PORTION: u64 = 1 << 22;
/// Output channels of a portion are a multiple of this, so that matrix products go well.
const CHANNELS: u64 = 16;

/// The nodes between a stored weight and its reader.
#[derive(Debug, Default)]
struct Chain {
    /// `DequantizeLinear` or `Cast`.
    first: usize,
    reshape: Option<usize>,
    cast: Option<usize>,
    transpose: Option<usize>,
    reader: usize,
}

impl Document {
    /// Lets each product and convolution of a stored weight be several, of a part of the output channels each,
    /// so that no more than a portion of the weight is unpacked at any time.
    ///
    /// The answers are the same: each channel is summed as before.
    pub fn unpack_in_portions(&mut self) {
        self.unpack_in_portions_of(PORTION);
    }

    /// The same with portions of another count of numbers.
    pub fn unpack_in_portions_of(&mut self, portion: u64) {
        let index = Index::new(self);
        let mut nodes: Vec<Vec<NodeProto>> = self.graph.node.iter().map(|node| vec![node.clone()]).collect();
        let mut tensors = Vec::new();
        for at in 0..self.graph.node.len() {
            let Some(chain) = self.chain(&index, at) else { continue };
            let Some(made) = self.portions(&chain, portion, &mut tensors) else { continue };
            let gone = [Some(chain.first), chain.reshape, chain.cast, chain.transpose];
            gone.into_iter().flatten().for_each(|at| nodes[at].clear());
            nodes[chain.reader] = made;
        }
        if tensors.is_empty() {
            return;
        }
        self.graph.node = nodes.into_iter().flatten().collect();
        self.graph.initializer.extend(tensors);
        self.import_contrib();
        self.sweep();
    }

    fn chain(&self, index: &Index, at: usize) -> Option<Chain> {
        let first = &self.graph.node[at];
        let unpacks = |node: &NodeProto| node.name.starts_with(UNPACKS);
        let from_weight = index.answered_by(&first.input[0]).is_none();
        (unpacks(first) && from_weight && self.storage().is_some()).then_some(())?;
        let mut chain = Chain { first: at, ..Chain::default() };
        let mut tensor = &first.output[0];
        loop {
            let next = index.only_reader(tensor)?;
            let node = &self.graph.node[next];
            if !unpacks(node) {
                chain.reader = next;
                return (node.input.get(1) == Some(tensor)).then_some(chain);
            }
            match node.op_type.as_str() {
                "Reshape" => chain.reshape = Some(next),
                "Cast" => chain.cast = Some(next),
                "Transpose" => chain.transpose = Some(next),
                _ => return None,
            }
            tensor = &node.output[0];
        }
    }

    /// The nodes that do what the chain and its reader did.
    fn portions(
        &self,
        chain: &Chain,
        portion: u64,
        tensors: &mut Vec<TensorProto>,
    ) -> Option<Vec<NodeProto>> {
        let graph = &self.graph;
        let (first, reader) = (&graph.node[chain.first], &graph.node[chain.reader]);
        let is_by_rows = match reader.op_type.as_str() {
            "Conv" => true,
            "Gemm" => Node::from(reader).integer("transB") == Some(1),
            _ => chain.transpose.is_some(),
        };
        is_by_rows.then_some(())?;
        let weight = |name: &str| graph.initializer.iter().find(|tensor| tensor.name == name);
        let packed = weight(&first.input[0])?;
        let scale =
            first.input.get(1).map(|name| weight(name)).map_or(Some(None), |found| found.map(Some))?;
        let dims = match chain.reshape {
            Some(at) => weight(&graph.node[at].input[1])?.numbers()?.iter().map(|&x| x as i64).collect(),
            None => packed.dims.clone(),
        };
        let rows = u64::try_from(*dims.first()?).ok()?;
        let width = packed.elements() / rows.max(1);
        let grouped = Node::from(reader).integer("group").is_some_and(|groups| groups > 1);
        let most = if grouped { rows } else { (portion / width.max(1)).max(1) };
        let each = rows.div_ceil(rows.div_ceil(most)).next_multiple_of(CHANNELS).min(rows);
        let count = rows.div_ceil(each);
        let to = chain.cast.and_then(|at| Node::from(&graph.node[at]).integer("to"));
        let to = to.filter(|&to| to != i64::from(ElementType::F32.0));
        let (mut nodes, mut answers) = (Vec::new(), Vec::new());
        for number in 0..count {
            let (from, until) = (number * each, ((number + 1) * each).min(rows));
            let name = |what: &str| format!("{}.{what}.{number}", packed.name);
            let mut part = |tensor: &TensorProto| {
                let part = rows_of(tensor, rows, (from, until), &format!("{}.{number}", tensor.name))?;
                tensors.push(part.clone());
                Some(part.name)
            };
            let mut inputs = vec![part(packed)?];
            if let Some(scale) = scale {
                inputs.push(part(scale)?);
            }
            let mut last = name("unpacked");
            let mut unpack = first.clone();
            (unpack.name, unpack.input, unpack.output) =
                (format!("{UNPACKS}{}.{number}", packed.name), inputs, vec![last.clone()]);
            nodes.push(unpack);
            if chain.reshape.is_some() {
                let (shape, shaped) = (name("shape"), name("shaped"));
                let dims: Vec<i64> =
                    [(until - from) as i64].into_iter().chain(dims[1..].iter().copied()).collect();
                tensors.push(TensorProto::integers(&shape, &[dims.len() as i64], &dims));
                nodes.push(node("Reshape", &shaped, &[&last, &shape], &[&shaped]));
                last = shaped;
            }
            if let Some(to) = to {
                let cast = name("cast");
                nodes.push(node("Cast", &cast, &[&last], &[&cast]).with_integer("to", to));
                last = cast;
            }
            let mut product = match chain.transpose {
                // Reads the weight as it lies, with the output channels first.
                Some(_) => node("FusedMatMul", "", &[&reader.input[0], ""], &[""])
                    .contrib()
                    .with_integer("transB", 1),
                None => reader.clone(),
            };
            product.name = name("product");
            product.input[1] = last;
            product.output = vec![if count > 1 { name("answer") } else { reader.output[0].clone() }];
            if let Some(offset) = product.input.get_mut(2).filter(|offset| !offset.is_empty() && count > 1) {
                let (begin, end, own) = (name("begin"), name("end"), name("offset"));
                tensors.push(TensorProto::integers(&begin, &[1], &[from as i64]));
                tensors.push(TensorProto::integers(&end, &[1], &[until as i64]));
                tensors.push(TensorProto::integers(&name("axis"), &[1], &[-1]));
                nodes.push(node("Slice", &own, &[offset, &begin, &end, &name("axis")], &[&own]));
                *offset = own;
            }
            answers.extend(product.output.iter().cloned());
            nodes.push(product);
        }
        if count > 1 {
            let axis = if reader.op_type == "Conv" { 1 } else { -1 };
            let answers: Vec<&str> = answers.iter().map(String::as_str).collect();
            let name = format!("{}.joined", packed.name);
            nodes.push(node("Concat", &name, &answers, &[&reader.output[0]]).with_integer("axis", axis));
        }
        Some(nodes)
    }

    /// Puts what is made of weights alone before everything else, whereby ONNX Runtime unpacks each weight just
    /// before it is read.
    ///
    /// It runs a graph backwards from its outputs: before a node, what answers its inputs, the input whose node
    /// comes later in the file first (`Graph::ReverseDFSFrom` with `NodeCompare`). So what a product computes
    /// with is computed first if its node comes after the one that unpacks the weight; else all weights are
    /// unpacked before the first product.
    pub fn unpack_in_turn(&mut self) {
        let mut weights: HashSet<String> =
            self.graph.initializer.iter().map(|tensor| tensor.name.clone()).collect();
        let (mut first, mut then) = (Vec::new(), Vec::new());
        for node in std::mem::take(&mut self.graph.node) {
            let read = reads(&node);
            if !read.is_empty() && read.into_iter().all(|name| weights.contains(name)) {
                weights.extend(node.output.iter().cloned());
                first.push(node);
            } else {
                then.push(node);
            }
        }
        first.append(&mut then);
        self.graph.node = first;
    }
}

/// Rows `from..until` of a tensor of `rows`, which may be of several lines each.
fn rows_of(tensor: &TensorProto, rows: u64, (from, until): (u64, u64), name: &str) -> Option<TensorProto> {
    let lines = u64::try_from(*tensor.dims.first()?).ok()? / rows;
    let bytes = tensor.bytes() / rows;
    let mut part = tensor.clone();
    part.name = name.into();
    part.dims[0] = ((until - from) * lines) as i64;
    part.lie_beside(tensor.location()?, tensor.place()?.offset + from * bytes);
    Some(part)
}
