//! Music beds that the program itself plays: [`bed`].

mod dice;
mod instruments;
mod room;
mod score;

pub(super) use dice::Dice;
pub(super) use instruments::band;

use instruments::{Instrument as I, Loop};
use score::{LYDIAN, MAJOR, MINOR, Score};

use super::Beats;
use crate::story::{Mood, SAMPLE_RATE, Samples, Seed};

/// The highest sample of a bed.
const PEAK: f32 = 0.7;

/// A bed of `mood`: stereo at 48 kHz, 25 to 47 s, whose end leads into its beginning.
///
/// The seed decides the key, the tempo, the chords and the figures; the same seed gives the same bed.
/// What is played is our own: nobody's recording and nobody's tune is in it.
pub fn bed(mood: Mood, seed: Seed) -> Samples {
    let mut dice = Dice::new(seed, &format!("music {}", mood.name()));
    let plan = Plan::of(mood, &mut dice);
    let mut score = Score {
        notes: Vec::new(),
        root: plan.root,
        scale: plan.scale,
        tempo: plan.tempo,
        chords: plan.chords,
        bars: plan.bars,
        swing: plan.swing,
        dice: &mut dice,
    };
    write(mood, &mut score);
    let (notes, length) = (std::mem::take(&mut score.notes), score.length());
    let mut music = Loop::silent(length);
    for note in &notes {
        music.play(note, &mut dice);
    }
    room::reverberate(&mut music, plan.wet, plan.size);
    for channel in [&mut music.left, &mut music.right] {
        lighten(channel);
    }
    narrow(&mut music);
    let highest = music.left.iter().chain(&music.right).fold(0.0f32, |peak, sample| peak.max(sample.abs()));
    let factor = PEAK / highest.max(1e-6);
    music.left.iter_mut().chain(&mut music.right).for_each(|sample| *sample *= factor);
    Samples { rate: SAMPLE_RATE, channels: vec![music.left, music.right] }
}

/// The beats of the bed of `mood`, which no one needs to listen for.
pub fn bed_beats(mood: Mood, seed: Seed) -> Beats {
    let mut dice = Dice::new(seed, &format!("music {}", mood.name()));
    Beats { period: 60.0 / Plan::of(mood, &mut dice).tempo, first: 0.0 }
}

/// Takes 6 dB of what lies below 140 Hz: telephones do not play it, and it would decide about the loudness.
fn lighten(channel: &mut [f32]) {
    let share = 1.0 - (-std::f32::consts::TAU * 140.0 / SAMPLE_RATE as f32).exp();
    let mut low = 0.0;
    // Once around to begin where the loop ends.
    for round in 0..2 {
        for sample in &mut *channel {
            low += share * (*sample - low);
            if round == 1 {
                *sample -= 0.5 * low;
            }
        }
    }
}

/// Brings the sides nearer to the middle, so that one speaker plays nearly as much as two.
fn narrow(music: &mut Loop) {
    for (left, right) in music.left.iter_mut().zip(&mut music.right) {
        let (middle, side) = ((*left + *right) / 2.0, 0.65 * (*left - *right) / 2.0);
        (*left, *right) = (middle + side, middle - side);
    }
}

/// What is decided before the first note.
struct Plan {
    root: i32,
    scale: [i32; 7],
    tempo: f64,
    bars: usize,
    chords: &'static [i32],
    swing: f64,
    /// How much of the room is heard, and how large it is, 0 ..= 1.
    wet: f32,
    size: f32,
}

