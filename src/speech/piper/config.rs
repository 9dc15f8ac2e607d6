//! `voice.onnx.json`.

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
};

use serde::Deserialize;

use super::super::Error;

/// What a voice's file says of it.
#[derive(Debug, Clone, Deserialize)]
pub struct PiperConfig {
    audio: Audio,
    #[serde(default)]
    espeak: Option<Espeak>,
    /// `espeak`: it reads IPA; `text`: it reads letters. Others need programs that are not here.
    #[serde(default = "espeak")]
    phoneme_type: String,
    #[serde(default = "one")]
    num_speakers: u32,
    #[serde(default)]
    speaker_id_map: BTreeMap<String, i64>,
    #[serde(default)]
    default_speaker_id: Option<i64>,
    phoneme_id_map: HashMap<String, Vec<i64>>,
    #[serde(default)]
    inference: Inference,
    #[serde(default = "hop")]
    hop_length: usize,
    #[serde(default)]
    vowel_clusters: Option<Vec<Vec<String>>>,
}

#[derive(Debug, Clone, Deserialize)]
struct Audio {
    sample_rate: u32,
}

#[derive(Debug, Clone, Deserialize)]
struct Espeak {
    voice: String,
}

/// How a voice is run unless somebody says otherwise.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(default)]
pub(super) struct Inference {
    pub(super) noise_scale: f32,
    pub(super) length_scale: f32,
    #[serde(alias = "noise_w_scale")]
    pub(super) noise_w: f32,
}

impl Default for Inference {
    fn default() -> Self {
        Self { noise_scale: 0.667, length_scale: 1.0, noise_w: 0.8 }
    }
}

fn espeak() -> String {
    "espeak".to_owned()
}

fn one() -> u32 {
    1
}

fn hop() -> usize {
    256
}

impl PiperConfig {
    /// Reads the file beside the network at `model`.
    ///
    /// # Errors
    /// When it is not there, or is not such a file, or the voice needs a reader that is not here.
    pub fn of(model: &Path) -> Result<Self, Error> {
        let mut name = model.as_os_str().to_owned();
        name.push(".json");
        let path = std::path::PathBuf::from(name);
        let wrong = |reason: String| Error::Model { path: path.clone(), reason };
        let text = std::fs::read_to_string(&path).map_err(|error| {
            wrong(format!("{error}; a Piper voice is two files, NAME.onnx and NAME.onnx.json"))
        })?;
        let config: Self = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        if !matches!(config.phoneme_type.as_str(), "espeak" | "text") {
            return Err(wrong(format!(
                "it reads phonemes of type `{}`, and only `espeak` and `text` can be made here: choose another voice",
                config.phoneme_type
            )));
        }
        if config.phoneme_type == "espeak" && config.espeak.is_none() {
            return Err(wrong("it does not say with which espeak-ng voice it reads".to_owned()));
        }
        Ok(config)
    }

    /// Samples a second.
    pub fn sample_rate(&self) -> u32 {
        self.audio.sample_rate
    }

    /// The espeak-ng voice that reads for it; none where it reads letters.
    pub(super) fn reader(&self) -> Option<&str> {
        let espeak = self.espeak.as_ref().filter(|_| self.phoneme_type == "espeak");
        espeak.map(|espeak| espeak.voice.as_str())
    }

    /// Whether it reads sounds, and not letters.
    pub fn reads_sounds(&self) -> bool {
        self.reader().is_some()
    }

    pub(super) fn inference(&self) -> Inference {
        self.inference
    }

    /// Samples of one frame.
    pub(super) fn hop(&self) -> usize {
        self.hop_length.max(1)
    }

    /// The id of the speaker called `name` (or numbered so), the voice's own where none is named; nothing
    /// where there is only one.
    pub(super) fn speaker(&self, name: Option<&str>) -> Result<Option<i64>, String> {
        if self.num_speakers <= 1 {
            return match name {
                None => Ok(None),
                Some(name) => {
                    Err(format!("it has one speaker, and `{name}` is asked for: leave out `#{name}`"))
                }
            };
        }
        let Some(name) = name else { return Ok(Some(self.default_speaker_id.unwrap_or(0))) };
        let number = || name.parse().ok().filter(|id| (0..i64::from(self.num_speakers)).contains(id));
        if let Some(id) = self.speaker_id_map.get(name).copied().or_else(number) {
            return Ok(Some(id));
        }
        let near = super::super::espeak::nearest(name, self.speaker_id_map.keys().cloned());
        let hint = match near.as_slice() {
            [] => format!("its speakers are numbered 0 to {}", self.num_speakers - 1),
            names => format!("did you mean `{}`?", names.join("`, `")),
        };
        Err(format!("it has no speaker `{name}`: {hint}"))
    }

    /// The ids of the symbols with padding between them, each with the symbol that it is of.
    ///
    /// A symbol that the voice does not know is passed over, as Piper does.
    pub(super) fn ids(&self, symbols: &[char]) -> Vec<(i64, Option<usize>)> {
        let map = |symbol: &str| self.phoneme_id_map.get(symbol).map(Vec::as_slice).unwrap_or_default();
        let pad = map("_");
        let own = |symbol: &str| map(symbol).iter().map(|id| (*id, None)).collect::<Vec<_>>();
        let mut ids = own("^");
        ids.extend(own("_"));
        let mut at = 0;
        while at < symbols.len() {
            let (text, length) = self.merged(&symbols[at..]);
            let found = map(&text);
            if !found.is_empty() {
                ids.extend(found.iter().chain(pad).map(|id| (*id, Some(at))));
            }
            at += length;
        }
        ids.extend(own("$"));
        ids
    }

    /// The longest cluster of vowels that the voice takes for one phoneme, or the first symbol.
    fn merged(&self, symbols: &[char]) -> (String, usize) {
        let clusters = self.vowel_clusters.iter().flatten();
        let fits = |cluster: &&Vec<String>| {
            cluster.len() > 1
                && cluster.len() <= symbols.len()
                && cluster.iter().zip(symbols).all(|(part, symbol)| part.chars().eq([*symbol]))
        };
        let length = clusters.filter(fits).map(Vec::len).max().unwrap_or(1);
        (symbols[..length].iter().collect(), length)
    }
}
