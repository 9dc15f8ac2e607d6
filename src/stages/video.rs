//! The edit becomes a file: drawn, encoded in one pass, and verified.

use std::io::Cursor;

use image::{ImageEncoder, RgbImage, codecs::jpeg::JpegEncoder};
use serde::{Deserialize, Serialize};

use super::{Cached, Context, Error, Kind, mastering::master, mixing::mix};
use crate::{
    audio::{self, Measurement},
    compose::{self, Fonts, Lut, Renderer},
    digest::Digest,
    engine::{self, Bytes},
    media::{self, Check, Encoding, Measured, Outcome},
    pipeline::{Budget, Pipeline},
    store::{Key, KeyBuilder, Origin, Store},
    story::{Span, Timeline},
};

/// What is raised when the same timeline looks or sounds different than before.
const VERSION: u32 = 3;
/// Threads of the encoder: the same everywhere, because their number changes the bytes.
const THREADS: u32 = 4;
/// The cover's JPEG quality, 1 to 100.
const COVER_QUALITY: u8 = 92;

/// A finished, verified video in the store.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rendered {
    /// The MP4.
    pub video: Digest,
    /// The cover, a JPEG of the frame's size.
    pub cover: Digest,
    /// Who encoded it, as libav names it.
    pub encoder: String,
    /// Loudness of the sound after the codec.
    pub loudness: Measurement,
    /// The platform's rules, each with what was found.
    pub checks: Vec<Check>,
    /// What was measured on the finished file.
    pub measured: Measured,
    /// What was left out of the picture.
    pub warnings: Vec<String>,
}

/// Renders a timeline, or finds it rendered.
///
/// # Errors
/// When a still, the narration or a font is missing, libav refuses, the finished file breaks a rule
/// of the platform ([`Kind::Rejected`]), or the store cannot be used.
pub fn run(pipeline: &Pipeline, timeline: &Timeline, ctx: &mut Context<'_>) -> Result<Rendered, Error> {
    let key = key(pipeline, timeline)?;
    let store = ctx.store;
    let (rendered, origin) = store.obtain(&key, || {
        let rendered = render(pipeline, timeline, ctx)?;
        let objects = vec![rendered.video, rendered.cover];
        Ok::<_, Error>((rendered, objects))
    })?;
    ctx.progress(timeline.frames, timeline.frames, "frames", "")?;
    ctx.step(origin == Origin::Hit);
    for warning in &rendered.warnings {
        ctx.warn(warning);
    }
    for check in rendered.checks.iter().filter(|check| check.outcome == Outcome::Advice) {
        ctx.note(check.to_string());
    }
    Ok(rendered)
}

/// Whether the video need not be rendered again.
///
/// # Errors
/// When libav lacks an encoder, or the store cannot be read.
pub fn cached(pipeline: &Pipeline, timeline: &Timeline, ctx: &Context<'_>) -> Result<Cached, Error> {
    let found = ctx.store.lookup::<Rendered>(&key(pipeline, timeline)?)?;
    Ok(Cached { steps: 1, hits: usize::from(found.is_some()) })
}

fn key(pipeline: &Pipeline, timeline: &Timeline) -> Result<Key, Error> {
    let key = KeyBuilder::new("video", VERSION)
        .field("timeline", timeline)
        .field("settings", &pipeline.video)
        .field("platform", &pipeline.platform)
        .field("title", &title(pipeline, timeline))
        .field("library", &media::library()?);
    Ok(key.finish()?)
}

/// The title written into the file.
fn title<'a>(pipeline: &'a Pipeline, timeline: &'a Timeline) -> Option<&'a str> {
    pipeline.title.as_deref().or(timeline.title.as_ref().map(|title| title.text.as_str()))
}

