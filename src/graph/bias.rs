//! Weights that are added to each row.

use std::collections::HashSet;

use super::{Document, ElementType, Shapes, document::reads, index::Index};

impl Document {
    /// The names of weights.
    pub(super) fn weight_names(&self) -> HashSet<&str> {
        self.graph.initializer.iter().map(|tensor| tensor.name.as_str()).collect()
    }

    /// The tensor that the node at `at` adds one of `weights` to, row by row, and the weight; none if it does anything
    /// else.
    pub(super) fn bias_of_rows(
        &self,
        at: usize,
        shapes: &Shapes,
        weights: &HashSet<&str>,
    ) -> Option<(&str, &str)> {
        let add = &self.graph.node[at];
        (add.op_type == "Add" && add.domain.is_empty()).then_some(())?;
        let [one, other] = &add.input[..] else { return None };
        let columns = *shapes.dims(&add.output[0])?.last()?;
        let is_bias = |tensor: &str| {
            let is_row = |known: &super::Known| known.dims == [columns] && known.element == ElementType::F32;
            weights.contains(tensor) && shapes.get(tensor).is_some_and(is_row)
        };
        match (is_bias(one), is_bias(other)) {
            (false, true) => Some((one, other)),
            (true, false) => Some((other, one)),
            _ => None,
        }
    }

    /// Hands the biases of what gates of ours, of `domain`, read to these gates; answers how many. Where products of ours
    /// are to add them, those come first. `shapes` are of this graph.
    pub fn add_in_gates(&mut self, shapes: &Shapes, domain: &str) -> usize {
        let index = Index::new(self);
        let weights = self.weight_names();
        let biased = (0..self.graph.node.len()).filter_map(|at| {
            let gate = &self.graph.node[at];
            (gate.op_type == "Geglu" && gate.domain == domain && reads(gate).len() == 1).then_some(())?;
            let input = &gate.input[0];
            index.only_reader(input)?;
            let (tensor, bias) = self.bias_of_rows(index.answered_by(input)?, shapes, &weights)?;
            Some((at, [tensor.to_owned(), bias.to_owned()]))
        });
        let found: Vec<(usize, [String; 2])> = biased.collect();
        for (at, inputs) in &found {
            self.graph.node[*at].input = inputs.to_vec();
        }
        if !found.is_empty() {
            self.sweep();
        }
        found.len()
    }
}
