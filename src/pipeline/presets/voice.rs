//! Voice files.

use crate::pipeline::{
    fields::Fields,
    kind::{count, name, text},
};
use crate::story::{EspeakVoice, VoicePreset};

/// Reads a voice.
pub(crate) fn read_voice(fields: &mut Fields<'_>) -> Option<VoicePreset> {
    let voice_name = fields.get("name", &name("the voice's name"));
    let summary = fields.get("summary", &text());
    let language = fields.get("language", &name("a language as `en-US`"));
    let espeak = fields.group("espeak", read_espeak);
    let kokoro = fields.optional("kokoro", &name("a Kokoro voice"));
    let piper = fields.optional("piper", &name("a Piper voice"));
    let remote = fields.optional("remote", &name("a voice of a speech server"));
    Some(VoicePreset {
        name: voice_name?,
        summary: summary?,
        language: language?,
        espeak: espeak?,
        kokoro: kokoro?,
        piper: piper?,
        remote: remote?,
    })
}

fn read_espeak(fields: &mut Fields<'_>) -> Option<EspeakVoice> {
    let voice = fields.get("voice", &name("an espeak-ng language as `en-us`"));
    let variant = fields.optional("variant", &name("an espeak-ng variant as `f2`"));
    let pitch = fields.get("pitch", &count(0..=99));
    let range = fields.get("range", &count(0..=99));
    let words_per_minute = fields.get("words_per_minute", &count(80..=450));
    Some(EspeakVoice {
        voice: voice?,
        variant: variant?,
        pitch: pitch? as u8,
        range: range? as u8,
        words_per_minute: words_per_minute? as u16,
    })
}
