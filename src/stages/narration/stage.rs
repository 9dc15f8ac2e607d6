//! The stage: from a script to its sound and timings.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{
    super::{Cached, Context, Error},
    cost,
    cue::cues,
    own,
    recording::{Recording, Voices, record},
    source, track,
};
use crate::{
    audio::{Leveled, Method},
    digest::Digest,
    models::Catalog,
    pipeline::{Pipeline, VoiceEngine},
    store::Origin,
    story::{Narration, Script},
};

/// The narration as it goes on to the next stages.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Spoken {
    /// Its words with their times.
    pub narration: Narration,
    /// Its sound in the store: a WAV file, 48 kHz, mono, at the platform's loudness.
    pub sound: Digest,
    /// How it came to that loudness.
    pub leveled: Leveled,
}

/// Speaks a script.
///
/// # Errors
/// When the script names a voice that is not there or has nothing to speak, the voice engine is
/// missing or fails, somebody wants to stop, or the store cannot be used.
pub fn run(pipeline: &Pipeline, script: &Script, ctx: &mut Context<'_>) -> Result<Spoken, Error> {
    let settings = &pipeline.narration;
    if settings.engine == VoiceEngine::Recording && !ctx.draft {
        let spoken = own::run(pipeline, script, ctx)?;
        report(pipeline, &spoken, ctx);
        return Ok(spoken);
    }
    let cues = cues(settings, script, ctx)?;
    let track = track::key(pipeline, &cues)?;
    let store = ctx.store;
    let mut hits = vec![true; cues.len()];
    let (spoken, _) = store.obtain(&track, || {
        cost::check(settings, &cues, ctx)?;
        let mut voices = Voices::new(settings);
        let mut recordings: Vec<Recording> = Vec::with_capacity(cues.len());
        for (index, cue) in cues.iter().enumerate() {
            ctx.progress(index as u64, cues.len() as u64, "sentences", cue.place())?;
            let (recording, origin) = store.obtain(&cue.key, || {
                let recording = record(cue, settings.rate, &mut voices, ctx)?;
                let objects = recording.sound.into_iter().collect();
                Ok::<_, Error>((recording, objects))
            })?;
            hits[index] = origin == Origin::Hit;
            recordings.push(recording);
        }
        let spoken = track::join(pipeline, &cues, &recordings, ctx)?;
        let sound = spoken.sound;
        Ok::<_, Error>((spoken, vec![sound]))
    })?;
    ctx.progress(cues.len() as u64, cues.len() as u64, "sentences", "")?;
    hits.into_iter().for_each(|hit| ctx.step(hit));
    report(pipeline, &spoken, ctx);
    Ok(spoken)
}

/// How many of the beats need not be spoken again.
///
/// # Errors
/// When the script names a voice that is not there, or the store cannot be read.
pub fn cached(pipeline: &Pipeline, script: &Script, ctx: &Context<'_>) -> Result<Cached, Error> {
    if pipeline.narration.engine == VoiceEngine::Recording && !ctx.draft {
        return own::cached(pipeline, script, ctx);
    }
    let cues = cues(&pipeline.narration, script, ctx)?;
    let steps = cues.len();
    if ctx.store.lookup::<Spoken>(&track::key(pipeline, &cues)?)?.is_some() {
        return Ok(Cached { steps, hits: steps });
    }
    let mut hits = 0;
    for cue in &cues {
        hits += usize::from(ctx.store.lookup::<Recording>(&cue.key)?.is_some());
    }
    Ok(Cached { steps, hits })
}

/// Bytes of the file of the network that would speak; 0 where none does.
pub fn network_bytes(pipeline: &Pipeline, models_dir: Option<PathBuf>) -> u64 {
    source::weight(&pipeline.narration, &Catalog::new(models_dir))
}

/// Tells the loudness reached, and warns where it is not the platform's.
fn report(pipeline: &Pipeline, spoken: &Spoken, ctx: &mut Context<'_>) {
    let (after, limited) = (spoken.leveled.after, spoken.leveled.limited_db);
    let target = pipeline.platform.loudness.integrated.value;
    ctx.note(format!(
        "{:.1} s of narration at {:.1} LUFS, true peak {:.1} dBTP, peaks limited by {limited:.1} dB at most",
        spoken.narration.duration.seconds(),
        after.integrated_lufs,
        after.true_peak_dbtp
    ));
    if after.method == Method::Rms {
        ctx.note("the narration is too short for the loudness gate: its plain mean power was levelled");
    }
    if (after.integrated_lufs - target).abs() > 0.5 {
        ctx.warn(format!(
            "the narration reaches {:.1} LUFS and not the {target:.1} of {}: its peaks do not allow more",
            after.integrated_lufs, pipeline.platform.title
        ));
    }
}
