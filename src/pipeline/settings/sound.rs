//! What is heard besides the voice: part of the `timeline` stage.

use std::path::PathBuf;

use serde::Serialize;

use crate::{
    pipeline::{
        fields::Fields,
        kind::{decibels, file, truth, variant},
    },
    story::{Mood, Style},
};

/// What is played under the voice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Play {
    /// Nothing.
    Off,
    /// A bed that the program plays itself.
    Bed(Mood),
    /// A file of the user's.
    File(PathBuf),
}

/// Music under the voice.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Music {
    /// What is played.
    pub play: Play,
    /// How loud it is while somebody speaks, in dB against the voice.
    pub gain_db: f64,
    /// How much louder it is where nobody speaks, in dB.
    pub ducking_db: f64,
}

impl Music {
    pub(crate) fn read(fields: &mut Fields<'_>, style: &Style) -> Option<Self> {
        let mood = fields.get("mood", &variant().or_auto(style.music).or_off());
        // `file: auto` asks for what suits the style, as `mood: auto` does.
        let automatic = fields.word("file", "auto");
        let song = if automatic {
            fields.ignore("file")
        } else {
            fields.optional("file", &file("the path of a sound file"))
        };
        let gain = fields.get("gain", &decibels(-60.0..=0.0));
        let ducking = fields.get("ducking", &decibels(0.0..=40.0));
        let play = match (song?, mood?) {
            (Some(path), _) => Play::File(path),
            (None, _) if automatic => Play::Bed(style.music),
            (None, Some(mood)) => Play::Bed(mood),
            (None, None) => Play::Off,
        };
        Some(Self { play, gain_db: gain?, ducking_db: ducking? })
    }
}

/// Short sounds of what is seen.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Effects {
    /// Whether transitions are heard.
    pub transitions: bool,
    /// Their peaks in dB against full scale.
    pub gain_db: f64,
}

impl Effects {
    pub(crate) fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let transitions = fields.get("transitions", &truth());
        let gain = fields.get("gain", &decibels(-60.0..=0.0));
        Some(Self { transitions: transitions?, gain_db: gain? })
    }
}
