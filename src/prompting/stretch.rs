//! Divides the narration into stretches of a few seconds, each with one picture.

use std::ops::Range;

use super::Error;
use crate::story::{Narration, Pause, Script, Span, SpokenBeat, Time};

/// A stretch of the narration that one picture is shown with.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Stretch {
    pub(super) span: Span,
    /// The script's beats it covers, wholly or in part.
    pub(super) beats: Range<usize>,
    /// The words spoken meanwhile, as written.
    pub(super) text: String,
    /// The picture that the script asks for.
    pub(super) directed: Option<String>,
    /// The script's line where it begins.
    pub(super) line: u32,
    /// Whether a paragraph of the script begins with it.
    pub(super) opens_paragraph: bool,
}

/// A place where one picture may give way to the next: before a word of a spoken beat.
#[derive(Debug, Clone, Copy)]
struct Place {
    time: Time,
    beat: usize,
    word: usize,
    /// What it costs to change pictures here, beside the lengths.
    cost: f64,
    /// Pictures must change here.
    forced: bool,
}

/// In units where a scene at either end of the allowed lengths, instead of in their middle, costs about a quarter.
mod cost {
    pub(super) const AFTER_PARAGRAPH: f64 = -0.15;
    pub(super) const AFTER_SENTENCE: f64 = 0.0;
    pub(super) const WITHIN_BREATH: f64 = 0.2;
    pub(super) const AFTER_COMMA: f64 = 0.4;
    pub(super) const BETWEEN_WORDS: f64 = 1.2;
    pub(super) const OUT_OF_RANGE: f64 = 3.0;
}

/// The division whose lengths are nearest to the middle of `shortest ..= longest` seconds, with
/// changes where speech pauses: the cheapest of all, by dynamic programming over the places.
/// A beat longer than `longest` may be divided between words. The spans tile the narration.
pub(super) fn stretches(
    script: &Script,
    narration: &Narration,
    [shortest, longest]: [f64; 2],
) -> Result<Vec<Stretch>, Error> {
    if !(shortest > 0.0 && shortest < longest && longest.is_finite()) {
        return Err(Error::Lengths { shortest, longest });
    }
    if let Some(spoken) = narration.beats.iter().find(|spoken| spoken.beat >= script.beats.len()) {
        return Err(Error::OtherScript { beat: spoken.beat, beats: script.beats.len() });
    }
    let places = places(script, narration, longest);
    if places.is_empty() {
        return Err(Error::Silent);
    }
    let changes = cheapest(&places, narration.duration, shortest, longest);
    let end =
        Place { time: narration.duration, beat: narration.beats.len(), word: 0, cost: 0.0, forced: false };
    let ends = changes.iter().skip(1).map(|index| &places[*index]).chain([&end]);
    Ok(changes.iter().zip(ends).map(|(from, to)| stretch(script, narration, &places[*from], to)).collect())
}

/// The division in which pictures change at these sentences and words (from 0), in order; the first begins at
/// the beginning. The spans tile the narration.
pub(super) fn divided(
    script: &Script,
    narration: &Narration,
    starts: &[(usize, usize)],
) -> Result<Vec<Stretch>, Error> {
    let mut places: Vec<Place> = Vec::with_capacity(starts.len());
    for (index, (sentence, word)) in starts.iter().enumerate() {
        let missing = || Error::Storyboard {
            reason: format!(
                "scene {} begins with word {} of sentence {}, which has fewer words",
                index + 1,
                word + 1,
                sentence + 1
            ),
        };
        let beat = narration.beats.iter().position(|spoken| spoken.beat == *sentence).ok_or_else(missing)?;
        let spoken = &narration.beats[beat];
        let time = match word {
            0 => spoken.span.start,
            word => spoken.words.get(*word).ok_or_else(missing)?.span.start,
        };
        let time = if index == 0 { Time::ZERO } else { time };
        places.push(Place { time, beat, word: *word, cost: 0.0, forced: true });
    }
    let end =
        Place { time: narration.duration, beat: narration.beats.len(), word: 0, cost: 0.0, forced: true };
    let ends = places.iter().skip(1).chain([&end]);
    Ok(places.iter().zip(ends).map(|(from, to)| stretch(script, narration, from, to)).collect())
}

