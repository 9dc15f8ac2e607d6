//! What is known of one tensor.

use ndarray::ArrayD;

use super::super::element::ElementType;

/// A tensor's type and shape, and its numbers where they follow from the shapes of the inputs.
#[derive(Debug, Clone, PartialEq)]
pub struct Known {
    /// The type of its elements.
    pub element: ElementType,
    /// The length of each dimension.
    pub dims: Vec<u64>,
    /// Its numbers, row by row.
    pub numbers: Option<Vec<f64>>,
}

impl Known {
    pub(super) fn new(element: ElementType, dims: Vec<u64>) -> Self {
        Self { element, dims, numbers: None }
    }

    /// How many numbers it holds.
    pub fn elements(&self) -> u64 {
        self.dims.iter().fold(1, |product, &dim| product.saturating_mul(dim))
    }

    /// Bytes of them.
    pub fn bytes(&self) -> u64 {
        self.element.bytes(self.elements())
    }

    pub(super) fn array(&self) -> Option<ArrayD<f64>> {
        let dims: Vec<usize> = self.dims.iter().map(|&dim| dim as usize).collect();
        ArrayD::from_shape_vec(dims, self.numbers.clone()?).ok()
    }

    /// Its numbers as integers.
    pub(super) fn integers(&self) -> Option<Vec<i64>> {
        Some(self.numbers.as_ref()?.iter().map(|&x| x as i64).collect())
    }
}
