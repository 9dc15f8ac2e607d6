//! Operators that answer what they are given are left out.
//!
//! Exports divide by a scale of one and cast to the type that is there already. ONNX Runtime leaves them out as well,
//! but inside of one piece only, and what is planned with them is not what runs.

use std::collections::{HashMap, HashSet};

use super::{Document, Node, Shapes};

impl Document {
    /// Leaves out divisions and products by one, sums with nothing, and casts to the same type; answers how many.
    /// `shapes` are of this graph at any lengths.
    pub fn drop_idle(&mut self, shapes: &Shapes) -> usize {
        let constants: HashSet<String> =
            self.graph.initializer.iter().map(|weight| weight.name.clone()).collect();
        let outputs: HashSet<String> = self.outputs().map(str::to_owned).collect();
        let mut same: HashMap<String, String> = HashMap::new();
        for proto in &self.graph.node {
            let node = Node::from(proto);
            let Some(output) = node.outputs.first().filter(|name| !outputs.contains(*name)) else { continue };
            if let Some(input) = idle(&node, shapes, &constants).filter(|input| !constants.contains(*input)) {
                let first = same.get(input).unwrap_or(input).clone();
                same.insert(output.clone(), first);
            }
        }
        for name in self.graph.node.iter_mut().flat_map(|node| &mut node.input) {
            if let Some(first) = same.get(name.as_str()) {
                name.clone_from(first);
            }
        }
        if !same.is_empty() {
            self.sweep();
        }
        same.len()
    }
}

/// The input that the node answers as it is.
fn idle<'a>(node: &'a Node, shapes: &Shapes, constants: &HashSet<String>) -> Option<&'a String> {
    let output = shapes.get(node.outputs.first()?)?;
    let is =
        |name: &String, number: f64| constants.contains(name) && shapes.numbers(name) == Some(&[number][..]);
    let is_as = |name: &&String| {
        shapes.get(name).is_some_and(|known| (known.element, &known.dims) == (output.element, &output.dims))
    };
    let input = match (node.kind.as_str(), &node.inputs[..]) {
        ("Cast", [x]) => x,
        ("Div", [x, one]) if is(one, 1.0) => x,
        ("Mul", [x, one]) if is(one, 1.0) => x,
        ("Mul", [one, x]) if is(one, 1.0) => x,
        ("Sub", [x, nothing]) if is(nothing, 0.0) => x,
        ("Add", [x, nothing]) if is(nothing, 0.0) => x,
        ("Add", [nothing, x]) if is(nothing, 0.0) => x,
        _ => return None,
    };
    Some(input).filter(is_as)
}
