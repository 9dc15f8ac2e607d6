//! Tracks summed into one.

use super::Error;
use crate::story::Samples;

/// One sound of a mix.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Track<'a> {
    /// The sound.
    pub samples: &'a Samples,
    /// Gain in dB; 0.0 leaves it as it is.
    pub gain_db: f64,
    /// The sample of the mix at which it begins.
    pub start: usize,
}

/// Sums tracks; the result is as long as the last of them lasts. Nothing is clipped.
///
/// # Errors
/// When rates or numbers of channels differ, or there is no track.
pub fn mix(tracks: &[Track<'_>]) -> Result<Samples, Error> {
    let first = tracks.first().ok_or(Error::Shape)?.samples;
    let length = tracks.iter().map(|track| track.start + track.samples.len()).max().unwrap_or_default();
    let mut sum = Samples::silence(first.rate, first.channels.len(), length);
    for track in tracks {
        alike(first, track.samples)?;
        let factor = factor(track.gain_db);
        for (into, from) in sum.channels.iter_mut().zip(&track.samples.channels) {
            for (into, from) in into[track.start..].iter_mut().zip(from) {
                *into += from * factor;
            }
        }
    }
    Ok(sum)
}

/// Multiplies every sample by `db` decibels.
pub fn gain(samples: &mut Samples, db: f64) {
    let factor = factor(db);
    samples.channels.iter_mut().flatten().for_each(|sample| *sample *= factor);
}

fn factor(db: f64) -> f32 {
    10f64.powf(db / 20.0) as f32
}

/// Refuses two sounds of different rates or numbers of channels.
pub(super) fn alike(a: &Samples, b: &Samples) -> Result<(), Error> {
    if a.rate == b.rate && a.channels.len() == b.channels.len() {
        return Ok(());
    }
    Err(Error::Unlike {
        a_channels: a.channels.len(),
        a_rate: a.rate,
        b_channels: b.channels.len(),
        b_rate: b.rate,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tracks_sum_at_their_place_with_their_gain() {
        let one = Samples::mono(48_000, vec![0.5; 4]);
        let two = Samples::mono(48_000, vec![0.25; 3]);
        let sum = mix(&[
            Track { samples: &one, gain_db: 0.0, start: 0 },
            Track { samples: &two, gain_db: -20.0, start: 3 },
        ])
        .unwrap();
        let expected = [0.5, 0.5, 0.5, 0.525, 0.025, 0.025];
        assert!(sum.channels[0].iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{sum:?}");
    }

    #[test]
    fn unlike_sounds_do_not_mix() {
        let (a, b) = (Samples::silence(48_000, 1, 1), Samples::silence(44_100, 1, 1));
        let track = |samples| Track { samples, gain_db: 0.0, start: 0 };
        assert!(matches!(mix(&[track(&a), track(&b)]), Err(Error::Unlike { .. })));
        assert_eq!(mix(&[]), Err(Error::Shape));
    }
}
