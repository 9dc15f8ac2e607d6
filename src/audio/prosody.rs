//! Speech made slower, higher or louder in places, without a seam.
//!
//! The sound is laid anew from overlapping windows, each taken where it continues the one before best
//! (W. Verhelst and M. Roelands, "An overlap-add technique based on waveform similarity", 1993): that changes
//! the speed and leaves the pitch. Read faster or slower afterwards, it changes the pitch and leaves the speed.

use std::ops::Range;

use crate::story::Samples;

/// How a stretch of a sound differs from what it was.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Which samples.
    pub range: Range<usize>,
    /// Speed; 2.0 is twice as fast.
    pub rate: f64,
    /// Pitch; 2.0 is an octave higher.
    pub pitch: f64,
    /// What its samples are multiplied by.
    pub gain: f64,
}

/// Where the samples of a sound have gone.
#[derive(Debug, Clone, PartialEq)]
pub struct Moved {
    /// Edges before and after, in order.
    edges: Vec<(usize, usize)>,
}

impl Moved {
    /// Where a sample lies now.
    pub fn place(&self, sample: usize) -> usize {
        let after =
            self.edges.partition_point(|(before, _)| *before <= sample).clamp(1, self.edges.len() - 1);
        let ((from, to), (next_from, next_to)) = (self.edges[after - 1], self.edges[after]);
        let share = (sample.min(next_from) - from) as f64 / (next_from - from).max(1) as f64;
        to + ((next_to - to) as f64 * share).round() as usize
    }
}

/// A stretch in which nothing changes, of the sound as it was.
#[derive(Debug, Clone, Copy)]
struct Part {
    start: usize,
    end: usize,
    rate: f64,
    pitch: f64,
    gain: f64,
}

/// The length of a window in seconds: some periods of any voice.
const WINDOW_SECONDS: f64 = 0.03;
/// How far from its place a window is looked for, in seconds: a period of a deep voice.
const REACH_SECONDS: f64 = 0.01;
/// How fast loudness changes, in seconds.
const RAMP_SECONDS: f64 = 0.01;

/// Changes the first channel of a sound where `changes` say so; where they overlap, each adds to the other.
pub fn reshape(samples: &Samples, changes: &[Change]) -> (Samples, Moved) {
    let sound = samples.channels.first().cloned().unwrap_or_default();
    let parts = parts(sound.len(), changes);
    let rate = f64::from(samples.rate);
    let mut edges = vec![(0, 0)];
    // Where each part lies once stretched, before it is read faster for its pitch; and in the end.
    let (mut stretched_at, mut at) = (0.0, 0.0);
    let mut places = Vec::with_capacity(parts.len());
    for part in &parts {
        let length = (part.end - part.start) as f64;
        places.push((stretched_at, at));
        stretched_at += length * part.pitch / part.rate;
        at += length / part.rate;
        edges.push((part.end, at.round() as usize));
    }
    if edges.len() < 2 {
        edges.push((sound.len(), sound.len()));
    }
    let same_speed = parts.iter().all(|part| (part.pitch / part.rate - 1.0).abs() < 1e-9);
    let stretched = if same_speed { sound } else { stretch(&sound, &parts, rate) };
    let same_pitch = parts.iter().all(|part| (part.pitch - 1.0).abs() < 1e-9);
    let mut shaped = if same_pitch { stretched } else { read(&stretched, &parts, &places, at) };
    shaped.resize(at.round() as usize, 0.0);
    loudness(&mut shaped, &parts, &places, rate);
    (Samples::mono(samples.rate, shaped), Moved { edges })
}

/// The sound divided at the edges of all changes.
fn parts(length: usize, changes: &[Change]) -> Vec<Part> {
    let mut edges: Vec<usize> = changes
        .iter()
        .flat_map(|change| [change.range.start.min(length), change.range.end.min(length)])
        .collect();
    edges.extend([0, length]);
    edges.sort_unstable();
    edges.dedup();
    edges
        .windows(2)
        .map(|pair| {
            let mut part = Part { start: pair[0], end: pair[1], rate: 1.0, pitch: 1.0, gain: 1.0 };
            for change in changes.iter().filter(|c| c.range.start <= part.start && part.end <= c.range.end) {
                part.rate = (part.rate * change.rate).clamp(0.25, 4.0);
                part.pitch = (part.pitch * change.pitch).clamp(0.25, 4.0);
                part.gain *= change.gain;
            }
            part
        })
        .collect()
}

