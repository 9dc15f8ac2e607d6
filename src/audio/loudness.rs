//! Loudness after ITU-R BS.1770 and EBU R 128.

use ebur128::{Channel, EbuR128, Mode};
use serde::{Deserialize, Serialize};

use super::{Error, gain, limiter::limit};
use crate::story::Samples;

/// How a loudness was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// K-weighted and gated, as BS.1770 says.
    Integrated,
    /// The plain mean power: the sound is too short or too quiet for the gate (400 ms, -70 LUFS).
    Rms,
}

/// How loud a sound is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    /// Integrated loudness in LUFS. A mono sound counts as heard from two speakers,
    /// so its loudness stays the same when it is put on both channels.
    pub integrated_lufs: f64,
    /// The highest true peak of any channel in dBTP.
    pub true_peak_dbtp: f64,
    /// How the loudness was found.
    pub method: Method,
}

/// What leveling did.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Leveled {
    /// The sound as it was.
    pub before: Measurement,
    /// The sound as it is.
    pub after: Measurement,
    /// The gain applied before the limiter, in dB.
    pub gain_db: f64,
    /// The limiter's largest reduction, in dB.
    pub limited_db: f64,
}

/// Measures the loudness and the true peak of a sound.
///
/// # Errors
/// When the sound is silent, its channels differ in length, or its rate cannot be measured.
pub fn measure(samples: &Samples) -> Result<Measurement, Error> {
    let wrong = |error: ebur128::Error| Error::Loudness(error.to_string());
    let count = u32::try_from(samples.channels.len()).map_err(|_| Error::Shape)?;
    let mut meter = EbuR128::new(count, samples.rate, Mode::I | Mode::TRUE_PEAK).map_err(wrong)?;
    if count == 1 {
        meter.set_channel(0, Channel::DualMono).map_err(wrong)?;
    }
    let planes: Vec<&[f32]> = samples.channels.iter().map(Vec::as_slice).collect();
    meter.add_frames_planar_f32(&planes).map_err(wrong)?;
    // The interpolator looks ahead: a peak at the very end needs something to follow it.
    meter.add_frames_planar_f32(&vec![&[0.0; 64][..]; planes.len()]).map_err(wrong)?;
    let mut peak = 0.0f64;
    for channel in 0..count {
        peak = peak.max(meter.true_peak(channel).map_err(wrong)?);
    }
    if peak == 0.0 {
        return Err(Error::Silent);
    }
    let integrated = meter.loudness_global().map_err(wrong)?;
    let (integrated_lufs, method) =
        if integrated.is_finite() { (integrated, Method::Integrated) } else { (rms(samples), Method::Rms) };
    Ok(Measurement { integrated_lufs, true_peak_dbtp: 20.0 * peak.log10(), method })
}

/// Mean power on the LUFS scale, which reads the same for a tone of 1 kHz.
fn rms(samples: &Samples) -> f64 {
    let power = |channel: &Vec<f32>| {
        channel.iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>() / channel.len() as f64
    };
    let sum: f64 = samples.channels.iter().map(power).sum();
    let speakers = if samples.channels.len() == 1 { 2.0 } else { 1.0 };
    10.0 * (sum * speakers).log10() - 0.691
}

/// How near to the target is near enough, in LU.
const TOLERANCE_LU: f64 = 0.1;
/// Limiting takes loudness away, which more gain brings back: so often at most.
const ROUNDS: usize = 5;

