//! Platform files: what a platform asks for, each figure with its source and date.

use crate::pipeline::{
    fields::Fields,
    kind::{Kind, Wrong, count, name, number, size, variant, whole},
};
use crate::story::{
    AudioRules, Duration, Figure, FrameRate, Generation, Loudness, Platform, Rect, SafeArea, Size, TextRules,
    VideoRules,
};

/// Reads a platform.
pub(crate) fn read_platform(fields: &mut Fields<'_>) -> Option<Platform> {
    let platform_name = fields.get("name", &name("the platform's name"));
    let title = fields.get("title", &name("the name people know"));
    let generation = fields.group("generation", |fields| {
        let draw = fields.get("size", &size(64..=4096, 8));
        let delivery = fields.get("delivery", &size(64..=4096, 2));
        Some(Generation { size: draw?, delivery: delivery? })
    });
    let formats = figure_of(fields, "formats", |fields| fields.list("value", &variant()));
    let video = fields.group("video", |fields| {
        let codecs = figure_of(fields, "codecs", |fields| fields.list("value", &variant()));
        let frame_rate = fields.group("frame_rate", |fields| {
            let num = fields.get("num", &count(1..=120_000));
            let den = fields.get("den", &count(1..=1001));
            Some(FrameRate::new(num?, den?))
        });
        let min_fps = figure(fields, "min_fps", number(1.0..=240.0));
        let max_fps = figure(fields, "max_fps", number(1.0..=240.0));
        let bitrate = figure(fields, "bitrate", whole(1..=u64::MAX));
        let max_bitrate = figure(fields, "max_bitrate", whole(1..=u64::MAX));
        let keyframe_interval = figure(fields, "keyframe_interval", count(1..=600));
        let b_frames = figure(fields, "b_frames", count(0..=16));
        Some(VideoRules {
            codecs: codecs?,
            frame_rate: frame_rate?,
            min_fps: min_fps?,
            max_fps: max_fps?,
            bitrate: bitrate?,
            max_bitrate: max_bitrate?,
            keyframe_interval: keyframe_interval?,
            b_frames: b_frames?,
        })
    });
    let audio = fields.group("audio", |fields| {
        let bitrate = figure(fields, "bitrate", whole(8_000..=1_000_000));
        let sample_rate = figure(fields, "sample_rate", count(8_000..=192_000));
        let channels = figure(fields, "channels", count(1..=8));
        Some(AudioRules { bitrate: bitrate?, sample_rate: sample_rate?, channels: channels? })
    });
    let duration = fields.group("duration", |fields| {
        let min = figure(fields, "min", number(0.0..=86_400.0));
        let max = figure(fields, "max", number(0.0..=86_400.0));
        Some(Duration { min: min?, max: max? })
    });
    let max_bytes = figure(fields, "max_bytes", whole(1..=u64::MAX));
    let loudness = fields.group("loudness", |fields| {
        let integrated = figure(fields, "integrated", number(-70.0..=0.0));
        let true_peak = figure(fields, "true_peak", number(-20.0..=0.0));
        Some(Loudness { integrated: integrated?, true_peak: true_peak? })
    });
    let delivery = generation.as_ref().map(|generation| generation.delivery);
    let safe_area = group_figure(fields, "safe_area", |fields| {
        let captions = fields.group("captions", |fields| read_rect(fields, delivery));
        let organic = fields.group("organic", |fields| read_rect(fields, delivery));
        Some(SafeArea { captions: captions?, organic: organic? })
    });
    let text = fields.group("text", |fields| {
        let title = figure(fields, "title", count(0..=100_000));
        let description = figure(fields, "description", count(0..=100_000));
        let hashtags = figure(fields, "hashtags", count(0..=1000));
        Some(TextRules { title: title?, description: description?, hashtags: hashtags? })
    });
    Some(Platform {
        name: platform_name?,
        title: title?,
        generation: generation?,
        formats: formats?,
        video: video?,
        audio: audio?,
        duration: duration?,
        max_bytes: max_bytes?,
        loudness: loudness?,
        safe_area: safe_area?,
        text: text?,
    })
}

/// A figure with where it was read and when.
fn figure<T: 'static>(fields: &mut Fields<'_>, name: &'static str, kind: Kind<T>) -> Option<Figure<T>> {
    figure_of(fields, name, |fields| fields.get("value", &kind))
}

fn group_figure<T>(
    fields: &mut Fields<'_>,
    name: &'static str,
    read: impl FnOnce(&mut Fields<'_>) -> Option<T>,
) -> Option<Figure<T>> {
    figure_of(fields, name, |fields| fields.group("value", read))
}

fn figure_of<T>(
    fields: &mut Fields<'_>,
    field: &'static str,
    read: impl FnOnce(&mut Fields<'_>) -> Option<T>,
) -> Option<Figure<T>> {
    fields.group(field, |fields| {
        let value = read(fields);
        let source = fields.get("source", &name("who says so"));
        let date = fields.get("date", &month());
        Some(Figure { value: value?, source: source?, date: date? })
    })
}

/// `2026-11`.
fn month() -> Kind<String> {
    let kind = name("a month as `2026-11`");
    Kind::new(kind.expected.clone(), move |node| {
        let text = kind.read(node)?;
        let (year, month) = text.split_once('-').unwrap_or_default();
        let fits = year.len() == 4 && year.parse::<u32>().is_ok();
        match month.parse::<u32>() {
            Ok(1..=12) if fits && month.len() == 2 => Ok(text),
            _ => Err(Wrong::new(format!("is {}", node.kind()))),
        }
    })
}

/// A box with an inside, within `frame` where that is known.
fn read_rect(fields: &mut Fields<'_>, frame: Option<Size>) -> Option<Rect> {
    let (width, height) = frame.map_or((4096, 4096), |size| (size.width, size.height));
    let left = fields.get("left", &count(0..=width));
    let top = fields.get("top", &count(0..=height));
    let right = fields.get("right", &count(0..=width));
    let bottom = fields.get("bottom", &count(0..=height));
    let rect = Rect { left: left?, top: top?, right: right?, bottom: bottom? };
    for (name, after, before) in [("right", rect.right, rect.left), ("bottom", rect.bottom, rect.top)] {
        if after <= before {
            let spot = fields.spot(name)?;
            fields.problem(name, &format!("is {after}"), &spot, format!("expected more than {before}"));
            return None;
        }
    }
    Some(rect)
}