fn render(pipeline: &Pipeline, timeline: &Timeline, ctx: &mut Context<'_>) -> Result<Rendered, Error> {
    let platform = &pipeline.platform;
    let encoding = Encoding {
        size: timeline.frame_size,
        frame_rate: timeline.frame_rate,
        encoder: pipeline.video.encoder,
        title: title(pipeline, timeline).map(str::to_owned),
        threads: THREADS,
        ..Encoding::for_platform(platform, timeline.frames, pipeline.video.quality)
    };
    if let Budget::Bytes(budget) = pipeline.memory.budget {
        let expected = engine::process().resident + encoding.encoder.memory(encoding.quality, encoding.size);
        if expected > budget {
            ctx.warn(format!(
                "memory: {} are expected while the video is encoded, and the budget is {}: `--set video.quality=draft` takes \
                 less",
                Bytes(expected),
                Bytes(budget)
            ));
        }
    }
    let narration = stored(ctx.store, timeline.narration, "narration")?;
    let narration = audio::decode_wav(&narration).map_err(|error| Error::new(Kind::Failed, "", error))?;
    let mixed = mix(timeline, &narration, encoding.samples(), ctx)?;
    let leveled = mixed.is_none();
    let mastered = master(mixed.unwrap_or(narration), leveled, encoding.samples(), platform)?;
    if mastered.rounds > 0 {
        ctx.note(format!(
            "levelled again: the codec raised the sound to {:.1} dBTP",
            mastered.heard.true_peak_dbtp
        ));
    }

    let store = ctx.store;
    let mut fonts = Fonts::load()?;
    let stills = Box::new(move |digest| {
        let png = stored(store, digest, "still")?;
        Ok(image::load_from_memory(&png)?.to_rgb8())
    });
    let mut renderer = Renderer::new(timeline, stills, &mut fonts)?;
    if let Some(lut) = timeline.lut {
        let cube = stored(ctx.store, lut, "table of colours")?;
        renderer = renderer.with_lut(Lut::parse(&String::from_utf8_lossy(&cube))?);
    }
    if let Some(logo) = timeline.extras.watermark.as_ref().and_then(|mark| mark.logo) {
        let picture = image::load_from_memory(&stored(ctx.store, logo, "logo")?)
            .map_err(|error| Error::new(Kind::Invalid, "timeline.watermark.logo", error))?;
        renderer = renderer.with_logo(picture.to_rgba8());
    }
    let cover = store.put(&jpeg(&renderer.cover()?)?)?;
    let file = store.temporary()?;
    let encoded = media::encode(file.path(), &encoding, &mastered.sound, |index, frame| {
        ctx.progress(index, timeline.frames, "frames", "")?;
        Ok::<_, Error>(renderer.render(index, frame)?)
    })?;
    for refused in &encoded.refused {
        ctx.note(format!("{} encodes instead of {refused}", encoded.encoder));
    }
    let mut report = media::verify(file.path(), platform, media::Options { still: stands_still(timeline) })?;
    let words: Vec<Span> =
        timeline.captions.cues.iter().flat_map(|cue| &cue.words).map(|word| word.span).collect();
    if !words.is_empty() {
        report.checks.push(media::in_time(file.path(), &words)?);
    }
    if !report.passed() {
        let broken: Vec<String> = report.failures().map(Check::to_string).collect();
        let message = format!("the finished file breaks rules of {}: {}", platform.title, broken.join("; "));
        return Err(Error::new(Kind::Rejected, "", message));
    }
    Ok(Rendered {
        video: store.adopt(file)?,
        cover,
        encoder: encoded.encoder.to_owned(),
        loudness: mastered.heard,
        checks: report.checks,
        measured: report.measured,
        warnings: renderer.warnings().iter().map(ToString::to_string).collect(),
    })
}

/// Whether the camera is told to stand still somewhere: then a frozen picture is no mistake.
fn stands_still(timeline: &Timeline) -> bool {
    timeline
        .clips
        .iter()
        .any(|clip| clip.camera.from == clip.camera.to && clip.camera.zoom_from == clip.camera.zoom_to)
}

fn stored(store: &Store, digest: Digest, what: &str) -> Result<Vec<u8>, Error> {
    store.get(digest)?.ok_or_else(|| {
        let message =
            format!("the {what} {} is no longer in the store: run again to make it anew", digest.short());
        Error::new(Kind::Failed, "", message)
    })
}

fn jpeg(picture: &RgbImage) -> Result<Vec<u8>, Error> {
    let mut bytes = Cursor::new(Vec::new());
    JpegEncoder::new_with_quality(&mut bytes, COVER_QUALITY)
        .write_image(picture, picture.width(), picture.height(), image::ExtendedColorType::Rgb8)
        .map_err(|error| Error::new(Kind::Failed, "cover", error))?;
    Ok(bytes.into_inner())
}

impl From<media::Error> for Error {
    fn from(source: media::Error) -> Self {
        let kind = match &source {
            media::Error::NoEncoder(_)
            | media::Error::NoDecoder { .. }
            | media::Error::UnknownOption { .. } => Kind::Missing,
            media::Error::Size(_) | media::Error::TooShort(_) => Kind::Invalid,
            _ => Kind::Failed,
        };
        Self::new(kind, "", source)
    }
}

impl From<compose::Error> for Error {
    fn from(source: compose::Error) -> Self {
        let kind = match &source {
            compose::Error::NoFont { .. } | compose::Error::NoGlyphs { .. } => Kind::Missing,
            compose::Error::FrameSize(_) | compose::Error::NoRoom { .. } | compose::Error::Lut(_) => {
                Kind::Invalid
            }
            _ => Kind::Failed,
        };
        Self::new(kind, "", source)
    }
}
