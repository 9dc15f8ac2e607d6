//! Chooses what a scene shows: from its own words, the whole script's, and what was shown before.

use super::{
    lexicon::{Drawable, Lexicon},
    reading::Reading,
};
use crate::story::Seed;

/// What a picture shows, as places in the lexicon's lists.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Choice {
    pub(super) subject: usize,
    pub(super) grounds: Grounds,
    /// Nothing where the subject has no sky.
    pub(super) light: Option<usize>,
    pub(super) weather: Option<usize>,
    /// How it is looked at, where the same subject was seen just before.
    pub(super) shot: Option<usize>,
}

/// Why a subject was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Grounds {
    /// The scene's words name it.
    Words,
    /// The script as a whole speaks of it.
    Theme,
    /// No word leads anywhere: it suits any.
    Nothing,
}

/// A subject is named when its words weigh this much: one plain word does, one weak word does not.
const NAMED: f64 = 0.35;
/// A light or weather is named at this.
const MOOD: f64 = 0.4;
/// What the whole script's subject adds to that of a scene's own words.
const THEME: f64 = 0.3;
/// After the same subject, another is taken if it is named at least this much as strongly.
const INSTEAD: f64 = 0.8;
/// What words too weak to name a subject still weigh beside the whole script's.
const HINT: f64 = 0.5;
/// How many scenes a weather lasts after the one that names it.
const WEATHER_LASTS: u32 = 1;

/// Remembers what was shown, scene after scene.
pub(super) struct Chooser<'a> {
    lexicon: &'a Lexicon,
    /// How much the whole script speaks of each subject, the strongest 1.
    theme: Vec<f64>,
    shown: Vec<u32>,
    previous: Option<usize>,
    repeats: usize,
    light: usize,
    weather: Option<(usize, u32)>,
    seed: Seed,
}

impl<'a> Chooser<'a> {
    /// Begins a video whose words, title included, read as `whole`, in the style of this name.
    pub(super) fn new(
        lexicon: &'a Lexicon,
        whole: &Reading,
        title: &Reading,
        style: &str,
        seed: Seed,
    ) -> Self {
        let most = whole.subjects.iter().copied().fold(0.0, f64::max);
        let theme = whole.subjects.iter().map(|score| if most > 0.0 { score / most } else { 0.0 }).collect();
        let composition = &lexicon.composition;
        let light = Reading::strongest(&title.lights, MOOD).map(|(index, _)| index).or_else(|| {
            let lights = &composition.lights;
            let any = (seed.fraction("light", 0) * lights.len() as f64) as usize;
            place(&lexicon.lights, composition.first_light.get(style).or(lights.get(any))?)
        });
        Self {
            lexicon,
            theme,
            shown: vec![0; lexicon.subjects.len()],
            previous: None,
            repeats: 0,
            light: light.unwrap_or(0),
            weather: None,
            seed,
        }
    }

    /// A paragraph begins: the weather of the one before is over.
    pub(super) fn paragraph(&mut self) {
        self.weather = None;
    }

    /// What the next scene shows.
    pub(super) fn next(&mut self, reading: &Reading) -> Choice {
        let (subject, grounds) = self.subject(reading);
        let sky = !self.lexicon.composition.without_sky.contains(&self.lexicon.subjects[subject].name);
        let (light, weather) = self.mood(reading);
        let shot = (self.previous == Some(subject)).then(|| {
            self.repeats += 1;
            (self.repeats - 1) % self.lexicon.composition.shots.len().max(1)
        });
        self.note(subject);
        Choice { subject, grounds, light: sky.then_some(light), weather: weather.filter(|_| sky), shot }
    }

    /// The light that a picture asked for by the script is shown in, unless it names its own.
    pub(super) fn directed(&mut self, reading: &Reading) -> Option<usize> {
        let named = Reading::strongest(&reading.lights, MOOD).is_some();
        let (light, _) = self.mood(reading);
        let subject = Reading::strongest(&reading.subjects, NAMED);
        let sky = subject.is_none_or(|(subject, _)| {
            !self.lexicon.composition.without_sky.contains(&self.lexicon.subjects[subject].name)
        });
        match subject {
            Some((subject, _)) => self.note(subject),
            None => self.previous = None,
        }
        (!named && sky).then_some(light)
    }

    fn note(&mut self, subject: usize) {
        self.previous = Some(subject);
        self.shown[subject] += 1;
    }

    fn subject(&self, reading: &Reading) -> (usize, Grounds) {
        let named = Reading::strongest(&reading.subjects, NAMED).is_some();
        let scores: Vec<f64> = reading
            .subjects
            .iter()
            .zip(&self.theme)
            .zip(&self.shown)
            .map(|((own, theme), shown)| match named {
                true if *own < NAMED => 0.0,
                true => own + THEME * theme,
                // What the script speaks of takes turns, the strongest first.
                false => HINT * own + theme / f64::from(1 + shown),
            })
            .collect();
        let Some((best, score)) = Reading::strongest(&scores, 0.0) else {
            return (self.anywhere(), Grounds::Nothing);
        };
        let grounds = if named { Grounds::Words } else { Grounds::Theme };
        if self.previous == Some(best) {
            let mut others = scores;
            others[best] = 0.0;
            let least = if named { INSTEAD * score } else { 0.0 };
            if let Some((other, _)) = Reading::strongest(&others, least) {
                return (other, grounds);
            }
        }
        (best, grounds)
    }

    fn anywhere(&self) -> usize {
        let suiting: Vec<usize> = self
            .lexicon
            .composition
            .anywhere
            .iter()
            .filter_map(|name| place(&self.lexicon.subjects, name))
            .collect();
        let first = (self.seed.fraction("anywhere", 0) * suiting.len() as f64) as usize;
        let before: u32 = self.shown.iter().sum();
        let turn = (first + before as usize) % suiting.len().max(1);
        suiting.get(turn).copied().unwrap_or(0)
    }

    /// Light and weather: as named, else as before; a weather passes sooner.
    fn mood(&mut self, reading: &Reading) -> (usize, Option<usize>) {
        if let Some((light, _)) = Reading::strongest(&reading.lights, MOOD) {
            self.light = light;
        }
        self.weather = match Reading::strongest(&reading.weathers, MOOD) {
            Some((weather, _)) => Some((weather, WEATHER_LASTS)),
            None => self.weather.and_then(|(weather, left)| Some((weather, left.checked_sub(1)?))),
        };
        (self.light, self.weather.map(|(weather, _)| weather))
    }
}

fn place(list: &[Drawable], name: &str) -> Option<usize> {
    list.iter().position(|drawable| drawable.name == name)
}