fn places(script: &Script, narration: &Narration, longest: f64) -> Vec<Place> {
    let mut places: Vec<Place> = Vec::new();
    let mut add = |place: Place| match places.last_mut() {
        None => places.push(Place { time: Time::ZERO, ..place }),
        Some(last) if place.time <= last.time => last.forced |= place.forced,
        Some(_) if place.time < narration.duration => places.push(place),
        Some(_) => {}
    };
    for (beat, spoken) in narration.beats.iter().enumerate() {
        let before = beat.checked_sub(1).map(|before| script.beats[narration.beats[before].beat].pause);
        let cost = match before {
            Some(Pause::Paragraph) => cost::AFTER_PARAGRAPH,
            Some(Pause::Exactly(pause)) if pause.as_millis() < 200 => cost::WITHIN_BREATH,
            _ => cost::AFTER_SENTENCE,
        };
        let forced = script.beats[spoken.beat].scene.is_some();
        add(Place { time: spoken.span.start, beat, word: 0, cost, forced });
        if spoken.span.length().seconds() > longest {
            for (word, pair) in spoken.words.windows(2).enumerate() {
                let pauses = pair[0].text.ends_with([',', ';', ':', '—', '–', '，', '、', '；', '：', '،']);
                let cost = if pauses { cost::AFTER_COMMA } else { cost::BETWEEN_WORDS };
                add(Place { time: pair[1].span.start, beat, word: word + 1, cost, forced: false });
            }
        }
    }
    places
}

/// The places where scenes begin, the first of all included.
fn cheapest(places: &[Place], duration: Time, shortest: f64, longest: f64) -> Vec<usize> {
    let ideal = (shortest * longest).sqrt();
    let length_cost = |length: f64| {
        let off = (length - ideal) / (longest - shortest);
        let beyond = (shortest - length).max(length - longest).max(0.0);
        off * off + if beyond > 0.0 { cost::OUT_OF_RANGE + 6.0 * beyond / ideal } else { 0.0 }
    };
    // For the end of each prefix: what it costs, and where its last scene begins.
    let mut best: Vec<(f64, usize)> = vec![(0.0, 0)];
    for end in 1..=places.len() {
        let time = places.get(end).map_or(duration, |place| place.time);
        let mut cheapest = (f64::INFINITY, end - 1);
        for start in (0..end).rev() {
            let length = time.since(places[start].time).seconds();
            let cost = best[start].0 + length_cost(length);
            if cost < cheapest.0 {
                cheapest = (cost, start);
            }
            if places[start].forced || length > 4.0 * longest {
                break;
            }
        }
        cheapest.0 += places.get(end).map_or(0.0, |place| place.cost);
        best.push(cheapest);
    }
    let mut begins = Vec::new();
    let mut end = places.len();
    while end > 0 {
        end = best[end].1;
        begins.push(end);
    }
    begins.reverse();
    begins
}

fn stretch(script: &Script, narration: &Narration, from: &Place, to: &Place) -> Stretch {
    let last = if to.word == 0 { to.beat } else { to.beat + 1 };
    let spoken = &narration.beats[from.beat..last];
    let parts: Vec<String> = spoken
        .iter()
        .enumerate()
        .map(|(index, spoken)| {
            let first = if index == 0 { from.word } else { 0 };
            let end = if from.beat + index == to.beat { to.word } else { spoken.words.len() };
            if first == 0 && end == spoken.words.len() {
                script.beats[spoken.beat].text.clone()
            } else {
                words(spoken, first..end)
            }
        })
        .collect();
    let first = spoken[0].beat;
    let before = from.beat.checked_sub(1).map(|before| script.beats[narration.beats[before].beat].pause);
    let directed = if from.word == 0 { script.beats[first].scene.clone() } else { None };
    Stretch {
        span: Span::new(from.time, to.time),
        beats: first..spoken[spoken.len() - 1].beat + 1,
        text: parts.join(" "),
        directed,
        line: script.beats[first].line,
        opens_paragraph: from.word == 0 && before.is_none_or(|pause| pause == Pause::Paragraph),
    }
}

fn words(spoken: &SpokenBeat, range: Range<usize>) -> String {
    let mut text = String::new();
    for word in &spoken.words[range] {
        if word.space_before && !text.is_empty() {
            text.push(' ');
        }
        text.push_str(&word.text);
    }
    text
}
