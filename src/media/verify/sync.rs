//! Whether the words are heard when the captions show them.

use std::path::Path;

use super::{Check, Outcome};
use crate::{
    media::{Result, sound},
    story::Span,
};

/// Frames a second of what is compared.
const FRAMES: f64 = 100.0;
/// How far captions may be from the sound, in seconds, and how far off they are looked for.
const MOST: f64 = 0.15;
const FARTHEST: f64 = 1.0;
/// How much louder the words must be than what lies between them before anything is said, in dB, and how much
/// clearer that must be at another moment before captions are called late or early.
const CLEAR: f64 = 6.0;
const CLEARER: f64 = 2.0;
/// How long there must be no words for that to be known, in seconds.
const SILENCE: f64 = 0.3;

/// Compares the sound of the video at `path` with `words`, the times at which its captions have them.
///
/// What is asked is where the words must be moved to so that their stretches are loudest against the rest. A
/// sound that tells no words from pauses, for music or for want of pauses, breaks no rule.
pub fn in_time(path: &Path, words: &[Span]) -> Result<Check> {
    let levels = levels(&sound::sound(path)?);
    let found = lag(&levels, words);
    let (found, good) = match found {
        Some(lag) => (format!("{:+.0} ms", lag * 1e3), lag.abs() <= MOST),
        None => ("no pauses that can be told from words".to_owned(), true),
    };
    Ok(Check {
        name: "captions in time".to_owned(),
        expected: format!("within {:.0} ms of the sound", MOST * 1e3),
        found,
        outcome: if good { Outcome::Passed } else { Outcome::Failed },
        source: "shortform".to_owned(),
        date: "2026-11".to_owned(),
    })
}

/// How loud each hundredth of a second is, in dB, without what lies below a voice.
fn levels(sound: &crate::story::Samples) -> Vec<f64> {
    let step = (f64::from(sound.rate) / FRAMES) as usize;
    let share = 1.0 - (-std::f64::consts::TAU * 200.0 / f64::from(sound.rate)).exp();
    let mut low = 0.0;
    (0..sound.len() / step.max(1))
        .map(|frame| {
            let energy: f64 = (frame * step..(frame + 1) * step)
                .map(|i| {
                    let sum: f64 = sound.channels.iter().map(|channel| f64::from(channel[i])).sum();
                    low += share * (sum - low);
                    (sum - low).powi(2)
                })
                .sum();
            (10.0 * (energy / step as f64).max(1e-12).log10()).max(-60.0)
        })
        .collect()
}

/// How much later than `words` say the words are heard, in seconds; none where that cannot be told.
fn lag(levels: &[f64], words: &[Span]) -> Option<f64> {
    let mut spoken = vec![false; levels.len()];
    for word in words {
        let frame = |seconds: f64| ((seconds * FRAMES).round() as usize).min(levels.len());
        spoken[frame(word.start.seconds())..frame(word.end.seconds())].fill(true);
    }
    let silent = spoken.iter().filter(|spoken| !**spoken).count() as f64 / FRAMES;
    if silent < SILENCE || silent > levels.len() as f64 / FRAMES - SILENCE {
        return None;
    }
    // The mean level of words less that of all else, the words moved by `lag` frames.
    let contrast = |lag: i64| {
        let (mut sums, mut counts) = ([0.0; 2], [0.0; 2]);
        for (at, level) in levels.iter().enumerate() {
            let word = usize::try_from(at as i64 - lag).ok().and_then(|i| spoken.get(i)).is_some_and(|&s| s);
            sums[usize::from(word)] += level;
            counts[usize::from(word)] += 1.0;
        }
        sums[1] / f64::max(counts[1], 1.0) - sums[0] / f64::max(counts[0], 1.0)
    };
    let farthest = (FARTHEST * FRAMES) as i64;
    let best = (-farthest..=farthest)
        .map(|lag| (lag, contrast(lag)))
        .max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.abs().cmp(&a.0.abs())))?;
    if best.1 < CLEAR {
        return None;
    }
    // Little clearer elsewhere than here is no reason to complain.
    let here = contrast(0);
    Some(if best.1 - here < CLEARER && best.0.abs() as f64 > MOST * FRAMES {
        0.0
    } else {
        best.0 as f64 / FRAMES
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::story::{Samples, Time};

    /// A voice in stretches, and their times.
    fn voice() -> (Samples, Vec<Span>) {
        let words = [(0.3, 1.2), (1.6, 2.4), (2.9, 3.1), (3.6, 5.0)];
        let wave = |i: usize| {
            let t = i as f64 / 48_000.0;
            let on = words.iter().any(|(start, end)| (*start..*end).contains(&t));
            let level = if on { 0.3 } else { 0.004 };
            (level * (t * 2_500.0).sin() * (1.0 + 0.5 * (t * 40.0).sin())) as f32
        };
        let span = |&(start, end): &(f64, f64)| Span::new(Time::from_seconds(start), Time::from_seconds(end));
        (Samples::mono(48_000, (0..6 * 48_000).map(wave).collect()), words.iter().map(span).collect())
    }

    #[test]
    fn late_and_early_captions_are_found_out() {
        let (sound, words) = voice();
        let levels = levels(&sound);
        assert!(lag(&levels, &words).unwrap().abs() <= 0.01);
        for early in [0.2, 0.45, 0.9] {
            let moved = |span: &Span| {
                Span::new(
                    span.start.since(Time::from_seconds(early)),
                    span.end.since(Time::from_seconds(early)),
                )
            };
            // The first words cannot begin before the video.
            let words: Vec<Span> = words.iter().skip(usize::from(early > 0.25)).map(moved).collect();
            let found = lag(&levels, &words).unwrap();
            assert!((found - early).abs() <= 0.03, "{found} for {early}");
        }
    }

    #[test]
    fn music_without_pauses_tells_nothing() {
        let (_, words) = voice();
        let hum = (0..6 * 48_000).map(|i| (0.3 * (i as f64 * 0.05).sin()) as f32).collect();
        assert_eq!(lag(&levels(&Samples::mono(48_000, hum)), &words), None);
        assert_eq!(lag(&levels(&voice().0), &[]), None);
    }
}
