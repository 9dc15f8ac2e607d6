//! Cuts on the beats of the music, as far as the words allow.

use super::{Context, Error};
use crate::{
    audio::{self, Beats},
    story::{Music, SAMPLE_RATE, Seed, Span, Time, Tune},
};

/// The farthest a cut moves, in seconds.
const FARTHEST: f64 = 0.5;
/// What remains of a scene at least, in seconds.
const SHORTEST: f64 = 0.4;

/// The beginnings of the scenes, each but the first moved to the nearest beat of `music`, or half way between
/// two, that lies in the silence around it.
///
/// # Errors
/// When the music cannot be read.
pub(super) fn on_beats(
    starts: &[Time],
    words: &[Span],
    end: Time,
    music: &Music,
    seed: Seed,
    ctx: &mut Context<'_>,
) -> Result<Vec<Time>, Error> {
    let Some(beats) = beats_of(music, seed, end, ctx)? else {
        ctx.warn("no clear beat is heard in the music: cuts stay where the words have them");
        return Ok(starts.to_vec());
    };
    let (moved, on) = moved(starts, words, end, &beats);
    ctx.note(format!("{on} of {} cuts fall on beats of the music", starts.len().saturating_sub(1)));
    Ok(moved)
}

/// Every beat before `end`, in seconds; none where there is no clear one.
fn beats_of(music: &Music, seed: Seed, end: Time, ctx: &Context<'_>) -> Result<Option<Vec<f64>>, Error> {
    let end = end.seconds();
    match music.tune {
        Tune::Bed(mood) => Ok(Some(audio::bed_beats(mood, seed).until(end).collect())),
        Tune::File(song) => {
            let Some((beats, length)) = heard(song, ctx)? else { return Ok(None) };
            Ok(Some(repeated(beats, length, end)))
        }
    }
}

/// The beats until `end` of a song of `length` seconds that is repeated as the mix repeats it.
fn repeated(beats: Beats, length: f64, end: f64) -> Vec<f64> {
    let samples = |seconds: f64| (seconds * f64::from(SAMPLE_RATE)).round() as usize;
    let step = audio::repeated_after(samples(length), samples(end), SAMPLE_RATE, false);
    let step = step as f64 / f64::from(SAMPLE_RATE);
    let rounds = (end / step).ceil() as usize;
    let round = |n: usize| beats.until(step).map(move |at| n as f64 * step + at);
    (0..rounds.max(1)).flat_map(round).take_while(|at| *at < end).collect()
}

/// The beats of a song and its length in seconds; kept in the store.
#[cfg(feature = "video")]
fn heard(song: crate::digest::Digest, ctx: &Context<'_>) -> Result<Option<(Beats, f64)>, Error> {
    const VERSION: u32 = 1;
    let key = crate::store::KeyBuilder::new("beats", VERSION).field("song", &song).finish()?;
    let (found, _) = ctx.store.obtain(&key, || {
        let samples = super::mixing::song(song, ctx)?;
        let found = audio::beats(&samples).map(|beats| (beats, samples.seconds()));
        Ok::<_, Error>((found, Vec::new()))
    })?;
    Ok(found)
}

/// Without libav no song can be read, and no video is made either.
#[cfg(not(feature = "video"))]
fn heard(_: crate::digest::Digest, _: &Context<'_>) -> Result<Option<(Beats, f64)>, Error> {
    Ok(None)
}

