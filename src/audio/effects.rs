//! Sound effects, made here: air, bubbles, hits.

use std::f64::consts::{PI, TAU};

use super::music::{Dice, band};
use crate::story::{EffectKind, SAMPLE_RATE, Samples, Seed};

const RATE: f64 = SAMPLE_RATE as f64;

/// An effect in stereo at 48 kHz with its highest sample at 1.0, and the sample at which it is loudest.
///
/// `length` (seconds) is how long what it goes with lasts; effects that ring take their own time.
pub fn effect(kind: EffectKind, length: f64, seed: Seed) -> (Samples, usize) {
    let mut dice = Dice::new(seed, "effect");
    let (mut samples, peak) = match kind {
        EffectKind::Whoosh => air(length.clamp(0.35, 0.9) + 0.25, 380.0, 2_600.0, true, &mut dice),
        EffectKind::Swell => air(length.clamp(0.5, 1.4) + 0.6, 240.0, 900.0, false, &mut dice),
        EffectKind::Pop => pop(),
        EffectKind::Impact => impact(&mut dice),
    };
    let highest = samples.channels.iter().flatten().fold(0.0f32, |peak, s| peak.max(s.abs())).max(1e-6);
    samples.channels.iter_mut().flatten().for_each(|sample| *sample /= highest);
    (samples, peak)
}

/// Noise through a band that rises to `high` hertz and falls again; `passing` from one side to the other.
fn air(seconds: f64, low: f64, high: f64, passing: bool, dice: &mut Dice) -> (Samples, usize) {
    let count = (seconds * RATE) as usize;
    // A little after the middle: what rushes past is heard longer coming.
    let top = 0.55;
    let to_right = dice.throw() < 0.5;
    // Two bands of noise of their own, so that it is wide, and a common one, so that mono keeps it.
    let noises: Vec<Vec<f64>> = (0..3).map(|_| (0..count).map(|_| dice.sway()).collect()).collect();
    let swept: Vec<Vec<f64>> = noises.iter().map(|noise| sweep(noise, low, high, top)).collect();
    let mut channels = vec![vec![0.0f32; count]; 2];
    for i in 0..count {
        let x = i as f64 / count as f64;
        let swell = if x < top {
            (PI / 2.0 * x / top).sin().powi(3)
        } else {
            (PI / 2.0 * (1.0 - x) / (1.0 - top)).sin().powi(2)
        };
        let way = if passing { if to_right { x } else { 1.0 - x } } else { 0.5 };
        let angle = (0.15 + 0.7 * way) * PI / 2.0;
        for (side, place) in [angle.cos(), angle.sin()].into_iter().enumerate() {
            channels[side][i] = (swell * place * (0.8 * swept[2][i] + 0.45 * swept[side][i])) as f32;
        }
    }
    (Samples { rate: SAMPLE_RATE, channels }, (top * count as f64) as usize)
}

/// `noise` through a band whose middle rises to `high` at `top` of its way and falls again.
fn sweep(noise: &[f64], low: f64, high: f64, top: f64) -> Vec<f64> {
    // Short stretches of steady filters, one melting into the next.
    const BLOCK: usize = 960;
    let mut out = vec![0.0; noise.len()];
    let blocks = noise.len().div_ceil(BLOCK);
    for block in 0..=blocks {
        let x = block as f64 / blocks as f64;
        let rise = if x < top { x / top } else { (1.0 - x) / (1.0 - top) };
        let hertz = low * (high / low).powf(rise);
        let (first, last) = ((block * BLOCK).saturating_sub(BLOCK), ((block + 1) * BLOCK).min(noise.len()));
        // Begin early, so that the filter has settled.
        let early = first.saturating_sub(BLOCK);
        let heard = band(&noise[early..last], hertz, 0.7);
        for i in first..last {
            let weight = 1.0 - (i as f64 - (block * BLOCK) as f64).abs() / BLOCK as f64;
            out[i] += weight.max(0.0) * heard[i - early];
        }
    }
    out
}

/// A sine that jumps up and dies.
fn pop() -> (Samples, usize) {
    let wave = |i: usize| {
        let t = i as f64 / RATE;
        let phase = TAU * (340.0 * t + 9_000.0 * t * t / 2.0);
        (phase.sin() * (t / 0.004).min(1.0) * (-t / 0.022).exp()) as f32
    };
    let one: Vec<f32> = (0..(0.16 * RATE) as usize).map(wave).collect();
    (Samples { rate: SAMPLE_RATE, channels: vec![one.clone(), one] }, (0.006 * RATE) as usize)
}

/// A deep thud under a short burst of air.
fn impact(dice: &mut Dice) -> (Samples, usize) {
    let count = (1.1 * RATE) as usize;
    let noises: Vec<Vec<f64>> =
        (0..2).map(|_| band(&(0..count).map(|_| dice.sway()).collect::<Vec<_>>(), 1_400.0, 1.4)).collect();
    let channel = |noise: &Vec<f64>| {
        let wave = |i: usize| {
            let t = i as f64 / RATE;
            let phase = TAU * (44.0 * t + 90.0 * 0.05 * (1.0 - (-t / 0.05).exp()));
            let fade = ((count - i) as f64 / (0.05 * RATE)).min(1.0);
            let body = phase.sin() * (-t / 0.26).exp() + 0.7 * noise[i] * (-t / 0.09).exp();
            (body * (t / 0.002).min(1.0) * fade) as f32
        };
        (0..count).map(wave).collect::<Vec<f32>>()
    };
    let channels = noises.iter().map(channel).collect();
    (Samples { rate: SAMPLE_RATE, channels }, (0.008 * RATE) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: [EffectKind; 4] =
        [EffectKind::Whoosh, EffectKind::Swell, EffectKind::Pop, EffectKind::Impact];

    #[test]
    fn effects_begin_and_end_in_silence_and_peak_where_they_say() {
        for kind in KINDS {
            let (sound, peak) = effect(kind, 0.4, Seed(3));
            let loudness = |range: std::ops::Range<usize>| -> f64 {
                sound.channels.iter().flat_map(|c| &c[range.clone()]).map(|s| f64::from(*s).powi(2)).sum()
            };
            let (length, tenth) = (sound.len(), sound.len() / 10);
            assert!(sound.channels.iter().flatten().all(|s| s.abs() <= 1.0));
            assert!(
                sound.channels[0][0].abs() < 1e-3 && sound.channels[0][length - 1].abs() < 2e-2,
                "{kind:?}"
            );
            let around = peak.saturating_sub(tenth)..(peak + tenth).min(length);
            let share = loudness(around) / loudness(0..length);
            assert!(share > 0.25, "{kind:?}: {share} of it lies around its peak");
        }
    }

    #[test]
    fn a_whoosh_crosses_from_one_side_to_the_other() {
        let (sound, _) = effect(EffectKind::Whoosh, 0.5, Seed(1));
        let balance = |range: std::ops::Range<usize>| {
            let power = |c: &Vec<f32>| c[range.clone()].iter().map(|s| f64::from(*s).powi(2)).sum::<f64>();
            10.0 * (power(&sound.channels[1]) / power(&sound.channels[0])).log10()
        };
        let third = sound.len() / 3;
        let (first, last) = (balance(0..third), balance(2 * third..3 * third));
        assert!((first - last).abs() > 6.0, "{first} dB, then {last} dB");
    }
}
