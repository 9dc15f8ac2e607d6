//! The frozen edit: which still is seen when, how the camera moves, which words stand where.

use super::{Context, Error, Kind, narration::Spoken};
use crate::{
    compose::{CueRules, camera_move, cues},
    pipeline::{Captions as Settings, Pipeline},
    story::{
        CaptionStyle, Captions, Clip, Platform, Rect, Scene, Script, Size, Span, Still, Time, Timeline,
        Title, Transition, TransitionKind,
    },
};

/// Edits the video.
///
/// # Errors
/// When a scene has no still.
pub fn run(
    pipeline: &Pipeline,
    script: &Script,
    spoken: &Spoken,
    scenes: &[Scene],
    stills: &[Still],
    _ctx: &mut Context<'_>,
) -> Result<Timeline, Error> {
    let settings = &pipeline.timeline;
    let frame_size = pipeline.platform.generation.delivery;
    let frame_rate = pipeline.video.frame_rate;
    let duration = spoken.narration.duration;
    let nearest = duration.frame(frame_rate);
    let frames = if Time::of_frame(nearest, frame_rate) < duration { nearest + 1 } else { nearest };

    let mut clips: Vec<Clip> = Vec::with_capacity(scenes.len());
    for (index, scene) in scenes.iter().enumerate() {
        let missing = || {
            let place = format!("scene {} (line {})", scene.index + 1, scene.line);
            Error::new(Kind::Failed, place, "it has no still")
        };
        let still = stills.iter().find(|still| still.scene == scene.index).ok_or_else(missing)?;
        let end = scenes.get(index + 1).map_or(Time::of_frame(frames, frame_rate), |next| next.span.start);
        let start = if index == 0 { Time::ZERO } else { scene.span.start };
        clips.push(Clip {
            scene: scene.index,
            still: still.image,
            span: Span::new(start, end),
            camera: camera_move(settings.camera, settings.zoom, pipeline.seed, index),
            transition: transition(pipeline, index, clips.last(), Span::new(start, end)),
        });
    }

    let boundaries: Vec<Time> = clips.iter().skip(1).map(|clip| clip.span.start).collect();
    let style = settings.captions.style;
    let suited = CueRules::of(style);
    let most = (settings.captions.max_words as usize).clamp(1, suited.max_words);
    let rules = CueRules { max_words: most, ..suited };
    let cues = match style {
        CaptionStyle::Off => Vec::new(),
        _ => cues(spoken.narration.words(), &boundaries, rules),
    };
    Ok(Timeline {
        frame_size,
        frame_rate,
        frames,
        clips,
        captions: Captions {
            style,
            area: caption_area(&pipeline.platform, &settings.captions, frame_size),
            color: settings.captions.color,
            highlight: settings.captions.highlight,
            font_size: settings.captions.font_size,
            font: settings.captions.font.clone(),
            uppercase: settings.captions.uppercase,
            cues,
        },
        title: title(pipeline, script, frame_size),
        grade: settings.grade.clone(),
        narration: spoken.sound,
        seed: pipeline.seed,
    })
}

/// How a clip comes in: as long as the pipeline says, but at most half of what it or the one before lasts.
fn transition(pipeline: &Pipeline, index: usize, before: Option<&Clip>, span: Span) -> Option<Transition> {
    let settings = &pipeline.timeline;
    let before = before.filter(|_| index > 0 && settings.transition != TransitionKind::Cut)?;
    let half = span.length().min(before.span.length()).seconds() / 2.0;
    let length = Time::from_seconds(settings.transition_seconds.min(half));
    (length > Time::ZERO).then_some(Transition { kind: settings.transition, length })
}

/// Where captions go: inside the platform's caption box, centred on the frame as far as the box allows,
/// two lines high, its middle where `position` says.
fn caption_area(platform: &Platform, settings: &Settings, frame: Size) -> Rect {
    let safe = scaled(platform.safe_area.value.captions, frame);
    let (left, right) = centred(safe, frame);
    let line = f64::from(settings.font_size) * f64::from(frame.width) / 1080.0 * 1.25;
    let height = ((2.0 * line + line * 0.6) as u32).min(safe.height());
    let middle = f64::from(safe.top) + f64::from(safe.height()) * settings.position;
    let top = (middle - f64::from(height) / 2.0) as u32;
    let top = top.clamp(safe.top, safe.bottom - height);
    Rect { left, top, right, bottom: top + height }
}

/// The widest span of columns that is inside `safe` and centred on the frame; all of `safe` where that
/// would leave less than half of it.
fn centred(safe: Rect, frame: Size) -> (u32, u32) {
    let left = safe.left.max(frame.width.saturating_sub(safe.right));
    let right = frame.width - left;
    if right > left && (right - left) * 2 >= safe.width() { (left, right) } else { (safe.left, safe.right) }
}

/// A box of a frame 1080x1920 in another frame.
fn scaled(rect: Rect, frame: Size) -> Rect {
    let x = |at: u32| (u64::from(at) * u64::from(frame.width) / 1080) as u32;
    let y = |at: u32| (u64::from(at) * u64::from(frame.height) / 1920) as u32;
    Rect { left: x(rect.left), top: y(rect.top), right: x(rect.right), bottom: y(rect.bottom) }
}

/// The title for the cover, in the upper part of the caption box.
fn title(pipeline: &Pipeline, script: &Script, frame: Size) -> Option<Title> {
    let text = pipeline.title.clone().or_else(|| script.title.clone())?;
    let safe = scaled(pipeline.platform.safe_area.value.captions, frame);
    let (left, right) = centred(safe, frame);
    let area = Rect { left, right, top: safe.top, bottom: safe.top + safe.height() / 2 };
    Some(Title { text, span: Span::default(), area })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn captions_sit_in_the_middle_where_the_box_allows_it() {
        let frame = Size::new(1080, 1920);
        let safe = Rect { left: 65, top: 290, right: 853, bottom: 1245 };
        assert_eq!(centred(safe, frame), (227, 853));
        let beside = Rect { left: 600, ..safe };
        assert_eq!(centred(beside, frame), (600, 853));
        assert_eq!(scaled(safe, Size::new(540, 960)), Rect { left: 32, top: 145, right: 426, bottom: 622 });
    }
}
