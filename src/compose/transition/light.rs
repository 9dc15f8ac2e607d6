//! Through one grey, and through a flash.

use super::blend::{between, share, weight};
use crate::story::Frame;

/// Out to one grey of luma `level`, and in from it.
pub(super) fn through(progress: f64, picture: &mut Frame, next: &Frame, level: u8) {
    if progress >= 0.5 {
        picture.clone_from(next);
    }
    let weight = weight(1.0 - (2.0 * progress - 1.0).abs());
    for (plane, level) in [(&mut picture.y, level), (&mut picture.u, 128), (&mut picture.v, 128)] {
        for value in &mut plane.data {
            *value = between(*value, level, weight);
        }
    }
}

/// Light floods the picture within the first third; the next appears as it ebbs away.
pub(super) fn flash(progress: f64, picture: &mut Frame, next: &Frame) {
    const PEAK: f64 = 0.3;
    if progress >= PEAK {
        picture.clone_from(next);
    }
    let light =
        if progress < PEAK { (progress / PEAK).powi(2) } else { (1.0 - share(progress, PEAK, 1.0)).powi(2) };
    // Bright parts burn out first, as on film: more exposure, and less colour.
    let gain = 1.0 + 2.5 * light;
    let table: Vec<u8> = (0..256)
        .map(|code| (16.0 + (f64::from(code) - 16.0) * gain + 200.0 * light).min(235.0).round() as u8)
        .collect();
    // What exceeds the codes of video stays as it is where there is no light.
    if light > 0.0 {
        picture.y.data.iter_mut().for_each(|value| *value = table[usize::from(*value)]);
        let weight = weight(light);
        for plane in [&mut picture.u, &mut picture.v] {
            plane.data.iter_mut().for_each(|value| *value = between(*value, 128, weight));
        }
    }
}
