//! What a voice cannot do of what a script asks, told once a run.

use std::collections::BTreeSet;

use super::{super::Context, cue::Cue};
use crate::{
    pipeline::{Emoji, Narration as Settings},
    speech::names_emoji,
    story::{How, Script},
};

/// Tells what the cues ask and their voices cannot do.
pub(super) fn tell(settings: &Settings, cues: &[Cue<'_>], ctx: &mut Context<'_>) {
    let in_ipa = |cue: &&Cue<'_>| cue.said.tokens.iter().any(|token| token.spoken.contains("[["));
    let deaf: Vec<u32> =
        cues.iter().filter(in_ipa).filter(|cue| !cue.source.reads_ipa()).map(|cue| cue.beat.line).collect();
    if !deaf.is_empty() {
        ctx.note(format!(
            "this voice reads letters alone: the words whose sounds are given in IPA are spoken as they are written ({}); \
             respell them with `<sub alias=...>` or `say` in the lexicon",
            lines(&deaf)
        ));
    }
    let nameless: BTreeSet<&str> =
        cues.iter().map(|cue| cue.language).filter(|language| !names_emoji(language)).collect();
    if settings.emoji == Emoji::Speak && !nameless.is_empty() {
        let languages: Vec<&str> = nameless.into_iter().collect();
        ctx.note(format!(
            "the names of emoji are not known here in {}: they are silent",
            languages.join(", ")
        ));
    }
}

/// Tells what a script asks that a recording cannot follow.
pub(super) fn of_recording(script: &Script, ctx: &mut Context<'_>) {
    let changed = |how: &How| matches!(how, How::Prosody(_) | How::Ipa(_));
    let asks = script.beats.iter().filter(|beat| beat.sayings.iter().any(|saying| changed(&saying.how)));
    let asked: Vec<u32> = asks.map(|beat| beat.line).collect();
    if !asked.is_empty() {
        ctx.note(format!(
            "a recording stays as it was spoken: speed, pitch, loudness and sounds that the script asks for are not changed \
             ({})",
            lines(&asked)
        ));
    }
    let voices: Vec<u32> =
        script.beats.iter().filter(|beat| beat.voice.is_some()).map(|beat| beat.line).collect();
    if !voices.is_empty() {
        ctx.note(format!(
            "a recording has its own voice: `[voice: ...]` changes nothing ({})",
            lines(&voices)
        ));
    }
}

/// `line 3`, `lines 3, 4 and 9 more`.
fn lines(lines: &[u32]) -> String {
    const MOST: usize = 5;
    let shown: Vec<String> = lines.iter().take(MOST).map(u32::to_string).collect();
    let rest = match lines.len().saturating_sub(MOST) {
        0 => String::new(),
        rest => format!(" and {rest} more"),
    };
    format!("line{} {}{rest}", if lines.len() == 1 { "" } else { "s" }, shown.join(", "))
}
