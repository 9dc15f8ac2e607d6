//! `shortform presets`: the names that pipelines and flags may use.

use clap::ValueEnum;

use super::{
    args::OutputArgs,
    exit::{Exit, Failure},
};
use crate::pipeline::Presets;

/// List what pipelines and flags can name: platforms, styles, voices, pipelines
///
/// Your own YAML files in the configuration folder's `platforms`, `styles`, `voices` and `pipelines` are
/// listed too.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only these
    kind: Option<PresetKind>,
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
}

impl PresetKind {
    fn heading(self) -> &'static str {
        match self {
            Self::Platforms => "platforms",
            Self::Styles => "styles",
            Self::Voices => "voices",
            Self::Pipelines => "pipelines",
        }
    }
}

pub(crate) fn presets(args: &Args, output: &OutputArgs) -> Result<(), Failure> {
    let invalid = |problems: crate::pipeline::Problems| {
        Failure::drawn(Exit::Invalid, problems.draw(output.color.wanted()))
    };
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
    })
}
