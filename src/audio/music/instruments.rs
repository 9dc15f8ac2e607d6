//! What plays: each instrument makes one note into a loop.

use std::f64::consts::{PI, TAU};

use super::dice::Dice;
use crate::story::SAMPLE_RATE;

const RATE: f64 = SAMPLE_RATE as f64;

/// What plays a note.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Instrument {
    /// Slow saws behind a filter.
    Pad,
    /// The same, brighter, with vibrato.
    Strings,
    /// A short bowed note.
    Spiccato,
    /// Electric piano.
    Keys,
    /// A plucked string.
    Pluck,
    /// A small bell.
    Bell,
    /// A round bass.
    Bass,
    Kick,
    Snare,
    Hat,
    Shaker,
    Snap,
    /// A large drum.
    Taiko,
    /// The ticking of a clock.
    Tick,
}

/// One note.
#[derive(Debug, Clone, Copy)]
pub(super) struct Note {
    pub(super) instrument: Instrument,
    /// When, in samples of the loop; beyond its end it comes around.
    pub(super) start: f64,
    /// How long it is held, in seconds.
    pub(super) seconds: f64,
    /// The number of its key: 69 is A at 440 Hz.
    pub(super) key: f64,
    /// How strong, 0 ..= 1.
    pub(super) strength: f64,
    /// From left (-1) to right (1).
    pub(super) pan: f64,
}

/// Two channels whose end is followed by their beginning.
pub(super) struct Loop {
    pub(super) left: Vec<f32>,
    pub(super) right: Vec<f32>,
}

impl Loop {
    pub(super) fn silent(length: usize) -> Self {
        Self { left: vec![0.0; length], right: vec![0.0; length] }
    }

    /// Adds `note`; what sounds past the end is heard at the beginning.
    pub(super) fn play(&mut self, note: &Note, dice: &mut Dice) {
        let hertz = 440.0 * 2f64.powf((note.key - 69.0) / 12.0);
        let hold = note.seconds;
        use Instrument as I;
        match note.instrument {
            I::Pad => self.saws(note, hertz, Bow { attack: 0.7, release: 1.4, cutoff: 3.2, vibrato: 0.0 }),
            I::Strings => {
                self.saws(note, hertz, Bow { attack: 0.25, release: 0.7, cutoff: 6.0, vibrato: 0.004 })
            }
            I::Spiccato => {
                let short = Note { seconds: hold.min(0.09), ..*note };
                self.saws(&short, hertz, Bow { attack: 0.012, release: 0.16, cutoff: 5.0, vibrato: 0.0 })
            }
            I::Keys => self.keys(note, hertz),
            I::Pluck => self.pluck(note, hertz, dice),
            I::Bell => {
                let partials = [(1.0, 1.0, 1.8), (2.0, 0.5, 1.1), (3.01, 0.22, 0.6), (5.43, 0.10, 0.25)];
                self.mono(note, 5.0, |t| {
                    let ring = partials.iter().map(|&(ratio, level, decay)| {
                        level * (TAU * hertz * ratio * t).sin() * (-t / decay).exp()
                    });
                    0.35 * ring.sum::<f64>() * rise(t, 0.002)
                })
            }
            I::Bass => self.mono(note, hold + 0.12, |t| {
                let phase = TAU * hertz * t;
                let body = phase.sin() + 0.35 * (2.0 * phase).sin() + 0.12 * (3.0 * phase).sin();
                0.6 * (1.4 * body).tanh()
                    * rise(t, 0.008)
                    * fall(t, hold, 0.12)
                    * (0.55 + 0.45 * (-t / 0.5).exp())
            }),
            I::Kick => self.mono(note, 0.4, |t| {
                let phase = TAU * (46.0 * t + 74.0 * 0.032 * (1.0 - (-t / 0.032).exp()));
                0.95 * phase.sin() * (-t / 0.11).exp() * rise(t, 0.001)
            }),
            I::Taiko => {
                let thump = noise(dice, 0.06);
                self.mono(note, 1.4, |t| {
                    let phase = TAU * (54.0 * t + 46.0 * 0.05 * (1.0 - (-t / 0.05).exp()));
                    let skin = thump.get((t * RATE) as usize).map_or(0.0, |n| 0.25 * n * (-t / 0.02).exp());
                    (0.9 * phase.sin() * (-t / 0.34).exp() + skin) * rise(t, 0.002)
                })
            }
            I::Snare => {
                let rattle = band(&noise(dice, 0.22), 1_900.0, 0.8);
                self.mono(note, 0.22, |t| {
                    let body = 0.35 * (TAU * 186.0 * t).sin() * (-t / 0.05).exp();
                    body + 1.1 * rattle[((t * RATE) as usize).min(rattle.len() - 1)] * (-t / 0.075).exp()
                })
            }
            I::Hat => self.breath(note, dice, 8_200.0, 0.030, 0.5),
            I::Shaker => self.breath(note, dice, 5_600.0, 0.045, 0.4),
            I::Snap => self.breath(note, dice, 2_300.0, 0.035, 1.2),
            I::Tick => {
                let click = noise(dice, 0.004);
                self.mono(note, 0.06, |t| {
                    let edge = click.get((t * RATE) as usize).map_or(0.0, |n| 0.3 * n);
                    edge + 0.4 * (TAU * 2_640.0 * t).sin() * (-t / 0.008).exp()
                })
            }
        }
    }