/// Each part `pitch / rate` times as long.
fn stretch(sound: &[f32], parts: &[Part], rate: f64) -> Vec<f32> {
    let hop = ((rate * WINDOW_SECONDS / 2.0) as usize).max(1);
    let reach = (rate * REACH_SECONDS) as isize;
    let window: Vec<f32> = (0..2 * hop)
        .map(|i| (0.5 - 0.5 * (std::f64::consts::PI * (i as f64 + 0.5) / hop as f64).cos()) as f32)
        .collect();
    let total: f64 = parts.iter().map(|part| (part.end - part.start) as f64 * part.pitch / part.rate).sum();
    let total = total.round() as usize;
    let sample = |at: isize| usize::try_from(at).ok().and_then(|at| sound.get(at)).copied().unwrap_or(0.0);
    let mut laid = vec![0.0f32; total + 2 * hop];
    // The first window's first half would fade in: it begins half a window early.
    let mut from = -(hop as isize);
    let mut to = -(hop as isize);
    while to < total as isize {
        for (offset, weight) in window.iter().enumerate() {
            if let Some(into) = usize::try_from(to + offset as isize).ok().and_then(|at| laid.get_mut(at)) {
                *into += weight * sample(from + offset as isize);
            }
        }
        to += hop as isize;
        let next = from + hop as isize;
        // The middle of the window is what is heard of it most.
        let (ideal, still) = source(parts, to + hop as isize);
        let ideal = ideal - hop as isize;
        from = if (next - ideal).abs() <= if still { reach } else { 0 } {
            next
        } else {
            let like = |start: isize| {
                let (mut both, mut own) = (0.0f64, 1e-9f64);
                for offset in (0..hop as isize).step_by(2) {
                    let (a, b) = (f64::from(sample(next + offset)), f64::from(sample(start + offset)));
                    both += a * b;
                    own += b * b;
                }
                both / own.sqrt()
            };
            let near = (-reach..=reach).step_by(2).map(|off| ideal + off);
            near.map(|start| (like(start), start))
                .max_by(|a, b| a.0.total_cmp(&b.0))
                .map_or(ideal, |best| best.1)
        };
    }
    laid.truncate(total);
    laid
}

/// Which sample of the sound as it was belongs to `at` of the stretched one, and whether it is not stretched there.
fn source(parts: &[Part], at: isize) -> (isize, bool) {
    let mut start = 0.0;
    let mut found = (at, true);
    for part in parts {
        let factor = part.pitch / part.rate;
        let length = (part.end - part.start) as f64 * factor;
        let offset = (at as f64 - start) / factor;
        found = ((part.start as f64 + offset).round() as isize, (factor - 1.0).abs() < 1e-9);
        if (at as f64) < start + length {
            break;
        }
        start += length;
    }
    found
}

/// Each part of the stretched sound read at its pitch.
fn read(stretched: &[f32], parts: &[Part], places: &[(f64, f64)], length: f64) -> Vec<f32> {
    let at = |index: isize| {
        usize::try_from(index).ok().and_then(|index| stretched.get(index)).map_or(0.0, |s| f64::from(*s))
    };
    let mut part = 0;
    (0..length.round() as usize)
        .map(|index| {
            while part + 1 < parts.len() && index as f64 >= places[part + 1].1 {
                part += 1;
            }
            let (stretched_at, begins) = places[part];
            let position = stretched_at + (index as f64 - begins) * parts[part].pitch;
            let (whole, t) = (position.floor() as isize, position - position.floor());
            // Four points, after Catmull and Rom.
            let [a, b, c, d] = [at(whole - 1), at(whole), at(whole + 1), at(whole + 2)];
            let cubic =
                b + 0.5 * t * (c - a + t * (2.0 * a - 5.0 * b + 4.0 * c - d + t * (3.0 * (b - c) + d - a)));
            cubic as f32
        })
        .collect()
}

