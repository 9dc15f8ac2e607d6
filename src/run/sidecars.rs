//! What stands beside a finished video: its description, subtitles and cover.

use serde_json::{Value, json};

use super::local::{Job, Product};
use crate::stages::scenes::Directed;

/// The description of a video for people and programs: `name.json`.
///
/// Pure: nothing is read, and whatever the run has not reached is left out.
pub fn description(job: &Job, product: &Product) -> Value {
    let pipeline = &job.pipeline;
    let directed = product.directed.as_ref();
    let written = |of: fn(&Directed) -> Option<String>| directed.and_then(of);
    let title =
        pipeline.title.clone().or_else(|| job.script.title.clone()).or_else(|| written(|d| d.title.clone()));
    let description = written(|d| d.description.clone());
    let hashtags = match directed {
        Some(directed) if pipeline.hashtags.is_empty() => &directed.hashtags,
        _ => &pipeline.hashtags,
    };
    let most = pipeline.platform.text.hashtags.value as usize;
    let mut value = json!({
        "title": title,
        "description": cut(&description.unwrap_or_else(|| text_of(job)), job),
        "hashtags": hashtags.iter().take(most).collect::<Vec<_>>(),
        "platform": pipeline.platform.name,
        "frame_size": pipeline.frame_size(),
        "style": pipeline.style.name,
        "seed": pipeline.seed,
        "draft": job.machine.draft,
        // Pictures and voice are synthetic: each platform's own flag, to be set when uploading.
        "ai_generated": {
            "tiktok": { "is_ai_generated": true },
            "youtube": { "status.containsSyntheticMedia": true },
            "instagram": { "ai_info": true },
        },
        "made_with": { "shortform": env!("CARGO_PKG_VERSION") },
        "seconds": product.seconds,
        "stages": product.stages,
    });
    if let Some(spoken) = &product.spoken {
        value["duration"] = json!(spoken.narration.duration);
        value["narration"] = json!({
            "language": spoken.narration.language,
            "voice": pipeline.narration.voice.name,
            "words": spoken.narration.words().collect::<Vec<_>>(),
        });
    }
    if !product.scenes.is_empty() {
        value["scenes"] = json!(product.scenes);
        value["images"] = json!({
            "model": pipeline.images.model,
            "inference_steps": pipeline.images.inference_steps,
            "guidance_scale": pipeline.images.guidance_scale,
            "drawn": product.images,
        });
    }
    if let Some(timeline) = &product.timeline {
        value["duration"] = json!(timeline.duration());
    }
    #[cfg(feature = "video")]
    if let Some(rendered) = &product.rendered {
        value["video"] = json!({
            "digest": rendered.video,
            "encoder": rendered.encoder,
            "loudness": rendered.loudness,
            "measured": rendered.measured,
            "rules": rendered.checks,
        });
    }
    value
}

/// The words of the script, one paragraph.
fn text_of(job: &Job) -> String {
    job.script.beats.iter().map(|beat| beat.text.as_str()).collect::<Vec<_>>().join(" ")
}

/// As much of a text as the platform allows.
fn cut(whole: &str, job: &Job) -> String {
    let limit = job.pipeline.platform.text.description.value as usize;
    if whole.chars().count() <= limit {
        return whole.to_owned();
    }
    let mut text: String = whole.chars().take(limit.saturating_sub(1)).collect();
    if let Some(space) = text.rfind(char::is_whitespace) {
        text.truncate(space);
    }
    text.push('…');
    text
}
