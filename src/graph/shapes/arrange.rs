//! Operators that move numbers about.

use std::collections::BTreeMap;

use super::{
    super::{Node, element::ElementType, fold::broadcast},
    Known,
    rules::Of,
};

/// Numbers of an input, or of the attribute of that name in older operator sets.
fn given(node: &Node, of: Of<'_, '_>, place: usize, name: &str) -> Option<Vec<i64>> {
    of(place).and_then(Known::integers).or_else(|| Some(node.integers(name)?.to_vec()))
}

fn axis(at: i64, rank: usize) -> Option<usize> {
    let counted = if at < 0 { at + rank as i64 } else { at };
    usize::try_from(counted).ok().filter(|&at| at < rank)
}

pub(super) fn infer(node: &Node, of: Of<'_, '_>) -> Option<Vec<Known>> {
    let first = || of(0);
    let one = |dims: Vec<u64>| Some(vec![Known::new(first()?.element, dims)]);
    match node.kind.as_str() {
        "Reshape" => one(reshape(node, of)?),
        "Flatten" => {
            let dims = &first()?.dims;
            let at = node.integer("axis").unwrap_or(1);
            let at = if at < 0 { at + dims.len() as i64 } else { at } as usize;
            one(vec![dims.get(..at)?.iter().product(), dims.get(at..)?.iter().product()])
        }
        "Squeeze" => {
            let dims = &first()?.dims;
            let gone: Option<Vec<usize>> = match given(node, of, 1, "axes") {
                Some(axes) => axes.iter().map(|&at| axis(at, dims.len())).collect(),
                None => Some((0..dims.len()).filter(|&at| dims[at] == 1).collect()),
            };
            let gone = gone?;
            one(dims.iter().enumerate().filter(|(at, _)| !gone.contains(at)).map(|(_, &dim)| dim).collect())
        }
        "Unsqueeze" => {
            let dims = &first()?.dims;
            let axes = given(node, of, 1, "axes")?;
            let rank = dims.len() + axes.len();
            let new: Vec<usize> = axes.iter().map(|&at| axis(at, rank)).collect::<Option<_>>()?;
            let mut old = dims.iter();
            (0..rank)
                .map(|at| if new.contains(&at) { Some(1) } else { old.next().copied() })
                .collect::<Option<Vec<_>>>()
                .and_then(one)
        }
        "Transpose" => {
            let dims = &first()?.dims;
            let order: Vec<usize> = match node.integers("perm") {
                Some(order) => order.iter().map(|&at| at as usize).collect(),
                None => (0..dims.len()).rev().collect(),
            };
            order.iter().map(|&at| dims.get(at).copied()).collect::<Option<Vec<_>>>().and_then(one)
        }
        "Concat" => {
            let mut dims = first()?.dims.clone();
            let at = axis(node.integer("axis")?, dims.len())?;
            dims[at] =
                (0..node.inputs.len()).map(|place| of(place)?.dims.get(at).copied()).sum::<Option<u64>>()?;
            let fits = |place: usize| {
                of(place).is_some_and(|part| {
                    part.dims.len() == dims.len()
                        && part.dims.iter().zip(&dims).enumerate().all(|(i, (a, b))| i == at || a == b)
                })
            };
            (0..node.inputs.len()).all(fits).then_some(())?;
            one(dims)
        }
        "Split" => {
            let dims = &first()?.dims;
            let at = axis(node.integer("axis").unwrap_or(0), dims.len())?;
            let parts = match given(node, of, 1, "split") {
                Some(parts) => parts.iter().map(|&part| part as u64).collect(),
                None => {
                    let count = node.outputs.len() as u64;
                    let most = dims[at].div_ceil(count);
                    (0..count).map(|i| most.min(dims[at].saturating_sub(i * most))).collect::<Vec<_>>()
                }
            };
            let part = |length: u64| {
                let mut dims = dims.clone();
                dims[at] = length;
                Known::new(of(0).map_or(ElementType::F32, |known| known.element), dims)
            };
            Some(parts.into_iter().map(part).collect())
        }
        "Slice" => {
            let mut dims = first()?.dims.clone();
            let (starts, ends) = (given(node, of, 1, "starts")?, given(node, of, 2, "ends")?);
            let axes = given(node, of, 3, "axes").unwrap_or_else(|| (0..starts.len() as i64).collect());
            let steps = of(4).and_then(Known::integers).unwrap_or_else(|| vec![1; starts.len()]);
            for (((&start, &end), &at), &step) in starts.iter().zip(&ends).zip(&axes).zip(&steps) {
                let at = axis(at, dims.len())?;
                dims[at] = sliced(dims[at] as i64, start, end, step)?;
            }
            one(dims)
        }
        "Gather" => {
            let (dims, places) = (&first()?.dims, &of(1)?.dims);
            let at = axis(node.integer("axis").unwrap_or(0), dims.len())?;
            one(dims[..at].iter().chain(places).chain(&dims[at + 1..]).copied().collect())
        }
        "GatherElements" => one(of(1)?.dims.clone()),
        "Expand" => {
            let shape: Vec<u64> = of(1)?.integers()?.iter().map(|&dim| dim.max(1) as u64).collect();
            one(broadcast(&first()?.dims, &shape)?)
        }
        "Tile" => {
            let times = of(1)?.integers()?;
            one(first()?.dims.iter().zip(times).map(|(&dim, times)| dim * times.max(0) as u64).collect())
        }
        "ConstantOfShape" => {
            let dims = first()?.integers()?.iter().map(|&dim| dim.max(0) as u64).collect();
            let element = node.tensor("value").map_or(ElementType::F32, |(element, _)| element);
            Some(vec![Known::new(element, dims)])
        }
        "Range" => {
            let number = |place: usize| Some(*of(place)?.numbers.as_ref()?.first()?);
            let (start, limit, step) = (number(0)?, number(1)?, number(2)?);
            one(vec![((limit - start) / step).ceil().max(0.0) as u64])
        }
        "OneHot" => {
            let depth = *of(1)?.numbers.as_ref()?.first()? as u64;
            let mut dims = first()?.dims.clone();
            let at = node.integer("axis").unwrap_or(-1);
            let at = if at < 0 { at + dims.len() as i64 + 1 } else { at };
            dims.insert(at as usize, depth);
            Some(vec![Known::new(of(2)?.element, dims)])
        }
        _ => None,
    }
}