/// Gives each part its loudness, with a ramp between.
fn loudness(sound: &mut [f32], parts: &[Part], places: &[(f64, f64)], rate: f64) {
    let ramp = ((rate * RAMP_SECONDS) as usize).max(1);
    for (index, part) in parts.iter().enumerate() {
        let start = places[index].1.round() as usize;
        let end =
            places.get(index + 1).map_or(sound.len(), |place| place.1.round() as usize).min(sound.len());
        let before = index.checked_sub(1).map_or(part.gain, |before| parts[before].gain);
        for (offset, sample) in sound[start.min(end)..end].iter_mut().enumerate() {
            let share = ((offset as f64 + 0.5) / ramp as f64).min(1.0);
            let share = 0.5 - 0.5 * (std::f64::consts::PI * share).cos();
            *sample *= (before + (part.gain - before) * share) as f32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::TAU;

    const RATE: u32 = 48_000;

    /// A voice-like tone: a period of 120 Hz with overtones.
    fn voice(seconds: f64) -> Samples {
        let wave = |i: u32| {
            let t = f64::from(i) / f64::from(RATE);
            (1..8).map(|k| (TAU * 120.0 * f64::from(k) * t).sin() / f64::from(k)).sum::<f64>() as f32 * 0.2
        };
        Samples::mono(RATE, (0..(seconds * f64::from(RATE)) as u32).map(wave).collect())
    }

    fn change(range: Range<usize>, rate: f64, pitch: f64, gain: f64) -> Change {
        Change { range, rate, pitch, gain }
    }

    /// The pitch by the strongest autocorrelation.
    fn hertz(sound: &[f32]) -> f64 {
        let like = |lag: usize| sound.iter().zip(&sound[lag..]).map(|(a, b)| f64::from(a * b)).sum::<f64>();
        let lag =
            (RATE as usize / 400..RATE as usize / 50).max_by(|a, b| like(*a).total_cmp(&like(*b))).unwrap();
        f64::from(RATE) / lag as f64
    }

    fn decibels(sound: &[f32]) -> f64 {
        10.0 * (sound.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / sound.len() as f64).log10()
    }

    /// The largest step between neighbours: a seam would jump.
    fn step(sound: &[f32]) -> f32 {
        sound.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max)
    }

    #[test]
    fn nothing_changes_where_nothing_is_asked() {
        let sound = voice(0.5);
        let (same, moved) = reshape(&sound, &[]);
        assert_eq!(same, sound);
        assert_eq!((moved.place(0), moved.place(12_345), moved.place(24_000)), (0, 12_345, 24_000));
        let (later, _) = reshape(&sound, &[change(18_000..24_000, 0.5, 1.0, 1.0)]);
        let worst = later.channels[0][..16_000].iter().zip(&sound.channels[0]).map(|(a, b)| (a - b).abs());
        assert!(worst.fold(0.0, f32::max) < 1e-5);
    }

    #[test]
    fn speed_pitch_and_loudness_change_apart() {
        let sound = voice(1.5);
        let plain = step(&sound.channels[0]);
        for (rate, pitch, gain) in [
            (0.5, 1.0, 1.0),
            (2.0, 1.0, 1.0),
            (1.0, 1.5, 1.0),
            (1.0, 0.75, 1.0),
            (0.8, 1.2, 0.5),
            (1.0, 1.0, 2.0),
        ] {
            let (shaped, moved) = reshape(&sound, &[change(24_000..48_000, rate, pitch, gain)]);
            let (start, end) = (moved.place(24_000), moved.place(48_000));
            assert_eq!(start, 24_000);
            assert!(((end - start) as f64 - 24_000.0 / rate).abs() <= 1.0, "{rate}: {}", end - start);
            assert_eq!(shaped.len(), 48_000 + end - start);
            let inner = &shaped.channels[0][start + 2_000..end - 2_000];
            assert!(
                (hertz(inner) / (120.0 * pitch) - 1.0).abs() < 0.02,
                "{rate} {pitch}: {} Hz",
                hertz(inner)
            );
            let louder = decibels(inner) - decibels(&sound.channels[0]);
            assert!((louder - 20.0 * gain.log10()).abs() < 0.6, "{rate} {pitch} {gain}: {louder:.2} dB");
            let behind = &shaped.channels[0][end + 2_000..];
            assert!((hertz(behind) / 120.0 - 1.0).abs() < 0.02);
            let most = plain * (pitch.max(1.0) * gain.max(1.0)) as f32 * 1.3;
            assert!(step(&shaped.channels[0]) < most, "{rate} {pitch} {gain}: {}", step(&shaped.channels[0]));
        }
    }

    #[test]
    fn changes_inside_of_changes_add_up() {
        let sound = voice(0.5);
        let changes = [change(0..24_000, 0.5, 1.0, 0.5), change(6_000..12_000, 2.0, 1.0, 2.0)];
        let (shaped, moved) = reshape(&sound, &changes);
        assert_eq!([6_000, 12_000, 24_000].map(|at| moved.place(at)), [12_000, 18_000, 42_000]);
        assert_eq!(shaped.len(), 42_000);
        assert_eq!(reshape(&Samples::mono(RATE, Vec::new()), &[]).0.len(), 0);
    }
}
