//! Colours, sizes and frame rates.

use std::ops::RangeInclusive;

use super::{
    super::node::{Value, quote},
    reader::{Kind, Wrong, scalar},
};
use crate::story::{Color, FrameRate, Size};

/// A colour, in quotes because `#` begins a comment.
pub(crate) fn color() -> Kind<Color> {
    Kind::new("a color as `\"#rrggbb\"` or `\"#rrggbbaa\"`", |node| {
        let text = scalar(node).map_err(|wrong| match node.value {
            Value::Null => wrong.help("put the color in quotes: `#` begins a comment"),
            _ => wrong,
        })?;
        text.parse().map_err(|_| Wrong::type_of(node).help("for example `\"#ffe500\"`"))
    })
}

/// A size in pixels of which both sides are multiples of `multiple`.
pub(crate) fn size(side: RangeInclusive<u32>, multiple: u32) -> Kind<Size> {
    let expected = format!(
        "a size as `720x1280`, each side from {} to {} and a multiple of {multiple}",
        side.start(),
        side.end()
    );
    Kind::new(expected, move |node| {
        let size: Size = scalar(node)?.parse().map_err(|_| Wrong::type_of(node))?;
        for pixels in [size.width, size.height] {
            if !side.contains(&pixels) {
                return Err(Wrong::new(format!("is {}, out of range", node.kind())));
            }
            if pixels % multiple != 0 {
                let near =
                    |n: u32| ((n + multiple / 2) / multiple * multiple).clamp(*side.start(), *side.end());
                return Err(Wrong::new(format!("is {}: {pixels} is no multiple of {multiple}", node.kind()))
                    .help(format!("the nearest is `{}`", Size::new(near(size.width), near(size.height)))));
            }
        }
        Ok(size)
    })
}

/// Frames a second: `30`, `29.97` (which is 30000/1001), `24000/1001`.
pub(crate) fn frame_rate() -> Kind<FrameRate> {
    Kind::new("frames a second from 1 to 120, as `30`, `29.97` or `30000/1001`", |node| {
        let text = scalar(node)?;
        let parse = |text: &str| text.trim().parse::<u32>().ok().filter(|&n| n > 0);
        let rate = match text {
            "23.976" | "23.98" => Some(FrameRate::new(24_000, 1001)),
            "29.97" => Some(FrameRate::new(30_000, 1001)),
            "59.94" => Some(FrameRate::new(60_000, 1001)),
            _ => match text.split_once('/') {
                Some((num, den)) => parse(num).zip(parse(den)).map(|(num, den)| FrameRate::new(num, den)),
                None => parse(text).map(|num| FrameRate::new(num, 1)),
            },
        };
        match rate {
            None => Err(Wrong::type_of(node)),
            Some(rate) if !(1.0..=120.0).contains(&rate.fps()) => {
                Err(Wrong::new(format!("is {}, out of range", quote(text))))
            }
            Some(rate) => Ok(rate),
        }
    })
}
