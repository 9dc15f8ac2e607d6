//! Cutting and joining: silence off, fades on, one sound after another.

use std::ops::Range;

use super::{Error, mix::alike};
use crate::story::Samples;

/// Silence is what lies this far below the loudest 5 ms (dB).
const SILENCE_DB: f64 = -50.0;
/// The length of the windows whose level is looked at, in seconds.
const WINDOW_SECONDS: f64 = 0.005;

/// The samples from the first that is no silence to the last; `None` where all is silent.
///
/// Silence is what lies 50 dB below the loudest 5 ms of the sound.
pub fn voiced(samples: &Samples) -> Option<Range<usize>> {
    let window = ((f64::from(samples.rate) * WINDOW_SECONDS) as usize).max(1);
    let power = |start: usize| -> f64 {
        let end = (start + window).min(samples.len());
        let squares = samples.channels.iter().flat_map(|channel| &channel[start..end]);
        squares.map(|sample| f64::from(*sample).powi(2)).sum()
    };
    let powers: Vec<f64> = (0..samples.len()).step_by(window).map(power).collect();
    let threshold = powers.iter().copied().fold(0.0, f64::max) * 10f64.powf(SILENCE_DB / 10.0);
    let first = powers.iter().position(|power| *power > threshold)?;
    let last = powers.iter().rposition(|power| *power > threshold)?;
    Some(first * window..((last + 1) * window).min(samples.len()))
}

/// The part of a sound in `range`, as far as it exists.
pub fn trim(samples: &Samples, range: Range<usize>) -> Samples {
    let end = range.end.min(samples.len());
    let start = range.start.min(end);
    let channels = samples.channels.iter().map(|channel| channel[start..end].to_vec()).collect();
    Samples { rate: samples.rate, channels }
}

/// Fades in at the start and out at the end, `seconds` each, in the shape of a raised cosine.
///
/// A sound shorter than both fades has each over half its length.
pub fn fade(samples: &mut Samples, seconds: f64) {
    let length = ((seconds * f64::from(samples.rate)).round() as usize).min(samples.len() / 2);
    for channel in &mut samples.channels {
        let count = channel.len();
        for i in 0..length {
            let phase = std::f64::consts::PI * (i as f64 + 0.5) / length as f64;
            let factor = (0.5 - 0.5 * phase.cos()) as f32;
            channel[i] *= factor;
            channel[count - 1 - i] *= factor;
        }
    }
}

/// Joins sounds, each followed by its number of silent samples.
///
/// # Errors
/// When rates or numbers of channels differ, or there is no sound.
pub fn concatenate(sounds: &[(&Samples, usize)]) -> Result<Samples, Error> {
    let (first, _) = sounds.first().ok_or(Error::Shape)?;
    let mut joined = Samples::silence(first.rate, first.channels.len(), 0);
    for (sound, pause) in sounds {
        alike(first, sound)?;
        for (into, from) in joined.channels.iter_mut().zip(&sound.channels) {
            into.extend_from_slice(from);
            into.resize(into.len() + pause, 0.0);
        }
    }
    Ok(joined)
}

/// A mono sound on both channels; what has two channels or more stays as it is.
pub fn stereo(mut samples: Samples) -> Samples {
    if let [only] = samples.channels.as_slice() {
        samples.channels = vec![only.clone(), only.clone()];
    }
    samples
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_cut_off_within_a_window() {
        let mut sound = vec![0.000_5; 48_000];
        sound[10_000..20_000].fill(0.5);
        let range = voiced(&Samples::mono(48_000, sound.clone())).unwrap();
        assert!(
            (9_760..=10_000).contains(&range.start) && (20_000..=20_240).contains(&range.end),
            "{range:?}"
        );
        assert_eq!(trim(&Samples::mono(48_000, sound), range.clone()).len(), range.len());
        assert_eq!(voiced(&Samples::silence(48_000, 1, 100)), None);
        assert_eq!(voiced(&Samples::silence(48_000, 1, 0)), None);
    }

    #[test]
    fn fades_begin_and_end_in_silence() {
        let mut sound = Samples::mono(1_000, vec![1.0; 100]);
        fade(&mut sound, 0.01);
        let samples = &sound.channels[0];
        assert!(samples[0] < 0.01 && samples[99] < 0.01);
        assert!(samples[..10].is_sorted() && samples[10..90].iter().all(|s| *s == 1.0));
        let mut short = Samples::mono(1_000, vec![1.0; 3]);
        fade(&mut short, 0.01);
        assert_eq!(short.len(), 3);
    }

    #[test]
    fn joined_sounds_lie_where_their_lengths_and_pauses_put_them() {
        let (a, b) = (Samples::mono(8_000, vec![0.1; 3]), Samples::mono(8_000, vec![0.2; 2]));
        let joined = concatenate(&[(&a, 2), (&b, 1)]).unwrap();
        assert_eq!(joined.channels[0], [0.1, 0.1, 0.1, 0.0, 0.0, 0.2, 0.2, 0.0]);
        assert!(matches!(concatenate(&[(&a, 0), (&stereo(b), 0)]), Err(Error::Unlike { .. })));
    }
}