    /// Adds `wave`, of which each second is asked for by time, on both channels.
    fn mono(&mut self, note: &Note, seconds: f64, wave: impl Fn(f64) -> f64) {
        let count = (seconds * RATE) as usize;
        // The last hundredth fades, whatever still rings.
        let tail = |i: usize| ((count - i) as f64 / (0.01 * RATE)).min(1.0);
        self.add(note, (0..count).map(|i| wave(i as f64 / RATE) * tail(i)));
    }

    fn add(&mut self, note: &Note, samples: impl Iterator<Item = f64>) {
        let length = self.left.len();
        let first = note.start.max(0.0) as usize;
        // Constant power: as loud in the middle as at the sides.
        let angle = (note.pan.clamp(-1.0, 1.0) + 1.0) * PI / 4.0;
        let (left, right) = (angle.cos() * note.strength, angle.sin() * note.strength);
        for (i, sample) in samples.enumerate() {
            let at = (first + i) % length;
            self.left[at] += (sample * left) as f32;
            self.right[at] += (sample * right) as f32;
        }
    }

    /// Three saws a little out of tune for each ear.
    fn saws(&mut self, note: &Note, hertz: f64, bow: Bow) {
        const DETUNE: [[f64; 3]; 2] = [[-0.0042, 0.0007, 0.0051], [0.0039, -0.0011, -0.0047]];
        let seconds = note.seconds + bow.release;
        for (ear, detune) in DETUNE.iter().enumerate() {
            let mut phases = [0.13 + 0.41 * ear as f64, 0.57, 0.83 - 0.29 * ear as f64];
            let mut filter = [0.0f64; 2];
            let cutoff = (hertz * bow.cutoff).min(5_500.0);
            let count = (seconds * RATE) as usize;
            let mut share = 0.0;
            let samples: Vec<f64> = (0..count)
                .map(|i| {
                    let t = i as f64 / RATE;
                    let vibrato = match bow.vibrato {
                        0.0 => 1.0,
                        depth => 1.0 + depth * (TAU * 5.1 * t).sin() * rise(t, 0.6),
                    };
                    let mut saw = 0.0;
                    for (phase, detune) in phases.iter_mut().zip(detune) {
                        let step = hertz * (1.0 + detune) * vibrato / RATE;
                        *phase = (*phase + step).fract();
                        saw += 2.0 * *phase - 1.0 - corner(*phase, step);
                    }
                    // A filter opens slowly: 700 times a second is often enough.
                    if i % 64 == 0 {
                        let open = cutoff * (0.55 + 0.45 * rise(t, bow.attack * 1.5));
                        share = 1.0 - (-TAU * open / RATE).exp();
                    }
                    filter[0] += share * (saw / 3.0 - filter[0]);
                    filter[1] += share * (filter[0] - filter[1]);
                    0.5 * filter[1] * rise(t, bow.attack) * fall(t, note.seconds, bow.release)
                })
                .collect();
            // Each ear its own detuning, most of it on its own side.
            let side = if ear == 0 { -0.5 } else { 0.5 };
            let pan = (note.pan + side).clamp(-1.0, 1.0);
            self.add(&Note { pan, strength: note.strength * 0.75, ..*note }, samples.into_iter());
        }
    }

