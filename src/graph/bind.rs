//! A graph for one size: what only computes shapes becomes constant.

use super::{
    Bindings, Document, Error, Shapes,
    onnx::{TensorProto, ValueInfoProto},
    tensor::encode,
};

impl Document {
    /// The same graph for inputs of just these lengths, and the shapes of all its tensors.
    pub fn bind(&self, bound: &Bindings) -> Result<(Self, Shapes), Error> {
        let shapes = self.shapes(bound)?;
        let mut fixed = self.clone();
        let mut constants = Vec::new();
        fixed.graph.node.retain(|node| {
            let [output] = &node.output[..] else { return true };
            let constant = shapes.get(output).and_then(|known| {
                let raw = encode(known.element, known.numbers.as_ref()?)?;
                let dims: Vec<i64> = known.dims.iter().map(|&dim| dim as i64).collect();
                Some(TensorProto::raw(output, known.element, &dims, raw))
            });
            let is_output = self.graph.output.iter().any(|port| port.name == *output);
            let replaced = constant.is_some() && !is_output;
            constants.extend(constant.filter(|_| replaced));
            !replaced
        });
        fixed.graph.initializer.extend(constants);
        fixed.sweep();
        for port in fixed.graph.input.iter_mut().chain(&mut fixed.graph.output) {
            if let Some(known) = shapes.get(&port.name) {
                *port = ValueInfoProto::fixed(&port.name, known.element, &known.dims);
            }
        }
        Ok((fixed, shapes))
    }
}
