//! Peaks held under a ceiling.

use std::{collections::VecDeque, f64::consts::PI};

use super::Error;
use crate::story::Samples;

/// How far ahead the gain begins to fall, and how long it stays smooth, in seconds.
const LOOK_AHEAD_SECONDS: f64 = 0.004;
/// The time in which the gain recovers to 1/e of what it lost, in seconds.
const RELEASE_SECONDS: f64 = 0.080;
/// Points looked at for each sample (ITU-R BS.1770-5, annex 2).
const PHASES: usize = 4;
/// Samples on either side that an intermediate point is made of.
const REACH: usize = 12;

/// Holds the true peak at or under `ceiling_dbtp` and returns the largest reduction in dB (0.0 or more).
///
/// A look-ahead limiter: the gain that each moment needs, found at four times the
/// sample rate and common to all channels, is held over the look-ahead window,
/// released exponentially and smoothed. It begins to fall
/// before a peak arrives, so nothing is clipped and nothing is delayed.
///
/// # Errors
/// When the ceiling is not from -40 to 0.
pub fn limit(samples: &mut Samples, ceiling_dbtp: f64) -> Result<f64, Error> {
    if !(-40.0..=0.0).contains(&ceiling_dbtp) {
        return Err(Error::Ceiling(format!("{ceiling_dbtp}")));
    }
    let ceiling = 10f64.powf(ceiling_dbtp / 20.0);
    let needed: Vec<f64> =
        peaks(samples).into_iter().map(|peak| if peak > ceiling { ceiling / peak } else { 1.0 }).collect();
    let lowest = needed.iter().copied().fold(1.0, f64::min);
    if lowest == 1.0 {
        return Ok(0.0);
    }
    let reach = ((f64::from(samples.rate) * LOOK_AHEAD_SECONDS) as usize).max(1);
    let held = released(&held(&needed, reach), f64::from(samples.rate) * RELEASE_SECONDS);
    // Two means, each over half the time for which the gain is held, make a soft corner.
    let gains = smoothed(&smoothed(&held, reach / 2), reach - reach / 2);
    for channel in &mut samples.channels {
        channel.iter_mut().zip(&gains).for_each(|(sample, gain)| *sample *= *gain as f32);
    }
    Ok(-20.0 * lowest.log10())
}

/// The largest magnitude at each sample and between it and the next, over all channels.
fn peaks(samples: &Samples) -> Vec<f64> {
    let filters = between();
    let mut peaks = vec![0.0f64; samples.len()];
    for channel in &samples.channels {
        let mut padded = vec![0.0f32; REACH - 1];
        padded.extend_from_slice(channel);
        padded.resize(channel.len() + 2 * REACH - 1, 0.0);
        for (at, peak) in peaks.iter_mut().enumerate() {
            let around = &padded[at..at + 2 * REACH];
            *peak = peak.max(f64::from(channel[at].abs()));
            for filter in &filters {
                let value: f32 = around.iter().zip(filter).map(|(a, b)| a * b).sum();
                *peak = peak.max(f64::from(value.abs()));
            }
        }
    }
    peaks
}

/// Hann-windowed sinc filters for the points at 1/4, 2/4 and 3/4 between two samples.
fn between() -> [[f32; 2 * REACH]; PHASES - 1] {
    std::array::from_fn(|phase| {
        let offset = (phase + 1) as f64 / PHASES as f64;
        let tap = |k: usize| {
            let x = k as f64 - (REACH - 1) as f64 - offset;
            (PI * x).sin() / (PI * x) * (PI * x / (2.0 * REACH as f64)).cos().powi(2)
        };
        let sum: f64 = (0..2 * REACH).map(tap).sum();
        std::array::from_fn(|k| (tap(k) / sum) as f32)
    })
}

/// The least of the values within `reach` on either side.
fn held(values: &[f64], reach: usize) -> Vec<f64> {
    let mut rising: VecDeque<usize> = VecDeque::new();
    let mut next = 0;
    (0..values.len())
        .map(|at| {
            while next < values.len() && next <= at + reach {
                while rising.back().is_some_and(|back| values[*back] >= values[next]) {
                    rising.pop_back();
                }
                rising.push_back(next);
                next += 1;
            }
            while rising.front().is_some_and(|front| front + reach < at) {
                rising.pop_front();
            }
            rising.front().map_or(1.0, |front| values[*front])
        })
        .collect()
}

/// Falls at once and rises by 1/e in `samples`.
fn released(values: &[f64], samples: f64) -> Vec<f64> {
    let rise = 1.0 - (-1.0 / samples).exp();
    let mut gain = 1.0;
    let follow = |value: &f64| {
        let recovered = gain + (1.0 - gain) * rise;
        gain = f64::min(*value, if recovered > 0.999_9 { 1.0 } else { recovered });
        gain
    };
    values.iter().map(follow).collect()
}

/// The mean over `reach` on either side; what lies beyond the ends counts as the end.
fn smoothed(values: &[f64], reach: usize) -> Vec<f64> {
    let last = values.len().saturating_sub(1);
    let at = |i: usize| values[i.saturating_sub(reach).min(last)];
    let width = 2 * reach + 1;
    let mut lost: f64 = (0..width).map(|i| 1.0 - at(i)).sum();
    (0..values.len())
        .map(|i| {
            let mean = 1.0 - lost.max(0.0) / width as f64;
            lost += at(i) - at(i + width);
            mean
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::measure;
    use super::*;

    #[test]
    fn peaks_between_samples_are_seen() {
        // A quarter of the sample rate, sampled 45 degrees off its peaks: samples at 0.707, peaks at 1.0.
        let wave = |i: usize| ((i as f64 / 2.0 + 0.25) * PI).sin() as f32;
        let tone = Samples::mono(48_000, (0..4_800).map(wave).collect());
        let peak = peaks(&tone)[2_400];
        assert!((20.0 * peak.log10()).abs() < 0.05, "{peak}");
    }

    #[test]
    fn nothing_rises_above_the_ceiling_and_the_quiet_is_untouched() {
        let rate = 48_000;
        let wave = |i: usize| {
            let loud = (20_000..21_000).contains(&i) || i == 40_000 || i >= 47_995;
            let level = if loud { 1.6 } else { 0.3 };
            (level * (i as f64 * 0.9).sin()) as f32
        };
        let original = Samples::mono(rate, (0..rate as usize).map(wave).collect());
        let mut limited = original.clone();
        let reduction = limit(&mut limited, -1.5).unwrap();
        assert!((5.0..6.5).contains(&reduction), "{reduction}");
        let peak = measure(&limited).unwrap().true_peak_dbtp;
        assert!(peak <= -1.4, "{peak}");
        let quiet = |sound: &Samples| sound.channels[0][..19_000].to_vec();
        assert!(quiet(&limited) == quiet(&original));
        let mut untouched = limited.clone();
        crate::audio::gain(&mut untouched, -1.0);
        let before = untouched.clone();
        assert_eq!(limit(&mut untouched, -1.5), Ok(0.0));
        assert!(untouched == before);
    }
}
