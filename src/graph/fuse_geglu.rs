//! GEGLU as one operator, which never holds copies of its halves.
//!
//! An export writes it as two slices, a division, an error function, a sum and three products: eight tensors of half
//! the length of what it reads, three of them at the same time.

use std::f64::consts::SQRT_2;

use super::{Document, ElementType, Node, Shapes, document::node, index::Index};

impl Document {
    /// Hands products of the first half of each row with GELU of the second to the operator `Geglu` of `domain`, those
    /// of as many numbers as `pays` answers yes to; answers how many. `shapes` are of this graph at the lengths it will be
    /// run with, or near them.
    pub fn fuse_geglu(&mut self, shapes: &Shapes, domain: &str, pays: impl Fn(usize) -> bool) -> usize {
        let index = Index::new(self);
        let halves = (0..self.graph.node.len())
            .filter_map(|at| Some((at, self.halves_of(&index, shapes, at)?)))
            .filter(|(at, _)| {
                shapes
                    .get(&self.graph.node[*at].output[0])
                    .is_some_and(|known| pays(known.elements() as usize))
            });
        let found: Vec<(usize, String)> = halves.collect();
        for (count, (at, halves)) in found.iter().enumerate() {
            let name = format!("fused_geglu.{count}");
            let product = &mut self.graph.node[*at];
            let mut fused = node("Geglu", &name, &[halves], &[&product.output[0]]);
            fused.domain = domain.to_owned();
            *product = fused;
        }
        if !found.is_empty() {
            self.import(domain);
            self.sweep();
        }
        found.len()
    }

    /// The tensor whose halves the product at `at` is of, one of them through GELU.
    fn halves_of(&self, index: &Index, shapes: &Shapes, at: usize) -> Option<String> {
        let product = &self.graph.node[at];
        (product.op_type == "Mul" && product.domain.is_empty()).then_some(())?;
        (shapes.get(&product.output[0])?.element == ElementType::F32).then_some(())?;
        let mut factors = Factors { number: 1.0, tensors: Vec::new() };
        self.factors(index, shapes, &product.input, &mut factors);
        let (first, gate) = match &factors.tensors[..] {
            [one, other] => {
                let gate = |tensor: &str| self.whole_gelu(index, tensor);
                let (first, gate) = match (gate(one), gate(other)) {
                    (None, Some(gate)) => (one, gate),
                    (Some(gate), None) => (other, gate),
                    _ => return None,
                };
                (factors.number == 1.0).then_some((first, gate))?
            }
            // GELU in its own factors: x times one and the error function, and a half.
            tensors @ [_, _, _] => {
                let read = tensors
                    .iter()
                    .find_map(|tensor| Some((tensor, self.in_error_function(index, shapes, tensor)?)));
                let (sum, gate) = read?;
                let mut others = tensors.iter().filter(|tensor| *tensor != sum && **tensor != gate);
                let first = others.next()?;
                let is_half = others.next().is_none() && (factors.number - 0.5).abs() < 1e-6;
                (is_half && tensors.contains(&gate)).then_some((first, gate))?
            }
            _ => return None,
        };
        let (whole, start) = self.half(index, shapes, first)?;
        let (same, middle) = self.half(index, shapes, &gate)?;
        (whole == same && start == 0 && middle > 0).then_some(whole)
    }

    /// Gathers what `inputs` are products of.
    fn factors(&self, index: &Index, shapes: &Shapes, inputs: &[String], factors: &mut Factors) {
        for input in inputs {
            let number = shapes.get(input).filter(|known| known.elements() == 1);
            if let Some(&[number]) = number.and_then(|known| known.numbers.as_deref()) {
                factors.number *= number;
                continue;
            }
            match index.source(self, input, "Mul").filter(|_| index.only_reader(input).is_some()) {
                Some(product) => self.factors(index, shapes, &product.input, factors),
                None => factors.tensors.push(input.clone()),
            }
        }
    }

    /// What `tensor` is GELU of, by one operator.
    fn whole_gelu(&self, index: &Index, tensor: &str) -> Option<String> {
        let gelu = index.source(self, tensor, "Gelu")?;
        let is_exact = matches!(Node::from(gelu).text("approximate"), None | Some("none"));
        is_exact.then(|| gelu.input[0].clone())
    }

    /// The x of `1 + erf(x / √2)`.
    fn in_error_function(&self, index: &Index, shapes: &Shapes, tensor: &str) -> Option<String> {
        let number = |tensor: &str| match shapes.get(tensor)?.numbers.as_deref()? {
            &[number] => Some(number),
            _ => None,
        };
        let sum = index.source(self, tensor, "Add")?;
        let (one, function) = match (number(&sum.input[0]), number(&sum.input[1])) {
            (Some(one), None) => (one, &sum.input[1]),
            (None, Some(one)) => (one, &sum.input[0]),
            _ => return None,
        };
        let inner = &index.source(self, function, "Erf")?.input[0];
        let scaled = &self.graph.node[index.answered_by(inner)?];
        let (by, x) = match (scaled.op_type.as_str(), &scaled.input[..]) {
            ("Div", [x, by]) => (1.0 / number(by)?, x),
            ("Mul", [x, by]) => match (number(x), number(by)) {
                (Some(by), None) => (by, &scaled.input[1]),
                (None, Some(by)) => (by, x),
                _ => return None,
            },
            _ => return None,
        };
        // In 16 bits, the root is rounded so far.
        (one == 1.0 && (by * SQRT_2 - 1.0).abs() < 5e-4).then(|| x.clone())
    }

    /// The tensor that `tensor` is one half of along its last axis, and where that begins.
    fn half(&self, index: &Index, shapes: &Shapes, tensor: &str) -> Option<(String, u64)> {
        let at = index.answered_by(tensor)?;
        let seen = Node::from(&self.graph.node[at]);
        let (from, half) = (shapes.dims(seen.inputs.first()?)?, shapes.dims(tensor)?);
        let last = from.len().checked_sub(1)?;
        (half.len() == from.len() && half[..last] == from[..last] && 2 * half[last] == from[last])
            .then_some(())?;
        let is_last = |axis: i64| axis == -1 || axis == last as i64;
        let start = match seen.kind.as_str() {
            "Split" => {
                is_last(seen.integer("axis").unwrap_or(0)).then_some(())?;
                let place = seen.outputs.iter().position(|output| output == tensor)? as u64;
                place * half[last]
            }
            "Slice" => {
                let number = |place: usize| match shapes.numbers(seen.inputs.get(place)?)? {
                    &[number] => Some(number as i64),
                    _ => None,
                };
                // Half as long along the last axis: only that one is cut, if steps are of one.
                is_last(number(3)?).then_some(())?;
                (seen.inputs.len() < 5 || number(4) == Some(1)).then_some(())?;
                match number(1)? {
                    start if start < 0 => from[last].checked_add_signed(start)?,
                    start => start as u64,
                }
            }
            _ => return None,
        };
        (start == 0 || start == half[last]).then(|| (seen.inputs[0].clone(), start))
    }
}

/// What a product is made of.
struct Factors {
    number: f64,
    tensors: Vec<String>,
}
