//! Where the beats of music of a steady tempo fall: [`beats`].

use crate::story::Samples;

/// Samples to one value of what is looked at, at 48 kHz 5 ms.
const HOP: usize = 256;
/// The tempos looked for, in beats a minute, and the one that people clap to soonest.
const TEMPOS: (f64, f64) = (60.0, 180.0);
const USUAL: f64 = 115.0;
/// How much more must begin on the beats than elsewhere.
const CLEAR: f64 = 1.8;
/// What is listened to, in seconds: longer music is taken to go on as it began.
const LISTENED: f64 = 90.0;

/// A steady beat.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Beats {
    /// Seconds from one to the next.
    pub period: f64,
    /// When the first is heard, in seconds: less than a period.
    pub first: f64,
}

impl Beats {
    /// Every beat before `end`, in seconds.
    pub fn until(self, end: f64) -> impl Iterator<Item = f64> {
        (0..).map(move |n| self.first + f64::from(n) * self.period).take_while(move |at| *at < end)
    }
}

/// The beats of `music`; none where it has no clear one.
///
/// What begins in the music (the rise of its energy in three bands) is compared with itself a beat later for
/// every tempo from 60 to 180 beats a minute, with a bent for the middle; around the best few a grid is laid to
/// where most begins. Twice or half the tempo that a drummer would count is as good for cutting.
pub fn beats(music: &Samples) -> Option<Beats> {
    let step = HOP as f64 / f64::from(music.rate);
    let onsets = onsets(music);
    let longest = 60.0 / TEMPOS.0 / step;
    if (onsets.len() as f64) < 4.0 * longest {
        return None;
    }
    let mean = onsets.iter().sum::<f64>() / onsets.len() as f64;
    if mean <= 0.0 {
        return None;
    }
    // A beat may fall between two values, and hands are not exact: each begins a little on its neighbours too.
    let at = |i: usize| onsets.get(i).copied().unwrap_or(0.0);
    let soft: Vec<f64> = (0..onsets.len())
        .map(|i| {
            (at(i) + 0.6 * (at(i.wrapping_sub(1)) + at(i + 1)) + 0.2 * (at(i.wrapping_sub(2)) + at(i + 2)))
                / 2.6
        })
        .collect();
    let best = tempos(&soft, step)
        .into_iter()
        .map(|lag| grid(&soft, lag))
        .max_by(|a, b| a.score.total_cmp(&b.score))?;
    (best.score >= CLEAR * mean)
        .then(|| Beats { period: best.lag * step, first: ((best.phase + 0.5) * step) % (best.lag * step) })
}

/// How strongly something begins, value by value.
fn onsets(music: &Samples) -> Vec<f64> {
    /// How far back a rise is measured against, in values.
    const BACK: usize = 4;
    let rate = f64::from(music.rate);
    let length = music.len().min((LISTENED * rate) as usize) / HOP * HOP;
    let share = |hertz: f64| 1.0 - (-std::f64::consts::TAU * hertz / rate).exp();
    let (bass, treble) = (share(160.0), share(2_500.0));
    let (mut low, mut middle) = (0.0, 0.0);
    let mut bands = [(); 3].map(|()| Vec::with_capacity(length / HOP));
    for at in (0..length).step_by(HOP) {
        let mut energy = [0.0f64; 3];
        for i in at..at + HOP {
            let sum: f64 = music.channels.iter().map(|channel| f64::from(channel[i])).sum();
            low += bass * (sum - low);
            middle += treble * (sum - middle);
            for (energy, part) in energy.iter_mut().zip([low, middle - low, sum - middle]) {
                *energy += part * part;
            }
        }
        bands.iter_mut().zip(energy).for_each(|(band, energy)| band.push(energy));
    }
    let mut onsets = vec![0.0; length / HOP];
    for band in &bands {
        let mean = band.iter().sum::<f64>() / band.len().max(1) as f64;
        if mean <= 0.0 {
            continue;
        }
        let loud: Vec<f64> = band.iter().map(|energy| (1.0 + 20.0 * energy / mean).ln()).collect();
        for i in 1..loud.len() {
            let before = &loud[i.saturating_sub(BACK)..i];
            onsets[i] += (loud[i] - before.iter().sum::<f64>() / before.len() as f64).max(0.0);
        }
    }
    onsets
}

/// The lags, in values, at which `onsets` are most like themselves: the best of each stretch of tempos.
fn tempos(onsets: &[f64], step: f64) -> Vec<f64> {
    let (shortest, longest) = ((60.0 / TEMPOS.1 / step) as usize, (60.0 / TEMPOS.0 / step).ceil() as usize);
    let mean = onsets.iter().sum::<f64>() / onsets.len() as f64;
    let like = |lag: usize| {
        let pairs = onsets.iter().zip(&onsets[lag.min(onsets.len())..]);
        pairs.map(|(a, b)| (a - mean) * (b - mean)).sum::<f64>() / (onsets.len() - lag).max(1) as f64
    };
    let score = |lag: usize| {
        let octaves = (60.0 / (lag as f64 * step) / USUAL).log2();
        let bent = (-octaves * octaves / (2.0 * 0.8 * 0.8)).exp();
        bent * (like(lag) + 0.5 * like(2 * lag) + 0.25 * like(4 * lag))
    };
    let scores: Vec<f64> = (shortest..=longest).map(score).collect();
    let peaks = (1..scores.len().saturating_sub(1))
        .filter(|&i| scores[i] > 0.0 && scores[i] >= scores[i - 1] && scores[i] > scores[i + 1]);
    let mut peaks: Vec<usize> = peaks.collect();
    peaks.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
    peaks.into_iter().take(4).map(|i| (shortest + i) as f64).collect()
}

