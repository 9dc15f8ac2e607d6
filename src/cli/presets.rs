//! `shortform presets`: the names that pipelines and flags may use.

use std::path::{Path, PathBuf};

use clap::ValueEnum;

use super::{
    args::OutputArgs,
    exit::{Exit, Failure},
};
use crate::{
    audio,
    compose::{self, Fonts},
    pipeline::Presets,
    store,
    story::{CaptionStyle, Mood, Seed},
};

/// List what pipelines and flags can name: platforms, styles, voices, pipelines, captions, moods
///
/// Your own YAML files in the configuration folder's `platforms`, `styles`, `voices` and `pipelines` are
/// listed too.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only these
    kind: Option<PresetKind>,
    /// Draw every caption style into a PNG, or play every mood into a WAV
    #[arg(long, value_name = "FILE", requires = "kind")]
    preview: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum PresetKind {
    /// tiktok, reels, shorts
    Platforms,
    /// How pictures, captions and colours look
    Styles,
    /// Who speaks
    Voices,
    /// Whole pipelines to use or to extend
    Pipelines,
    /// How words on the picture are drawn
    Captions,
    /// Music that the program plays itself
    Moods,
}

impl PresetKind {
    fn heading(self) -> &'static str {
        match self {
            Self::Platforms => "platforms",
            Self::Styles => "styles",
            Self::Voices => "voices",
            Self::Pipelines => "pipelines",
            Self::Captions => "captions",
            Self::Moods => "moods",
        }
    }
}

pub(crate) fn presets(args: &Args, output: &OutputArgs) -> Result<(), Failure> {
    let invalid = |problems: crate::pipeline::Problems| {
        Failure::drawn(Exit::Invalid, problems.draw(output.color.wanted()))
    };
    if let (Some(kind), Some(path)) = (args.kind, &args.preview) {
        return preview(kind, path);
    }
    let presets = Presets::installed().map_err(invalid)?;
    let kinds = match &args.kind {
        Some(kind) => vec![*kind],
        None => PresetKind::value_variants().to_vec(),
    };
    let mut lists = serde_json::Map::new();
    for kind in kinds {
        let lines = lines(&presets, kind).map_err(invalid)?;
        if output.json {
            let items =
                lines.iter().map(|(name, summary)| serde_json::json!({ "name": name, "summary": summary }));
            lists.insert(kind.heading().to_owned(), items.collect());
            continue;
        }
        println!("{}", kind.heading());
        let wide = lines.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        for (name, summary) in &lines {
            println!("  {name:<wide$}  {summary}");
        }
    }
    if output.json {
        println!("{}", serde_json::Value::Object(lists));
    }
    Ok(())
}

/// Each name with what it means in one line.
fn lines(presets: &Presets, kind: PresetKind) -> Result<Vec<(String, String)>, crate::pipeline::Problems> {
    Ok(match kind {
        PresetKind::Platforms => presets
            .platforms()?
            .into_iter()
            .map(|platform| {
                let (min, max) = (platform.duration.min.value, platform.duration.max.value);
                let (fps, size) = (platform.video.frame_rate.fps(), platform.generation.delivery);
                (platform.name, format!("{}: {size}, {fps} fps, {min} to {max} s", platform.title))
            })
            .collect(),
        PresetKind::Styles => {
            presets.styles()?.into_iter().map(|style| (style.name, style.summary)).collect()
        }
        PresetKind::Voices => presets
            .voices()?
            .into_iter()
            .map(|voice| (voice.name, format!("{} ({})", voice.summary, voice.language)))
            .collect(),
        PresetKind::Pipelines => {
            presets.pipelines()?.into_iter().map(|pipeline| (pipeline.name, pipeline.summary)).collect()
        }
        PresetKind::Captions => CaptionStyle::ALL
            .iter()
            .map(|style| (style.name().to_owned(), style.summary().to_owned()))
            .collect(),
        PresetKind::Moods => {
            Mood::ALL.iter().map(|mood| (mood.name().to_owned(), mood.summary().to_owned())).collect()
        }
    })
}

/// Seconds of each mood in a preview.
const HEARD: f64 = 12.0;

/// Shows what the presets of `kind` look or sound like.
fn preview(kind: PresetKind, path: &Path) -> Result<(), Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::new(Exit::Failed, error.to_string());
    let bytes = match kind {
        PresetKind::Captions => {
            let wall =
                Fonts::load().and_then(|mut fonts| compose::gallery(&mut fonts)).map_err(|e| failed(&e))?;
            let mut png = std::io::Cursor::new(Vec::new());
            wall.write_to(&mut png, image::ImageFormat::Png).map_err(|e| failed(&e))?;
            png.into_inner()
        }
        PresetKind::Moods => {
            let heard = |mood: &Mood| {
                let bed = audio::bed(*mood, Seed(7));
                audio::looped(&bed, (HEARD * f64::from(bed.rate)) as usize, true)
            };
            let beds = Mood::ALL.iter().map(heard).collect::<Result<Vec<_>, _>>().map_err(|e| failed(&e))?;
            let joined: Vec<_> = beds.iter().map(|bed| (bed, bed.rate as usize / 2)).collect();
            let joined = audio::concatenate(&joined).map_err(|e| failed(&e))?;
            audio::encode_wav(&joined, audio::SampleFormat::Int16).map_err(|e| failed(&e))?
        }
        _ => {
            let message =
                format!("there is no preview of {}: only captions and moods have one", kind.heading());
            return Err(Failure::new(Exit::Usage, message));
        }
    };
    store::write_atomically(path, &bytes).map_err(|e| failed(&e))
}