/// Brings a sound to `target_lufs` with its true peak at or under `ceiling_dbtp`.
///
/// Gain, then a limiter, measured again and corrected until the loudness is
/// within 0.1 LU. Where the ceiling does not allow the target, the result says
/// what was reached. A lossy codec overshoots the ceiling by some tenths of a
/// decibel, so leave it room.
///
/// # Errors
/// When the sound is silent or cannot be measured, or the ceiling is not from -40 to 0.
pub fn level(samples: &mut Samples, target_lufs: f64, ceiling_dbtp: f64) -> Result<Leveled, Error> {
    let before = measure(samples)?;
    let mut gain_db = target_lufs - before.integrated_lufs;
    let mut ceiling = ceiling_dbtp;
    // LU that one dB of gain brings; less than 1 once the limiter works.
    let mut slope = 1.0;
    let mut previous = (0.0, before.integrated_lufs);
    let mut round = 1;
    loop {
        let mut leveled = samples.clone();
        gain(&mut leveled, gain_db);
        let limited_db = limit(&mut leveled, ceiling)?;
        let after = measure(&leveled)?;
        let short = target_lufs - after.integrated_lufs;
        let over = after.true_peak_dbtp - ceiling_dbtp;
        if round == ROUNDS || (short.abs() <= TOLERANCE_LU && over <= 0.0) {
            // The limiter's own filter differs a little from the meter's: the ceiling holds all the same.
            let over_db = over.max(0.0);
            gain(&mut leveled, -over_db);
            let after = if over_db > 0.0 { measure(&leveled)? } else { after };
            *samples = leveled;
            return Ok(Leveled { before, after, gain_db, limited_db: limited_db + over_db });
        }
        let (gain_before, loudness_before) = previous;
        let gained = (after.integrated_lufs - loudness_before) / (gain_db - gain_before);
        if gained.is_finite() {
            slope = gained.clamp(0.25, 1.0);
        }
        previous = (gain_db, after.integrated_lufs);
        gain_db += short / slope;
        ceiling -= over.max(0.0);
        round += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::super::stereo;
    use super::*;
    use std::f64::consts::TAU;

    fn tone(dbfs: f64, seconds: f64) -> Samples {
        let amplitude = 10f64.powf(dbfs / 20.0);
        let wave = |i| (amplitude * (TAU * 997.0 * f64::from(i) / 48_000.0).sin()) as f32;
        Samples::mono(48_000, (0..(seconds * 48_000.0) as u32).map(wave).collect())
    }

    /// Bursts with a crest factor like that of speech.
    fn bursts() -> Samples {
        let wave = |i: u32| {
            let t = f64::from(i) / 48_000.0;
            let envelope = (-((t * 4.0).fract() * 9.0)).exp() + 0.05;
            (0.3 * envelope * ((TAU * 180.0 * t).sin() + (TAU * 1_230.0 * t).sin())) as f32
        };
        Samples::mono(48_000, (0..480_000).map(wave).collect())
    }

    #[test]
    fn a_tone_measures_as_the_standard_says() {
        // EBU Tech 3341, test 1: a stereo tone of -23 dBFS reads -23 LUFS.
        let measured = measure(&stereo(tone(-23.0, 10.0))).unwrap();
        assert!((measured.integrated_lufs + 23.0).abs() < 0.1, "{measured:?}");
        assert!((measured.true_peak_dbtp + 23.0).abs() < 0.1, "{measured:?}");
        let mono = measure(&tone(-23.0, 10.0)).unwrap();
        assert!((mono.integrated_lufs - measured.integrated_lufs).abs() < 1e-6);
    }

    #[test]
    fn what_is_too_short_for_the_gate_is_measured_plainly() {
        let short = measure(&tone(-23.0, 0.3)).unwrap();
        assert_eq!(short.method, Method::Rms);
        assert!((short.integrated_lufs + 23.0 + 0.691).abs() < 0.1, "{short:?}");
        assert_eq!(measure(&Samples::silence(48_000, 1, 48_000)), Err(Error::Silent));
    }

    #[test]
    fn peaky_sound_reaches_the_target_under_the_ceiling() {
        for (target, ceiling) in [(-14.0, -1.0), (-14.0, -1.5), (-16.0, -2.0), (-23.0, -1.0)] {
            let mut sound = bursts();
            let leveled = level(&mut sound, target, ceiling).unwrap();
            assert!((leveled.after.integrated_lufs - target).abs() <= 0.1, "{leveled:?}");
            assert!(leveled.after.true_peak_dbtp <= ceiling, "{leveled:?}");
            assert_eq!(leveled.after, measure(&sound).unwrap());
        }
    }

    #[test]
    fn a_target_out_of_reach_is_told() {
        let mut sound = bursts();
        let leveled = level(&mut sound, -3.0, -12.0).unwrap();
        assert!(leveled.after.integrated_lufs < -5.0, "{leveled:?}");
        assert!(leveled.after.true_peak_dbtp <= -12.0, "{leveled:?}");
    }
}