/// A grid laid over onsets, in values.
struct Grid {
    lag: f64,
    phase: f64,
    /// How much begins on it, on the mean.
    score: f64,
}

/// The grid near `lag` that most begins on.
fn grid(onsets: &[f64], lag: f64) -> Grid {
    let score = |lag: f64, phase: f64| {
        let count = ((onsets.len() as f64 - 1.0 - phase) / lag).floor();
        let sum: f64 = (0..=count as usize)
            .map(|n| {
                let at = phase + n as f64 * lag;
                let (i, share) = (at as usize, at.fract());
                onsets[i] * (1.0 - share) + onsets.get(i + 1).copied().unwrap_or(0.0) * share
            })
            .sum();
        sum / (count + 1.0)
    };
    let mut best = Grid { lag, phase: 0.0, score: f64::MIN };
    // The last beat may be half a value off: finer and finer around the best.
    let mut reach = 1.5;
    let mut around: Option<f64> = None;
    for _ in 0..3 {
        let middle = best.lag;
        for n in -20..=20 {
            let lag = middle + reach * f64::from(n) / 20.0;
            let (low, high) = around.map_or((0.0, lag), |phase| ((phase - 3.0).max(0.0), phase + 3.0));
            let phases = (0..).map(|n| low + 0.5 * f64::from(n)).take_while(|phase| *phase < high);
            for phase in phases {
                let score = score(lag, phase);
                if score > best.score {
                    best = Grid { lag, phase, score };
                }
            }
        }
        reach /= 10.0;
        around = Some(best.phase);
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        audio::{bed, bed_beats},
        story::{Mood, Seed},
    };

    /// Clicks at `tempo` from `first` on, under noise 30 dB below.
    fn clicks(tempo: f64, first: f64, seconds: f64) -> Samples {
        let rate = 44_100;
        let mut state = 1u32;
        let mut noise = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (f64::from(state >> 8) / f64::from(1 << 24) - 0.5) * 0.04
        };
        let mut samples: Vec<f32> =
            (0..(seconds * f64::from(rate)) as usize).map(|_| noise() as f32).collect();
        for n in 0.. {
            let at = ((first + f64::from(n) * 60.0 / tempo) * f64::from(rate)) as usize;
            if at + 400 > samples.len() {
                break;
            }
            for i in 0..400 {
                samples[at + i] += 0.8 * (-(i as f32) / 60.0).exp() * (i as f32 * 0.3).sin();
            }
        }
        Samples::mono(rate, samples)
    }

    /// How far `at` is from the nearest of a grid's beats and half beats, in seconds.
    fn off(at: f64, period: f64, first: f64) -> f64 {
        let half = period / 2.0;
        let place = (at - first).rem_euclid(half);
        place.min(half - place)
    }

    #[test]
    fn the_beats_of_a_click_track_are_found_within_ten_milliseconds() {
        for (tempo, first) in
            [(72.0, 0.37), (90.0, 0.02), (97.3, 0.2), (120.0, 0.41), (128.0, 0.0), (151.5, 0.11)]
        {
            let found = beats(&clicks(tempo, first, 60.0)).unwrap_or_else(|| panic!("{tempo}: none"));
            let octave = (found.period * tempo / 60.0).log2();
            assert!((octave - octave.round()).abs() < 0.002 && octave.abs() < 1.1, "{tempo}: {found:?}");
            let worst = found.until(60.0).map(|at| off(at, 60.0 / tempo, first)).fold(0.0, f64::max);
            eprintln!("{tempo}: {found:?}, {:.1} ms off at most", worst * 1e3);
            assert!(worst < 0.010, "{tempo}: {found:?} is {worst} s off");
        }
    }

    #[test]
    fn noise_and_a_drone_have_no_beat() {
        let rate = 48_000;
        let noise = clicks(1.0, 1e6, 30.0);
        let drone = |i: usize| (0.3 * (i as f64 * 0.02).sin()) as f32;
        for music in [noise, Samples::mono(rate, (0..30 * 48_000).map(drone).collect())] {
            assert_eq!(beats(&music), None);
        }
        assert_eq!(beats(&Samples::silence(rate, 2, 30 * 48_000)), None);
        assert_eq!(beats(&Samples::mono(rate, Vec::new())), None);
    }

    #[test]
    fn the_beats_of_rhythmic_beds_are_heard_where_they_were_written() {
        for mood in [Mood::Uplifting, Mood::Tense, Mood::Playful] {
            let (music, known) = (bed(mood, Seed(7)), bed_beats(mood, Seed(7)));
            let found = beats(&music).unwrap_or_else(|| panic!("{mood:?}: none"));
            let times = found.until(music.seconds());
            let worst = times.map(|at| off(at, known.period, known.first)).fold(0.0, f64::max);
            assert!(worst < 0.02, "{mood:?}: {found:?} for {known:?} is {worst} s off");
        }
    }
}
