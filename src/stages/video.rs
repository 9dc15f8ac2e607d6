//! The edit rendered, encoded and verified: one file.

use std::{io::Cursor, path::Path};

use serde::{Deserialize, Serialize};

use super::{Cached, Context, Error, Kind};
use crate::{
    audio::{decode_wav, level, stereo},
    compose::{self, Fonts, Renderer},
    digest::Digest,
    media::{self, Encoding, Report},
    pipeline::Pipeline,
    store::{Key, KeyBuilder, Origin, Store},
    story::{CameraKind, Samples, Timeline},
};

/// Raised when the same timeline renders to other bytes than before.
const VERSION: u32 = 1;

/// Encodings tried before a true peak that AAC raised above the platform's limit is given up.
const ATTEMPTS: usize = 3;

/// A finished video.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rendered {
    /// The verified MP4 in the store.
    pub video: Digest,
    /// The cover picture in the store, a JPEG.
    pub cover: Digest,
    /// Every rule of the platform and what the file has: a [`media::Report`].
    pub report: serde_json::Value,
    /// What was left out of the picture, in words.
    pub warnings: Vec<String>,
}

/// Renders, encodes and verifies a video.
///
/// # Errors
/// When the file breaks a rule of the platform (it is then kept beside the store's objects, under
/// `rejected`), a font is missing, the encoder fails, somebody wants to stop.
pub fn run(pipeline: &Pipeline, timeline: &Timeline, ctx: &mut Context<'_>) -> Result<Rendered, Error> {
    let key = key(pipeline, timeline)?;
    let store = ctx.store;
    let (rendered, origin) = store.obtain(&key, || {
        let rendered = render(pipeline, timeline, ctx, &key)?;
        let objects = vec![rendered.video, rendered.cover];
        Ok::<_, Error>((rendered, objects))
    })?;
    ctx.step(origin == Origin::Hit);
    for warning in &rendered.warnings {
        ctx.warn(warning.clone());
    }
    Ok(rendered)
}

/// Whether the video need not be rendered again.
///
/// # Errors
/// When the store cannot be read.
pub fn cached(pipeline: &Pipeline, timeline: &Timeline, ctx: &Context<'_>) -> Result<Cached, Error> {
    let found = ctx.store.lookup::<Rendered>(&key(pipeline, timeline)?)?.is_some();
    Ok(Cached { steps: 1, hits: usize::from(found) })
}

fn key(pipeline: &Pipeline, timeline: &Timeline) -> Result<Key, Error> {
    let library = media::library().map_err(|error| Error::new(Kind::Missing, "", error))?;
    Ok(KeyBuilder::new("video", VERSION)
        .field("timeline", timeline)
        .field("platform", &pipeline.platform)
        .field("video", &pipeline.video)
        .field("title", &title(pipeline, timeline))
        .field("camera", &pipeline.timeline.camera)
        .field("library", &library)
        .finish()?)
}

fn title(pipeline: &Pipeline, timeline: &Timeline) -> Option<String> {
    pipeline.title.clone().or_else(|| timeline.title.as_ref().map(|title| title.text.clone()))
}

fn encoding(pipeline: &Pipeline, timeline: &Timeline) -> Encoding {
    let platform = Encoding::for_platform(&pipeline.platform, timeline.frames, pipeline.video.quality);
    Encoding {
        frame_rate: timeline.frame_rate,
        encoder: pipeline.video.encoder,
        title: title(pipeline, timeline),
        ..platform
    }
}

fn render(
    pipeline: &Pipeline,
    timeline: &Timeline,
    ctx: &mut Context<'_>,
    key: &Key,
) -> Result<Rendered, Error> {
    let encoding = encoding(pipeline, timeline);
    let limit = pipeline.platform.loudness.true_peak.value;
    let mut sound = narration(timeline, ctx.store)?;
    let mut fonts = Fonts::load().map_err(composing)?;
    let file = tempfile::Builder::new()
        .prefix("video-")
        .suffix(".mp4")
        .tempfile_in(ctx.store.root().join("tmp"))
        .map_err(|error| Error::new(Kind::Failed, "", error))?;

    let mut attempt = 1;
    let mut warnings;
    let report = loop {
        warnings = encode(file.path(), &encoding, &sound, timeline, &mut fonts, ctx)?;
        ctx.progress(timeline.frames, timeline.frames, "frames", "verifying")?;
        let still = pipeline.timeline.camera == CameraKind::Hold;
        let report = media::verify(file.path(), &pipeline.platform, media::Options { still })
            .map_err(|error| Error::new(Kind::Rejected, "", error))?;
        let peak = report.measured.true_peak.unwrap_or(f64::NEG_INFINITY);
        if peak <= limit || attempt == ATTEMPTS {
            break report;
        }
        // AAC rebuilt a peak higher than it was: leave it more room and encode again.
        let ceiling = limit - (peak - limit) - 0.3 * attempt as f64;
        ctx.warn(format!(
            "AAC raised the true peak to {peak:.1} dBTP, above {limit} dBTP: encoding again with peaks limited to {ceiling:.1} dBTP"
        ));
        let target = pipeline.platform.loudness.integrated.value;
        level(&mut sound, target, ceiling).map_err(|error| Error::new(Kind::Failed, "", error))?;
        attempt += 1;
    };
    let bytes = std::fs::read(file.path()).map_err(|error| Error::new(Kind::Failed, "", error))?;
    if !report.passed() {
        return Err(rejected(&report, &bytes, ctx.store, key));
    }
    let cover = cover(timeline, &mut fonts, ctx.store)?;
    Ok(Rendered {
        video: ctx.store.put(&bytes)?,
        cover: ctx.store.put(&cover)?,
        report: without_path(&report),
        warnings,
    })
}

