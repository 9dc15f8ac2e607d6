//! The room a bed is played in: reverberation of a loop.

use super::instruments::Loop;

/// Delays in samples at 48 kHz, prime to each other (Jezar's Freeverb, scaled from 44.1 kHz).
const COMBS: [usize; 8] = [1_213, 1_291, 1_389, 1_481, 1_543, 1_621, 1_693, 1_759];
const PASSES: [usize; 4] = [613, 487, 373, 241];
/// The right ear hears each delay so much later.
const SPREAD: usize = 23;

/// Adds `wet` (0 ..= 1) of a room in which sound goes on for a while: `size` 0 ..= 1.
///
/// The loop goes through the room twice and its second pass is kept: its beginning then lies in
/// what rings on from its end.
pub(super) fn reverberate(music: &mut Loop, wet: f32, size: f32) {
    let length = music.left.len();
    let mut ears = [Ear::new(0, size), Ear::new(SPREAD, size)];
    for pass in 0..2 {
        for i in 0..length {
            let sent = 0.015 * (music.left[i] + music.right[i]);
            let rung = [ears[0].hear(sent), ears[1].hear(sent)];
            if pass == 1 {
                music.left[i] += wet * 6.0 * rung[0];
                music.right[i] += wet * 6.0 * rung[1];
            }
            // The first pass only fills the room with what the dry loop leaves in it.
        }
    }
}

struct Ear {
    combs: Vec<Comb>,
    passes: Vec<(Vec<f32>, usize)>,
}

struct Comb {
    line: Vec<f32>,
    at: usize,
    dull: f32,
    feedback: f32,
}

impl Ear {
    fn new(later: usize, size: f32) -> Self {
        let comb = |delay: &usize| Comb {
            line: vec![0.0; delay + later],
            at: 0,
            dull: 0.0,
            feedback: 0.74 + 0.22 * size,
        };
        Self {
            combs: COMBS.iter().map(comb).collect(),
            passes: PASSES.iter().map(|delay| (vec![0.0; delay + later], 0)).collect(),
        }
    }

    fn hear(&mut self, sample: f32) -> f32 {
        const DULLING: f32 = 0.35;
        let mut out = 0.0;
        for comb in &mut self.combs {
            let rung = comb.line[comb.at];
            comb.dull = rung * (1.0 - DULLING) + comb.dull * DULLING;
            comb.line[comb.at] = sample + comb.dull * comb.feedback;
            comb.at = (comb.at + 1) % comb.line.len();
            out += rung;
        }
        for (line, at) in &mut self.passes {
            let rung = line[*at];
            line[*at] = out + rung * 0.5;
            *at = (*at + 1) % line.len();
            out = rung - out;
        }
        out
    }
}
