//! One Kokoro voice.

use std::path::{Path, PathBuf};

use ndarray::{Array1, Array2};

use super::{
    super::{
        Error, Speech, Token, Utterance, Voice,
        onnx::Network,
        phonemes::{Phoneme, plain},
        timing::{Align, words_of},
        voice_of_language,
    },
    chunks::chunks,
    phonemes::{phonemes, symbols_of},
    styles::Styles,
    vocabulary::Vocabulary,
};
use crate::{
    digest::Digest,
    engine::{Element, Tensor},
    story::Samples,
};

const RATE: u32 = 24_000;

/// A Kokoro voice, open.
#[derive(Debug)]
pub struct Kokoro {
    path: PathBuf,
    network: Network,
    vocabulary: Vocabulary,
    styles: Styles,
    name: String,
    language: String,
    reader: String,
    digest: Digest,
}

impl Kokoro {
    /// Opens the network at `path` with the voice `name` (or a blend) out of the files beside it, to speak
    /// `language` (BCP 47).
    ///
    /// # Errors
    /// When a file cannot be read, there is no such voice, or espeak-ng, which reads for it, does not know
    /// the language.
    pub fn open(path: &Path, name: &str, language: &str) -> Result<Self, Error> {
        let wrong = |reason: String| Error::Model { path: path.to_owned(), reason };
        let folder = path.parent().unwrap_or(Path::new("."));
        let styles = match Styles::of(folder, name) {
            // `onnx/model.onnx` beside `voices/`.
            Err(_) if folder.ends_with("onnx") => Styles::of(&folder.join(".."), name)?,
            styles => styles?,
        };
        let digest = Digest::of_file(path).map_err(|error| wrong(error.to_string()))?;
        let network = Network::open(path, None)?;
        let vocabulary = Vocabulary::of(network.note("kokoro_config").as_deref(), folder)?;
        for input in ["style", "speed"] {
            if network.session().input(input).is_none() {
                return Err(wrong(format!("it is no Kokoro network: it takes no `{input}`")));
            }
        }
        Ok(Self {
            path: path.to_owned(),
            network,
            vocabulary,
            styles,
            name: name.to_owned(),
            language: language.to_owned(),
            reader: voice_of_language(language)?,
            digest,
        })
    }

    /// The ids of an utterance's phonemes, for comparison with other programs.
    pub fn ids(&self, tokens: &[Token]) -> Result<Vec<i64>, Error> {
        let symbols = symbols_of(tokens, &self.reader, &self.vocabulary)?;
        Ok(symbols.into_iter().filter_map(|symbol| self.vocabulary.id(symbol)).collect())
    }

    /// Samples, and of each id (padding at both ends included) the sample at which it begins, where the
    /// network tells.
    fn run(&mut self, ids: &[i64], rate: f32) -> Result<(Vec<f32>, Option<Vec<usize>>), Error> {
        let session = self.network.session();
        let padded = Array2::from_shape_fn((1, ids.len() + 2), |(_, at)| {
            at.checked_sub(1).and_then(|at| ids.get(at)).copied().unwrap_or(0)
        });
        let tokens = if session.input("input_ids").is_some() { "input_ids" } else { "tokens" };
        let whole = session.input("speed").and_then(|port| port.element);
        let speed: Tensor = match whole {
            // Exports for Chinese take whole numbers alone.
            Some(Element::I32) => Array1::from(vec![rate.round().max(1.0) as i32]).into(),
            Some(Element::I64) => Array1::from(vec![rate.round().max(1.0) as i64]).into(),
            _ => Array1::from(vec![rate]).into(),
        };
        let style = self.styles.of_length(ids.len());
        let answers =
            self.network.run(&[(tokens, padded.into()), ("style", style.into()), ("speed", speed)])?;
        let mut sound: Option<Vec<f32>> = None;
        let mut frames: Option<Vec<f32>> = None;
        for (name, tensor) in answers {
            if name == "duration" {
                frames = Some(tensor.into_f32().into_iter().collect());
            } else if sound.is_none() {
                sound = Some(tensor.into_f32().into_iter().collect());
            }
        }
        let sound = sound.unwrap_or_default();
        let edges = frames.filter(|frames| frames.len() == ids.len() + 2).map(|frames| {
            let all = f64::from(frames.iter().sum::<f32>()).max(1.0);
            let mut before = 0.0;
            let mut edges = vec![0];
            for frame in frames {
                before += f64::from(frame);
                edges.push((before * sound.len() as f64 / all).round() as usize);
            }
            edges
        });
        Ok((sound, edges))
    }
}

impl Voice for Kokoro {
    fn identity(&self) -> String {
        format!("Kokoro {} {} reading {}", self.name, self.digest.short(), self.reader)
    }

    fn speak(&mut self, utterance: &Utterance<'_>) -> Result<Speech, Error> {
        let all: Vec<Phoneme> = phonemes(utterance.tokens, &self.reader, &self.vocabulary)?;
        let symbols: Vec<char> = all.iter().map(|phoneme| phoneme.symbol).collect();
        let mut samples: Vec<f32> = Vec::new();
        let mut sounds = Some(Vec::new());
        for range in chunks(&symbols) {
            let ids: Vec<i64> =
                symbols[range.clone()].iter().filter_map(|s| self.vocabulary.id(*s)).collect();
            let (sound, edges) = self.run(&ids, utterance.rate)?;
            match (&mut sounds, edges) {
                (Some(sounds), Some(edges)) => {
                    let before = samples.len();
                    let heard = all[range].iter().enumerate().filter(|(_, phoneme)| phoneme.sounds());
                    // The first edge is that of the padding.
                    sounds.extend(
                        heard.map(|(at, p)| (p.token, before + edges[at + 1], before + edges[at + 2])),
                    );
                }
                _ => sounds = None,
            }
            samples.extend(sound);
        }
        if symbols.is_empty() && !plain(utterance.tokens).trim().is_empty() {
            let reason = format!("it finds nothing to speak in `{}`", plain(utterance.tokens));
            return Err(Error::Model { path: self.path.clone(), reason });
        }
        let samples = Samples::mono(RATE, samples);
        let words = match sounds {
            Some(sounds) => words_of(utterance.tokens, &sounds, samples.len()),
            None => Align::new(&self.language)?.words(utterance.tokens, &samples)?,
        };
        Ok(Speech { samples, words })
    }
}
