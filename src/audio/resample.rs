//! From one sample rate to another.

use rubato::{
    Fft, FixedSync, Resampler, WindowFunction, audioadapter_buffers::direct::SequentialSliceOfVecs,
};

use super::Error;
use crate::story::Samples;

/// Samples that go through one transform, at least: enough for a steep filter.
const CHUNK: u64 = 1024;

/// Resamples to `rate`; sample `t` of the old sound lies at `t * rate / samples.rate` of the new.
///
/// A band-limited conversion by FFT whose delay is taken out; the length is exactly
/// `round(length * rate / samples.rate)`.
///
/// # Errors
/// When a rate is out of range, or the channels differ in length.
pub fn resample(samples: &Samples, rate: u32) -> Result<Samples, Error> {
    for rate in [samples.rate, rate] {
        if !(1_000..=768_000).contains(&rate) {
            return Err(Error::Rate(rate));
        }
    }
    let length = samples.len();
    if samples.channels.iter().any(|channel| channel.len() != length) {
        return Err(Error::Shape);
    }
    if samples.rate == rate || samples.is_empty() {
        return Ok(Samples { rate, channels: samples.channels.clone() });
    }
    let (from, to) = (u64::from(samples.rate), u64::from(rate));
    let wanted = ((length as u64 * to + from / 2) / from) as usize;
    let count = samples.channels.len();
    let failed = |error: &dyn std::fmt::Display| Error::Resample(error.to_string());
    // A whole number of periods, and an even one of samples: else the filter's delay is not
    // the whole number of samples that the resampler takes out.
    let period = 2 * from / gcd(from, to);
    let chunk = period * CHUNK.div_ceil(period);
    let mut resampler = Fft::<f32>::new_custom(
        samples.rate as usize,
        rate as usize,
        chunk as usize,
        1,
        count,
        WindowFunction::BlackmanHarris2,
        FixedSync::Both,
    )
    .map_err(|e| failed(&e))?;
    let input = SequentialSliceOfVecs::new(&samples.channels, count, length).map_err(|e| failed(&e))?;
    let mut channels = vec![vec![0.0; resampler.process_all_needed_output_len(length)]; count];
    let room = channels[0].len();
    let mut output = SequentialSliceOfVecs::new_mut(&mut channels, count, room).map_err(|e| failed(&e))?;
    resampler.process_all_into_buffer(&input, &mut output, length, None).map_err(|e| failed(&e))?;
    for channel in &mut channels {
        channel.resize(wanted, 0.0);
    }
    Ok(Samples { rate, channels })
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::TAU;

    const PAIRS: [(u32, u32); 4] = [(22_050, 48_000), (24_000, 48_000), (44_100, 48_000), (48_000, 16_000)];

    #[test]
    fn a_click_stays_in_its_place() {
        for (from, to) in PAIRS {
            for at in [0, 1, 700, 9_000, 19_999] {
                let mut click = vec![0.0; 20_000];
                click[at] = 1.0;
                let out = resample(&Samples::mono(from, click), to).unwrap();
                let loudest = (0..out.len())
                    .max_by(|a, b| out.channels[0][*a].abs().total_cmp(&out.channels[0][*b].abs()))
                    .unwrap();
                let expected = at as f64 * f64::from(to) / f64::from(from);
                assert!((loudest as f64 - expected).abs() <= 1.0, "{from} to {to}: {loudest} not {expected}");
            }
        }
    }

    #[test]
    fn a_tone_keeps_its_level_and_phase() {
        for (from, to) in PAIRS {
            for hertz in [100.0, 1_000.0, 6_000.0] {
                let tone = |rate: u32, length: usize| -> Vec<f32> {
                    let phase = |i| TAU * hertz * i as f64 / f64::from(rate);
                    (0..length).map(|i| 0.5 * phase(i).sin() as f32).collect()
                };
                let out = resample(&Samples::mono(from, tone(from, from as usize)), to).unwrap();
                assert_eq!(out.len(), to as usize);
                let expected = tone(to, to as usize);
                let inner = to as usize / 10..to as usize * 9 / 10;
                let power = |samples: &[f32]| samples.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>();
                let difference: Vec<f32> = inner.clone().map(|i| out.channels[0][i] - expected[i]).collect();
                let db =
                    10.0 * (power(&out.channels[0][inner.clone()]) / power(&expected[inner.clone()])).log10();
                assert!(db.abs() < 0.1, "{from} to {to} at {hertz} Hz: {db} dB");
                let error = 10.0 * (power(&difference) / power(&expected[inner])).log10();
                assert!(error < -60.0, "{from} to {to} at {hertz} Hz: error {error} dB");
            }
        }
    }

    #[test]
    fn the_length_is_exact() {
        for length in [0, 1, 2, 147, 1_023, 1_024, 1_025, 33_333] {
            for (from, to) in PAIRS {
                let out = resample(&Samples::silence(from, 2, length), to).unwrap();
                let expected = (length as f64 * f64::from(to) / f64::from(from)).round() as usize;
                assert_eq!((out.channels.len(), out.len(), out.rate), (2, expected, to));
            }
        }
        assert_eq!(resample(&Samples::silence(0, 1, 5), 48_000), Err(Error::Rate(0)));
    }
}
