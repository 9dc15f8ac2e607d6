//! What a voice's name means in each engine: `assets/voices/*.yaml`.

use serde::{Deserialize, Serialize};

/// A voice preset; `--voice nova` means the same person wherever it can be had.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VoicePreset {
    /// `nova`, `onyx`, `de`, ...
    pub name: String,
    /// One line for `shortform presets`.
    pub summary: String,
    /// The language it speaks, as BCP 47; the script's own language is never guessed from a voice named after a person.
    pub language: String,
    /// How espeak-ng speaks it.
    pub espeak: EspeakVoice,
    /// The Kokoro voice of the same character, for when that engine is installed.
    pub kokoro: Option<String>,
    /// The Piper voice of the same character, for when that engine is installed.
    pub piper: Option<String>,
    /// The name at an OpenAI-compatible speech server.
    pub remote: Option<String>,
}

/// espeak-ng's own settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EspeakVoice {
    /// espeak-ng's name of the language: `en-us`, `de`, `cmn`.
    pub voice: String,
    /// Its variant: `f2`, `m3`, or none.
    #[serde(default)]
    pub variant: Option<String>,
    /// 0 ..= 99; 50 is the voice's own.
    pub pitch: u8,
    /// 0 ..= 99; 50 is the voice's own.
    pub range: u8,
    /// Words a minute, 80 ..= 450, at rate 1.0.
    pub words_per_minute: u16,
}

/// How a speech server sends sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SoundFormat {
    /// WAV files.
    Wav,
    /// Bare samples, 16-bit at 24 kHz.
    Pcm,
}

/// How the words of a speech server get their times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ServerTimings {
    /// They are found in the sound.
    Align,
    /// The server is asked at `/dev/captioned_speech`.
    Captioned,
}
