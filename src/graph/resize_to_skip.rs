//! Sizes that a traced UNet refuses.
//!
//! On its way down a UNet halves an odd side and rounds up; on its way up a traced one doubles blindly, and no
//! longer fits what it kept on the way down. diffusers asks what was kept for its size and enlarges to that
//! (`forward_upsample_size` in `UNet2DConditionModel.forward`); so does the graph after this pass.

use super::{
    Document, Shapes,
    document::node,
    index::Index,
    onnx::{NodeProto, TensorProto},
};

impl Document {
    /// Lets every `Resize` whose answer is put beside a tensor from the way down take that tensor's size;
    /// answers how many do. `shapes` are of this graph at lengths it can do.
    pub fn resize_to_skip(&mut self, shapes: &Shapes) -> usize {
        let index = Index::new(self);
        let mut changed = Vec::new();
        for (at, resize) in self.graph.node.iter().enumerate() {
            let is_plain = resize.op_type == "Resize"
                && shapes.dims(&resize.output[0]).is_some_and(|dims| dims.len() == 4);
            if !is_plain {
                continue;
            }
            if let Some(skip) = self.put_beside(shapes, &index, at) {
                changed.push((at, skip));
            }
        }
        if changed.is_empty() {
            return 0;
        }
        let constant =
            |name: &str, numbers: &[i64]| TensorProto::integers(name, &[numbers.len() as i64], numbers);
        self.graph.initializer.extend([
            constant("resize_to_skip.0", &[0]),
            constant("resize_to_skip.2", &[2]),
            constant("resize_to_skip.4", &[4]),
        ]);
        let count = changed.len();
        for (at, skip) in changed.into_iter().rev() {
            let resize = self.graph.node[at].clone();
            self.graph.node.splice(at..=at, to_size_of(&skip, resize));
        }
        self.sweep();
        count
    }

    /// The tensor that the answer of the `Resize` at `at` is put beside, after operators that keep its
    /// size.
    fn put_beside(&self, shapes: &Shapes, index: &Index, at: usize) -> Option<String> {
        let mut tensor = self.graph.node[at].output[0].clone();
        let sides = shapes.dims(&tensor)?[2..].to_vec();
        loop {
            let reader = &self.graph.node[index.only_reader(&tensor)?];
            match reader.op_type.as_str() {
                "Concat" => {
                    (super::Node::from(reader).integer("axis") == Some(1)).then_some(())?;
                    let mut others = reader.input.iter().filter(|name| **name != tensor);
                    let other = others.next()?;
                    // What was kept must be known before the picture is enlarged.
                    let before = index.answered_by(other).is_some_and(|other| other < at);
                    return (others.next().is_none() && before).then(|| other.clone());
                }
                _ => {
                    tensor = reader.output[0].clone();
                    (shapes.dims(&tensor)?.get(2..)? == sides).then_some(())?;
                }
            }
        }
    }
}

/// A `Resize` to the sides of `skip`, with what computes them before it.
fn to_size_of(skip: &str, mut resize: NodeProto) -> Vec<NodeProto> {
    let name = |what: &str| format!("{}.{what}", resize.output[0]);
    let (own, kept) = (name("own_shape"), name("skip_shape"));
    let (front, sides, sizes) = (name("front"), name("sides"), name("sizes"));
    let [zero, two, four] = ["resize_to_skip.0", "resize_to_skip.2", "resize_to_skip.4"];
    let before = vec![
        node("Shape", &own, &[&resize.input[0]], &[&own]),
        node("Shape", &kept, &[skip], &[&kept]),
        node("Slice", &front, &[&own, zero, two], &[&front]),
        node("Slice", &sides, &[&kept, two, four], &[&sides]),
        node("Concat", &sizes, &[&front, &sides], &[&sizes]).with_integer("axis", 0),
    ];
    resize.input = vec![resize.input[0].clone(), String::new(), String::new(), sizes];
    before.into_iter().chain([resize]).collect()
}
