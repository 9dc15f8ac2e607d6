//! What speaking costs, told before it is spent.

use super::{
    super::{Context, Error, Kind},
    cue::Cue,
    recording::Recording,
    source::Source,
};
use crate::pipeline::Narration as Settings;

/// Tells what the cues that are not in the store yet will cost.
///
/// # Errors
/// When that is more than the pipeline allows, or the store cannot be read.
pub(super) fn check(settings: &Settings, cues: &[Cue<'_>], ctx: &mut Context<'_>) -> Result<(), Error> {
    let remote = &settings.remote;
    let mut characters = 0;
    for cue in cues.iter().filter(|cue| matches!(cue.source, Source::Remote { .. })) {
        if ctx.store.lookup::<Recording>(&cue.key)?.is_none() {
            characters += cue.said.tokens.iter().map(|token| token.spoken.chars().count() + 1).sum::<usize>();
        }
    }
    if characters == 0 {
        return Ok(());
    }
    let cost = characters as f64 * remote.price / 1e6;
    let what = format!("{characters} characters at {} cost about {cost:.4}", remote.server.url);
    match remote.server.max_cost {
        Some(most) if cost > most => {
            let message = format!(
                "{what}, and `narration.remote.max_cost` is {most}: nothing was sent; raise it, or shorten the script"
            );
            Err(Error::new(Kind::Invalid, "", message))
        }
        _ => {
            ctx.note(if remote.price > 0.0 {
                what
            } else {
                format!("{characters} characters go to {}", remote.server.url)
            });
            Ok(())
        }
    }
}