    /// Two sines, one bending the other: a tine at first, round later.
    fn keys(&mut self, note: &Note, hertz: f64) {
        let (hold, soft) = (note.seconds, 0.6 + 0.4 * note.strength);
        self.mono(note, hold + 0.35, |t| {
            let bend = soft * (0.9 * (-t / 0.5).exp() + 0.15) * (TAU * hertz * t).sin();
            let tine = 0.10 * (-t / 0.09).exp() * (TAU * hertz * 7.0 * t).sin();
            let tremolo = 1.0 + 0.06 * (TAU * 4.3 * t).sin();
            0.42 * ((TAU * hertz * t + bend).sin() + tine)
                * tremolo
                * rise(t, 0.004)
                * fall(t, hold, 0.35)
                * (-t / 1.7).exp()
        });
    }

    /// A string after K. Karplus and A. Strong: noise going around a delay that dulls it.
    fn pluck(&mut self, note: &Note, hertz: f64, dice: &mut Dice) {
        let period = RATE / hertz - 0.5;
        let whole = (period as usize).max(2);
        let part = period - whole as f64;
        let mut string: Vec<f64> = (0..=whole).map(|_| dice.sway()).collect();
        for _ in 0..2 {
            // A finger, not a needle.
            for i in 1..string.len() {
                string[i] = 0.5 * (string[i] + string[i - 1]);
            }
        }
        let damped = 0.996f64.powf(220.0 / hertz.max(110.0)).min(0.9985);
        let hold = note.seconds;
        let mut at = 0;
        let samples: Vec<f64> = (0..((hold + 0.25) * RATE) as usize)
            .map(|i| {
                let t = i as f64 / RATE;
                let next = (at + 1) % string.len();
                let now = string[at] * (1.0 - part) + string[next] * part;
                string[at] = damped * 0.5 * (now + string[next]);
                at = next;
                0.8 * now * rise(t, 0.002) * fall(t, hold, 0.25)
            })
            .collect();
        self.add(note, samples.into_iter());
    }

    /// Noise around `hertz` that dies away in `decay` seconds.
    fn breath(&mut self, note: &Note, dice: &mut Dice, hertz: f64, decay: f64, level: f64) {
        let air = band(&noise(dice, decay * 6.0), hertz, 0.9);
        self.mono(note, decay * 6.0, |t| {
            let at = ((t * RATE) as usize).min(air.len() - 1);
            level * air[at] * (-t / decay).exp() * rise(t, 0.001)
        });
    }
}

/// How a bowed note begins, ends and sounds; `cutoff` in multiples of its pitch.
struct Bow {
    attack: f64,
    release: f64,
    cutoff: f64,
    vibrato: f64,
}

/// From 0 to 1 in `seconds`, softly.
fn rise(t: f64, seconds: f64) -> f64 {
    if t >= seconds { 1.0 } else { 0.5 - 0.5 * (PI * t / seconds).cos() }
}

/// From 1 at `hold` to 0 after `release` more, softly.
fn fall(t: f64, hold: f64, release: f64) -> f64 {
    if t <= hold { 1.0 } else { 0.5 + 0.5 * (PI * ((t - hold) / release).min(1.0)).cos() }
}

/// What to take from a saw around its jump so that it does not alias (polynomial BLEP, Välimäki 2007).
fn corner(phase: f64, step: f64) -> f64 {
    if phase < step {
        let x = phase / step;
        x + x - x * x - 1.0
    } else if phase > 1.0 - step {
        let x = (phase - 1.0) / step;
        x * x + x + x + 1.0
    } else {
        0.0
    }
}

fn noise(dice: &mut Dice, seconds: f64) -> Vec<f64> {
    (0..(seconds * RATE) as usize).map(|_| dice.sway()).collect()
}

/// What lies around `hertz`: a state-variable filter (A. Simper, 2013), `width` about its bandwidth.
pub(in crate::audio) fn band(samples: &[f64], hertz: f64, width: f64) -> Vec<f64> {
    let g = (PI * hertz / RATE).tan();
    let a1 = 1.0 / (1.0 + g * (g + width));
    let (mut low, mut middle) = (0.0, 0.0);
    samples
        .iter()
        .map(|&sample| {
            let high = sample - low;
            let v1 = a1 * (middle + g * high);
            let v2 = low + g * v1;
            middle = 2.0 * v1 - middle;
            low = 2.0 * v2 - low;
            v1 * width
        })
        .collect()
}
