//! Computes what is made of constants alone: exporters write pads and sizes as chains of small operators.

use std::collections::HashMap;

use ndarray::{ArrayD, Axis, IxDyn, Slice, concatenate};

use super::{Node, Weight};

/// What `node` answers, if all it takes is constant, small and known, and the operator is one of those
/// that exporters use for shapes. `filler` is what a `ConstantOfShape` is full of.
pub(super) fn fold(node: &Node, weights: &HashMap<String, Weight>, filler: f64) -> Option<Weight> {
    let input = |place: usize| array(weights.get(node.inputs.get(place)?)?);
    let integers =
        |place: usize| -> Option<Vec<i64>> { Some(input(place)?.iter().map(|x| *x as i64).collect()) };
    let given = |place: usize, name: &str| integers(place).or_else(|| Some(node.integers(name)?.to_vec()));
    let made = match node.kind.as_str() {
        "ConstantOfShape" => {
            let shape: Vec<usize> =
                integers(0)?.iter().map(|&dim| usize::try_from(dim).unwrap_or(0)).collect();
            let few =
                shape.iter().try_fold(1usize, |all, &dim| all.checked_mul(dim)).is_some_and(|all| all <= 64);
            few.then(|| ArrayD::from_elem(shape, filler))?
        }
        "Concat" => {
            let parts: Vec<_> = (0..node.inputs.len()).map(input).collect::<Option<_>>()?;
            let views: Vec<_> = parts.iter().map(|part| part.view()).collect();
            let axis = axis(node.integer("axis")?, views.first()?.ndim())?;
            concatenate(Axis(axis), &views).ok()?
        }
        "Reshape" => {
            let from = input(0)?;
            let shape = integers(1)?;
            let known = shape
                .iter()
                .filter(|&&dim| dim > 0)
                .fold(1usize, |all, &dim| all.saturating_mul(dim as usize));
            let dim = |dim: &i64| if *dim > 0 { *dim as usize } else { from.len() / known.max(1) };
            let shape: Vec<usize> = shape.iter().map(dim).collect();
            from.into_shape_with_order(shape).ok()?
        }
        "Transpose" => {
            let from = input(0)?;
            let order: Vec<usize> = match node.integers("perm") {
                Some(order) => order.iter().map(|&axis| axis as usize).collect(),
                None => (0..from.ndim()).rev().collect(),
            };
            let is_order = order.len() == from.ndim() && (0..from.ndim()).all(|axis| order.contains(&axis));
            is_order.then(|| from.permuted_axes(order))?
        }
        "Slice" => {
            let mut from = input(0)?;
            let (starts, ends) = (given(1, "starts")?, given(2, "ends")?);
            let axes = given(3, "axes").unwrap_or_else(|| (0..starts.len() as i64).collect());
            let steps = integers(4).unwrap_or_else(|| vec![1; starts.len()]);
            for (((&start, &end), &at), &step) in starts.iter().zip(&ends).zip(&axes).zip(&steps) {
                let at = axis(at, from.ndim())?;
                let length = from.len_of(Axis(at)) as i64;
                // The whole axis backwards is what pads need; other steps back are not written.
                let slice = match step {
                    1.. => Slice::new(place(start, length), Some(place(end, length)), step as isize),
                    -1 if start >= length - 1 || start == -1 => Slice::new(0, None, -1),
                    _ => return None,
                };
                from = from.slice_axis(Axis(at), slice).to_owned();
            }
            from
        }
        "Gather" => {
            let (from, at) = (input(0)?, integers(1)?);
            let along = axis(node.integer("axis").unwrap_or(0), from.ndim())?;
            let length = from.len_of(Axis(along)) as i64;
            let at: Vec<usize> =
                at.iter().map(|&at| (if at < 0 { at + length } else { at }) as usize).collect();
            at.iter().all(|&at| (at as i64) < length).then(|| from.select(Axis(along), &at))?
        }
        "Squeeze" | "Unsqueeze" | "Flatten" => {
            let from = input(0)?;
            let length = from.len();
            from.into_shape_with_order(IxDyn(&[length])).ok()?
        }
        _ => return None,
    };
    Some(Weight {
        dims: made.shape().iter().map(|&dim| dim as u64).collect(),
        bytes: made.len() as u64 * 8,
        numbers: Some(made.iter().copied().collect()),
    })
}

fn array(weight: &Weight) -> Option<ArrayD<f64>> {
    let dims: Vec<usize> = weight.dims.iter().map(|&dim| dim as usize).collect();
    ArrayD::from_shape_vec(dims, weight.numbers.clone()?).ok()
}

fn axis(axis: i64, dimensions: usize) -> Option<usize> {
    let counted = if axis < 0 { axis + dimensions as i64 } else { axis };
    usize::try_from(counted).ok().filter(|&axis| axis < dimensions)
}

/// A place counted from the end where it is negative, within the length.
fn place(place: i64, length: i64) -> isize {
    let counted = if place < 0 { place.saturating_add(length) } else { place };
    counted.clamp(0, length) as isize
}
