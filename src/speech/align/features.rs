//! What a stretch of sound is like, 100 times a second, whoever speaks it.

use std::f64::consts::PI;

use realfft::RealFftPlanner;

/// Seconds from one frame to the next.
pub(super) const HOP: f64 = 0.01;
const WINDOW: f64 = 0.025;
const FILTERS: usize = 26;
const CEPSTRA: usize = 12;
/// Cepstra, their slopes, and the level with its slope.
pub(super) const WIDTH: usize = 2 * CEPSTRA + 2;
/// A frame this far below the loudest is silent (dB).
const SILENCE_DB: f32 = -38.0;
/// What is quieter is silent beside anything (dB of full scale).
const NOTHING_DB: f32 = -75.0;
const LOWEST_HERTZ: f64 = 100.0;
const HIGHEST_HERTZ: f64 = 7_000.0;

/// The frames of a sound.
#[derive(Debug, Clone)]
pub(super) struct Frames {
    /// One row a frame.
    pub(super) rows: Vec<[f32; WIDTH]>,
    /// Which frames are silent.
    pub(super) silent: Vec<bool>,
}

impl Frames {
    /// The frames of `samples`, which has `rate` samples a second.
    pub(super) fn of(samples: &[f32], rate: u32) -> Self {
        let rate = f64::from(rate);
        let window = ((rate * WINDOW) as usize).max(2);
        let size = window.next_power_of_two();
        let filters = filters(size, rate);
        let mut planner = RealFftPlanner::<f32>::new();
        let fft = planner.plan_fft_forward(size);
        let mut input = fft.make_input_vec();
        let mut spectrum = fft.make_output_vec();
        let shape: Vec<f32> =
            (0..window).map(|i| (0.54 - 0.46 * (2.0 * PI * i as f64 / window as f64).cos()) as f32).collect();
        let count = ((samples.len() as f64 / rate / HOP).ceil() as usize).max(1);
        let mut cepstra = Vec::with_capacity(count);
        let mut levels = Vec::with_capacity(count);
        for frame in 0..count {
            let middle = ((frame as f64 + 0.5) * HOP * rate) as isize;
            let start = middle - window as isize / 2;
            let sample =
                |at: isize| usize::try_from(at).ok().and_then(|at| samples.get(at)).copied().unwrap_or(0.0);
            let mut power = 0.0;
            input.fill(0.0);
            for i in 0..window {
                let at = start + i as isize;
                let here = sample(at);
                power += here * here;
                // What a voice's own spectrum falls by is taken out.
                input[i] = (here - 0.97 * sample(at - 1)) * shape[i];
            }
            levels.push(10.0 * (power / window as f32 + 1e-10).log10());
            // The lengths fit: both come from the plan.
            let _ = fft.process(&mut input, &mut spectrum);
            let energies: Vec<f32> = filters
                .iter()
                .map(|filter| {
                    let sum: f32 =
                        filter.iter().map(|(bin, weight)| weight * spectrum[*bin].norm_sqr()).sum();
                    (sum + 1e-9).ln()
                })
                .collect();
            cepstra.push(cosine(&energies));
        }
        let loudest = levels.iter().copied().fold(f32::MIN, f32::max);
        let quietest = (loudest + SILENCE_DB).max(NOTHING_DB);
        let silent: Vec<bool> = levels.iter().map(|level| *level < quietest).collect();
        normalize(&mut cepstra, &silent);
        let level = |at: usize| ((levels[at] - loudest).max(-50.0) + 25.0) / 12.0;
        let slope = |at: usize, value: &dyn Fn(usize) -> f32| {
            let (before, after) = (at.saturating_sub(2), (at + 2).min(count - 1));
            (value(after) - value(before)) / 2.0
        };
        let row = |at: usize| {
            let mut row = [0.0; WIDTH];
            for c in 0..CEPSTRA {
                row[c] = cepstra[at][c];
                row[CEPSTRA + c] = 0.7 * slope(at, &|at| cepstra[at][c]);
            }
            row[2 * CEPSTRA] = 1.5 * level(at);
            row[2 * CEPSTRA + 1] = 2.5 * slope(at, &level);
            row
        };
        Self { rows: (0..count).map(row).collect(), silent }
    }

    /// Every `step` frames as one.
    pub(super) fn coarser(&self, step: usize) -> Self {
        let mean = |rows: &[[f32; WIDTH]]| {
            let mut mean = [0.0; WIDTH];
            for row in rows {
                for (sum, value) in mean.iter_mut().zip(row) {
                    *sum += value / rows.len() as f32;
                }
            }
            mean
        };
        Self {
            rows: self.rows.chunks(step).map(mean).collect(),
            silent: self.silent.chunks(step).map(|part| part.iter().all(|silent| *silent)).collect(),
        }
    }
}

/// Triangles along the mel scale: for each, the bins of the spectrum with their weights.
fn filters(size: usize, rate: f64) -> Vec<Vec<(usize, f32)>> {
    let mel = |hertz: f64| 2595.0 * (1.0 + hertz / 700.0).log10();
    let hertz = |mel: f64| 700.0 * (10f64.powf(mel / 2595.0) - 1.0);
    let (low, high) = (mel(LOWEST_HERTZ), mel(HIGHEST_HERTZ.min(rate / 2.0)));
    let edge = |i: usize| hertz(low + (high - low) * i as f64 / (FILTERS + 1) as f64) * size as f64 / rate;
    (0..FILTERS)
        .map(|i| {
            let (left, middle, right) = (edge(i), edge(i + 1), edge(i + 2));
            let weight = |bin: f64| ((bin - left) / (middle - left)).min((right - bin) / (right - middle));
            let bins = (left.floor() as usize)..=(right.ceil() as usize).min(size / 2);
            bins.map(|bin| (bin, weight(bin as f64) as f32)).filter(|(_, weight)| *weight > 0.0).collect()
        })
        .collect()
}

/// The shape of a spectrum without its level.
fn cosine(energies: &[f32]) -> [f32; CEPSTRA] {
    let mut cepstra = [0.0; CEPSTRA];
    for (c, value) in cepstra.iter_mut().enumerate() {
        let turn = PI * (c + 1) as f64 / energies.len() as f64;
        *value = energies.iter().enumerate().map(|(i, e)| e * (turn * (i as f64 + 0.5)).cos() as f32).sum();
    }
    cepstra
}

/// Mean nothing, deviation one over what sounds: what a speaker always sounds like tells nothing.
fn normalize(cepstra: &mut [[f32; CEPSTRA]], silent: &[bool]) {
    for c in 0..CEPSTRA {
        let sounding: Vec<f32> =
            cepstra.iter().zip(silent).filter(|(_, silent)| !**silent).map(|(row, _)| row[c]).collect();
        let count = sounding.len().max(1) as f32;
        let mean = sounding.iter().sum::<f32>() / count;
        let deviation = (sounding.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / count).sqrt().max(1e-3);
        // Higher cepstra tell less of the phoneme and more of the speaker.
        let weight = 1.0 / (1.0 + 0.15 * c as f32);
        for row in cepstra.iter_mut() {
            row[c] = ((row[c] - mean) / deviation * weight).clamp(-3.0, 3.0);
        }
    }
}
