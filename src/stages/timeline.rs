//! The frozen edit: which still is seen when, how the camera moves, which words stand where.

use std::path::Path;

use super::{Context, Error, Kind, beats, narration::Spoken};
use crate::{
    compose::{self, CueRules, camera_move, cues, push},
    digest::Digest,
    pipeline::{Captions as Settings, Card, Pipeline, Play, ProgressBar, TransitionOn},
    store::KeyBuilder,
    story::{
        CameraKind, CameraMove, CaptionStyle, Captions, Clip, Crop, Effect, EffectKind, Extras, Music,
        Platform, Progress, Rect, Scene, Script, Size, Span, Still, Time, Timeline, Title, Transition,
        TransitionKind, Tune, Watermark, shown,
    },
};

/// The screen whose pixels the platforms' safe areas count.
const SCREEN: Size = Size::new(1080, 1920);

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
    ctx: &mut Context<'_>,
) -> Result<Timeline, Error> {
    let settings = &pipeline.timeline;
    let frame_size = pipeline.frame_size();
    let frame_rate = pipeline.video.frame_rate;
    let duration = spoken.narration.duration;
    let nearest = duration.frame(frame_rate);
    let frames = if Time::of_frame(nearest, frame_rate) < duration { nearest + 1 } else { nearest };

    let music = music(pipeline, spoken, ctx)?;
    let mut starts: Vec<Time> = scenes.iter().map(|scene| scene.span.start).collect();
    if let (TransitionOn::Beats, Some(music)) = (settings.transition_on, &music) {
        let words: Vec<Span> = spoken.narration.words().map(|word| word.span).collect();
        let end = Time::of_frame(frames, frame_rate);
        starts = beats::on_beats(&starts, &words, end, music, pipeline.seed, ctx)?;
    }
    let mut clips: Vec<Clip> = Vec::with_capacity(scenes.len());
    for (index, scene) in scenes.iter().enumerate() {
        let missing = || {
            let place = format!("scene {} (line {})", scene.index + 1, scene.line);
            Error::new(Kind::Failed, place, "it has no still")
        };
        let still = stills.iter().find(|still| still.scene == scene.index).ok_or_else(missing)?;
        let end = starts.get(index + 1).copied().unwrap_or(Time::of_frame(frames, frame_rate));
        let start = if index == 0 { Time::ZERO } else { starts[index] };
        clips.push(Clip {
            scene: scene.index,
            still: still.image,
            span: Span::new(start, end),
            camera: camera(pipeline, index, still, ctx)?,
            transition: transition(pipeline, index, clips.last(), Span::new(start, end)),
        });
    }

    let effects = effects(pipeline, &clips);
    let boundaries: Vec<Time> = clips.iter().skip(1).map(|clip| clip.span.start).collect();
    let style = settings.captions.style;
    let suited = CueRules::of(style);
    let most = (settings.captions.max_words as usize).clamp(1, suited.max_words);
    let rules = CueRules { max_words: most, ..suited };
    let cues = match style {
        CaptionStyle::Off => Vec::new(),
        _ => cues(spoken.narration.words(), &boundaries, rules),
    };
    let captions_area = caption_area(&pipeline.platform, &settings.captions, frame_size);
    Ok(Timeline {
        frame_size,
        frame_rate,
        frames,
        clips,
        captions: Captions {
            style,
            area: captions_area,
            color: settings.captions.color,
            gradient: settings.captions.gradient,
            highlight: settings.captions.highlight,
            font_size: settings.captions.font_size,
            font: settings.captions.font.clone(),
            uppercase: settings.captions.uppercase,
            cues,
        },
        title: title(pipeline, script, frame_size),
        extras: extras(pipeline, Time::of_frame(frames, frame_rate), captions_area, frame_size, ctx)?,
        grade: settings.grade.clone(),
        lut: kept(settings.lut.as_deref(), "timeline.lut", ctx)?,
        narration: spoken.sound,
        music,
        effects,
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

/// The camera's way over a still; a push looks at the still for its subject.
fn camera(pipeline: &Pipeline, index: usize, still: &Still, ctx: &Context<'_>) -> Result<CameraMove, Error> {
    let settings = &pipeline.timeline;
    let frame = pipeline.frame_size();
    // A frame of another shape than the still shows a part of it: the one with the subject.
    let crop = match frame == pipeline.platform.generation.delivery {
        true => Crop::WHOLE,
        false => Crop::around(subject(still, ctx)?, still.size, frame),
    };
    let way = match settings.camera {
        CameraKind::Push => push(crop.inside(subject(still, ctx)?), settings.zoom),
        kind => camera_move(kind, settings.zoom, pipeline.seed, index),
    };
    Ok(crop.over(way))
}

/// Where a still's subject is, as shares of its sides; kept in the store.
fn subject(still: &Still, ctx: &Context<'_>) -> Result<[f64; 2], Error> {
    const VERSION: u32 = 1;
    let key = KeyBuilder::new("subject", VERSION).field("still", &still.image).finish()?;
    let (found, _) = ctx.store.obtain(&key, || {
        let gone = || {
            Error::new(
                Kind::Failed,
                "",
                format!("the still {} is no longer in the store", still.image.short()),
            )
        };
        let png = ctx.store.get(still.image)?.ok_or_else(gone)?;
        let picture = image::load_from_memory(&png).map_err(|error| Error::new(Kind::Failed, "", error))?;
        Ok::<_, Error>((compose::subject(&picture.to_rgb8()), Vec::new()))
    })?;
    Ok(found)
}

/// Puts the file that `setting` names into the store.
fn kept(path: Option<&Path>, setting: &str, ctx: &Context<'_>) -> Result<Option<Digest>, Error> {
    let Some(path) = path else { return Ok(None) };
    let unreadable = |error: std::io::Error| {
        Error::new(Kind::Invalid, setting, format!("cannot read `{}`: {error}", path.display()))
    };
    Ok(Some(ctx.store.put(&std::fs::read(path).map_err(unreadable)?)?))
}

/// What is played under the voice.
fn music(pipeline: &Pipeline, spoken: &Spoken, ctx: &Context<'_>) -> Result<Option<Music>, Error> {
    let settings = &pipeline.timeline.music;
    let song = match &settings.play {
        Play::File(path) => kept(Some(path), "timeline.music.file", ctx)?,
        Play::Off | Play::Bed(_) => None,
    };
    let tune = match (&settings.play, song) {
        (Play::Bed(mood), _) => Tune::Bed(*mood),
        (_, Some(song)) => Tune::File(song),
        _ => return Ok(None),
    };
    Ok(Some(Music {
        tune,
        gain_db: settings.gain_db,
        ducking_db: settings.ducking_db,
        spoken: spoken.narration.words().map(|word| word.span).collect(),
    }))
}

/// What is heard of each transition.
fn effects(pipeline: &Pipeline, clips: &[Clip]) -> Vec<Effect> {
    let settings = &pipeline.timeline.effects;
    if !settings.transitions {
        return Vec::new();
    }
    let heard = |clip: &Clip| {
        let transition = clip.transition?;
        let kind = sound_of(transition.kind)?;
        Some(Effect { kind, at: clip.span.start, length: transition.length, gain_db: settings.gain_db })
    };
    clips.iter().filter_map(heard).collect()
}

/// What a transition sounds like; a cut is not heard.
fn sound_of(kind: TransitionKind) -> Option<EffectKind> {
    use TransitionKind as T;
    match kind {
        T::Cut => None,
        T::Slide | T::SlideRight | T::SlideUp | T::SlideDown | T::WhipPan | T::Zoom => {
            Some(EffectKind::Whoosh)
        }
        T::Wipe | T::WipeLeft | T::WipeUp | T::WipeDown => Some(EffectKind::Whoosh),
        T::Crossfade | T::Dissolve | T::FadeBlack | T::FadeWhite => Some(EffectKind::Swell),
        T::Circle => Some(EffectKind::Pop),
        T::Flash => Some(EffectKind::Impact),
    }
}

/// Where captions go: inside the platform's caption box, centred on the frame as far as the box allows,
/// two lines high, its middle where `position` says.
fn caption_area(platform: &Platform, settings: &Settings, frame: Size) -> Rect {
    let safe = shown(platform.safe_area.value.captions, SCREEN, frame);
    let (left, right) = centred(safe, frame);
    let line = f64::from(settings.font_size) * f64::from(frame.shorter()) / 1080.0 * 1.25;
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

/// The title for the cover, in the upper part of the caption box.
fn title(pipeline: &Pipeline, script: &Script, frame: Size) -> Option<Title> {
    let text = pipeline.title.clone().or_else(|| script.title.clone())?;
    let safe = shown(pipeline.platform.safe_area.value.captions, SCREEN, frame);
    let (left, right) = centred(safe, frame);
    let area = Rect { left, right, top: safe.top, bottom: safe.top + safe.height() / 2 };
    Some(Title { text, span: Span::default(), area })
}

/// What else lies over a video that lasts until `end`, clear of its captions.
fn extras(
    pipeline: &Pipeline,
    end: Time,
    captions: Rect,
    frame: Size,
    ctx: &Context<'_>,
) -> Result<Extras, Error> {
    let settings = &pipeline.timeline;
    let safe = shown(pipeline.platform.safe_area.value.captions, SCREEN, frame);
    let (left, right) = centred(safe, frame);
    // The larger of what lies above the captions and what lies below them.
    let area = if captions.top - safe.top >= safe.bottom - captions.bottom {
        Rect { left, right, top: safe.top, bottom: captions.top }
    } else {
        Rect { left, right, top: captions.bottom, bottom: safe.bottom }
    };
    let card = |card: &Card, span: Span| {
        (!card.text.is_empty()).then(|| Title { text: card.text.clone(), span, area })
    };
    let opening = Span::new(Time::ZERO, Time::from_seconds(settings.hook.seconds).min(end));
    let closing = Span::new(end.since(Time::from_seconds(settings.end_card.seconds)), end);
    Ok(Extras {
        hook: card(&settings.hook, opening),
        end_card: card(&settings.end_card, closing),
        progress: progress(pipeline, frame),
        watermark: watermark(pipeline, frame, ctx)?,
    })
}

/// The bar that shows how much has passed.
fn progress(pipeline: &Pipeline, frame: Size) -> Option<Progress> {
    let settings = &pipeline.timeline;
    let height = (frame.shorter() / 108).max(2).next_multiple_of(2);
    let safe = shown(pipeline.platform.safe_area.value.organic, SCREEN, frame);
    let even = |at: u32| at & !1;
    let area = match settings.progress {
        ProgressBar::Off => return None,
        ProgressBar::Top => Rect { left: 0, top: 0, right: even(frame.width), bottom: height },
        ProgressBar::Bottom => {
            let bottom = even(safe.bottom);
            Rect { left: even(safe.left), top: bottom - height, right: even(safe.right), bottom }
        }
    };
    Some(Progress { area, color: settings.captions.highlight })
}

/// The name or the logo, in its corner of the platform's safe area.
fn watermark(pipeline: &Pipeline, frame: Size, ctx: &Context<'_>) -> Result<Option<Watermark>, Error> {
    let settings = &pipeline.timeline.watermark;
    if settings.text.is_empty() && settings.logo.is_none() {
        return Ok(None);
    }
    Ok(Some(Watermark {
        text: settings.text.clone(),
        logo: kept(settings.logo.as_deref(), "timeline.watermark.logo", ctx)?,
        area: shown(pipeline.platform.safe_area.value.organic, SCREEN, frame),
        corner: settings.corner,
        opacity: settings.opacity as f32,
    }))
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
    }
}
