//! Which weights are kept smaller: the large ones, where a little less precision is not seen.

use std::collections::{HashMap, HashSet};

use super::super::{
    Document,
    document::reads,
    element::ElementType,
    index::Index,
    onnx::{NodeProto, TensorProto},
};

/// A weight of one product or convolution.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Chosen {
    /// The position of the node that reads it.
    pub(super) reader: usize,
    /// Its position among the constants.
    pub(super) weight: usize,
    /// Output channels.
    pub(super) rows: u64,
    /// Numbers of each.
    pub(super) width: u64,
    /// Whether it lies with the output channels last.
    pub(super) turned: bool,
    /// The type of the numbers that its reader takes.
    pub(super) element: ElementType,
}

impl Document {
    /// The weights of at least `least` numbers that may be kept smaller. What stays as it is:
    ///
    /// - norms, offsets and tables, which are no products;
    /// - the first and last convolution of a picture, and the last product: their error goes into every pixel;
    /// - the first two products on what comes in as a number or a row of numbers, such as the time step: their
    ///   error goes into every layer;
    /// - what several nodes read.
    pub(super) fn choose(&self, least: u64) -> Vec<Chosen> {
        let weights: HashMap<&str, usize> = self
            .graph
            .initializer
            .iter()
            .enumerate()
            .map(|(at, tensor)| (tensor.name.as_str(), at))
            .collect();
        let mut read: HashMap<&str, usize> = HashMap::new();
        for name in self.graph.node.iter().flat_map(reads) {
            *read.entry(name).or_default() += 1;
        }
        let index = Index::new(self);
        let before = self.products_before(&weights);
        let last = self.last_products();
        let mut chosen = Vec::new();
        for (at, node) in self.graph.node.iter().enumerate() {
            let Some(name) = node.input.get(1).filter(|_| is_product(node)) else { continue };
            // Some files hold half of the bits and a cast.
            let cast = index.source(self, name, "Cast").filter(|_| read[name.as_str()] == 1);
            let element = cast.and_then(|cast| super::super::Node::from(cast).integer("to"));
            let name = cast.map_or(name, |cast| &cast.input[0]);
            let Some(&weight) = weights.get(name.as_str()).filter(|_| read[name.as_str()] == 1) else {
                continue;
            };
            let tensor = &self.graph.initializer[weight];
            let element = element.map_or(tensor.element(), |to| ElementType(to as i32));
            let fits = tensor.elements() >= least
                && matches!(element, ElementType::F32 | ElementType::F16 | ElementType::BF16)
                && matches!(tensor.element(), ElementType::F32 | ElementType::F16 | ElementType::BF16);
            let first = match before.get(node.input[0].as_str()) {
                Some(Before { products, row: true }) => *products < 2,
                Some(Before { products, .. }) => node.op_type == "Conv" && *products == 0,
                None => true,
            };
            if !fits || first || last.contains(&at) {
                continue;
            }
            let flipped = super::super::Node::from(node).integer("transB") == Some(1);
            let dims: Vec<u64> = tensor.dims.iter().map(|&dim| u64::try_from(dim).unwrap_or(0)).collect();
            let (rows, width, turned) = match (node.op_type.as_str(), &dims[..]) {
                ("Conv", [rows, rest @ ..]) if !rest.is_empty() => (*rows, rest.iter().product(), false),
                ("Gemm", &[rows, width]) if flipped => (rows, width, false),
                ("MatMul" | "Gemm", &[width, rows]) => (rows, width, true),
                _ => continue,
            };
            chosen.push(Chosen { reader: at, weight, rows, width, turned, element });
        }
        chosen
    }

    /// For each tensor that is made of inputs: how many products lie before it, at most, and whether it is
    /// made of numbers and rows of numbers alone.
    fn products_before(&self, weights: &HashMap<&str, usize>) -> HashMap<&str, Before> {
        let mut before: HashMap<&str, Before> = HashMap::new();
        for input in &self.graph.input {
            let row = super::super::Port::from(input).dims.len() <= 2;
            before.insert(&input.name, Before { products: 0, row });
        }
        for node in &self.graph.node {
            let known = reads(node).into_iter().filter_map(|name| before.get(name));
            let joined = known
                .copied()
                .reduce(|a, b| Before { products: a.products.max(b.products), row: a.row && b.row });
            let Some(mut joined) = joined else { continue };
            joined.products += u32::from(is_product(node));
            // Words become rows of numbers by looking them up.
            joined.row &= !(node.op_type == "Gather" && weights.contains_key(node.input[0].as_str()));
            before.extend(node.output.iter().map(|name| (name.as_str(), joined)));
        }
        before
    }

    /// The products after which none comes.
    fn last_products(&self) -> HashSet<usize> {
        let mut open: HashSet<&str> = self.outputs().collect();
        let mut last = HashSet::new();
        for (at, node) in self.graph.node.iter().enumerate().rev() {
            if !node.output.iter().any(|name| open.contains(name.as_str())) {
                continue;
            }
            match is_product(node) {
                true => drop(last.insert(at)),
                false => open.extend(reads(node)),
            }
        }
        // Where many reach the answer by themselves, as the layers of a text encoder do, none of them is its last.
        if last.len() > 1 { HashSet::new() } else { last }
    }
}

/// What lies between the inputs and a tensor.
#[derive(Debug, Clone, Copy)]
struct Before {
    products: u32,
    row: bool,
}

fn is_product(node: &NodeProto) -> bool {
    matches!(node.op_type.as_str(), "MatMul" | "Gemm" | "Conv") && node.domain.is_empty()
}

impl TensorProto {
    /// The file it lies in, if it lies beside the ONNX file.
    pub(super) fn location(&self) -> Option<&str> {
        let entry = self.external_data.iter().find(|entry| entry.key == "location")?;
        (self.data_location == 1).then_some(entry.value.as_str())
    }
}
