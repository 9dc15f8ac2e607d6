//! The type and shape of every tensor of a graph, once the lengths of its inputs are given.

mod arrange;
mod known;
mod rules;
mod window;

use std::collections::{BTreeMap, HashMap};

use super::{Document, Node, element::ElementType, fold, onnx::TensorProto};

pub use known::Known;

/// The lengths of each input's dimensions.
pub type Bindings = BTreeMap<String, Vec<u64>>;

/// Why a shape cannot be known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the shape of `{tensor}` cannot be known: {reason}")]
pub struct Unknown {
    /// The tensor.
    pub tensor: String,
    /// Why.
    pub reason: String,
}

/// Every tensor of a graph.
#[derive(Debug, Clone, Default)]
pub struct Shapes(HashMap<String, Known>);

impl Shapes {
    /// What is known of a tensor.
    pub fn get(&self, tensor: &str) -> Option<&Known> {
        self.0.get(tensor)
    }

    /// The lengths of a tensor's dimensions.
    pub fn dims(&self, tensor: &str) -> Option<&[u64]> {
        Some(&self.0.get(tensor)?.dims)
    }

    /// The numbers of a tensor, if they follow from the lengths of the inputs.
    pub fn numbers(&self, tensor: &str) -> Option<&[f64]> {
        self.0.get(tensor)?.numbers.as_deref()
    }
}

impl Document {
    /// The shapes of all tensors when the inputs have the lengths of `bound`. An input that is left out has
    /// its own lengths, if all of them are fixed.
    pub fn shapes(&self, bound: &Bindings) -> Result<Shapes, Unknown> {
        let mut shapes = Shapes(HashMap::with_capacity(self.graph.node.len()));
        for tensor in &self.graph.initializer {
            shapes.0.insert(tensor.name.clone(), Known::from(tensor));
        }
        for input in &self.graph.input {
            let unknown = |reason: &str| Unknown { tensor: input.name.clone(), reason: reason.into() };
            let port = super::Port::from(input);
            let own = port.dims.iter().copied().collect::<Option<Vec<_>>>();
            let dims = bound.get(&input.name).cloned().or(own);
            let dims = dims.ok_or_else(|| unknown("the length of this input is not given"))?;
            let fits = dims.len() == port.dims.len()
                && port.dims.iter().zip(&dims).all(|(own, given)| own.is_none_or(|own| own == *given));
            if !fits {
                return Err(unknown(&format!("it is given the shape {dims:?} and takes {:?}", port.dims)));
            }
            let element = input.element().ok_or_else(|| unknown("this input is no tensor"))?;
            shapes.0.insert(input.name.clone(), Known { element, dims, numbers: None });
        }
        for proto in &self.graph.node {
            let node = Node::from(proto);
            let of = |place: usize| -> Option<&Known> {
                shapes.0.get(node.inputs.get(place).filter(|name| !name.is_empty())?)
            };
            let unknown = |reason: String| Unknown {
                tensor: node.outputs.first().cloned().unwrap_or_default(),
                reason: format!("{} (`{}`) {reason}", node.kind, node.name),
            };
            if let Some(missing) =
                node.inputs.iter().find(|name| !name.is_empty() && !shapes.0.contains_key(*name))
            {
                return Err(unknown(format!("reads `{missing}`, which nothing before it answers")));
            }
            if !proto.attribute.iter().all(|attribute| attribute.g.is_none()) {
                return Err(unknown("holds a graph of its own".into()));
            }
            let answers = evaluate(&node, &of).map(|known| vec![known]);
            let answers = answers.or_else(|| rules::infer(&node, &of));
            let answers = answers.ok_or_else(|| {
                let given: Vec<_> = (0..node.inputs.len()).map(|i| of(i).map(|known| &known.dims)).collect();
                unknown(format!("has no rule here for {given:?}"))
            })?;
            shapes.0.extend(node.outputs.iter().cloned().zip(answers));
        }
        Ok(shapes)
    }
}

/// What a node answers, where it follows from what is known.
fn evaluate<'a>(node: &Node, of: &dyn Fn(usize) -> Option<&'a Known>) -> Option<Known> {
    let input = |place: usize| of(place)?.array();
    let first = of(0)?;
    let element = match node.kind.as_str() {
        "Shape" | "Size" => ElementType::I64,
        "Cast" => ElementType(i32::try_from(node.integer("to")?).ok()?),
        "ConstantOfShape" => node.tensor("value").map_or(ElementType::F32, |(element, _)| element),
        "Equal" | "Less" | "Greater" | "LessOrEqual" | "GreaterOrEqual" | "Not" | "And" | "Or" => {
            ElementType::BOOL
        }
        "Where" => of(1)?.element,
        _ => first.element,
    };
    let dims = |known: &Known| known.dims.iter().map(|&dim| dim as f64).collect::<Vec<_>>();
    let array = match node.kind.as_str() {
        "Shape" => {
            let all = dims(first);
            let rank = all.len() as i64;
            let place = |at: i64| (if at < 0 { at + rank } else { at }).clamp(0, rank) as usize;
            let (start, end) = (node.integer("start").unwrap_or(0), node.integer("end").unwrap_or(rank));
            ndarray::Array1::from(all[place(start)..place(end).max(place(start))].to_vec()).into_dyn()
        }
        "Size" => ndarray::ArrayD::from_elem(vec![], dims(first).iter().product()),
        _ => fold::compute(node, !first.element.is_float(), &input)
            .or_else(|| fold::rearrange(node, &input))?,
    };
    (array.len() <= fold::MOST).then_some(())?;
    // What is computed may have lost dimensions of length 1.
    let inferred = rules::infer(node, of).and_then(|mut answers| answers.pop());
    let inferred = inferred.filter(|known| known.elements() == array.len() as u64);
    Some(Known {
        element,
        dims: inferred
            .map_or_else(|| array.shape().iter().map(|&dim| dim as u64).collect(), |known| known.dims),
        numbers: Some(array.iter().map(|&x| rounded(x, element)).collect()),
    })
}

/// What a tensor of that type holds of `x`.
fn rounded(x: f64, element: ElementType) -> f64 {
    match element {
        ElementType::F64 => x,
        ElementType::F32 => f64::from(x as f32),
        ElementType::F16 => half::f16::from_f64(x).to_f64(),
        ElementType::BF16 => half::bf16::from_f64(x).to_f64(),
        ElementType::BOOL => f64::from(u8::from(x != 0.0)),
        _ => x.trunc(),
    }
}

impl From<&TensorProto> for Known {
    fn from(tensor: &TensorProto) -> Self {
        let few = tensor.elements() <= fold::MOST as u64;
        Self {
            element: tensor.element(),
            dims: tensor.dims.iter().map(|&dim| u64::try_from(dim).unwrap_or(0)).collect(),
            numbers: few.then(|| tensor.numbers()).flatten(),
        }
    }
}
