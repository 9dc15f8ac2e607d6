//! Operators whose window slides over a picture, and those that change its size.

use super::{super::Node, Known, rules::Of};

/// The shape of the one answer.
pub(super) fn infer(node: &Node, of: Of<'_, '_>) -> Option<Vec<u64>> {
    let dims = &of(0)?.dims;
    match node.kind.as_str() {
        "Conv" | "FusedConv" => {
            let weight = &of(1)?.dims;
            (*dims.get(1)? == weight.get(1)? * node.integer("group").unwrap_or(1) as u64).then_some(())?;
            let mut answer = vec![*dims.first()?, *weight.first()?];
            answer.extend(slid(node, &dims[2..], &weight[2..])?);
            Some(answer)
        }
        "NhwcFusedConv" => {
            let weight = &of(1)?.dims;
            let mut answer = vec![*dims.first()?];
            answer.extend(slid(node, &dims[1..dims.len() - 1], &weight[2..])?);
            answer.push(*weight.first()?);
            Some(answer)
        }
        "MaxPool" | "AveragePool" => {
            let kernel: Vec<u64> = node.integers("kernel_shape")?.iter().map(|&k| k as u64).collect();
            let mut answer = dims.get(..2)?.to_vec();
            answer.extend(slid(node, &dims[2..], &kernel)?);
            Some(answer)
        }
        "GlobalAveragePool" | "GlobalMaxPool" => {
            let mut answer = dims.get(..2)?.to_vec();
            answer.resize(dims.len(), 1);
            Some(answer)
        }
        "ConvTranspose" => {
            let weight = &of(1)?.dims;
            let group = node.integer("group").unwrap_or(1) as u64;
            let mut answer = vec![*dims.first()?, weight.get(1)? * group];
            let sides = dims.len() - 2;
            let one = |name: &str, at: usize, default: i64| {
                node.integers(name).and_then(|all| all.get(at).copied()).unwrap_or(default)
            };
            for at in 0..sides {
                let extent = (weight[2 + at] as i64 - 1) * one("dilations", at, 1) + 1;
                let pads = one("pads", at, 0) + one("pads", at + sides, 0);
                let stride = one("strides", at, 1);
                let length =
                    (dims[2 + at] as i64 - 1) * stride + extent - pads + one("output_padding", at, 0);
                answer.push(u64::try_from(length).ok()?);
            }
            Some(answer)
        }
        "Resize" | "Upsample" => {
            let sizes = (node.kind == "Resize").then(|| of(3)).flatten().and_then(Known::integers);
            if let Some(sizes) = sizes.filter(|sizes| !sizes.is_empty()) {
                return sizes.iter().map(|&size| u64::try_from(size).ok()).collect();
            }
            let place = if node.kind == "Upsample" || node.inputs.len() == 2 { 1 } else { 2 };
            let scales = of(place)?.numbers.as_ref()?;
            (scales.len() == dims.len()).then_some(())?;
            Some(dims.iter().zip(scales).map(|(&dim, scale)| (dim as f64 * scale).floor() as u64).collect())
        }
        "DepthToSpace" => {
            let by = node.integer("blocksize")? as u64;
            let &[batch, channels, height, width] = &dims[..] else { return None };
            Some(vec![batch, channels / (by * by), height * by, width * by])
        }
        "SpaceToDepth" => {
            let by = node.integer("blocksize")? as u64;
            let &[batch, channels, height, width] = &dims[..] else { return None };
            Some(vec![batch, channels * by * by, height / by, width / by])
        }
        "Pad" => {
            let pads = of(1).and_then(Known::integers).or_else(|| Some(node.integers("pads")?.to_vec()))?;
            let all: Vec<i64> = (0..dims.len() as i64).collect();
            let axes = of(3).and_then(Known::integers).unwrap_or(all);
            let mut answer = dims.clone();
            for (at, &axis) in axes.iter().enumerate() {
                let axis = if axis < 0 { axis + dims.len() as i64 } else { axis } as usize;
                let length = *answer.get(axis)? as i64 + pads.get(at)? + pads.get(at + axes.len())?;
                answer[axis] = u64::try_from(length).ok()?;
            }
            Some(answer)
        }
        _ => None,
    }
}

/// The lengths of the sides under a window that slides over them.
fn slid(node: &Node, sides: &[u64], kernel: &[u64]) -> Option<Vec<u64>> {
    let one = |name: &str, at: usize, default: i64| {
        node.integers(name).and_then(|all| all.get(at).copied()).unwrap_or(default)
    };
    let same = matches!(node.text("auto_pad"), Some("SAME_UPPER" | "SAME_LOWER"));
    (sides.len() == kernel.len()).then_some(())?;
    (0..sides.len())
        .map(|at| {
            let stride = one("strides", at, 1).max(1);
            if same {
                return Some(sides[at].div_ceil(stride as u64));
            }
            let extent = (kernel[at] as i64 - 1) * one("dilations", at, 1) + 1;
            let pads = one("pads", at, 0) + one("pads", at + sides.len(), 0);
            let room = sides[at] as i64 + pads - extent;
            let up = node.integer("ceil_mode").unwrap_or(0) != 0;
            let steps = if up { (room + stride - 1).div_euclid(stride) } else { room.div_euclid(stride) };
            u64::try_from(steps + 1).ok()
        })
        .collect()
}
