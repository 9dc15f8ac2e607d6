//! One Piper voice.

use std::path::{Path, PathBuf};

use ndarray::{Array1, Array2};
use unicode_normalization::UnicodeNormalization;

use super::{
    super::{
        Error, Speech, SpokenWord, Token, Utterance, Voice,
        onnx::Network,
        phonemes::{Phoneme, plain, readable, sentences, symbols_of},
        timing::{Align, words_of},
    },
    PiperConfig,
};
use crate::{digest::Digest, engine::Tensor, story::Samples};

/// A Piper voice, open.
#[derive(Debug)]
pub struct Piper {
    path: PathBuf,
    config: PiperConfig,
    network: Network,
    speaker: Option<i64>,
    digest: Digest,
    noise: f32,
    /// The language it speaks, for aligning where the network does not tell its durations.
    language: String,
}

/// A sentence as a network answers it.
struct Sentence {
    samples: Vec<f32>,
    /// Of each id its length in samples, where the network tells.
    lengths: Option<Vec<usize>>,
}

impl Piper {
    /// Opens the network at `path`; `speaker` names one of several, `noise` is how much its voice
    /// varies beside its own measure: 1 as it was made, 0 not at all.
    ///
    /// # Errors
    /// When it cannot be read, or has no such speaker.
    pub fn open(path: &Path, speaker: Option<&str>, noise: f32, language: &str) -> Result<Self, Error> {
        let wrong = |reason: String| Error::Model { path: path.to_owned(), reason };
        let config = PiperConfig::of(path)?;
        let speaker = config.speaker(speaker).map_err(wrong)?;
        let digest = Digest::of_file(path).map_err(|error| wrong(error.to_string()))?;
        // Voices made before 2025 do not answer how long each phoneme is, but compute it.
        let network = Network::open(path, Some("Ceil"))?;
        Ok(Self {
            path: path.to_owned(),
            config,
            network,
            speaker,
            digest,
            noise,
            language: language.to_owned(),
        })
    }

    /// The ids of a sentence's phonemes, for comparison with other programs.
    pub fn ids(&self, tokens: &[Token]) -> Result<Vec<Vec<i64>>, Error> {
        let sentences = match self.config.reader() {
            Some(voice) => symbols_of(tokens, voice)?,
            None => vec![letters(tokens).iter().map(|letter| letter.symbol).collect()],
        };
        let ids = |symbols: &Vec<char>| self.config.ids(symbols).into_iter().map(|(id, _)| id).collect();
        Ok(sentences.iter().map(ids).collect())
    }

    fn read(&self, tokens: &[Token]) -> Result<Vec<Vec<Phoneme>>, Error> {
        match self.config.reader() {
            Some(voice) => sentences(tokens, voice),
            None => Ok(vec![letters(tokens)]),
        }
    }

    fn run(&mut self, ids: &[(i64, Option<usize>)], rate: f32) -> Result<Sentence, Error> {
        let own = self.config.inference();
        let scales = [own.noise_scale * self.noise, own.length_scale / rate, own.noise_w * self.noise];
        let row = Array2::from_shape_fn((1, ids.len()), |(_, at)| ids[at].0);
        let mut inputs: Vec<(&str, Tensor)> = vec![
            ("input", row.into()),
            ("input_lengths", Array1::from(vec![ids.len() as i64]).into()),
            ("scales", Array1::from(scales.to_vec()).into()),
        ];
        if let Some(speaker) = self.speaker {
            inputs.push(("sid", Array1::from(vec![speaker]).into()));
        }
        // Networks that do not use an input may lack it.
        inputs.retain(|(name, _)| self.network.session().input(name).is_some());
        let answers = self.network.run(&inputs)?;
        let mut answers = answers.into_iter();
        let samples =
            answers.next().map(|(_, sound)| sound.into_f32().into_iter().collect()).unwrap_or_default();
        let hop = self.config.hop();
        let lengths = answers
            .next()
            .map(|(_, frames)| {
                frames.into_f32().into_iter().map(|f| (f * hop as f32) as usize).collect::<Vec<_>>()
            })
            .filter(|lengths| lengths.len() == ids.len());
        Ok(Sentence { samples, lengths })
    }
}

/// What a voice that was taught letters reads.
fn letters(tokens: &[Token]) -> Vec<Phoneme> {
    let mut letters = Vec::new();
    let tokens = readable(tokens);
    for (index, token) in tokens.iter().enumerate().filter(|(_, token)| !token.spoken.is_empty()) {
        if token.space_before && !letters.is_empty() {
            letters.push(Phoneme { symbol: ' ', token: index });
        }
        letters.extend(token.spoken.nfd().map(|symbol| Phoneme { symbol, token: index }));
    }
    letters
}

impl Voice for Piper {
    fn identity(&self) -> String {
        let speaker = self.speaker.map(|id| format!(" speaker {id}")).unwrap_or_default();
        let name = self.path.file_stem().unwrap_or_default().to_string_lossy();
        format!("Piper {name} {}{speaker} noise {}", self.digest.short(), self.noise)
    }

    fn speak(&mut self, utterance: &Utterance<'_>) -> Result<Speech, Error> {
        let rate = self.config.sample_rate();
        let mut samples: Vec<f32> = Vec::new();
        let mut sounds: Option<Vec<(usize, usize, usize)>> = Some(Vec::new());
        for sentence in self.read(utterance.tokens)? {
            let symbols: Vec<char> = sentence.iter().map(|phoneme| phoneme.symbol).collect();
            let ids = self.config.ids(&symbols);
            let spoken = self.run(&ids, utterance.rate)?;
            let mut at = samples.len();
            match (&mut sounds, &spoken.lengths) {
                (Some(sounds), Some(lengths)) => {
                    for ((_, symbol), length) in ids.iter().zip(lengths) {
                        if let Some(phoneme) = symbol.map(|symbol| sentence[symbol]).filter(|p| p.sounds()) {
                            sounds.push((phoneme.token, at, at + length));
                        }
                        at += length;
                    }
                }
                _ => sounds = None,
            }
            samples.extend(spoken.samples);
        }
        let samples = Samples::mono(rate, samples);
        let words: Vec<SpokenWord> = match sounds {
            Some(sounds) => words_of(utterance.tokens, &sounds, samples.len()),
            None => Align::new(&self.language)?.words(utterance.tokens, &samples)?,
        };
        if words.is_empty() && !plain(utterance.tokens).trim().is_empty() {
            let reason = format!("it finds nothing to speak in `{}`", plain(utterance.tokens));
            return Err(Error::Model { path: self.path.clone(), reason });
        }
        Ok(Speech { samples, words })
    }
}
