//! What is played when: chords, and the parts made of them.

use super::{
    dice::Dice,
    instruments::{Instrument, Note},
};
use crate::story::SAMPLE_RATE;

/// Steps of a scale in semitones.
pub(super) const MAJOR: [i32; 7] = [0, 2, 4, 5, 7, 9, 11];
pub(super) const MINOR: [i32; 7] = [0, 2, 3, 5, 7, 8, 10];
pub(super) const LYDIAN: [i32; 7] = [0, 2, 4, 6, 7, 9, 11];

/// Beats in a bar.
pub(super) const BAR: f64 = 4.0;

/// A piece being written.
pub(super) struct Score<'a> {
    pub(super) notes: Vec<Note>,
    pub(super) dice: &'a mut Dice,
    /// The key that the scale begins on.
    pub(super) root: i32,
    pub(super) scale: [i32; 7],
    /// Beats a minute.
    pub(super) tempo: f64,
    /// The degree (0 is the root's) of each bar's chord, one after the other, round and round.
    pub(super) chords: &'a [i32],
    pub(super) bars: usize,
    /// How late every second eighth is: 0 is straight, 1/3 a triplet.
    pub(super) swing: f64,
}

/// When and how strong: `x` strong, `o` half, `.` hardly, `-` nothing; 16 to a bar.
pub(super) type Pattern = &'static str;

