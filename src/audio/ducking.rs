//! Music that makes room for a voice, by the known times of its words.

use std::f64::consts::PI;

use super::Error;
use crate::story::{Samples, Span};

/// The music is down this long before somebody speaks, in seconds.
const BEFORE: f64 = 0.12;
/// It begins to come back so long after.
const AFTER: f64 = 0.30;
/// Pauses up to this are no reason to come back.
const GAP: f64 = 0.6;
/// How long going down takes, and coming back.
const DOWN: f64 = 0.15;
const UP: f64 = 0.40;

/// Lowers `music` by `depth_db` wherever one of the `spoken` spans lies.
///
/// Nothing follows a level: the way down ends 120 ms before a word begins, the way back starts
/// 300 ms after the last, both in the shape of a raised cosine on the scale of decibels.
pub fn duck(music: &mut Samples, spoken: &[Span], depth_db: f64) {
    let seconds = |at: crate::story::Time| at.seconds();
    let mut spans: Vec<(f64, f64)> = spoken.iter().map(|s| (seconds(s.start), seconds(s.end))).collect();
    spans.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut held: Vec<(f64, f64)> = Vec::new();
    for (start, end) in spans {
        match held.last_mut() {
            Some(last) if start - last.1 < GAP => last.1 = last.1.max(end),
            _ => held.push((start, end)),
        }
    }
    let held: Vec<(f64, f64)> = held.into_iter().map(|(start, end)| (start - BEFORE, end + AFTER)).collect();
    let rate = f64::from(music.rate);
    let mut next = 0;
    for i in 0..music.len() {
        let t = i as f64 / rate;
        while next < held.len() && held[next].1 + UP < t {
            next += 1;
        }
        // A way down may begin before the last way back has ended: the deeper one counts.
        let depth = held[next..].iter().take(2).map(|&span| share(t, span)).fold(0.0, f64::max);
        if depth > 0.0 {
            let factor = 10f64.powf(-depth * depth_db / 20.0) as f32;
            music.channels.iter_mut().for_each(|channel| channel[i] *= factor);
        }
    }
}

/// How far down the music is at `t`, 0 ..= 1.
fn share(t: f64, (start, end): (f64, f64)) -> f64 {
    let curve = |x: f64| 0.5 - 0.5 * (PI * x.clamp(0.0, 1.0)).cos();
    if t < start { curve(1.0 - (start - t) / DOWN) } else { curve(1.0 - (t - end).max(0.0) / UP) }
}

/// `music` repeated until it lasts `length` samples, faded in and out.
///
/// `seamless` music runs on from its end to its beginning; other music is repeated with a crossfade
/// of equal power, one second long or a quarter of a short piece.
///
/// # Errors
/// When the music has no sample.
pub fn looped(music: &Samples, length: usize, seamless: bool) -> Result<Samples, Error> {
    let count = music.len();
    if count == 0 {
        return Err(Error::Shape);
    }
    let step = repeated_after(count, length, music.rate, seamless);
    let overlap = count - step;
    let channels = music.channels.iter().map(|channel| {
        let sample = |i: usize| {
            let (round, at) = (i / step, i % step);
            let now = channel[at];
            if round == 0 || at >= overlap {
                return now;
            }
            // The end of the round before, fading.
            let share = (at as f64 + 0.5) / overlap as f64 * PI / 2.0;
            now * share.sin() as f32 + channel[step + at] * share.cos() as f32
        };
        (0..length).map(sample).collect()
    });
    let mut out = Samples { rate: music.rate, channels: channels.collect() };
    ends(&mut out);
    Ok(out)
}

/// After how many samples music of `count` samples begins anew while it is repeated until it lasts `length`.
pub fn repeated_after(count: usize, length: usize, rate: u32, seamless: bool) -> usize {
    let overlap = if seamless || count >= length { 0 } else { (rate as usize).min(count / 4) };
    count - overlap
}

/// In over half a second, out over one and a half.
fn ends(music: &mut Samples) {
    const IN: f64 = 0.5;
    const OUT: f64 = 1.5;
    let (rate, length) = (f64::from(music.rate), music.len());
    let curve = |x: f64| (0.5 - 0.5 * (PI * x.min(1.0)).cos()) as f32;
    for channel in &mut music.channels {
        for (i, sample) in channel.iter_mut().enumerate() {
            *sample *= curve(i as f64 / (IN * rate)) * curve((length - i) as f64 / (OUT * rate));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::story::Time;

    fn span(start: f64, end: f64) -> Span {
        Span::new(Time::from_seconds(start), Time::from_seconds(end))
    }

    #[test]
    fn music_is_down_under_words_and_up_elsewhere() {
        let mut music = Samples::mono(48_000, vec![1.0; 10 * 48_000]);
        duck(&mut music, &[span(2.0, 3.0), span(3.5, 4.0), span(7.0, 7.5)], 13.0);
        let db = |t: f64| 20.0 * f64::from(music.channels[0][(t * 48_000.0) as usize]).log10();
        for t in [0.0, 1.7, 4.75, 6.7, 8.3, 9.9] {
            assert!(db(t).abs() < 0.01, "{t}: {}", db(t));
        }
        for t in [1.88, 2.5, 3.2, 3.9, 4.3, 6.89, 7.2, 7.8] {
            assert!((db(t) + 13.0).abs() < 0.01, "{t}: {}", db(t));
        }
        let steps = music.channels[0].windows(2).map(|w| (w[1] - w[0]).abs()).fold(0.0, f32::max);
        assert!(steps < 3e-4, "a step of {steps}");
    }

    #[test]
    fn a_loop_has_no_seam_and_ends_softly() {
        let wave = |i: usize| (i as f64 * std::f64::consts::TAU * 100.0 / 48_000.0).sin() as f32;
        let bed = Samples::mono(48_000, (0..48_000).map(wave).collect());
        for seamless in [true, false] {
            let out = looped(&bed, 200_000, seamless).unwrap();
            assert_eq!(out.len(), 200_000);
            let steps = out.channels[0].windows(2).map(|w| (w[1] - w[0]).abs()).fold(0.0, f32::max);
            assert!(steps < 0.02, "{seamless}: a step of {steps}");
            assert!(out.channels[0][0].abs() < 1e-6 && out.channels[0][199_999].abs() < 1e-3);
        }
        assert_eq!(looped(&Samples::silence(48_000, 1, 0), 5, true), Err(Error::Shape));
    }
}
