//! One espeak-ng speaker.

use super::{
    super::{Error, Speech, Utterance, Voice},
    languages::{identifier, nearest, variants},
    libespeak::{Libespeak, Parameter},
    marks, ssml,
};
use crate::story::{EspeakVoice, Samples};

const SLOWEST: f32 = 80.0;
const FASTEST: f32 = 450.0;

/// An espeak-ng voice with its variant, pitch and speed.
#[derive(Debug, Clone)]
pub struct Espeak {
    settings: EspeakVoice,
    identifier: String,
    version: String,
}

/// The version of the installed espeak-ng, `1.51`.
///
/// # Errors
/// When it is not installed.
pub fn version() -> Result<String, Error> {
    Ok(Libespeak::load()?.version())
}

impl Espeak {
    /// Opens a voice, having checked that the installed espeak-ng has it.
    ///
    /// # Errors
    /// When espeak-ng is not installed, has no such language or variant, or a setting is out of range.
    pub fn open(settings: &EspeakVoice) -> Result<Self, Error> {
        let within = |setting, value, min, max| {
            let fits = (min..=max).contains(&value);
            if fits { Ok(()) } else { Err(Error::Setting { setting, value, min, max }) }
        };
        within("pitch", settings.pitch.into(), 0, 99)?;
        within("range", settings.range.into(), 0, 99)?;
        within("words_per_minute", settings.words_per_minute, SLOWEST as u16, FASTEST as u16)?;
        let mut library = Libespeak::load()?;
        if let Some(variant) = &settings.variant {
            // espeak itself ignores a variant it does not know.
            let known = variants(&mut library);
            if !known.contains(variant) {
                return Err(Error::UnknownVariant {
                    variant: variant.clone(),
                    similar: nearest(variant, known),
                });
            }
        }
        let identifier = identifier(&mut library, &settings.voice)?;
        Ok(Self { settings: settings.clone(), identifier, version: library.version() })
    }

    /// The speed at `rate`, in whole words a minute.
    fn words_per_minute(&self, rate: f32) -> Result<u16, Error> {
        let own = f32::from(self.settings.words_per_minute);
        let words_per_minute = own * rate;
        if (SLOWEST..=FASTEST).contains(&words_per_minute) {
            Ok(words_per_minute.round() as u16)
        } else {
            Err(Error::Rate { rate, words_per_minute, min: SLOWEST / own, max: FASTEST / own })
        }
    }

    /// The name espeak-ng selects voices by.
    fn name(&self) -> String {
        let variant = self.settings.variant.as_ref();
        variant.map_or_else(|| self.identifier.clone(), |variant| format!("{}+{variant}", self.identifier))
    }
}

impl Voice for Espeak {
    fn identity(&self) -> String {
        let EspeakVoice { pitch, range, words_per_minute, .. } = self.settings;
        format!(
            "espeak-ng {} {} pitch {pitch} range {range} at {words_per_minute} wpm",
            self.version,
            self.name()
        )
    }

    fn speak(&mut self, utterance: &Utterance<'_>) -> Result<Speech, Error> {
        let speed = self.words_per_minute(utterance.rate)?;
        let mut library = Libespeak::load()?;
        let failed = |reason: String| Error::Synthesis {
            engine: "espeak-ng",
            text: utterance.tokens.iter().map(|t| t.text.as_str()).collect::<Vec<_>>().join(" "),
            reason,
        };
        if !library.set_voice(&self.name()) {
            return Err(failed(format!("its voice `{}` is gone", self.name())));
        }
        let settings = [
            (Parameter::Rate, speed),
            (Parameter::Pitch, self.settings.pitch.into()),
            (Parameter::Range, self.settings.range.into()),
        ];
        for (parameter, value) in settings {
            if !library.set(parameter, value) {
                return Err(failed(format!("it refuses {value} as {parameter:?}")));
            }
        }
        let heard =
            library.speak(&ssml::ssml(utterance.tokens)).map_err(|code| failed(format!("error {code}")))?;
        let rate = library.sample_rate();
        let words = marks::words(utterance.tokens, &heard, rate);
        let samples = heard.samples.into_iter().map(|sample| f32::from(sample) / 32_768.0).collect();
        Ok(Speech { samples: Samples::mono(rate, samples), words })
    }
}