impl Score<'_> {
    /// Samples to a beat.
    fn beat(&self) -> f64 {
        60.0 / self.tempo * f64::from(SAMPLE_RATE)
    }

    /// The piece's length in samples.
    pub(super) fn length(&self) -> usize {
        (self.bars as f64 * BAR * self.beat()).round() as usize
    }

    /// The key of degree `degree` of the scale; 7 is an octave above 0.
    fn key(&self, degree: i32) -> f64 {
        f64::from(self.root + 12 * degree.div_euclid(7) + self.scale[degree.rem_euclid(7) as usize])
    }

    fn chord(&self, bar: usize) -> i32 {
        self.chords[bar % self.chords.len()]
    }

    /// The tones of a bar's chord, `count` thirds on top of each other, moved by octaves to lie from `low` up.
    fn tones(&self, bar: usize, count: i32, low: f64) -> Vec<f64> {
        let mut keys: Vec<f64> = (0..count)
            .map(|third| {
                let key = self.key(self.chord(bar) + 2 * third);
                low + (key - low).rem_euclid(12.0)
            })
            .collect();
        keys.sort_by(f64::total_cmp);
        keys
    }

    /// Adds one note, a hair beside its time and strength as hands are.
    fn note(&mut self, instrument: Instrument, beat: f64, beats: f64, key: f64, strength: f64, pan: f64) {
        let eighth = (beat * 2.0).floor();
        let late = if eighth % 2.0 == 1.0 { 0.5 * self.swing } else { 0.0 };
        let hand = 0.004 * self.dice.throw() * f64::from(SAMPLE_RATE);
        self.notes.push(Note {
            instrument,
            start: (beat + late) * self.beat() + hand,
            seconds: beats * 60.0 / self.tempo,
            key,
            strength: strength * (1.0 + 0.12 * self.dice.sway()),
            pan,
        });
    }

    /// Whole chords, one a bar or, with `bars` 2, one every two of a chord held on.
    pub(super) fn chords(&mut self, instrument: Instrument, tones: i32, low: f64, strength: f64) {
        for bar in 0..self.bars {
            let keys = self.tones(bar, tones, low);
            for (n, key) in keys.iter().enumerate() {
                let pan = 0.5 * (n as f64 / (keys.len() as f64 - 1.0).max(1.0) - 0.5);
                self.note(instrument, bar as f64 * BAR, BAR, *key, strength, pan);
            }
        }
    }

    /// Chords struck after `pattern`.
    pub(super) fn stabs(
        &mut self,
        instrument: Instrument,
        tones: i32,
        low: f64,
        strength: f64,
        pattern: Pattern,
    ) {
        for bar in 0..self.bars {
            for (step, force) in struck(pattern) {
                let beat = bar as f64 * BAR + step as f64 / 4.0;
                for key in self.tones(bar, tones, low) {
                    let late = 0.012 * self.dice.throw();
                    self.note(instrument, beat + late, 0.9, key, strength * force, 0.1);
                }
            }
        }
    }

    /// Chord tones one after the other in eighths (`steps` 8) or sixteenths (16), in a figure thrown once.
    pub(super) fn arpeggio(
        &mut self,
        instrument: Instrument,
        low: f64,
        strength: f64,
        steps: usize,
        share: f64,
    ) {
        let figure: Vec<usize> = {
            let climbs: [&[usize]; 4] = [
                &[0, 1, 2, 3, 2, 1, 2, 1],
                &[0, 2, 1, 3, 2, 3, 1, 2],
                &[0, 1, 2, 1, 3, 2, 1, 2],
                &[3, 2, 1, 0, 1, 2, 3, 2],
            ];
            self.dice.pick(&climbs).to_vec()
        };
        // The rests of the figure; its first note always sounds.
        let rests: Vec<bool> = (0..steps).map(|step| step > 0 && !self.dice.chance(share)).collect();
        for bar in 0..self.bars {
            let mut keys = self.tones(bar, 3, low);
            keys.push(keys[0] + 12.0);
            for step in 0..steps {
                if rests[step] {
                    continue;
                }
                let beats = BAR / steps as f64;
                let accent = if step % 4 == 0 { 1.0 } else { 0.72 };
                let pan = 0.6 * (step as f64 / steps as f64 - 0.5);
                let key = keys[figure[step % figure.len()]];
                self.note(
                    instrument,
                    bar as f64 * BAR + step as f64 * beats,
                    beats * 1.6,
                    key,
                    strength * accent,
                    pan,
                );
            }
        }
    }

    /// The chord's root after `pattern`; every fourth bar ends on the fifth.
    pub(super) fn bass(&mut self, low: f64, strength: f64, beats: f64, pattern: Pattern) {
        for bar in 0..self.bars {
            let root = low + (self.key(self.chord(bar)) - low).rem_euclid(12.0);
            let last = struck(pattern).last().map_or(0, |(step, _)| step);
            for (step, force) in struck(pattern) {
                let key = if bar % 4 == 3 && step == last && step > 0 { root + 7.0 } else { root };
                self.note(
                    Instrument::Bass,
                    bar as f64 * BAR + step as f64 / 4.0,
                    beats,
                    key,
                    strength * force,
                    0.0,
                );
            }
        }
    }

    /// A drum after `pattern`.
    pub(super) fn drum(&mut self, drum: Instrument, strength: f64, pan: f64, pattern: Pattern) {
        for bar in 0..self.bars {
            for (step, force) in struck(pattern) {
                self.note(drum, bar as f64 * BAR + step as f64 / 4.0, 0.1, 60.0, strength * force, pan);
            }
        }
    }

    /// A few notes of the chord and between, thrown once and answered with a turn: a tune that leaves room for a voice.
    pub(super) fn tune(&mut self, instrument: Instrument, octave: i32, strength: f64, share: f64) {
        let motif: Vec<(f64, i32, f64)> = (0..8)
            .filter_map(|eighth| {
                let sounds = self.dice.chance(if eighth % 2 == 0 { share } else { share / 3.0 });
                sounds.then(|| {
                    (
                        f64::from(eighth) / 2.0,
                        self.dice.pick(&[0, 2, 4, 1, 4, 2]),
                        self.dice.between(0.7, 1.6),
                    )
                })
            })
            .collect();
        for bar in 0..self.bars {
            // Two bars of tune, two of rest; the answer is a step higher.
            let (sounds, turn) = ([true, true, false, false][bar % 4], i32::from(bar % 8 >= 4));
            if !sounds {
                continue;
            }
            for &(beat, step, beats) in &motif {
                if bar % 2 == 1 && beat >= 2.0 {
                    continue;
                }
                let key = self.key(self.chord(bar) + step + turn * 2 + 7 * octave);
                let pan = 0.3 * self.dice.sway();
                self.note(instrument, bar as f64 * BAR + beat, beats, key, strength, pan);
            }
        }
    }
}

/// The sixteenths that `pattern` strikes, and how strongly.
fn struck(pattern: Pattern) -> impl Iterator<Item = (usize, f64)> {
    pattern.chars().enumerate().filter_map(|(step, sign)| match sign {
        'x' => Some((step, 1.0)),
        'o' => Some((step, 0.6)),
        '.' => Some((step, 0.3)),
        _ => None,
    })
}