impl Plan {
    fn of(mood: Mood, dice: &mut Dice) -> Self {
        // Degrees from 0: `[0, 4, 5, 3]` is I V vi IV.
        let (scale, tempos, bars, swing, wet, size, chords): (
            _,
            (f64, f64),
            _,
            _,
            _,
            _,
            [&'static [i32]; 3],
        ) = match mood {
            Mood::Calm => {
                (MAJOR, (66.0, 74.0), 8, 0.0, 0.5, 0.75, [&[0, 4, 5, 3], &[0, 2, 3, 3], &[3, 0, 4, 5]])
            }
            Mood::Uplifting => {
                (MAJOR, (100.0, 112.0), 16, 0.0, 0.3, 0.5, [&[0, 4, 5, 3], &[5, 3, 0, 4], &[3, 4, 5, 0]])
            }
            Mood::Dark => {
                (MINOR, (58.0, 66.0), 8, 0.0, 0.7, 0.95, [&[0, 0, 5, 3], &[0, 5, 0, 4], &[0, 3, 5, 5]])
            }
            Mood::Tense => {
                (MINOR, (92.0, 100.0), 16, 0.0, 0.35, 0.6, [&[0, 0, 5, 4], &[0, 0, 5, 6], &[0, 3, 0, 4]])
            }
            Mood::Playful => {
                (MAJOR, (108.0, 120.0), 16, 0.30, 0.2, 0.35, [&[0, 5, 1, 4], &[0, 3, 0, 4], &[0, 5, 3, 4]])
            }
            Mood::Epic => {
                (MINOR, (82.0, 90.0), 16, 0.0, 0.5, 0.9, [&[0, 5, 2, 6], &[0, 2, 5, 6], &[5, 6, 0, 0]])
            }
            Mood::Dreamy => {
                (LYDIAN, (62.0, 70.0), 8, 0.0, 0.75, 0.95, [&[0, 1, 5, 4], &[3, 0, 5, 4], &[0, 4, 1, 5]])
            }
            Mood::Lofi => {
                (MAJOR, (72.0, 82.0), 8, 0.24, 0.25, 0.4, [&[1, 4, 0, 5], &[3, 2, 1, 4], &[0, 5, 1, 4]])
            }
        };
        let tempo = dice.between(tempos.0, tempos.1).round();
        // From F below middle C to D above it.
        let root = 53 + (dice.throw() * 10.0) as i32;
        Self { root, scale, tempo, bars, chords: dice.pick(&chords), swing, wet, size }
    }
}

/// Writes the parts of `mood`.
fn write(mood: Mood, score: &mut Score<'_>) {
    match mood {
        Mood::Calm => {
            score.chords(I::Pad, 3, 52.0, 0.26);
            score.arpeggio(I::Keys, 60.0, 0.26, 8, 0.75);
            score.bass(36.0, 0.30, 3.6, "x---------------");
            score.tune(I::Bell, 1, 0.10, 0.5);
        }
        Mood::Uplifting => {
            score.chords(I::Pad, 3, 52.0, 0.20);
            score.arpeggio(I::Pluck, 64.0, 0.42, 16, 0.62);
            score.bass(36.0, 0.34, 0.8, "x-----o-x-----o-");
            score.drum(I::Kick, 0.42, 0.0, "x-------x-------");
            score.drum(I::Snap, 0.26, 0.15, "----x-------x---");
            score.drum(I::Shaker, 0.16, -0.3, "o-x-o-x-o-x-o-x-");
            score.tune(I::Bell, 1, 0.12, 0.6);
        }
        Mood::Dark => {
            score.chords(I::Pad, 2, 41.0, 0.40);
            score.chords(I::Strings, 3, 53.0, 0.10);
            score.bass(29.0, 0.40, 3.9, "x---------------");
            score.tune(I::Bell, 0, 0.20, 0.35);
            score.drum(I::Taiko, 0.22, 0.0, "x---------------");
        }
        Mood::Tense => {
            score.chords(I::Pad, 2, 45.0, 0.24);
            score.bass(33.0, 0.34, 0.4, "x-o-o-o-x-o-o-o-");
            score.arpeggio(I::Spiccato, 57.0, 0.34, 16, 0.7);
            score.drum(I::Tick, 0.10, 0.4, "x---o---x---o---");
            score.drum(I::Taiko, 0.28, -0.1, "x-------------o-");
        }
        Mood::Playful => {
            score.bass(38.0, 0.36, 0.5, "x---o---x---o---");
            score.stabs(I::Pluck, 3, 57.0, 0.28, "----x-------x---");
            score.arpeggio(I::Pluck, 69.0, 0.32, 8, 0.6);
            score.drum(I::Snap, 0.30, 0.2, "----x-------x---");
            score.drum(I::Shaker, 0.14, -0.3, "o-.-o-.-o-.-o-.-");
            score.tune(I::Bell, 1, 0.14, 0.7);
        }
        Mood::Epic => {
            score.chords(I::Strings, 3, 50.0, 0.26);
            score.chords(I::Strings, 2, 62.0, 0.12);
            score.bass(31.0, 0.36, 1.8, "x-------x-------");
            score.arpeggio(I::Spiccato, 57.0, 0.32, 16, 0.9);
            score.drum(I::Taiko, 0.62, 0.0, "x-----o-x--o--o-");
        }
        Mood::Dreamy => {
            score.chords(I::Pad, 4, 50.0, 0.24);
            score.arpeggio(I::Bell, 67.0, 0.15, 8, 0.55);
            score.bass(36.0, 0.26, 3.8, "x---------------");
            score.tune(I::Keys, 1, 0.20, 0.45);
        }
        Mood::Lofi => {
            score.stabs(I::Keys, 4, 55.0, 0.24, "x-----o---------");
            score.bass(35.0, 0.40, 1.2, "x-----o---x-----");
            score.drum(I::Kick, 0.50, 0.0, "x------o--x-----");
            score.drum(I::Snare, 0.30, 0.05, "----x-------x---");
            score.drum(I::Hat, 0.16, -0.25, "o-x-o-x-o-x-o-xo");
            score.tune(I::Keys, 1, 0.18, 0.5);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::measure;

    fn power(samples: &[f32]) -> f64 {
        samples.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / samples.len() as f64
    }

    #[test]
    fn every_mood_is_a_bed_that_loops() {
        for mood in Mood::ALL {
            let music = bed(mood, Seed(7));
            assert!((15.0..48.0).contains(&music.seconds()), "{mood:?}: {} s", music.seconds());
            let loudness = measure(&music).unwrap();
            assert!(loudness.integrated_lufs > -32.0, "{mood:?}: {loudness:?}");
            // One speaker plays nearly as much as two.
            let [left, right] = [&music.channels[0], &music.channels[1]];
            let middle: Vec<f32> = left.iter().zip(right).map(|(l, r)| (l + r) / 2.0).collect();
            let lost = 10.0 * (2.0 * power(&middle) / (power(left) + power(right))).log10();
            assert!(lost > -3.0, "{mood:?}: {lost} dB in mono");
            for (side, channel) in music.channels.iter().enumerate() {
                assert!(channel.iter().all(|s| s.is_finite() && s.abs() <= PEAK + 1e-4), "{mood:?}");
                // Across the seam it moves no more than it does anywhere else.
                let steps = channel.windows(2).map(|w| (w[1] - w[0]).abs());
                let seam = (channel[0] - channel[channel.len() - 1]).abs();
                let largest = steps.fold(0.0, f32::max);
                assert!(seam <= largest, "{mood:?} {side}: {seam} beside {largest}");
                // No stretch of two seconds is silent, nor far louder than the whole.
                let whole = power(channel);
                for part in channel.chunks_exact(96_000) {
                    let share = power(part) / whole;
                    assert!((0.03..6.0).contains(&share), "{mood:?}: {share}");
                }
            }
        }
    }

    #[test]
    fn every_bar_of_a_bed_begins_on_its_beat() {
        for mood in Mood::ALL {
            let mut dice = Dice::new(Seed(7), &format!("music {}", mood.name()));
            let Plan { root, scale, tempo, chords, bars, swing, .. } = Plan::of(mood, &mut dice);
            let mut score =
                Score { notes: Vec::new(), root, scale, tempo, chords, bars, swing, dice: &mut dice };
            write(mood, &mut score);
            let beats = bed_beats(mood, Seed(7));
            let length = score.length() as f64 / f64::from(SAMPLE_RATE);
            let rest = length / beats.period;
            assert!((rest - rest.round()).abs() < 1e-3, "{mood:?}: {rest} beats do not loop");
            for at in beats.until(length - 0.01).step_by(4) {
                let begins =
                    |note: &instruments::Note| (note.start / f64::from(SAMPLE_RATE) - at).abs() < 0.02;
                assert!(score.notes.iter().any(begins), "{mood:?}: nothing begins at {at} s");
            }
        }
    }

    #[test]
    fn a_bed_is_its_seeds_own() {
        let first = bed(Mood::Lofi, Seed(1));
        assert!(first == bed(Mood::Lofi, Seed(1)));
        assert!(first != bed(Mood::Lofi, Seed(2)));
    }
}