/// `starts` moved, and how many of them lie on a beat or half way between two.
///
/// A cut moves within the silence that it lies in, from the end of the word before it to the beginning of the
/// word after it: so each word, and with it its caption, stays with its scene.
fn moved(starts: &[Time], words: &[Span], end: Time, beats: &[f64]) -> (Vec<Time>, usize) {
    let mut moved = starts.to_vec();
    let mut on = 0;
    for i in 1..starts.len() {
        let at = starts[i].seconds();
        let before = words.iter().filter(|word| word.start < starts[i]).map(|word| word.end.seconds());
        let after = words.iter().filter(|word| word.start >= starts[i]).map(|word| word.start.seconds());
        let next = starts.get(i + 1).copied().unwrap_or(end).seconds();
        let low =
            before.fold(0.0, f64::max).min(at).max(moved[i - 1].seconds() + SHORTEST).max(at - FARTHEST);
        let high = after.fold(next, f64::min).max(at).min(next - SHORTEST).min(at + FARTHEST);
        let nearest = |candidates: &mut dyn Iterator<Item = f64>| {
            candidates
                .filter(|beat| (low..=high).contains(beat))
                .min_by(|a, b| (a - at).abs().total_cmp(&(b - at).abs()))
        };
        let halves = || beats.windows(2).map(|pair| (pair[0] + pair[1]) / 2.0);
        let place = nearest(&mut beats.iter().copied()).or_else(|| nearest(&mut halves()));
        if let Some(place) = place {
            // Rounded to a sample, it may not leave the silence.
            moved[i] = Time::from_seconds(place);
            on += 1;
        }
    }
    (moved, on)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn seconds(at: f64) -> Time {
        Time::from_seconds(at)
    }

    fn word(start: f64, end: f64) -> Span {
        Span::new(seconds(start), seconds(end))
    }

    #[test]
    fn cuts_take_the_beat_in_their_silence_else_the_half_else_stay() {
        let words = [word(0.2, 1.8), word(2.3, 3.9), word(4.0, 5.6), word(6.05, 7.5)];
        let starts = [seconds(0.0), seconds(2.3), seconds(4.0), seconds(6.05)];
        let beats: Vec<f64> = (0..20).map(|n| f64::from(n) * 0.5).collect();
        let (moved, on) = moved(&starts, &words, seconds(8.0), &beats);
        // 2.0 is the beat between 1.8 and 2.3; 4.0 is one itself; 6.0 lies between 5.6 and 6.05.
        assert_eq!(moved.iter().map(|at| at.seconds()).collect::<Vec<_>>(), [0.0, 2.0, 4.0, 6.0]);
        assert_eq!(on, 3);
        let slow: Vec<f64> = (0..20).map(|n| f64::from(n) * 1.2 + 0.75).collect();
        // 1.95 is a beat, no beat and no half lies between 3.9 and 4.0, 5.55 is too early: 6.15 too late.
        let (moved, on) = super::moved(&starts, &words, seconds(8.0), &slow);
        assert_eq!((moved[1].seconds(), moved[2].seconds(), moved[3].seconds(), on), (1.95, 4.0, 6.05, 1));
    }

    #[test]
    fn a_song_that_is_repeated_has_its_beats_again_after_its_step() {
        let beats = Beats { period: 0.5, first: 0.1 };
        let times = repeated(beats, 10.0, 25.0);
        // Ten seconds with a second of crossfade: each round begins nine after the one before.
        assert!(times.contains(&9.1) && times.iter().any(|at| (at - 18.1).abs() < 1e-9), "{times:?}");
        assert!(times.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(repeated(beats, 60.0, 25.0).len(), 50);
    }

    proptest! {
        #[test]
        fn no_cut_ever_comes_into_a_word_or_leaves_its_silence(
            gaps in prop::collection::vec((0.0f64..0.7, 0.15f64..0.6), 4..40),
            every in 3usize..8, period in 0.33f64..1.0, first in 0.0f64..0.3,
        ) {
            let mut at = 0.1;
            let words: Vec<Span> = gaps.iter().map(|(gap, length)| {
                let start = at + gap;
                at = start + length;
                word(start, at)
            }).collect();
            let end = seconds(at + 0.6);
            let cuts: Vec<usize> = (1..words.len()).filter(|n| n % every == 0).collect();
            let mut starts = vec![Time::ZERO];
            starts.extend(cuts.iter().map(|&n| words[n].start));
            let beats: Vec<f64> = Beats { period, first }.until(end.seconds()).collect();
            let (moved, _) = moved(&starts, &words, end, &beats);
            for (&n, cut) in cuts.iter().zip(&moved[1..]) {
                // A sample is what rounding may add.
                prop_assert!(cut.0 + 1 >= words[n - 1].end.0 && cut.0 <= words[n].start.0 + 1);
            }
            prop_assert!(moved.windows(2).all(|pair| pair[0] < pair[1]));
        }
    }
}
