//! Computes what is made of constants alone: exporters write pads, sizes and scales as chains of small
//! operators.

use std::collections::HashMap;

use ndarray::{ArrayD, Axis, IxDyn, Slice, concatenate};

use super::{Node, Weight};

/// Answers of more elements than this are not computed.
pub(super) const MOST: usize = 1 << 10;

/// What `node` answers, if all it takes is constant, small and known, and the operator is one of those
/// that exporters use for shapes.
pub(super) fn fold(node: &Node, weights: &HashMap<String, Weight>) -> Option<Weight> {
    let input = |place: usize| array(weights.get(node.inputs.get(place)?)?);
    let made = rearrange(node, &input)?;
    Some(Weight {
        dims: made.shape().iter().map(|&dim| dim as u64).collect(),
        bytes: made.len() as u64 * 8,
        numbers: Some(made.iter().copied().collect()),
    })
}

/// What an operator that moves numbers about answers.
pub(super) fn rearrange(node: &Node, input: &dyn Fn(usize) -> Option<ArrayD<f64>>) -> Option<ArrayD<f64>> {
    let integers =
        |place: usize| -> Option<Vec<i64>> { Some(input(place)?.iter().map(|x| *x as i64).collect()) };
    let given = |place: usize, name: &str| integers(place).or_else(|| Some(node.integers(name)?.to_vec()));
    let made = match node.kind.as_str() {
        "ConstantOfShape" => {
            let shape: Vec<usize> =
                integers(0)?.iter().map(|&dim| usize::try_from(dim).unwrap_or(0)).collect();
            let all = shape.iter().try_fold(1usize, |all, &dim| all.checked_mul(dim));
            let filler = node.tensor("value").and_then(|(_, numbers)| numbers.first().copied());
            all.is_some_and(|all| all <= MOST).then(|| ArrayD::from_elem(shape, filler.unwrap_or(0.0)))?
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
        "Tile" => {
            let (from, times) = (input(0)?, integers(1)?);
            let mut tiled = from;
            for (at, &times) in times.iter().enumerate() {
                let views: Vec<_> = (0..times).map(|_| tiled.view()).collect();
                tiled = concatenate(Axis(at), &views).ok().filter(|tiled| tiled.len() <= MOST)?;
            }
            tiled
        }
        "Expand" => {
            let (from, shape) = (input(0)?, integers(1)?);
            let shape: Vec<u64> = shape.iter().map(|&dim| dim.max(1) as u64).collect();
            let own: Vec<u64> = from.shape().iter().map(|&dim| dim as u64).collect();
            let shape: Vec<usize> = broadcast(&own, &shape)?.iter().map(|&dim| dim as usize).collect();
            (shape.iter().product::<usize>() <= MOST).then_some(())?;
            from.broadcast(shape)?.to_owned()
        }
        "Range" => {
            let number = |place: usize| input(place)?.first().copied();
            let (start, limit, step) = (number(0)?, number(1)?, number(2)?);
            let count = ((limit - start) / step).ceil().max(0.0);
            (count <= MOST as f64)
                .then(|| ArrayD::from_shape_fn(IxDyn(&[count as usize]), |at| start + step * at[0] as f64))?
        }
        _ => return None,
    };
    Some(made)
}

/// What an operator that computes answers; `whole` says that its numbers are integers.
pub(super) fn compute(
    node: &Node,
    whole: bool,
    input: &dyn Fn(usize) -> Option<ArrayD<f64>>,
) -> Option<ArrayD<f64>> {
    let one = |f: fn(f64) -> f64| Some(input(0)?.mapv(f));
    let two = |f: &dyn Fn(f64, f64) -> f64| zip(&input(0)?, &input(1)?, f);
    let holds = |f: fn(f64, f64) -> bool| two(&|a, b| f64::from(u8::from(f(a, b))));
    match node.kind.as_str() {
        "Identity" | "Cast" => input(0),
        "Neg" => one(|x| -x),
        "Abs" => one(f64::abs),
        "Floor" => one(f64::floor),
        "Ceil" => one(f64::ceil),
        "Round" => one(f64::round_ties_even),
        "Sqrt" => one(f64::sqrt),
        "Reciprocal" => one(f64::recip),
        "Not" => one(|x| f64::from(u8::from(x == 0.0))),
        "Add" => two(&|a, b| a + b),
        "Sub" => two(&|a, b| a - b),
        "Mul" => two(&|a, b| a * b),
        "Div" if whole => two(&|a, b| (a / b).trunc()),
        "Div" => two(&|a, b| a / b),
        "Mod" if whole => two(&|a, b| a - b * (a / b).floor()),
        "Pow" => two(&f64::powf),
        "Min" => two(&f64::min),
        "Max" => two(&f64::max),
        "Equal" => holds(|a, b| a == b),
        "Less" => holds(|a, b| a < b),
        "Greater" => holds(|a, b| a > b),
        "LessOrEqual" => holds(|a, b| a <= b),
        "GreaterOrEqual" => holds(|a, b| a >= b),
        "And" => holds(|a, b| a != 0.0 && b != 0.0),
        "Or" => holds(|a, b| a != 0.0 || b != 0.0),
        "Where" => {
            let chosen = zip(&input(0)?, &input(1)?, &|choice, x| if choice == 0.0 { f64::NAN } else { x })?;
            zip(&chosen, &input(2)?, &|x, other| if x.is_nan() { other } else { x })
        }
        "ReduceProd" if node.inputs.len() == 1 && node.integers("axes").is_none() => {
            let all = input(0)?;
            let dims = if node.integer("keepdims") == Some(0) { 0 } else { all.ndim() };
            Some(ArrayD::from_elem(vec![1; dims], all.product()))
        }
        _ => None,
    }
}

fn zip(a: &ArrayD<f64>, b: &ArrayD<f64>, f: &dyn Fn(f64, f64) -> f64) -> Option<ArrayD<f64>> {
    let dims = |array: &ArrayD<f64>| array.shape().iter().map(|&dim| dim as u64).collect::<Vec<_>>();
    let shape: Vec<usize> = broadcast(&dims(a), &dims(b))?.iter().map(|&dim| dim as usize).collect();
    (shape.iter().product::<usize>() <= MOST).then_some(())?;
    let (a, b) = (a.broadcast(shape.clone())?, b.broadcast(shape)?);
    Some(ndarray::Zip::from(&a).and(&b).map_collect(|&a, &b| f(a, b)))
}

/// The shape of two tensors combined element by element, as in numpy.
pub(super) fn broadcast(a: &[u64], b: &[u64]) -> Option<Vec<u64>> {
    let rank = a.len().max(b.len());
    let at = |dims: &[u64], place: usize| match (place + dims.len()).checked_sub(rank) {
        Some(place) => dims[place],
        None => 1,
    };
    (0..rank)
        .map(|place| match (at(a, place), at(b, place)) {
            (a, b) if a == b => Some(a),
            (1, other) | (other, 1) => Some(other),
            _ => None,
        })
        .collect()
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
