//! Rumble taken out.

use crate::story::Samples;

/// Takes out what lies below `hertz`, 12 dB an octave (-3 dB at `hertz` itself).
///
/// A Butterworth section after R. Bristow-Johnson's "Cookbook formulae for audio
/// equalizer biquad filter coefficients". 70 Hz is gentle enough for any voice.
pub fn high_pass(samples: &mut Samples, hertz: f64) {
    let omega = std::f64::consts::TAU * hertz / f64::from(samples.rate);
    let (sin, cos) = omega.sin_cos();
    let alpha = sin * std::f64::consts::FRAC_1_SQRT_2;
    let a0 = 1.0 + alpha;
    let (b0, b1) = ((1.0 + cos) / 2.0 / a0, -(1.0 + cos) / a0);
    let (a1, a2) = (-2.0 * cos / a0, (1.0 - alpha) / a0);
    for channel in &mut samples.channels {
        let (mut x1, mut x2, mut y1, mut y2) = (0.0, 0.0, 0.0, 0.0);
        for sample in channel {
            let x = f64::from(*sample);
            let y = b0 * (x + x2) + b1 * x1 - a1 * y1 - a2 * y2;
            (x2, x1, y2, y1) = (x1, x, y1, y);
            *sample = y as f32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rumble_goes_and_the_voice_stays() {
        let level = |hertz: f64| {
            let phase = |i| std::f64::consts::TAU * hertz * f64::from(i) / 48_000.0;
            let mut tone = Samples::mono(48_000, (0..48_000).map(|i| phase(i).sin() as f32).collect());
            high_pass(&mut tone, 70.0);
            let tail = &tone.channels[0][24_000..];
            let power = tail.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / tail.len() as f64;
            10.0 * (power * 2.0).log10()
        };
        assert!(level(20.0) < -20.0, "{}", level(20.0));
        assert!((level(70.0) + 3.0).abs() < 0.1, "{}", level(70.0));
        assert!(level(150.0) > -0.3, "{}", level(150.0));
        assert!(level(1_000.0).abs() < 0.01);
    }
}
