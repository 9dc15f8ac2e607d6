//! What operators do with the rows of a picture.

use super::super::{Node, Shapes, reach::is_pointwise};

/// Rows above and below its own that a row of what `node` answers depends on at most, counted in rows of what it
/// reads. `is_picture` tells what is made of the picture from what is constant.
///
/// # Errors
/// Says what is wrong with an operator that mixes rows without bound, changes their number otherwise than by a
/// whole factor, or is not known.
pub(super) fn around(node: &Node, shapes: &Shapes, is_picture: &dyn Fn(&str) -> bool) -> Result<u64, String> {
    let unknown = |what: &str| what.to_owned();
    let dims = |place: usize| shapes.dims(node.inputs.get(place)?);
    let rows = |dims: Option<&[u64]>| match dims {
        Some(&[1, _, rows, _]) => Ok(rows),
        dims => {
            let dims = dims.unwrap_or_default();
            Err(format!("reads or answers {dims:?}, which is no picture, (1, channels, height, width)"))
        }
    };
    let answered = node.outputs.iter().map(|name| rows(shapes.dims(name))).collect::<Result<Vec<_>, _>>()?;
    let after = *answered.first().ok_or_else(|| unknown("answers nothing"))?;
    let only_first = || match node.inputs.iter().skip(1).any(|name| is_picture(name)) {
        true => Err(unknown("computes with what is made of the picture")),
        false => rows(dims(0)),
    };
    match node.kind.as_str() {
        "Conv" => {
            let before = only_first()?;
            let kernel = dims(1).and_then(|dims| dims.get(2)).copied().unwrap_or(1) as i64;
            let first = |name: &str| node.integers(name).and_then(|all| all.first().copied());
            let extent = (kernel - 1) * first("dilations").unwrap_or(1);
            if first("strides").unwrap_or(1) != 1 || before != after {
                return Err(unknown("changes the number of rows"));
            }
            Ok(match node.text("auto_pad").unwrap_or("NOTSET") {
                "NOTSET" => {
                    let above = first("pads").unwrap_or(0);
                    above.max(extent - above)
                }
                _ => extent - extent / 2,
            } as u64)
        }
        "Resize" | "Upsample" => {
            let before = only_first()?;
            let moves = matches!(
                node.text("coordinate_transformation_mode"),
                Some("align_corners" | "tf_crop_and_resize")
            );
            if moves || node.integer("antialias").unwrap_or(0) != 0 {
                return Err(unknown("moves each row by its own way"));
            }
            let factor = after / before.max(1);
            let place = if node.kind == "Upsample" || node.inputs.len() == 2 { 1 } else { 2 };
            let scales = node.inputs.get(place).and_then(|name| shapes.numbers(name));
            let scale = scales.filter(|scales| scales.len() == 4).map_or(factor as f64, |scales| scales[2]);
            if after % before.max(1) != 0 || scale != factor as f64 {
                return Err(unknown("enlarges by a factor that is not whole"));
            }
            Ok(match node.text("mode").unwrap_or("nearest") {
                "nearest" if node.text("nearest_mode") == Some("floor") => 0,
                "nearest" | "linear" => 1,
                _ => 2,
            })
        }
        "DepthToSpace" => only_first().map(|_| 0),
        "Concat" | "Split" => {
            let axis = node.integer("axis").unwrap_or(0).rem_euclid(4);
            let same = (0..node.inputs.len()).all(|place| match node.kind.as_str() {
                "Split" if place > 0 => true,
                _ => rows(dims(place)) == Ok(after),
            });
            (axis == 1 && same).then_some(0).ok_or_else(|| unknown("joins or parts rows"))
        }
        kind if is_pointwise(kind) => {
            let fits = |place: usize| match dims(place) {
                Some(dims) if is_picture(&node.inputs[place]) => rows(Some(dims)) == Ok(after),
                Some(&[.., rows, _]) => rows == 1,
                _ => true,
            };
            let all = (0..node.inputs.len()).all(fits);
            all.then_some(0).ok_or_else(|| unknown("combines pictures of different sizes"))
        }
        _ => Err(unknown("looks at the whole picture, or is not known")),
    }
}