/// The narration at 48 kHz on two channels, never longer than the picture.
fn narration(timeline: &Timeline, store: &Store) -> Result<Samples, Error> {
    let lost = || Error::new(Kind::Failed, "", "the narration has gone from the store: run again");
    let bytes = store.get(timeline.narration)?.ok_or_else(lost)?;
    let mut sound = stereo(decode_wav(&bytes).map_err(|error| Error::new(Kind::Failed, "", error))?);
    let longest = timeline.duration().0 as usize;
    sound.channels.iter_mut().for_each(|channel| channel.truncate(longest));
    Ok(sound)
}

/// The stills of `store` as the renderer asks for them.
fn renderer<'a>(
    timeline: &'a Timeline,
    fonts: &'a mut Fonts,
    store: &'a Store,
) -> Result<Renderer<'a>, Error> {
    let stills = Box::new(move |digest: Digest| {
        let bytes = store.get(digest)?.ok_or("it has gone from the store: run again")?;
        Ok(image::load_from_memory(&bytes)?.to_rgb8())
    });
    Renderer::new(timeline, stills, fonts).map_err(composing)
}

/// Renders and encodes all of it; what was left out of the picture comes back in words.
fn encode(
    path: &Path,
    encoding: &Encoding,
    sound: &Samples,
    timeline: &Timeline,
    fonts: &mut Fonts,
    ctx: &mut Context<'_>,
) -> Result<Vec<String>, Error> {
    let mut renderer = renderer(timeline, fonts, ctx.store)?;
    media::encode(path, encoding, sound, |index, frame| {
        if index % 10 == 0 {
            ctx.progress(index, timeline.frames, "frames", "")?;
        }
        renderer.render(index, frame).map_err(composing)
    })?;
    Ok(renderer.warnings().iter().map(ToString::to_string).collect())
}

/// The cover as a JPEG.
fn cover(timeline: &Timeline, fonts: &mut Fonts, store: &Store) -> Result<Vec<u8>, Error> {
    let picture = renderer(timeline, fonts, store)?.cover().map_err(composing)?;
    let mut bytes = Cursor::new(Vec::new());
    image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, 90)
        .encode_image(&picture)
        .map_err(|error| Error::new(Kind::Failed, "cover", error))?;
    Ok(bytes.into_inner())
}

/// The report as stored: equal files give equal records, wherever they were made.
fn without_path(report: &Report) -> serde_json::Value {
    let mut value = serde_json::to_value(report).unwrap_or_default();
    if let Some(object) = value.as_object_mut() {
        object.remove("path");
    }
    value
}

/// Keeps the file where it can be looked at, under a name nobody takes for a finished one.
fn rejected(report: &Report, bytes: &[u8], store: &Store, key: &Key) -> Error {
    let folder = store.root().join("rejected");
    let path = folder.join(format!("{}.mp4", key.digest().short()));
    let kept = std::fs::create_dir_all(&folder).is_ok() && std::fs::write(&path, bytes).is_ok();
    let broken: Vec<String> = report.failures().map(ToString::to_string).collect();
    let place = if kept { format!(" (the file is at {})", path.display()) } else { String::new() };
    let message =
        format!("the finished file is not what {} asks for{place}: {}", report.platform, broken.join("; "));
    Error::new(Kind::Rejected, "", message)
}

fn composing(error: compose::Error) -> Error {
    let kind = match error {
        compose::Error::NoFont { .. } | compose::Error::NoGlyphs { .. } | compose::Error::Font(_) => {
            Kind::Missing
        }
        compose::Error::NoRoom { .. } => Kind::Invalid,
        _ => Kind::Failed,
    };
    Error::new(kind, "", error)
}

impl From<media::Error> for Error {
    fn from(error: media::Error) -> Self {
        let kind = match error {
            media::Error::NoEncoder(_) | media::Error::UnknownOption { .. } => Kind::Missing,
            _ => Kind::Failed,
        };
        Self::new(kind, "", error)
    }
}
