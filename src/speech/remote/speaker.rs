//! A voice at a server.

use serde_json::{Value, json};

use super::{
    super::{
        Error, Speech, Token, Utterance, Voice,
        phonemes::{plain, readable},
        timing::Align,
    },
    captions::{Captioned, bytes_of, words},
    wav,
};
use crate::{
    service::{Answer, Service, Settings},
    story::{Samples, ServerTimings, SoundFormat},
};

/// What is asked of a server besides the words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteVoice {
    /// The server's name of the model.
    pub model: String,
    /// The server's name of the voice.
    pub voice: String,
    /// How it is to be spoken, for models that take that; may be empty.
    pub instructions: String,
    /// How it sends sound.
    pub format: SoundFormat,
    /// How words get their times.
    pub timings: ServerTimings,
    /// The language spoken (BCP 47).
    pub language: String,
}

/// A voice at a server, ready to be asked.
#[derive(Debug)]
pub struct Remote {
    service: Service,
    voice: RemoteVoice,
}

/// Longer inputs are refused by OpenAI's server.
const LONGEST_INPUT: usize = 4_096;
const BARE_RATE: u32 = 24_000;
const SLOWEST: f32 = 0.25;
const FASTEST: f32 = 4.0;

impl Remote {
    /// Prepares to ask; connects to nothing yet.
    ///
    /// # Errors
    /// When the network is forbidden, or the server's settings contradict themselves.
    pub fn open(settings: Settings, voice: RemoteVoice) -> Result<Self, Error> {
        Ok(Self { service: Service::new(settings)?, voice })
    }

    fn question(&self, text: &str, rate: f32) -> Value {
        let RemoteVoice { model, voice, instructions, format, .. } = &self.voice;
        let mut question = json!({
            "model": model, "input": text, "voice": voice, "response_format": format, "speed": rate.clamp(SLOWEST, FASTEST)
        });
        if !instructions.is_empty() {
            question["instructions"] = json!(instructions);
        }
        question
    }

    fn sound(&self, answer: &Answer) -> Result<Samples, String> {
        self.decode(&answer.bytes).map_err(|reason| match answer.kind.as_str() {
            "" => reason,
            kind => format!("{reason}; it calls itself {kind}"),
        })
    }

    fn decode(&self, bytes: &[u8]) -> Result<Samples, String> {
        let (rate, samples) = match self.voice.format {
            SoundFormat::Wav => wav::decode(bytes)?,
            SoundFormat::Pcm => (BARE_RATE, wav::bare(bytes)?),
        };
        if samples.is_empty() || rate == 0 {
            return Err("it holds no sound".to_owned());
        }
        Ok(Samples::mono(rate, samples))
    }

    fn captioned(&self, answer: &Answer) -> Result<(Samples, Captioned), String> {
        let captioned: Captioned = serde_json::from_slice(&answer.bytes)
            .map_err(|error| format!("it is no captioned speech: {error}"))?;
        let bytes = bytes_of(&captioned.audio).ok_or("its sound is not written in base 64")?;
        Ok((self.decode(&bytes)?, captioned))
    }

    fn aligned(&self, tokens: &[Token], samples: Samples) -> Result<Speech, Error> {
        let words = Align::new(&self.voice.language)?.words(tokens, &samples)?;
        Ok(Speech { samples, words })
    }
}

impl Voice for Remote {
    fn identity(&self) -> String {
        let RemoteVoice { model, voice, .. } = &self.voice;
        format!("{voice} of {model} at {}", self.service.url())
    }

    fn speak(&mut self, utterance: &Utterance<'_>) -> Result<Speech, Error> {
        let text = plain(&readable(utterance.tokens));
        if text.chars().count() > LONGEST_INPUT {
            let reason = format!("it has more than {LONGEST_INPUT} characters; divide the sentence");
            return Err(Error::Synthesis { engine: "the server", text, reason });
        }
        let mut question = self.question(&text, utterance.rate);
        if self.voice.timings == ServerTimings::Align {
            let samples = self.service.post("audio/speech", &question, |answer| self.sound(answer))?;
            return self.aligned(utterance.tokens, samples);
        }
        question["stream"] = json!(false);
        question["return_timestamps"] = json!(true);
        let url = format!("{}/dev/captioned_speech", self.service.root().as_str().trim_end_matches('/'));
        let (samples, captioned) = self.service.post_to(&url, &question, |answer| self.captioned(answer))?;
        let stamps = captioned.timestamps.unwrap_or_default();
        match words(utterance.tokens, &stamps, samples.rate, samples.len()) {
            Some(words) => Ok(Speech { samples, words }),
            // Such servers leave the words of some languages out.
            None => self.aligned(utterance.tokens, samples),
        }
    }
}