fn sliced(length: i64, start: i64, end: i64, step: i64) -> Option<u64> {
    let counted = |place: i64| if place < 0 { place.saturating_add(length) } else { place };
    Some(match step {
        1.. => {
            let (start, end) = (counted(start).clamp(0, length), counted(end).clamp(0, length));
            ((end - start).max(0) as u64).div_ceil(step as u64)
        }
        0 => return None,
        _ => {
            let (start, end) = (counted(start).clamp(-1, length - 1), counted(end).clamp(-1, length - 1));
            ((start - end).max(0) as u64).div_ceil(step.unsigned_abs())
        }
    })
}

fn reshape(node: &Node, of: Of<'_, '_>) -> Option<Vec<u64>> {
    let from = of(0)?;
    let wanted = given(node, of, 1, "shape")?;
    let zero_stays = node.integer("allowzero").unwrap_or(0) != 0;
    let mut dims = Vec::with_capacity(wanted.len());
    let mut free = None;
    for (place, &dim) in wanted.iter().enumerate() {
        dims.push(match dim {
            0 if !zero_stays => *from.dims.get(place)?,
            -1 => {
                free = Some(place);
                1
            }
            dim => u64::try_from(dim).ok()?,
        });
    }
    let product: u64 = dims.iter().product();
    if let Some(place) = free {
        dims[place] = from.elements() / product.max(1);
    }
    (dims.iter().product::<u64>() == from.elements()).then_some(dims)
}

pub(super) fn reduce(node: &Node, of: Of<'_, '_>) -> Option<Vec<u64>> {
    let dims = &of(0)?.dims;
    let axes = match node.kind.starts_with("Arg") {
        true => Some(vec![node.integer("axis").unwrap_or(0)]),
        false => given(node, of, 1, "axes"),
    };
    let gone: Vec<usize> = match axes {
        Some(axes) if !axes.is_empty() => {
            axes.iter().map(|&at| axis(at, dims.len())).collect::<Option<_>>()?
        }
        _ if node.integer("noop_with_empty_axes").unwrap_or(0) != 0 => Vec::new(),
        _ => (0..dims.len()).collect(),
    };
    let keeps = node.integer("keepdims").unwrap_or(1) != 0;
    let kept = |(at, &dim): (usize, &u64)| match gone.contains(&at) {
        true => keeps.then_some(1),
        false => Some(dim),
    };
    Some(dims.iter().enumerate().filter_map(kept).collect())
}

/// `nhwpqc->nchpwq` and its like; no ellipsis.
pub(super) fn einsum(node: &Node, of: Of<'_, '_>) -> Option<Vec<u64>> {
    let equation: String = node.text("equation")?.chars().filter(|c| !c.is_whitespace()).collect();
    let (terms, answer) = equation.split_once("->")?;
    let mut lengths = BTreeMap::new();
    for (place, term) in terms.split(',').enumerate() {
        let dims = &of(place)?.dims;
        (term.chars().count() == dims.len() && !term.contains('.')).then_some(())?;
        lengths.extend(term.chars().zip(dims.iter().copied()));
    }
    answer.chars().map(|letter| lengths.get(&letter).copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_count_from_both_ends() {
        assert_eq!(sliced(10, 0, i64::MAX, 1), Some(10));
        assert_eq!(sliced(10, -3, i64::MAX, 1), Some(3));
        assert_eq!(sliced(10, 1, -1, 2), Some(4));
        assert_eq!(sliced(10, -1, i64::MIN, -1), Some(10));
        assert_eq!(sliced(10, 5, 3, 1), Some(0));
    }
}
