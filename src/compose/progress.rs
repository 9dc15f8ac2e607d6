//! The bar that shows how much of the video has passed.

use super::yuv;
use crate::story::{Color, Frame, Plane, Progress};

/// How much of the picture the part that is not yet full takes away, of 256.
const TRACK: u16 = 96;

/// Draws `bar` over `out`, filled up to `share` (0 ..= 1) of its width.
pub(super) fn draw(bar: &Progress, share: f64, out: &mut Frame) {
    let Color { r, g, b, .. } = bar.color;
    let code = yuv::from_rgb([r, g, b].map(|c| f32::from(c) / 255.0)).map(|c| (c + 0.5) as u8);
    let area = bar.area;
    let full = share.clamp(0.0, 1.0) * f64::from(area.width());
    let planes: [(&mut Plane, usize, u8, u8); 3] =
        [(&mut out.y, 1, code[0], 16), (&mut out.u, 2, code[1], 128), (&mut out.v, 2, code[2], 128)];
    for (plane, by, color, black) in planes {
        let [left, right] = [area.left, area.right].map(|x| x as usize / by);
        // The front moves by parts of a sample: nothing jumps.
        let covered = |x: usize| ((full / by as f64 - (x - left) as f64).clamp(0.0, 1.0) * 256.0) as u16;
        for y in area.top as usize / by..area.bottom as usize / by {
            for (x, value) in plane.row_mut(y).iter_mut().enumerate().take(right).skip(left) {
                let track = (u16::from(*value) * (256 - TRACK) + u16::from(black) * TRACK) >> 8;
                let share = covered(x);
                *value = ((track * (256 - share) + u16::from(color) * share + 128) >> 8) as u8;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::story::{Rect, Size};

    #[test]
    fn the_front_moves_evenly_and_nothing_else_is_touched() {
        let bar = Progress {
            area: Rect { left: 8, top: 4, right: 56, bottom: 8 },
            color: Color { r: 255, g: 255, b: 255, a: 255 },
        };
        for share in [0.0, 0.2, 0.505, 1.0] {
            let mut frame = Frame::black(Size::new(64, 16));
            frame.y.data.fill(100);
            draw(&bar, share, &mut frame);
            let lit: f64 =
                frame.y.row(5)[8..56].iter().map(|&v| (f64::from(v) - 68.5) / (235.0 - 68.5)).sum();
            assert!((lit - 48.0 * share).abs() < 0.6, "{share}: {lit}");
            assert!(frame.y.row(3).iter().chain(frame.y.row(8)).all(|&v| v == 100));
            assert!(frame.y.row(5)[..8].iter().chain(&frame.y.row(5)[56..]).all(|&v| v == 100));
        }
    }
}
